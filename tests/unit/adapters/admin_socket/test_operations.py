"""The table of methods: each one works, refuses what it should, and answers only with what JSON knows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seglake.adapters.admin_socket.accounts import ACCOUNT_OPERATIONS
from seglake.adapters.admin_socket.messages import CallRefused
from seglake.adapters.admin_socket.operations import OPERATIONS, call, catalogue
from seglake.adapters.admin_socket.rules import RULE_OPERATIONS
from seglake.adapters.admin_socket.stores import BUCKET_OPERATIONS
from seglake.domain.model.errors import InvalidArgument, SeglakeError
from tests.unit.adapters.admin_socket.rig import services
from tests.unit.fixtures import Store

POLICY = json.dumps(
    {
        "Statement": {
            "Sid": "bob",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::000000000000:user/bob"},
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::photos/*",
        }
    }
)

SCRIPT: tuple[tuple[str, dict[str, Any]], ...] = (
    ("user.create", {"name": "alice"}),
    ("user.create", {"name": "alice"}),
    ("user.create", {"name": "bob"}),
    ("user.create", {"name": "a b"}),
    ("user.list", {}),
    ("key.create", {"access_key": "rootkey", "secret_key": "root-secret"}),
    ("key.create", {"user": "alice", "access_key": "alices", "secret_key": "alices-secret", "policy": "ro"}),
    ("key.create", {"user": "nobody"}),
    ("key.create", {"user": "alice", "access_key": "limited", "secret_key": "limited-secret", "buckets": ["photos"]}),
    ("key.list", {}),
    ("key.list", {"user": "alice"}),
    ("key.show", {"access_key": "alices"}),
    ("key.show", {"access_key": "nobody"}),
    ("key.rotate", {"access_key": "alices", "secret_key": "another-secret"}),
    ("key.disable", {"access_key": "alices"}),
    ("key.enable", {"access_key": "alices"}),
    ("key.disable", {"access_key": "rootkey"}),
    ("key.set-policy", {"access_key": "alices", "policy": "rw"}),
    ("key.set-policy", {"access_key": "alices", "policy": "{}"}),
    ("key.allow-bucket", {"access_key": "limited", "bucket": "films"}),
    ("key.disallow-bucket", {"access_key": "limited", "bucket": "photos"}),
    ("key.disallow-bucket", {"access_key": "limited", "bucket": "films"}),
    ("key.list-buckets", {"access_key": "limited"}),
    ("bucket.create", {"name": "photos", "owner": "alice", "versioning": "enabled"}),
    ("bucket.create", {"name": "photos", "owner": "bob"}),
    ("bucket.create", {"name": "films", "owner": "nobody"}),
    ("bucket.create", {"name": "films", "versioning": "sometimes"}),
    ("bucket.create", {"name": "X"}),
    ("bucket.exists", {"name": "photos"}),
    ("bucket.exists", {"name": "films"}),
    ("bucket.list", {}),
    ("bucket.list", {"owner": "bob"}),
    ("bucket.get-versioning", {"name": "photos"}),
    ("bucket.set-versioning", {"name": "photos", "versioning": "Suspended"}),
    ("bucket.set-versioning", {"name": "photos", "versioning": "off"}),
    ("bucket-policy.get", {"bucket": "photos"}),
    ("bucket-policy.set", {"bucket": "photos", "policy": POLICY}),
    ("bucket-policy.set", {"bucket": "photos", "policy": "{}"}),
    ("bucket-policy.set", {"bucket": "photos", "policy": POLICY.replace("photos", "films")}),
    ("bucket-policy.get", {"bucket": "photos"}),
    ("policy.explain", {"user": "bob", "action": "s3:GetObject", "resource": "photos/cat"}),
    ("policy.explain", {"key": "alices", "action": "s3:PutObject", "resource": "photos/cat"}),
    ("policy.explain", {"action": "s3:GetObject", "resource": "photos/cat", "context": [["aws:SourceIp", "::1"]]}),
    ("policy.explain", {"key": "alices", "user": "bob", "action": "s3:GetObject", "resource": "photos/cat"}),
    ("bucket-policy.delete", {"bucket": "photos"}),
    ("lifecycle.show", {"bucket": "photos"}),
    ("lifecycle.explain", {"bucket": "photos", "at_ms": 1_800_000_000_000}),
    ("kms-key.create", {"name": "backups"}),
    ("kms-key.create", {"name": "backups"}),
    ("kms-key.rotate", {"name": "backups"}),
    ("kms-key.disable", {"name": "backups"}),
    ("kms-key.enable", {"name": "backups"}),
    ("kms-key.list", {}),
    ("bucket.locked", {"name": "photos"}),
    ("bucket.empty", {"name": "photos"}),
    ("user.disable", {"name": "alice"}),
    ("user.enable", {"name": "alice"}),
    ("user.delete", {"name": "alice"}),
    ("bucket.delete", {"name": "photos"}),
    ("key.delete", {"access_key": "alices"}),
    ("key.delete", {"access_key": "limited"}),
    ("key.delete", {"access_key": "rootkey"}),
    ("user.delete", {"name": "alice"}),
    ("user.list", {}),
)
"""Calls one after another, refused ones among them; offline and online they must answer the same."""


async def outcomes(store: Store) -> list[Any]:
    """What the script gives."""
    known = services(store)
    found: list[Any] = []
    for method, parameters in SCRIPT:
        try:
            found.append(await call(known, method, parameters))
        except SeglakeError as error:
            found.append(error.hint)
    return found


async def test_the_script_covers_users_keys_buckets_and_rules_and_does_what_it_says() -> None:
    assert {method for method, _ in SCRIPT} == {*ACCOUNT_OPERATIONS, *BUCKET_OPERATIONS, *RULE_OPERATIONS}
    found = await outcomes(Store())
    json.dumps(found)
    by_call: dict[str, list[Any]] = {}
    for (method, _), result in zip(SCRIPT, found, strict=True):
        by_call.setdefault(method, []).append(result)
    assert [isinstance(result, str) for result in by_call["user.create"]] == [False, True, False, True]
    assert [user["name"] for user in by_call["user.list"][0]["users"]] == ["alice", "bob"]
    assert [user["name"] for user in by_call["user.list"][1]["users"]] == ["bob"]
    assert [key["access_key"] for key in by_call["key.list"][0]["keys"]] == ["alices", "limited", "rootkey"]
    assert [key["access_key"] for key in by_call["key.list"][1]["keys"]] == ["alices", "limited"]
    assert by_call["key.list-buckets"] == [{"access_key": "limited", "limited": True, "buckets": ["films"]}]
    assert by_call["key.disable"][0]["enabled"] is False
    assert "last enabled root key" in by_call["key.disable"][1]
    assert by_call["bucket.exists"] == [{"name": "photos", "exists": True}, {"name": "films", "exists": False}]
    assert by_call["bucket.create"][0]["versioning"] == "enabled"
    assert all(isinstance(result, str) for result in by_call["bucket.create"][1:])
    assert [one["policy"] for one in by_call["bucket-policy.get"]] == [None, POLICY]
    bob, alice, nobody, both = by_call["policy.explain"]
    assert (bob["allowed"], bob["statement"], bob["sid"], bob["ground"]) == (True, 1, "bob", "bucket policy")
    assert (alice["allowed"], alice["principal"]) == (True, {"user": "alice", "key": "alices"})
    assert (nobody["allowed"], nobody["principal"]) == (False, {"anonymous": True})
    assert "not both" in both
    assert by_call["lifecycle.show"] == [{"bucket": "photos", "rules": []}]
    assert by_call["kms-key.rotate"][0]["version"] == 2
    assert "the keys alices and limited" not in by_call["user.delete"][0]
    assert "alices" in by_call["user.delete"][0]
    assert by_call["user.delete"][1]["state"] == "deleted"


async def test_a_secret_is_told_only_by_the_call_that_makes_it() -> None:
    found = await outcomes(Store())
    for (method, parameters), result in zip(SCRIPT, found, strict=True):
        text = json.dumps(result)
        told = method in ("key.create", "key.rotate") and isinstance(result, dict)
        assert ("secret_key" in text) == told
        for secret in ("root-secret", "alices-secret", "limited-secret", "another-secret"):
            assert secret not in text or (told and parameters["secret_key"] == secret)


async def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(CallRefused, match=r"no method 'user\.love'"):
        await call(services(Store()), "user.love", {})


async def test_buckets_come_in_pages() -> None:
    store = Store()
    known = services(store)
    for number in range(1003):
        await store.bucket(f"bucket-{number:04}")
    first = await call(known, "bucket.list", {"prefix": "bucket-"})
    assert (len(first["buckets"]), first["next"]) == (1000, "bucket-0999")
    second = await call(known, "bucket.list", {"prefix": "bucket-", "after": first["next"]})
    assert ([one["name"] for one in second["buckets"]][-1], second["next"]) == ("bucket-1002", None)


async def test_a_new_bucket_is_made_as_the_server_makes_them() -> None:
    known = services(Store(), region="eu-west-1", default_versioning="enabled")
    made = await call(known, "bucket.create", {"name": "photos"})
    assert (made["owner"], made["region"], made["versioning"]) == ("root", "eu-west-1", "enabled")
    assert (await call(known, "bucket.create", {"name": "films", "versioning": "off"}))["versioning"] == "off"
    with pytest.raises(InvalidArgument):
        await call(known, "bucket.set-versioning", {"name": "photos", "versioning": "off"})


def test_the_catalogue_describes_every_method() -> None:
    found = catalogue()
    assert set(found) == set(OPERATIONS)
    assert found["key.rotate"]["parameters"] == {
        "access_key": {"kind": "text", "required": True},
        "secret_key": {"kind": "text", "required": False},
    }
    assert all(one["about"] for one in found.values())
