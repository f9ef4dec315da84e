"""The table of actions knows every action that a request can be asked for, each on one level."""

from __future__ import annotations

import pytest

from seglake.adapters.s3_protocol.operations import SOURCE_ACTIONS, VERSION_ACTIONS, Level, Operation
from seglake.domain.model.actions import (
    ACTIONS,
    BUCKET_ACTIONS,
    OBJECT_ACTIONS,
    S3_ACTIONS,
    SERVICE_ACTIONS,
    covered_actions,
)


def test_every_action_of_an_operation_is_in_the_table() -> None:
    asked = {operation.action for operation in Operation if operation.action}
    asked |= VERSION_ACTIONS.keys() | set(VERSION_ACTIONS.values()) | set(SOURCE_ACTIONS.values())
    assert asked - ACTIONS == set()


def test_actions_are_on_the_level_of_their_operations() -> None:
    bucket = {one.action for one in Operation if one.level is Level.BUCKET and one.action != "s3:PutObject"}
    assert bucket - BUCKET_ACTIONS <= {"s3:DeleteObject", "s3-object-lambda:WriteGetObjectResponse"}
    assert {one.action for one in Operation if one.level is Level.OBJECT} <= OBJECT_ACTIONS
    assert {one.action for one in Operation if one.level is Level.SERVICE} - {""} <= SERVICE_ACTIONS | BUCKET_ACTIONS


def test_levels_are_disjoint() -> None:
    assert len(ACTIONS) == len(OBJECT_ACTIONS) + len(BUCKET_ACTIONS) + len(SERVICE_ACTIONS)


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        ("s3:GetObject", {"s3:GetObject"}),
        ("S3:getobject", {"s3:GetObject"}),
        ("s3:GetObject?cl", {"s3:GetObjectAcl"}),
        ("s3:GetBucketPolicy*", {"s3:GetBucketPolicy", "s3:GetBucketPolicyStatus"}),
        ("seglake:*", {"seglake:GetMetaStats", "seglake:GetMetaConflicts"}),
        ("s3:*", S3_ACTIONS),
        ("*", S3_ACTIONS),
        ("s3:GetObjects", set()),
        ("s3:", set()),
        ("s3", set()),
        ("GetObject", set()),
        ("iam:*", set()),
        ("s*:GetObject", set()),
        ("*:*", set()),
        ("", set()),
    ],
)
def test_names_cover_what_they_match(name: str, covered: set[str]) -> None:
    assert covered_actions(name) == covered
