"""/v1/meta: who may ask how the store is, and what is told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from seglake.adapters.s3_protocol.signing import Signer
from seglake.domain.model.credential import KeyPolicy
from tests.unit.adapters.http_s3.front import Front, front
from tests.wire import Mode

STATS = "/v1/meta/stats"
CANARY = "canary-secret-0123456789"


@pytest.fixture
async def store() -> AsyncIterator[Front]:
    async with front() as running:
        await running.add_user("ada")
        yield running


def policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Resource": "*", **statement}})


async def ask(store: Front, target: str, signer: Signer, mode: Mode) -> Any:
    request = store.signed("GET", target, signer=signer, mode=mode)
    async with store.wire() as wire:
        return await wire.ask(request)


async def test_root_learns_how_the_store_is(store: Front) -> None:
    await store.put("/alpha")
    await store.put("/alpha/k", b"12345")
    assert (await store.ask("GET", "/alpha/k")).body == b"12345"
    assert (await store.ask("GET", "/alpha/missing")).status == 404
    reply = await store.ask("GET", STATS)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"
    found = json.loads(reply.body)
    assert found["format"] == 1
    assert found["store"]["objects"] == found["store"]["versions"] == 1
    assert found["store"]["live_bytes"] == 5
    requests = found["requests"]
    assert requests["in_flight"] == 1
    got = requests["by_operation"]["GetObject"]
    assert (got["requests"], got["by_class"], got["bytes_out"] > 5) == (2, {"2xx": 1, "4xx": 1}, True)
    put = requests["by_operation"]["PutObject"]
    assert (put["bytes_in"], put["bytes_out"]) == (5, 0)
    assert requests["errors"] == {"NoSuchKey": 1}
    assert [one["bucket"] for one in requests["by_bucket"]] == ["alpha"]
    assert [one["access_key"] for one in requests["by_key"]] == ["root-key"]


async def test_conflicts_are_none_without_other_sites(store: Front) -> None:
    found = json.loads((await store.ask("GET", "/v1/meta/conflicts")).body)
    assert (found["conflicts"], found["replication"]) == ([], None)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 200),
        ({"user": "ada"}, 403),
        ({"policy": KeyPolicy.READ_ONLY}, 403),
        ({"buckets": ("alpha",)}, 403),
        ({"user": "ada", "policy": policy(Action="*")}, 403),
        ({"user": "ada", "policy": policy(Action="s3:*")}, 403),
        ({"user": "ada", "policy": policy(NotAction="s3:GetObject")}, 403),
        ({"user": "ada", "policy": policy(Action="seglake:GetMetaStats")}, 200),
        ({"user": "ada", "policy": policy(Action="seglake:*")}, 200),
        ({"user": "ada", "policy": policy(Action="seglake:GetMetaConflicts")}, 403),
        ({"user": "ada", "policy": policy(Action="seglake:GetMetaStats", Effect="Deny")}, 403),
    ],
)
async def test_only_root_and_who_is_named_may_ask(store: Front, fields: dict[str, Any], status: int) -> None:
    """A11: a user's rw key reaches his buckets, not the store."""
    signer = Signer("some-key", "secret of some-key")
    await store.add_key(signer, **fields)
    for mode in (Mode.SIGNED, Mode.PRESIGNED):
        reply = await ask(store, STATS, signer, mode=mode)
        assert (reply.status, reply.code) == (status, "" if status == 200 else "AccessDenied"), mode


async def test_nobody_unsigned_and_no_public_bucket_opens_it(store: Front) -> None:
    async with store.wire() as wire:
        request = store.signed("GET", STATS)
        bare = {name: value for name, value in request.headers.items() if not name.startswith(("auth", "x-amz"))}
        reply = await wire.ask(type(request)("GET", STATS, bare, b""))
    assert (reply.status, reply.code) == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("PUT", STATS, 405, "MethodNotAllowed"),
        ("GET", f"{STATS}?acl", 501, "NotImplemented"),
        ("GET", f"{STATS}?stats", 501, "NotImplemented"),
        ("GET", f"{STATS}/", 404, "NoSuchBucket"),
        ("GET", "/v1/meta/other", 404, "NoSuchBucket"),
        ("GET", "/v1/meta/st%61ts", 404, "NoSuchBucket"),
        ("GET", "/v1/meta", 404, "NoSuchBucket"),
        ("GET", "/?stats", 501, "NotImplemented"),
    ],
)
async def test_nothing_else_is_there(store: Front, method: str, target: str, status: int, code: str) -> None:
    reply = await store.ask(method, target)
    assert (reply.status, reply.code) == (status, code)


async def test_no_secret_and_no_key_of_an_object_is_told(store: Front) -> None:
    signer = Signer("some-key", CANARY)
    await store.add_key(signer)
    await store.put("/alpha")
    await store.put(f"/alpha/{CANARY}-object", b"x", {"x-amz-meta-a": CANARY})
    await ask(store, f"/alpha/{CANARY}", signer, mode=Mode.PRESIGNED)
    body = (await store.ask("GET", STATS)).body.decode()
    assert CANARY not in body
    assert "some-key" in body
