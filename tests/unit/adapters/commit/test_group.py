"""The committer with a thread against the contract, and what only batches can get wrong."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from seglake.adapters.commit.group import _STOP, SLOW_S, GroupCommitter
from seglake.adapters.memory.metadata import MemoryMetadataStore
from seglake.domain.model.errors import StoreClosed, StoreFailed
from seglake.domain.ports.metadata import MetadataTx
from seglake.testing.contracts.committer import CommitterContract, Failures, MakeCommitter, create, refuse
from seglake.testing.contracts.doubles import ManualClock, ScriptedSegments, SeededRandomness


class TestGroupCommitter(CommitterContract):
    @pytest.fixture
    def make_committer(self) -> MakeCommitter:
        return lambda metadata, segments, on_failure: GroupCommitter(
            metadata, segments, ManualClock(), on_failure=on_failure
        )


class Gate:
    """Holds flushes until it is opened; ``entered`` tells that one waits there."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.go = threading.Event()

    def __call__(self) -> None:
        self.entered.set()
        assert self.go.wait(10)


class Notes:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, /, **fields: Any) -> None:
        self.lines.append((event, fields))

    warning = error = info


class Setup:
    """One committer over doubles."""

    def __init__(self, **options: Any) -> None:
        self.clock = ManualClock()
        self.metadata = MemoryMetadataStore(self.clock, SeededRandomness())
        self.segments = ScriptedSegments()
        self.failures = Failures()
        self.notes = Notes()
        self.committer = GroupCommitter(
            self.metadata, self.segments, self.clock, on_failure=self.failures, log=self.notes, **options
        )

    def sizes(self) -> list[int]:
        """Events in each batch that was flushed."""
        return [len(journal.kept) for journal in self.segments.journals]

    async def behind_a_slow_flush(
        self, *start: Callable[[], Any]
    ) -> tuple[asyncio.Task[Any], list[asyncio.Task[Any]], Gate]:
        """Begins a commit that hangs in its flush, then starts the others."""
        gate = Gate()
        self.segments.on_flush = gate
        first = asyncio.ensure_future(self.committer.commit(create("first")))
        await asyncio.to_thread(gate.entered.wait, 10)
        rest = [asyncio.ensure_future(one()) for one in start]
        await asyncio.sleep(0)
        return first, rest, gate


async def test_what_comes_during_a_flush_shares_the_next_one() -> None:
    setup = Setup()
    starts = [lambda n=n: setup.committer.commit(create(f"b{n}")) for n in range(20)]
    first, rest, gate = await setup.behind_a_slow_flush(*starts)
    assert not any(task.done() for task in (first, *rest))
    gate.go.set()
    assert await asyncio.gather(first, *rest) == ["first", *[f"b{n}" for n in range(20)]]
    assert setup.sizes() == [1, 20]
    await setup.committer.close()


async def test_scripts_of_adjoining_rounds_share_the_first_batch() -> None:
    setup = Setup()

    async def later(rounds: int, name: str) -> None:
        for _ in range(rounds):
            await asyncio.sleep(0)
        time.sleep(0.03)  # noqa: ASYNC251 - time for the thread to take what it was given too early
        await setup.committer.commit(create(name))

    await asyncio.gather(*[later(rounds, f"bucket-{n}") for n, rounds in enumerate((0, 0, 1, 2))])
    assert setup.sizes() == [4]
    await setup.committer.close()


async def test_a_batch_is_bounded_in_scripts() -> None:
    setup = Setup(max_ops=8)
    starts = [lambda n=n: setup.committer.commit(create(f"b{n}")) for n in range(20)]
    first, rest, gate = await setup.behind_a_slow_flush(*starts)
    gate.go.set()
    await asyncio.gather(first, *rest)
    assert setup.sizes() == [1, 8, 8, 4]
    await setup.committer.close()


async def test_a_batch_is_bounded_in_bytes_but_takes_one_large_script() -> None:
    setup = Setup(max_bytes=100)
    starts = [lambda n=n: setup.committer.commit(create(f"b{n}"), size=(40, 40, 40, 500, 10)[n]) for n in range(5)]
    first, rest, gate = await setup.behind_a_slow_flush(*starts)
    gate.go.set()
    assert await asyncio.gather(first, *rest) == ["first", "b0", "b1", "b2", "b3", "b4"]
    assert setup.sizes() == [1, 2, 1, 1, 1]
    await setup.committer.close()


async def test_a_waiter_of_a_failed_batch_is_not_woken_by_the_next() -> None:
    setup = Setup()
    setup.segments.errors = [StoreFailed("sync")]
    first, rest, gate = await setup.behind_a_slow_flush(lambda: setup.committer.commit(create("second")))
    gate.go.set()
    outcomes = await asyncio.gather(first, *rest, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreFailed, StoreFailed]
    assert outcomes[0] is not outcomes[1]
    assert setup.metadata.read(lambda view: list(view.buckets.scan())) == []
    assert len(setup.failures.seen) == 1
    assert ("store_failed", {"reason": setup.failures.seen[0].hint}) in setup.notes.lines
    await setup.committer.close()


async def test_work_behind_a_failed_batch_is_not_done() -> None:
    setup = Setup()
    setup.segments.errors = [StoreFailed("commit")]
    sealed: list[str] = []
    first, (seal,), gate = await setup.behind_a_slow_flush(
        lambda: setup.committer.call(lambda: sealed.append("what nobody knows to be committed"))
    )
    gate.go.set()
    outcomes = await asyncio.gather(first, seal, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreFailed, StoreFailed]
    assert sealed == []
    await setup.committer.close()


