from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from seglake.adapters.http_s3.handlers.table import HANDLERS
from seglake.adapters.http_s3.replay import Replays
from seglake.adapters.s3_protocol.claims import Claims
from seglake.adapters.s3_protocol.errors import S3Error
from seglake.adapters.s3_protocol.operations import Operation
from seglake.adapters.s3_protocol.payload import PayloadMode
from seglake.adapters.s3_protocol.request import RequestHead
from seglake.domain.model.errors import StoreClosed
from tests.unit.adapters.http_s3.front import NOW, Front, front
from tests.unit.fixtures import RecordingLog
from tests.wire import Mode, Reply, Request

BLOCK: dict[str, Any] = {"replay_ttl_s": 900.0, "replay_block": True}


class Scene:
    def __init__(self, *, block: bool = True, entries_max: int = 100) -> None:
        self.now = 0.0
        self.log = RecordingLog()
        self.replays = Replays(
            ttl_s=60.0, entries_max=entries_max, block=block, steady_s=lambda: self.now, log=self.log
        )

    def note(self, number: int, method: str = "PUT") -> bytes | None:
        head = RequestHead(method, "/b/k", "/b/k", "", {}, {}, "h", peer="192.0.2.7")
        claims = Claims(
            "key", "20231114", "us-east-1", ("host",), f"{number:064x}", PayloadMode.UNSIGNED, "", "20231114T221320Z", 0
        )
        return self.replays.note(head, claims, "REQUEST")

    def seen(self, number: int) -> bool:
        try:
            self.note(number)
        except S3Error:
            return True
        return False


def test_the_same_signature_is_taken_once() -> None:
    scene = Scene()
    scene.note(1)
    with pytest.raises(S3Error, match="received before") as caught:
        scene.note(1)
    assert caught.value.code.status == 403
    level, event, fields = scene.log.lines[0]
    assert (level, event) == ("warning", "request_replayed")
    assert (fields["access_key"], fields["peer"], fields["blocked"]) == ("key", "192.0.2.7", True)
    scene.note(2)


def test_it_is_forgotten_after_its_time_and_not_before() -> None:
    scene = Scene()
    scene.note(1)
    scene.now = 59.9
    assert scene.seen(1)
    scene.now = 60.0
    assert not scene.seen(1)
    assert len(scene.replays._seen) == 1


def test_old_ones_leave_when_new_ones_come() -> None:
    scene = Scene()
    for number in range(50):
        scene.note(number)
        scene.now += 2.0
    assert len(scene.replays._seen) == 30


def test_memory_is_bounded_and_the_oldest_go_first() -> None:
    scene = Scene(entries_max=10)
    for number in range(100):
        scene.note(number)
    assert len(scene.replays._seen) == 10
    assert scene.seen(99)
    assert not scene.seen(0)
    assert scene.log.events("warning").count("replay_memory_is_full") == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reads_may_come_again(method: str) -> None:
    scene = Scene()
    assert [scene.note(1, method) for _ in range(3)] == [None] * 3
    assert scene.replays._seen == {}


def test_without_blocking_it_is_logged_only() -> None:
    scene = Scene(block=False)
    mark = scene.note(1)
    assert mark is not None
    assert scene.note(1) is None, "the second has nothing to take back"
    assert scene.log.events("warning") == ["request_replayed"]


def test_what_was_not_done_may_come_again() -> None:
    scene = Scene()
    mark = scene.note(1)
    assert mark is not None
    scene.replays.forget(mark)
    assert not scene.seen(1)
    assert scene.seen(1)


async def send(store: Front, request: Request) -> Reply:
    async with store.wire() as wire:
        return await wire.ask(request)


@pytest.mark.parametrize("mode", list(Mode))
async def test_a_captured_write_does_nothing_the_second_time(mode: Mode) -> None:
    async with front(**BLOCK) as store:
        await store.put("/alpha")
        captured = store.signed("PUT", "/alpha/k", {}, b"the first body", mode=mode)
        assert (await send(store, captured)).status == 200
        await store.put("/alpha/k", b"the second body")
        before = store.dump()
        reply = await send(store, captured)
        assert (reply.status, reply.code) == (403, "AccessDenied")
        assert "received before" in reply.element("Message")
        assert store.dump() == before


async def test_another_body_under_a_used_signature_is_a_replay_too() -> None:
    async with front(**BLOCK) as store:
        await store.put("/alpha")
        captured = store.signed("PUT", "/alpha/k", {}, b"right", mode=Mode.PRESIGNED)
        assert (await send(store, captured)).status == 200
        assert (await send(store, replace(captured, body=b"wrong"))).status == 403


async def test_a_captured_delete_does_not_remove_what_came_later() -> None:
    async with front(**BLOCK) as store:
        await store.put("/alpha")
        captured = store.signed("DELETE", "/alpha/k")
        assert (await send(store, captured)).status == 204
        await store.put("/alpha/k", b"new")
        assert (await send(store, captured)).status == 403
        assert (await store.ask("GET", "/alpha/k")).body == b"new"


@pytest.mark.parametrize("mode", [Mode.SIGNED, Mode.PRESIGNED])
async def test_a_url_for_reading_is_made_to_be_used_again(mode: Mode) -> None:
    async with front(**BLOCK) as store:
        await store.put("/alpha")
        await store.put("/alpha/k", b"x")
        for method in ("GET", "HEAD"):
            request = store.signed(method, "/alpha/k", mode=mode)
            assert [(await send(store, request)).status for _ in range(3)] == [200] * 3


async def test_a_repeated_attempt_in_the_same_second_is_no_replay_when_the_first_failed() -> None:
    """SDKs sign each attempt anew; within one second the signature is the same."""

    async def closed(_exchange: Any) -> Any:
        raise StoreClosed("restarting")

    async with front(**BLOCK) as store:
        await store.put("/alpha")
        attempt = store.signed("PUT", "/alpha/k", {}, b"body")
        with patch.dict(HANDLERS, {Operation.PutObject: closed}):
            assert (await send(store, attempt)).status == 503
        async with store.wire() as wire:
            await wire.send(attempt.head() + attempt.body[:2])
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)
        assert (await send(store, replace(attempt, body=b"liar"))).code == "XAmzContentSHA256Mismatch"
        assert (await send(store, attempt)).status == 200
        assert (await send(store, attempt)).status == 403


async def test_a_request_under_way_is_not_done_twice_at_once() -> None:
    async with front(**BLOCK) as store:
        await store.put("/alpha")
        attempt = store.signed("PUT", "/alpha/k", {}, b"body")
        async with store.wire() as wire:
            await wire.send(attempt.head())
            await asyncio.sleep(0.05)
            assert (await send(store, attempt)).status == 403
            await wire.send(attempt.body)
            assert (await wire.reply("PUT")).status == 200


async def test_the_next_second_has_another_signature() -> None:
    async with front(**BLOCK) as store:
        await store.put("/alpha")
        for second in range(3):
            assert (await send(store, store.signed("PUT", "/alpha/k", {}, b"x", now=NOW + second))).status == 200


async def test_by_default_nothing_is_remembered(store: Front) -> None:
    request = store.signed("PUT", "/alpha/k", {}, b"x")
    assert [(await send(store, request)).status for _ in range(2)] == [200, 200]
    assert store.log.events("warning") == []
