"""Offloaded work runs beside the loop, delivers its outcome once, and is never taken back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from seglake.adapters.system.threads import InlineOffload, ThreadOffload, default_threads


@pytest.fixture
def threads() -> Iterator[ThreadOffload]:
    offload = ThreadOffload(2)
    yield offload
    offload.close()


async def test_work_runs_in_another_thread_and_its_result_comes_back(threads: ThreadOffload) -> None:
    assert await threads.start(threading.get_ident) != threading.get_ident()


async def test_an_error_of_the_work_reaches_whoever_awaits(threads: ThreadOffload) -> None:
    def fail() -> None:
        raise OSError(5, "broken disk")

    with pytest.raises(OSError, match="broken disk"):
        await threads.start(fail)


@pytest.mark.parametrize("kind", ["threads", "inline"])
async def test_stop_iteration_does_not_leave_the_waiter_waiting(threads: ThreadOffload, kind: str) -> None:
    def stop() -> None:
        raise StopIteration

    offload = threads if kind == "threads" else InlineOffload()
    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(offload.start(stop), 10)


async def test_several_pieces_of_work_run_at_once(threads: ThreadOffload) -> None:
    barrier = threading.Barrier(2, timeout=10)
    first, second = threads.start(barrier.wait), threads.start(barrier.wait)
    assert sorted([await first, await second]) == [0, 1]


async def test_abandoned_work_is_done_even_if_it_had_not_begun() -> None:
    threads = ThreadOffload(1)
    gate, done = threading.Event(), threading.Event()
    blocking = threads.start(gate.wait)

    async def waiter() -> None:
        await threads.start(done.set)

    task = asyncio.create_task(waiter())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    await blocking
    threads.close()
    assert done.is_set()


async def test_close_waits_for_what_was_started_and_refuses_more() -> None:
    threads = ThreadOffload(1)
    finished = []
    work = threads.start(lambda: finished.append(1))
    threads.close()
    threads.close()
    assert finished == [1]
    await work
    with pytest.raises(RuntimeError):
        await threads.start(lambda: None)


def test_work_that_outlives_its_loop_harms_nobody() -> None:
    threads, gate = ThreadOffload(1), threading.Event()

    async def leave() -> None:
        _abandoned = threads.start(gate.wait)

    asyncio.run(leave())
    gate.set()
    threads.close()


def test_threads_are_bounded() -> None:
    assert 4 <= default_threads() <= 32


def test_inline_work_is_done_when_start_returns_and_awaiting_never_yields() -> None:
    order: list[str] = []

    def work() -> int:
        order.append("work")
        return 7

    async def caller() -> int:
        outcome = InlineOffload().start(work)
        order.append("started")
        return await outcome

    coroutine = caller()
    with pytest.raises(StopIteration) as finished:
        coroutine.send(None)
    assert finished.value.value == 7
    assert order == ["work", "started"]


def test_inline_error_waits_to_be_awaited() -> None:
    def fail() -> None:
        raise OSError(5, "broken disk")

    offload = InlineOffload()
    outcome = offload.start(fail)

    async def caller() -> None:
        await outcome

    with pytest.raises(OSError, match="broken disk"):
        caller().send(None)
    offload.close()
