"""The journal: records of one batch, placed in a segment before their commit and synced before it returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from seglake.domain.model.events import Event
from seglake.domain.model.segment import ChunkSlice, DurableMark, RecordRef


class Journal(Protocol):
    """The records of one batch. Used by one thread, from open to ``flush`` or ``abandon``; not reusable."""

    def append_chunk(self, payload: bytes | memoryview, digest: bytes, /) -> ChunkSlice:
        """Places a chunk; its address is final although nothing is written yet."""
        ...

    def append_event(self, event: Event, /) -> RecordRef:
        """Places an event record; its address is final although nothing is written yet."""
        ...

    def mark(self) -> int:
        """The present end, for ``rollback``."""
        ...

    def rollback(self, mark: int, /) -> None:
        """Drops everything placed after ``mark``."""
        ...

    def flush(self) -> Sequence[DurableMark]:
        """Writes and syncs; afterwards all of it survives power loss.

        Returns, for every segment that this commit makes lengths durable in, its mark: the journal's own and those of
        the bulk chunks that the batch's scripts refer to. Raises StorageFull when the disk refused the bytes: the
        segment is as before. Any other failure is final (StoreFailed).
        """
        ...

    def abandon(self) -> None:
        """Gives up without writing. Idempotent; a no-op after ``flush``."""
        ...


class NoRecords:
    """The journal of a transaction that changes only what the segments do not tell, such as their own rows."""

    def append_chunk(self, payload: bytes | memoryview, digest: bytes, /) -> ChunkSlice:
        """A bug: such a transaction has no payload."""
        raise AssertionError("a transaction without a journal stores nothing")

    def append_event(self, event: Event, /) -> RecordRef:
        """A bug: such a transaction has no events."""
        raise AssertionError("a transaction without a journal records nothing")

    def mark(self) -> int:
        """Always 0."""
        return 0

    def rollback(self, mark: int, /) -> None:
        """Nothing to drop."""

    def flush(self) -> Sequence[DurableMark]:
        """Nothing to sync."""
        return ()

    def abandon(self) -> None:
        """Nothing to give up."""