async def test_a_script_cancelled_before_its_batch_does_not_run() -> None:
    setup = Setup()
    starts = [lambda n=n: setup.committer.commit(create(f"b{n}")) for n in range(3)]
    first, rest, gate = await setup.behind_a_slow_flush(*starts)
    rest[1].cancel()
    await asyncio.sleep(0)
    gate.go.set()
    await asyncio.gather(first, rest[0], rest[2])
    names = setup.metadata.read(lambda view: [bucket.name for bucket in view.buckets.scan()])
    assert names == ["b0", "b2", "first"]
    await setup.committer.close()


async def test_a_commit_under_way_stands_although_its_caller_is_cancelled() -> None:
    setup = Setup()
    first, _rest, gate = await setup.behind_a_slow_flush()
    first.cancel()
    await asyncio.sleep(0)
    gate.go.set()
    await setup.committer.close()
    assert first.cancelled()
    assert setup.metadata.read(lambda view: view.buckets.get("first")) is not None


async def test_closing_commits_what_waits_and_refuses_what_comes() -> None:
    setup = Setup()
    starts = [lambda n=n: setup.committer.commit(create(f"b{n}")) for n in range(3)]
    first, rest, gate = await setup.behind_a_slow_flush(*starts)
    closing = asyncio.ensure_future(setup.committer.close())
    await asyncio.sleep(0)
    with pytest.raises(StoreClosed):
        await setup.committer.commit(create("late"))
    gate.go.set()
    await closing
    assert all(task.done() for task in (first, *rest))
    assert await asyncio.gather(first, *rest) == ["first", "b0", "b1", "b2"]
    assert not [thread for thread in threading.enumerate() if thread.name == "seglake-committer"]


async def test_work_runs_on_the_committers_thread_between_batches() -> None:
    setup = Setup()
    seen: list[str] = []

    def work() -> str:
        seen.append(threading.current_thread().name)
        return "done"

    starts = [
        lambda: setup.committer.commit(create("one")),
        lambda: setup.committer.call(work),
        lambda: setup.committer.commit(create("two")),
    ]
    first, rest, gate = await setup.behind_a_slow_flush(*starts)
    gate.go.set()
    assert await asyncio.gather(first, *rest) == ["first", "one", "done", "two"]
    assert seen == ["seglake-committer"]
    assert setup.sizes() == [1, 1, 1]
    await setup.committer.close()


async def test_work_that_finds_the_store_failed_ends_it() -> None:
    setup = Setup()

    def work() -> None:
        raise StoreFailed("footer sync")

    with pytest.raises(StoreFailed):
        await setup.committer.call(work)
    with pytest.raises(StoreFailed):
        await setup.committer.commit(create("one"))
    assert len(setup.failures.seen) == 1
    await setup.committer.close()


async def test_an_exit_in_a_script_leaves_nobody_asleep() -> None:
    setup = Setup(max_ops=1)

    def leave(_tx: MetadataTx) -> None:
        raise SystemExit

    outcomes = await asyncio.wait_for(
        asyncio.gather(*[setup.committer.commit(leave) for _ in range(3)], return_exceptions=True), 10
    )
    assert [type(outcome) for outcome in outcomes] == [StoreFailed] * 3
    assert len(setup.failures.seen) == 1
    await setup.committer.close()


async def test_a_store_that_fails_twice_is_reported_once() -> None:
    setup = Setup()

    def work() -> None:
        raise StoreFailed("footer sync")

    outcomes = await asyncio.gather(*[setup.committer.call(work) for _ in range(2)], return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreFailed, StoreFailed]
    assert len(setup.failures.seen) == 1
    await setup.committer.close()


async def test_a_slow_batch_is_logged() -> None:
    setup = Setup()

    def slow() -> None:
        setup.clock.ms += int(SLOW_S * 1000) + 500

    setup.segments.on_flush = slow
    await setup.committer.commit(create("one"))
    await setup.committer.close()
    assert setup.notes.lines == [("commit_slow", {"seconds": SLOW_S + 0.5, "scripts": 1})]


async def test_a_batch_of_refusals_flushes_nothing() -> None:
    setup = Setup()
    outcomes = await asyncio.gather(*[setup.committer.commit(refuse) for _ in range(5)], return_exceptions=True)
    assert len(outcomes) == 5
    assert not any(journal.flushed for journal in setup.segments.journals)
    await setup.committer.close()


def test_a_loop_that_is_gone_does_not_hang_the_thread() -> None:
    setup = Setup()
    gate = Gate()
    setup.segments.on_flush = gate

    abandoned: list[asyncio.Task[str]] = []

    async def leave() -> None:
        abandoned.append(asyncio.ensure_future(setup.committer.commit(create("one"))))
        await asyncio.sleep(0)
        await asyncio.to_thread(gate.entered.wait, 10)

    asyncio.run(leave())
    gate.go.set()
    thread = setup.committer._thread
    assert thread is not None
    setup.committer._queue.put(_STOP)
    thread.join(10)
    assert not thread.is_alive()
    assert setup.metadata.read(lambda view: view.buckets.get("one")) is not None
    assert setup.notes.lines == [("committer_unheard", {})]
