from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest

from seglake.adapters.http_s3.handlers.table import HANDLERS
from seglake.adapters.http_s3.respond import answer
from seglake.adapters.http_s3.throttle import Throttle
from seglake.adapters.s3_protocol.operations import Operation
from seglake.adapters.s3_protocol.signing import Signer
from seglake.domain.model.errors import Busy
from tests.unit.adapters.http_s3.front import Front, front
from tests.wire import Mode, Reply

OTHER = Signer("other-key", "other-secret-0123456")


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not happen within 5 s")


async def test_places_are_taken_at_once_until_none_is_left() -> None:
    throttle = Throttle(2)
    assert [throttle.enter("a"), throttle.enter("a"), throttle.enter("a")] == [True, True, False]
    assert throttle.enter("b"), "another holder has places of its own"
    throttle.leave("a")
    assert throttle.enter("a")


async def test_who_waits_longest_goes_first_and_nobody_overtakes() -> None:
    throttle = Throttle(1)
    order: list[int] = []

    async def one(number: int) -> None:
        if not throttle.enter("a"):
            await throttle.turn("a")
        order.append(number)
        await asyncio.sleep(0)
        throttle.leave("a")

    await asyncio.gather(*[one(number) for number in range(6)])
    assert order == list(range(6))
    assert throttle._taken == {}
    assert throttle._waiting == {}


async def test_a_place_that_is_given_to_who_waits_is_not_free() -> None:
    throttle = Throttle(1)
    throttle.enter("a")
    turn = asyncio.ensure_future(throttle.turn("a"))
    await settle()
    throttle.leave("a")
    assert not throttle.enter("a")
    await turn
    throttle.leave("a")
    assert throttle.enter("a")


async def test_too_many_waiting_are_told_to_come_again() -> None:
    throttle = Throttle(1, waiting=2)
    throttle.enter("a")
    waiting = [asyncio.ensure_future(throttle.turn("a")) for _ in range(2)]
    await settle()
    with pytest.raises(Busy):
        await throttle.turn("a")
    for _ in waiting:
        throttle.leave("a")
    await asyncio.gather(*waiting)
    throttle.leave("a")
    assert throttle._taken == {}


async def test_without_a_queue_the_next_is_refused_at_once() -> None:
    throttle = Throttle(1, waiting=0)
    throttle.enter("")
    with pytest.raises(Busy):
        await throttle.turn("")
    throttle.leave("")
    assert (throttle._taken, throttle._waiting) == ({}, {})


async def test_patience_ends() -> None:
    throttle = Throttle(1, patience_s=0.01)
    throttle.enter("a")
    with pytest.raises(Busy, match="none ended in time"):
        await throttle.turn("a")
    throttle.leave("a")
    assert (throttle._taken, throttle._waiting) == ({}, {})


@pytest.mark.parametrize("given", [False, True])
async def test_who_goes_away_while_waiting_keeps_no_place(*, given: bool) -> None:
    throttle = Throttle(1, patience_s=2.0)
    throttle.enter("a")
    first, second = [asyncio.ensure_future(throttle.turn("a")) for _ in range(2)]
    await settle()
    if given:
        throttle.leave("a")  # the place is the first one's now, which has not noticed yet
    first.cancel()
    await settle()
    if not given:
        throttle.leave("a")
    await second
    throttle.leave("a")
    assert (throttle._taken, throttle._waiting) == ({}, {})


class Gate:
    """A handler that waits until it may answer."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.running = 0
        self.most = 0

    async def __call__(self, x: Any) -> Any:
        self.running += 1
        self.most = max(self.most, self.running)
        await self.open.wait()
        self.running -= 1
        return answer(x.request_id)


async def _ask(store: Front, target: str = "/", signer: Signer | None = None, mode: Mode = Mode.SIGNED) -> Reply:
    more: dict[str, Any] = {} if signer is None else {"signer": signer}
    async with store.wire() as wire:
        return await wire.ask(store.signed("GET", target, mode=mode, **more))


async def test_one_key_waits_for_itself_and_nobody_for_it() -> None:
    gate = Gate()
    async with front(requests_per_key_max=3) as store:
        await store.add_key(OTHER)
        with patch.dict(HANDLERS, {Operation.ListBuckets: gate}):
            many = [asyncio.ensure_future(_ask(store)) for _ in range(10)]
            await until(lambda: gate.running == 3)
            others = [asyncio.ensure_future(_ask(store, signer=OTHER)) for _ in range(2)]
            borne = asyncio.ensure_future(_ask(store, mode=Mode.PRESIGNED))
            await until(lambda: gate.running == 6)
            assert gate.most == 6, "three of the key, two of the other, one presigned"
            gate.open.set()
            replies = await asyncio.gather(*many, *others, borne)
        assert {reply.status for reply in replies} == {200}


async def test_beyond_the_queue_there_is_slow_down() -> None:
    gate = Gate()
    async with front(requests_per_key_max=1) as store:
        with patch.dict(HANDLERS, {Operation.ListBuckets: gate}):
            many = [asyncio.ensure_future(_ask(store)) for _ in range(12)]
            await until(lambda: sum(one.done() for one in many) == 3)
            gate.open.set()
            replies = await asyncio.gather(*many)
        refused = [reply for reply in replies if reply.status != 200]
        assert {(reply.status, reply.code, reply.headers["retry-after"]) for reply in refused} == {
            (503, "SlowDown", "1")
        }
        assert len(refused) == 3, "one runs, eight wait"


async def test_a_client_that_went_away_while_waiting_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    async with front(requests_per_key_max=1) as store:
        with patch.dict(HANDLERS, {Operation.ListBuckets: gate}):
            first = asyncio.ensure_future(_ask(store))
            await until(lambda: gate.running == 1)
            async with store.wire() as gone:
                await gone.send(store.signed("GET", "/").bytes())
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.05)
            gate.open.set()
            assert (await first).status == 200
            assert (await _ask(store)).status == 200
        assert gate.most == 1
        assert caplog.records == [], "it is no bug either"
        assert store.application._places is not None
        assert store.application._places._taken == {}


async def test_completions_beyond_their_limit_are_refused() -> None:
    gate = Gate()
    async with front(mpu_complete_max=2) as store:
        await store.put("/alpha")
        upload = (await store.ask("POST", "/alpha/k?uploads")).element("UploadId")
        target = f"/alpha/k?uploadId={upload}"
        with patch.dict(HANDLERS, {Operation.CompleteMultipartUpload: gate}):
            running = [asyncio.ensure_future(store.ask("POST", target, {}, b"<a/>")) for _ in range(2)]
            await until(lambda: gate.running == 2)
            refused = await store.ask("POST", target, {}, b"<a/>")
            assert (refused.status, refused.code, refused.headers["retry-after"]) == (503, "SlowDown", "1")
            assert (await store.ask("GET", "/")).status == 200
            gate.open.set()
            assert [reply.status for reply in await asyncio.gather(*running)] == [200, 200]
            assert (await store.ask("POST", target, {}, b"<a/>")).status == 200
