"""One script, one commit, at once and in the caller's thread: for simulation, offline tools and simple experiments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from seglake.adapters.commit.batch import Journals, run_batch
from seglake.domain.model.errors import StoreClosed, StoreFailed
from seglake.domain.model.segment import DurableMark
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.metadata import MetadataStore, Script

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _One:
    script: Script[Any]
    after: Sequence[DurableMark]


class DirectCommitter(Committer):
    """Blocks the event loop for every commit; keeps the same promises as GroupCommitter.

    ``on_failure`` is called once, when the first commit ends in StoreFailed.
    """

    def __init__(
        self, metadata: MetadataStore, segments: Journals, *, on_failure: Callable[[StoreFailed], object] | None = None
    ) -> None:
        self._metadata = metadata
        self._segments = segments
        self._on_failure = on_failure
        self._failure: StoreFailed | None = None
        self._closed = False

    async def commit(self, script: Script[T], /, *, after: Sequence[DurableMark] = (), size: int = 0) -> T:
        """Commits now."""
        self._check()
        try:
            (outcome,) = run_batch(self._metadata, self._segments, (_One(script, after),))
        except StoreFailed as error:
            self._fail(error)
            raise
        if isinstance(outcome, Exception):
            raise outcome
        try:
            self._metadata.maintain()
        except StoreFailed as error:  # the commit itself is safe and stays acknowledged; the next one is refused
            self._fail(error)
        result: T = outcome
        return result

    async def call(self, work: Callable[[], T], /) -> T:
        """Runs it now."""
        self._check()
        try:
            return work()
        except StoreFailed as error:
            self._fail(error)
            raise

    async def close(self) -> None:
        """Refuses later commits. Idempotent."""
        self._closed = True

    def _check(self) -> None:
        if self._failure is not None:
            raise StoreFailed(self._failure.hint)
        if self._closed:
            raise StoreClosed("the store is stopping")

    def _fail(self, error: StoreFailed) -> None:
        self._failure = error
        if self._on_failure is not None:
            self._on_failure(error)
