"""Where payload bytes live: appended, synced, and verified whenever they are read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Protocol

from seglake.domain.model.events import Event
from seglake.domain.model.mentions import Mentions
from seglake.domain.model.replayed import Replayed
from seglake.domain.model.segment import ChunkSlice, DurableMark, RecordRef, Segment

from .journal import Journal


class BulkWriter(Protocol):
    """One large payload on its way into a segment. Chunks appended are not durable and belong to nobody yet.

    Blocking: the caller runs these methods beside the event loop, one at a time for one writer.
    """

    def append(self, payload: bytes | bytearray | memoryview, digest: bytes, /) -> ChunkSlice:
        """Writes one chunk (at most 4 MiB, ``digest`` its BLAKE3). Raises StorageFull without harm to others."""
        ...

    def sync(self) -> tuple[DurableMark, ...]:
        """All appended chunks survive power loss on return. A failure is final for the store (StoreFailed)."""
        ...

    def release(self) -> None:
        """Ends the pin on the segments written; called once, after the commit or when giving up. Idempotent."""
        ...


class EventsWriter(Protocol):
    """A segment of its own for events that were recorded before. Blocking; one thread at a time.

    Nothing is on the disk before the first ``append``, so the index can learn of it first: recovery takes an unknown
    segment with events for the trace of another index.
    """

    @property
    def segment(self) -> bytes:
        """The id of the segment."""
        ...

    def append(self, event: Event, /) -> RecordRef:
        """Puts the event, with the stamp it has, behind the others; its address is final. StorageFull."""
        ...

    def seal(self) -> Segment:
        """Writes the rest, footer and manifest pack, synced, and closes; the row for the index. At least one event was
        appended. StorageFull: give up. StoreFailed: final."""
        ...

    def abandon(self) -> None:
        """Closes; what was written stays for whoever collects doomed segments. Idempotent; nothing after ``seal``."""
        ...


class SegmentStore(Protocol):
    """Segments of one data directory. Reading may run beside writing; a sealed segment never changes."""

    def bulk(self) -> BulkWriter:
        """A writer for one payload too large to travel with its commit."""
        ...

    def events_writer(self) -> EventsWriter:
        """A segment for copies of events, beside those that are written to."""
        ...

    def pinned(self) -> frozenset[bytes]:
        """Segments with chunks of payloads whose writers were not released yet. A sealed one that is not among them
        gets no writer ever again."""
        ...

    def held(self) -> frozenset[bytes]:
        """Segments that streams of several chunks, or whoever called ``pin``, still need as files. Any thread."""
        ...

    def pin(self, segments: Iterable[bytes], /) -> Callable[[], None]:
        """Keeps the files of segments where they are until the function returned is called (once). Any thread."""
        ...

    def forget(self, segment: bytes, /) -> None:
        """Lets go of what is kept open of a segment, so that a file that was removed gives its space back."""
        ...

    def turn(self) -> None:
        """Leaves every segment with something in it, so that ``seal_pending`` seals it and new writes begin others.
        Blocking; where journals are opened."""
        ...

    def journal(self, marks: Iterable[DurableMark], /) -> Journal:
        """Opens the journal of one batch; ``marks`` are the synced bulk lengths its scripts refer to. Blocking; one
        at a time."""
        ...

    def stream(self, slices: Sequence[ChunkSlice], /) -> AsyncIterator[memoryview]:
        """The bytes of ``slices`` in order, one view for each slice, each chunk verified before any of its bytes is
        yielded, one chunk ahead.

        Raises ChunkCorrupt or SegmentGone, never yields unverified bytes.
        """
        ...

    def verify(self, chunk: ChunkSlice, /) -> None:
        """Reads one whole chunk and compares its digest. Blocking. ChunkCorrupt or SegmentGone."""
        ...

    def seal_idle(self) -> None:
        """Starts new segments where the present ones are full or idle too long; sealing itself is ``seal_pending``.
        Blocking."""
        ...

    def seal_pending(self) -> list[Segment]:
        """Writes footers and manifest packs of closed segments, synced; returns their rows for the index. Blocking."""
        ...

    def close(self) -> list[Segment]:
        """Seals everything that was written and closes; returns the rows for the index. Idempotent. Blocking."""
        ...


class SegmentFiles(Protocol):
    """Whole segment files, for recovery, fsck, scrub and rebuild. Blocking; opened while no writer runs or for
    sealed files."""

    def list(self) -> list[bytes]:
        """The ids of all segment files, sorted."""
        ...

    def size(self, segment: bytes, /) -> int:
        """File length in bytes. SegmentGone."""
        ...

    def events(self, segment: bytes, limit: int | None = None, /) -> Iterator[tuple[Event, RecordRef]]:
        """Event records in file order, from the manifest pack when there is a sound one and no ``limit``, else by
        walking the records up to ``limit`` bytes.

        Stops silently at the first torn record of an unsealed file. Of a sealed one every intact record is yielded, and
        FormatDamaged is raised after the last when any was damaged."""
        ...

    def replayable(self, segment: bytes, /) -> Iterator[tuple[Replayed, RecordRef]]:
        """What ``events`` gives, for a rebuild: puts that complete no upload may come as ``PlainPut``."""
        ...

    def mentions(self, segments: Sequence[tuple[bytes, int | None]], /) -> Iterator[Mentions]:
        """What the events of segments (id and, as for ``events``, a limit) mention, in that order, each as far as it
        could be read. Work may begin at once, and go on elsewhere while the caller does something else."""
        ...

    def tail(self, segment: bytes, committed: int, /) -> Iterator[tuple[Event, RecordRef]]:
        """Intact event records that begin at or beyond ``committed`` (a record boundary), up to the first torn one."""
        ...

    def event(self, ref: RecordRef, /) -> Event:
        """The event record at ``ref``, verified. FormatDamaged or SegmentGone."""
        ...

    def sealed(self, segment: bytes, /) -> bool:
        """True when the file ends in a sound footer. SegmentGone."""
        ...

    def intact(self, segment: bytes, /) -> int:
        """The length in bytes up to which an unsealed file consists of whole records; of a sealed file its size.
        SegmentGone."""
        ...

    def recover(self, segment: bytes, committed: int, /) -> Segment | None:
        """After an unclean stop: drops what lies beyond ``committed``, seals (footer, pack, syncs) and returns the row.

        None when nothing was committed in it; the file is then removed. FormatDamaged findings before ``committed``
        are kept, never truncated. Idempotent.
        """
        ...

    def quarantine(self, segment: bytes, /) -> None:
        """Moves the file out of the way (``objects/quarantine/``), where nothing looks for segments; the move survives
        power loss on return. SegmentGone; StorageFull when the directory has no room, StoreFailed."""
        ...

    def discard(self, segment: bytes, /) -> None:
        """Removes a segment for good, wherever its file lies, and its manifest pack; on return none of it comes back
        after a power loss. Nothing when there is none. StoreFailed."""
        ...

    def check(self, segment: bytes, /, *, payload: bool, end: int | None = None) -> Iterator[tuple[int, str]]:
        """Findings (offset, text) in structure, footer and pack and, with ``payload``, in every payload. SegmentGone.

        With ``end`` (a record boundary) only the records before it are looked at: what is behind is being written."""
        ...

    def verify(self, chunk: ChunkSlice, /) -> None:
        """Reads one whole chunk and compares its digest. ChunkCorrupt or SegmentGone."""
        ...

    def mend(self, segment: bytes, /, *, dry_run: bool) -> Iterator[str]:
        """Writes again what is kept twice - a header copy, a manifest pack - from its sound half; yields what was
        mended or, with ``dry_run``, would be. Payload and records are never touched. SegmentGone, StorageFull,
        StoreFailed."""
        ...

    def stale(self, *, remove: bool) -> tuple[str, ...]:
        """Names of temporary files that a crash left; with ``remove`` they are removed. StoreFailed."""
        ...

    def differing(self, segment: bytes, records: Iterable[tuple[int, int, int]], /) -> Iterator[RecordRef]:
        """Of ``records`` - (offset, length, CRC-64 of an encoded manifest), ascending - those that are not the intact
        put of just that manifest. SegmentGone."""
        ...

    def read(self, chunk: ChunkSlice, /) -> bytes:
        """The slice's bytes, verified. ChunkCorrupt or SegmentGone."""
        ...
