"""Explanations: the same decision as a request would get, and questions that make no sense are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seglake.domain.model.access import Ground
from seglake.domain.model.admin_errors import NoSuchAccessKey, NoSuchUser
from seglake.domain.model.errors import InvalidArgument, InvalidBucketName, InvalidKey, MalformedPolicy
from seglake.domain.services.access import KeyPair
from seglake.domain.services.buckets import CreateBucket
from seglake.domain.services.explaining import Explanation, Question, asked_of
from tests.unit.fixtures import Store


async def _store(**more: Any) -> Store:
    store = Store(**more)
    for name in ("alice", "bob"):
        await store.users.create(name)
        await store.access_keys.create(name, access_key=f"{name}-key")
    await store.buckets.create(CreateBucket("photos", "alice"))
    return store


async def _policy(store: Store, **statement: Any) -> None:
    first = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObjectAcl", "Resource": "arn:aws:s3:::photos/*"}
    second = {"Sid": "named", "Effect": "Allow", "Resource": "arn:aws:s3:::photos/*", **statement}
    text = json.dumps({"Version": "2012-10-17", "Statement": [first, second]})
    await store.bucket_access.put_public_access("photos", None)
    await store.bucket_access.put_policy("photos", text)


def _explain(store: Store, action: str = "s3:GetObject", resource: str = "photos/cat", **who: Any) -> Explanation:
    return store.explaining.explain(Question(action, resource, **who))


async def test_an_owner_is_let_in_and_another_is_not() -> None:
    store = await _store()
    for who in ({"user": "alice"}, {"key": "alice-key"}):
        found = _explain(store, **who)
        assert (found.decision.allowed, found.decision.ground) == (True, Ground.OWNER)
    for who in ({"user": "bob"}, {"key": "bob-key"}):
        assert not _explain(store, **who).decision.allowed
    assert _explain(store, user="root").decision.ground is Ground.ROOT


async def test_the_statement_that_decides_is_named() -> None:
    store = await _store()
    await _policy(store, Principal={"AWS": "arn:aws:iam::000000000000:user/bob"}, Action="s3:GetObject")
    found = _explain(store, key="bob-key").decision
    assert (found.allowed, found.ground, found.statement, found.sid) == (True, Ground.BUCKET_POLICY, 2, "named")
    assert not _explain(store, "s3:PutObject", key="bob-key").decision.allowed


async def test_the_context_decides() -> None:
    store = await _store()
    await _policy(
        store,
        Principal="*",
        Action="s3:GetObject",
        Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}, "DateLessThan": {"aws:CurrentTime": "2030-01-01"}},
    )
    inside, outside = (("AWS:sourceip", "192.0.2.7"),), (("aws:SourceIp", "203.0.113.1"),)
    assert _explain(store, user="bob", context=inside).decision.allowed
    assert not _explain(store, user="bob", context=outside).decision.allowed
    assert not _explain(store, user="bob").decision.allowed
    late = (*inside, ("aws:CurrentTime", "2030-01-02T00:00:00Z"))
    assert not _explain(store, user="bob", context=late).decision.allowed


async def test_several_values_of_a_name_are_all_known() -> None:
    store = await _store()
    await _policy(
        store,
        Principal="*",
        Action="s3:PutObject",
        Condition={"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["a", "b"]}},
    )
    asked = ("s3:RequestObjectTagKeys", "a"), ("s3:RequestObjectTagKeys", "b")
    assert _explain(store, "s3:PutObject", user="bob", context=asked).decision.allowed
    more = (*asked, ("s3:RequestObjectTagKeys", "c"))
    assert not _explain(store, "s3:PutObject", user="bob", context=more).decision.allowed


async def test_a_condition_key_that_nobody_knows_is_refused() -> None:
    with pytest.raises(MalformedPolicy, match="aws:Nothing"):
        _explain(await _store(), user="bob", context=(("aws:Nothing", "x"),))


async def test_anonymous_reach_a_bucket_only_where_the_operator_lists_it() -> None:
    for listed in (frozenset(), frozenset(["photos"])):
        store = await _store(public_buckets=listed)
        await _policy(store, Principal="*", Action="s3:GetObject")
        found = _explain(store)
        assert (found.identity, found.decision.allowed) == (None, bool(listed))


async def test_a_key_is_explained_with_its_own_limits() -> None:
    store = await _store()
    await store.access_keys.create("alice", access_key="reads", policy="ro")
    await store.access_keys.create("alice", access_key="elsewhere", buckets=("films",))
    assert _explain(store, key="reads").decision.allowed
    assert _explain(store, "s3:PutObject", key="reads").decision.ground is Ground.KEY_POLICY
    assert _explain(store, key="elsewhere").decision.ground is Ground.ALLOW_LIST


async def test_whoever_is_disabled_is_told_so() -> None:
    store = await _store()
    await store.access_keys.set_enabled("alice-key", False)
    found = _explain(store, key="alice-key")
    assert (found.decision.allowed, found.decision.reason) == (False, "the key alice-key is disabled")
    assert found.identity is not None
    await store.access_keys.set_enabled("alice-key", True)
    await store.users.set_enabled("alice", False)
    for who in ({"user": "alice"}, {"key": "alice-key"}):
        assert _explain(store, **who).decision.reason == "the user alice is disabled"


async def test_the_given_root_key_is_known() -> None:
    store = await _store(root=KeyPair("given", "given-secret"))
    assert _explain(store, key="given").decision.ground is Ground.ROOT


async def test_nobody_is_not_explained() -> None:
    store = await _store()
    with pytest.raises(NoSuchUser):
        _explain(store, user="nobody")
    with pytest.raises(NoSuchAccessKey):
        _explain(store, key="nobody")


def test_resources_are_read_as_people_write_them() -> None:
    asked = asked_of("S3:getOBJECT", "arn:aws:s3:::photos/a/b c", None)
    assert (asked.action, asked.bucket, asked.key) == ("s3:GetObject", "photos", "a/b c")
    assert asked_of("s3:ListBucket", "photos", None).resource == "arn:aws:s3:::photos"
    assert asked_of("s3:ListAllMyBuckets", "*", None).resource == "arn:aws:s3:::*"
    assert asked_of("s3:GetObjectVersion", "photos/k", "v").version == "v"


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:Nothing", "photos/k"),
        ("GetObject", "photos/k"),
        ("s3:*", "photos/k"),
        ("s3:GetObjec?", "photos/k"),
        ("", "photos/k"),
        ("s3:GetObject", "photos"),
        ("s3:ListBucket", "photos/k"),
        ("s3:ListAllMyBuckets", "photos"),
    ],
)
def test_a_question_without_sense_is_refused(action: str, resource: str) -> None:
    with pytest.raises(InvalidArgument):
        asked_of(action, resource, None)


def test_names_are_checked() -> None:
    with pytest.raises(InvalidBucketName):
        asked_of("s3:ListBucket", "*", None)
    with pytest.raises(InvalidKey):
        asked_of("s3:GetObject", "photos/", None)
    with pytest.raises(InvalidArgument):
        asked_of("s3:ListBucket", "photos", "version")
