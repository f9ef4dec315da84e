"""The decorated committer is a committer, and counts what passes through it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from seglake.adapters.commit.direct import DirectCommitter
from seglake.adapters.telemetry.commits import CommitCounts, MeteredBatches, MeteredCommitter
from seglake.domain.model.errors import SeglakeError, StorageFull, StoreFailed
from seglake.testing.contracts.committer import ClosableCommitter, CommitterContract, MakeCommitter
from seglake.testing.contracts.doubles import ManualClock


class Owned(MeteredCommitter):
    """With the close of what it decorates, as the contract asks for."""

    def __init__(self, committer: ClosableCommitter) -> None:
        super().__init__(committer, CommitCounts(), ManualClock().steady_s)
        self._owned = committer

    async def close(self) -> None:
        await self._owned.close()


class TestMeteredCommitter(CommitterContract):
    @pytest.fixture
    def make_committer(self) -> MakeCommitter:
        return lambda metadata, segments, on_failure: Owned(DirectCommitter(metadata, segments, on_failure=on_failure))


class Scripted:
    """A committer that takes a second and then does what the script says."""

    def __init__(self, clock: ManualClock, counts: CommitCounts) -> None:
        self.clock = clock
        self.counts = counts
        self.waiting = 0

    async def commit(self, script: Any, /, *, after: Any = (), size: int = 0) -> Any:
        self.waiting = self.counts.waiting
        self.clock.ms += 1000
        return script(None)

    async def call(self, work: Any, /) -> Any:
        return work()


def _raise(error: BaseException) -> Any:
    raise error


async def test_outcomes_and_times_are_counted() -> None:
    clock, counts = ManualClock(), CommitCounts()
    scripted = Scripted(clock, counts)
    committer = MeteredCommitter(scripted, counts, clock.steady_s)
    assert await committer.commit(lambda _tx: 7) == 7
    assert scripted.waiting == 1
    for error in (SeglakeError("no"), StorageFull("full"), StoreFailed("bad"), asyncio.CancelledError()):
        with pytest.raises(type(error)):
            await committer.commit(lambda _tx, error=error: _raise(error))
    assert await committer.call(lambda: 3) == 3
    assert (counts.waiting, counts.committed, counts.refused, counts.failed) == (0, 1, 1, 2)
    figures: Any = counts.figures()
    assert sum(counts.latency_us.counts) == 1
    assert figures["latency_ms"]["p50"] == pytest.approx(1000, rel=0.07)


def test_batches_are_counted_with_their_size() -> None:
    clock, counts = ManualClock(), CommitCounts()

    class Index:
        maintained = 0

        def apply(self, scripts: Any, journal: Any, /) -> list[Any]:
            clock.ms += 3
            return list(scripts)

        def maintain(self) -> None:
            self.maintained += 1

    index = Index()
    batches = MeteredBatches(index, counts, clock.steady_s)
    journal: Any = None
    scripts: Any = ["a", "b", "c"]
    assert batches.apply(scripts, journal) == scripts
    batches.maintain()
    assert index.maintained == 1
    assert (sum(counts.scripts.counts), counts.scripts.total, counts.batch_us.total // 1000) == (1, 3, 3)
