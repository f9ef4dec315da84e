"""What a commit costs, seen from both sides: the waiter's time, and the batch that it travelled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from seglake.adapters.telemetry.requests import latencies_ms
from seglake.adapters.telemetry.spread import Spread, quantile
from seglake.domain.model.errors import SeglakeError, StorageFull, StoreClosed, StoreFailed
from seglake.domain.model.segment import DurableMark
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.journal import Journal
from seglake.domain.ports.metadata import Outcome, Script

T = TypeVar("T")


class CommitCounts:
    """``waiting`` scripts are not yet committed; latencies are microseconds, ``scripts`` those of each batch."""

    __slots__ = ("batch_us", "committed", "failed", "latency_us", "refused", "scripts", "waiting")

    def __init__(self) -> None:
        self.waiting = 0
        self.committed = 0
        self.refused = 0
        """Undone by their own decision, such as a condition that did not hold."""
        self.failed = 0
        """Undone by the store: no space, stopping, failed."""
        self.latency_us = Spread()
        self.batch_us = Spread()
        self.scripts = Spread()

    def figures(self) -> Mapping[str, object]:
        """What /v1/meta/stats shows of commits, since the start."""
        return {
            "waiting": self.waiting,
            "committed": self.committed,
            "refused": self.refused,
            "failed": self.failed,
            "batches": sum(self.scripts.counts),
            "scripts_per_batch_p50": round(quantile(self.scripts.copy(), 0.5), 1),
            "latency_ms": latencies_ms(self.latency_us.copy()),
            "batch_ms": latencies_ms(self.batch_us.copy()),
        }


class MeteredCommitter(Committer):
    """Counts what passes through another committer. One event loop."""

    def __init__(self, committer: Committer, counts: CommitCounts, steady_s: Callable[[], float]) -> None:
        self._committer = committer
        self._counts = counts
        self._steady_s = steady_s

    async def commit(self, script: Script[T], /, *, after: Sequence[DurableMark] = (), size: int = 0) -> T:
        """As the other; its time counts whether it succeeds or not, but not when the caller goes away."""
        counts = self._counts
        counts.waiting += 1
        begun = self._steady_s()
        try:
            result = await self._committer.commit(script, after=after, size=size)
        except (StorageFull, StoreClosed, StoreFailed):
            counts.failed += 1
            raise
        except SeglakeError:
            counts.refused += 1
            raise
        else:
            counts.committed += 1
        finally:
            counts.waiting -= 1
        counts.latency_us.add(int((self._steady_s() - begun) * 1e6))
        return result

    async def call(self, work: Callable[[], T], /) -> T:
        """As the other."""
        return await self._committer.call(work)


class Index(Protocol):
    """The only part of a MetadataStore that a committer needs."""

    def apply(self, scripts: Sequence[Script[Any]], journal: Journal, /) -> list[Outcome]:
        """As MetadataStore.apply."""
        ...

    def maintain(self) -> None:
        """As MetadataStore.maintain."""
        ...


class MeteredBatches(Index):
    """Counts the batches that a committer gives to an index. ``apply`` is called from one thread."""

    def __init__(self, index: Index, counts: CommitCounts, steady_s: Callable[[], float]) -> None:
        self._index = index
        self._counts = counts
        self._steady_s = steady_s

    def apply(self, scripts: Sequence[Script[Any]], journal: Journal, /) -> list[Outcome]:
        """As the index; the time covers its journal's sync."""
        begun = self._steady_s()
        outcomes = self._index.apply(scripts, journal)
        self._counts.batch_us.add(int((self._steady_s() - begun) * 1e6))
        self._counts.scripts.add(len(scripts))
        return outcomes

    def maintain(self) -> None:
        """As the index."""
        self._index.maintain()
