from __future__ import annotations

import asyncio

import pytest

from seglake.adapters.http_s3.budget import Budget
from seglake.domain.model.segment import CHUNK_BYTES
from tests.unit.adapters.http_s3.front import front


async def _let_run() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_what_does_not_fit_waits_and_nobody_overtakes() -> None:
    budget = Budget(100)
    first = await budget.take(80)
    large = asyncio.ensure_future(budget.take(50))
    small = asyncio.ensure_future(budget.take(10))
    await _let_run()
    assert not large.done()
    assert not small.done(), "it would fit, but the large one came before"
    budget.give_back(first)
    assert (await large, await small) == (50, 10)


async def test_a_body_larger_than_the_budget_takes_all_of_it() -> None:
    budget = Budget(100)
    assert await budget.take(1000) == 100
    other = asyncio.ensure_future(budget.take(1))
    await _let_run()
    assert not other.done()
    budget.give_back(100)
    assert await other == 1


async def test_what_can_do_without_takes_only_what_nobody_waits_for() -> None:
    budget = Budget(100)
    assert budget.spare(60)
    assert not budget.spare(60)
    large = asyncio.ensure_future(budget.take(50))
    await _let_run()
    assert not budget.spare(10), "it would fit, but the large one came before"
    budget.give_back(60)
    budget.give_back(await large)
    assert budget.spare(100)


@pytest.mark.parametrize("admitted", [False, True])
async def test_who_gives_up_waiting_keeps_nothing(admitted: bool) -> None:
    budget = Budget(100)
    first = await budget.take(100)
    leaver = asyncio.ensure_future(budget.take(60))
    await _let_run()
    if admitted:
        budget.give_back(first)
        leaver.cancel()
    else:
        leaver.cancel()
        await _let_run()
        budget.give_back(first)
    with pytest.raises(asyncio.CancelledError):
        await leaver
    assert await asyncio.wait_for(budget.take(100), 1) == 100


async def test_small_bodies_count_and_waiting_for_the_server_is_not_being_slow() -> None:
    size = 200_000
    held = 4 * CHUNK_BYTES // size
    async with front(in_flight_bytes_max=4 * CHUNK_BYTES, read_timeout_s=0.3, body_bytes_per_s_min=1) as store:
        await store.put("/alpha")
        taken = [await store.application._budget.take(size) for _ in range(held)]
        request = store.signed("PUT", "/alpha/k", {}, b"x" * size)
        async with store.wire() as wire:
            await wire.send(request.head())
            await asyncio.sleep(0.1)
            store.clock.ms += 10_000  # a whole window, and more, in which not a byte of the body comes
            await asyncio.sleep(0.2)
            await wire.send(request.body)
            reply = asyncio.ensure_future(wire.reply("PUT"))
            await asyncio.sleep(0.2)
            assert not reply.done(), "there is no room for another body"
            for one in taken:
                store.application._budget.give_back(one)
            assert (await reply).status == 200


async def test_the_budget_is_whole_again_after_refusals() -> None:
    async with front(in_flight_bytes_max=4 * CHUNK_BYTES) as store:
        for _ in range(3):
            assert (await store.ask("PUT", "/nothere/k", {}, b"x" * 1000)).status == 404
        assert await asyncio.wait_for(store.application._budget.take(4 * CHUNK_BYTES), 1) == 4 * CHUNK_BYTES


async def test_a_copy_may_have_to_be_stored_again_and_waits_for_memory_like_a_body() -> None:
    async with front(in_flight_bytes_max=4 * CHUNK_BYTES) as store:
        await store.put("/alpha")
        await store.put("/alpha/k", b"x", {"x-amz-server-side-encryption": "AES256"})
        taken = await store.application._budget.take(4 * CHUNK_BYTES)
        copy = asyncio.ensure_future(store.ask("PUT", "/alpha/copy", {"x-amz-copy-source": "/alpha/k"}))
        assert (await store.ask("HEAD", "/alpha/k")).status == 200
        assert not copy.done()
        store.application._budget.give_back(taken)
        assert (await copy).status == 200
        assert store.application._budget._left == 4 * CHUNK_BYTES
