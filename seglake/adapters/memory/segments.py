"""Segments in memory: the same promises as on disk but one, that they outlive the process.

Complete and shipped: for unit tests and for a server that keeps nothing. Bytes are compared with their digest on every
read here too, so that a test can damage them and see what a damaged disk does.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from seglake.adapters.disk_format.manifests import encode_manifest
from seglake.adapters.disk_format.plain import content_sum
from seglake.domain.model.errors import ChunkCorrupt, FormatDamaged, SegmentGone, StoreClosed
from seglake.domain.model.events import Event, VersionPut
from seglake.domain.model.mentions import Mentions
from seglake.domain.model.replayed import Replayed
from seglake.domain.model.segment import CHUNK_BYTES, ChunkSlice, DurableMark, RecordRef, Segment, SegmentState
from seglake.domain.ports.digests import Digests
from seglake.domain.ports.journal import Journal
from seglake.domain.ports.segments import BulkWriter, EventsWriter, SegmentFiles, SegmentStore
from seglake.domain.ports.system import Clock, Randomness

SEGMENT_SIZE = 1 << 30
_EVENT_BYTES = 256
"""What an event counts for in offsets: nothing is encoded here, but addresses have to grow."""


@dataclass(slots=True)
class StoredSegment:
    """One segment's content: payloads by offset, events in order, and how far it reaches (bytes)."""

    id: bytes
    created_ms: int
    tail: int = 0
    chunks: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    """Offset to (payload, digest)."""
    events: list[tuple[Event, RecordRef]] = field(default_factory=list)
    sealed: bool = False

    def row(self) -> Segment:
        """The row of the index."""
        if not self.sealed:
            return Segment(self.id, SegmentState.OPEN, self.tail, self.created_ms)
        return Segment(self.id, SegmentState.SEALED, self.tail, self.created_ms, self.id.ljust(32, b"\0"))


class MemorySegments:
    """All segments of one store in memory; the store writes them, the files look at them."""

    __slots__ = ("by_id", "content", "lock", "quarantined")

    def __init__(self, digests: Digests) -> None:
        self.content = digests.content
        self.by_id: dict[bytes, StoredSegment] = {}
        self.quarantined: dict[bytes, StoredSegment] = {}
        self.lock = threading.Lock()

    def find(self, segment: bytes) -> StoredSegment:
        """The segment; SegmentGone when there is none."""
        found = self.by_id.get(segment)
        if found is None:
            raise SegmentGone(segment.hex())
        return found

    def whole(self, chunk: ChunkSlice) -> bytes:
        """The verified payload that ``chunk`` is a slice of. ChunkCorrupt, SegmentGone."""
        stored = self.find(chunk.segment).chunks.get(chunk.offset)
        if stored is None or len(stored[0]) != chunk.length:
            raise ChunkCorrupt(chunk.segment.hex(), chunk.offset, "there is no such chunk")
        payload = stored[0]
        if self.content(payload) != chunk.digest:
            raise ChunkCorrupt(chunk.segment.hex(), chunk.offset, "the bytes do not match their BLAKE3")
        return payload

    def damage(self, chunk: ChunkSlice) -> None:
        """Flips a bit of a stored chunk (the back door of tests)."""
        stored = self.find(chunk.segment)
        payload, digest = stored.chunks[chunk.offset]
        stored.chunks[chunk.offset] = (bytes((payload[0] ^ 1,)) + payload[1:], digest)


class MemoryJournal(Journal):
    """One batch; nothing of it is in the segment before ``flush``."""

    __slots__ = ("_done", "_marks", "_placed", "_segment", "_store", "_tail")

    def __init__(self, store: MemorySegmentStore, segment: StoredSegment, marks: Iterable[DurableMark]) -> None:
        self._store = store
        self._segment = segment
        self._marks = tuple(marks)
        self._tail = segment.tail
        self._placed: list[tuple[int, tuple[bytes, bytes] | Event]] = []
        self._done = False

    def append_chunk(self, payload: bytes | memoryview, digest: bytes, /) -> ChunkSlice:
        """See the port."""
        assert not self._done, "a journal is used once"
        offset, length = self._tail, len(payload)
        self._placed.append((offset, (bytes(payload), digest)))
        self._tail += max(length, 1)
        return ChunkSlice(self._segment.id, offset, length, digest, 0, length)

    def append_event(self, event: Event, /) -> RecordRef:
        """See the port."""
        assert not self._done, "a journal is used once"
        offset = self._tail
        self._placed.append((offset, event))
        self._tail += _EVENT_BYTES
        return RecordRef(self._segment.id, offset, _EVENT_BYTES)

    def mark(self) -> int:
        """See the port."""
        return len(self._placed)

    def rollback(self, mark: int, /) -> None:
        """See the port."""
        assert not self._done, "a journal is used once"
        assert 0 <= mark <= len(self._placed), "a mark comes from this journal"
        if mark < len(self._placed):
            self._tail = self._placed[mark][0]
            del self._placed[mark:]

    def flush(self) -> Sequence[DurableMark]:
        """See the port."""
        assert not self._done, "a journal is flushed once"
        self._done = True
        if not self._placed:
            return self._marks
        self._store.writable()
        segment = self._segment
        for offset, item in self._placed:
            if isinstance(item, tuple):
                segment.chunks[offset] = item
            else:
                segment.events.append((item, RecordRef(segment.id, offset, _EVENT_BYTES)))
        segment.tail = self._tail
        return (DurableMark(segment.id, self._tail), *self._marks)

    def abandon(self) -> None:
        """See the port."""
        self._done = True
        self._placed.clear()


class MemoryBulkWriter(BulkWriter):
    """One large payload."""

    __slots__ = ("_marks", "_release", "_store")

    def __init__(self, store: MemorySegmentStore) -> None:
        self._store = store
        self._marks: dict[bytes, DurableMark] = {}
        self._release: Callable[[], None] | None = lambda: store.unpin(tuple(self._marks))

    def append(self, payload: bytes | bytearray | memoryview, digest: bytes, /) -> ChunkSlice:
        """See the port."""
        length = len(payload)
        assert length <= CHUNK_BYTES, "a chunk has at most 4 MiB"
        segment = self._store.bulk_segment(bytes(payload), digest, self._marks)
        offset = segment.tail - max(length, 1)
        self._marks[segment.id] = DurableMark(segment.id, segment.tail)
        return ChunkSlice(segment.id, offset, length, digest, 0, length)

    def sync(self) -> tuple[DurableMark, ...]:
        """See the port."""
        return tuple(self._marks.values())

    def release(self) -> None:
        """See the port."""
        held, self._release = self._release, None
        if held is not None:
            held()


class MemoryEventsWriter(EventsWriter):
    """A segment of copied events; it appears when it is sealed."""

    __slots__ = ("_held", "_segments")

    def __init__(self, segments: MemorySegments, held: StoredSegment) -> None:
        self._segments = segments
        self._held = held

    @property
    def segment(self) -> bytes:
        """See the port."""
        return self._held.id

    def append(self, event: Event, /) -> RecordRef:
        """See the port."""
        held = self._held
        assert not held.sealed, "a sealed segment never changes"
        ref = RecordRef(held.id, held.tail, _EVENT_BYTES)
        held.events.append((event, ref))
        held.tail += _EVENT_BYTES
        return ref

    def seal(self) -> Segment:
        """See the port."""
        self._held.sealed = True
        self._segments.by_id[self._held.id] = self._held
        return self._held.row()

    def abandon(self) -> None:
        """See the port."""


class MemorySegmentStore(SegmentStore):
    """The segment store over ``MemorySegments``; ``segment_size`` (bytes) says when a new segment begins."""

    __slots__ = (
        *("_bulk", "_clock", "_closed", "_commit", "_holds", "_open", "_pins", "_randomness", "_segment_size"),
        "segments",
    )

    def __init__(
        self, segments: MemorySegments, clock: Clock, randomness: Randomness, *, segment_size: int = SEGMENT_SIZE
    ) -> None:
        self.segments = segments
        self._clock = clock
        self._randomness = randomness
        self._segment_size = segment_size
        self._commit: StoredSegment | None = None
        self._bulk: StoredSegment | None = None
        self._closed: list[StoredSegment] = []
        self._pins: Counter[bytes] = Counter()
        self._holds: Counter[bytes] = Counter()
        self._open = True

    def open(self) -> None:
        """Nothing is there to be opened."""

    @property
    def failed(self) -> bool:
        """Memory does not fail."""
        return False

    def writable(self) -> None:
        """Raises StoreClosed after ``close``."""
        if not self._open:
            raise StoreClosed("the store is closed")

    def bulk(self) -> MemoryBulkWriter:
        """See the port."""
        self.writable()
        return MemoryBulkWriter(self)

    def bulk_segment(self, payload: bytes, digest: bytes, pinned: Container[bytes]) -> StoredSegment:
        """Puts one chunk at the end of the bulk segment, and returns that; pins it unless it is ``pinned`` already."""
        self.writable()
        with self.segments.lock:
            segment = self._bulk = self._present(self._bulk)
            if segment.id not in pinned:
                self._pins[segment.id] += 1
            segment.chunks[segment.tail] = (payload, digest)
            segment.tail += max(len(payload), 1)
            return segment

    def unpin(self, segments: Iterable[bytes]) -> None:
        """A writer was released."""
        with self.segments.lock:
            self._pins -= Counter(segments)

    def pinned(self) -> frozenset[bytes]:
        """See the port."""
        with self.segments.lock:
            return frozenset(+self._pins)

    def held(self) -> frozenset[bytes]:
        """See the port."""
        with self.segments.lock:
            return frozenset(+self._holds)

    def pin(self, segments: Iterable[bytes], /) -> Callable[[], None]:
        """See the port."""
        wanted = Counter(segments)
        with self.segments.lock:
            self._holds += wanted

        def release() -> None:
            with self.segments.lock:
                self._holds -= wanted

        return release

    def forget(self, segment: bytes, /) -> None:
        """Nothing is kept open here."""

    def turn(self) -> None:
        """See the port."""
        self.writable()
        with self.segments.lock:
            self._closed += [one for one in (self._commit, self._bulk) if one is not None and one.tail]
            self._commit = self._bulk = None

    def events_writer(self) -> MemoryEventsWriter:
        """See the port."""
        self.writable()
        return MemoryEventsWriter(self.segments, self._fresh())

    def journal(self, marks: Iterable[DurableMark], /) -> MemoryJournal:
        """See the port."""
        self.writable()
        with self.segments.lock:
            segment = self._commit = self._present(self._commit)
        return MemoryJournal(self, segment, marks)

    async def stream(self, slices: Sequence[ChunkSlice], /) -> AsyncIterator[memoryview]:
        """See the port."""
        release = self.pin({chunk.segment for chunk in slices})
        try:
            for chunk in slices:
                payload = self.segments.whole(chunk)
                yield memoryview(payload)[chunk.skip : chunk.skip + chunk.take]
        finally:
            release()

    def verify(self, chunk: ChunkSlice, /) -> None:
        """See the port."""
        self.segments.whole(chunk)

    def seal_idle(self) -> None:
        """See the port; only full segments, as nothing is gained by sealing idle ones here."""
        self.writable()
        with self.segments.lock:
            self._commit = self._unless_full(self._commit)
            self._bulk = self._unless_full(self._bulk)

    def seal_pending(self) -> list[Segment]:
        """See the port."""
        with self.segments.lock:
            closed, self._closed = self._closed, []
        for segment in closed:
            segment.sealed = True
        return [segment.row() for segment in closed]

    def close(self) -> list[Segment]:
        """See the port."""
        if not self._open:
            return []
        self._open = False
        for segment in (self._commit, self._bulk):
            if segment is not None and segment.tail:
                self._closed.append(segment)
            elif segment is not None:
                self.segments.by_id.pop(segment.id, None)
        self._commit = self._bulk = None
        return self.seal_pending()

    def _unless_full(self, segment: StoredSegment | None) -> StoredSegment | None:
        if segment is None or segment.tail < self._segment_size:
            return segment
        self._closed.append(segment)
        return None

    def _present(self, segment: StoredSegment | None) -> StoredSegment:
        segment = self._unless_full(segment)
        if segment is not None:
            return segment
        fresh = self._fresh()
        self.segments.by_id[fresh.id] = fresh
        return fresh

    def _fresh(self) -> StoredSegment:
        now_ms = self._clock.now_ms()
        return StoredSegment((now_ms & (1 << 48) - 1).to_bytes(6, "big") + self._randomness.bytes(10), now_ms)


class MemorySegmentFiles(SegmentFiles):
    """Looks at ``MemorySegments`` from outside."""

    __slots__ = ("_segments",)

    def __init__(self, segments: MemorySegments) -> None:
        self._segments = segments

    def list(self) -> list[bytes]:
        """See the port."""
        return sorted(segment.id for segment in self._segments.by_id.values() if segment.tail)

    def size(self, segment: bytes, /) -> int:
        """See the port."""
        return self._segments.find(segment).tail

    def events(self, segment: bytes, limit: int | None = None, /) -> Iterator[tuple[Event, RecordRef]]:
        """See the port."""
        for event, ref in self._segments.find(segment).events:
            if limit is None or ref.offset + ref.length <= limit:
                yield event, ref

    def replayable(self, segment: bytes, /) -> Iterator[tuple[Replayed, RecordRef]]:
        """See the port; nothing is encoded here."""
        return self.events(segment)

    def mentions(self, segments: Sequence[tuple[bytes, int | None]], /) -> Iterator[Mentions]:
        """See the port."""
        for segment, limit in segments:
            found = Mentions(segment)
            try:
                for event, _ in self.events(segment, limit):
                    found.take(event)
            except (SegmentGone, OSError):
                found.whole = False
            yield found

    def tail(self, segment: bytes, committed: int, /) -> Iterator[tuple[Event, RecordRef]]:
        """See the port."""
        for event, ref in self._segments.find(segment).events:
            if ref.offset >= committed:
                yield event, ref

    def event(self, ref: RecordRef, /) -> Event:
        """See the port."""
        for event, place in self._segments.find(ref.segment).events:
            if place == ref:
                return event
        raise FormatDamaged("there is no event record", ref.offset)

    def sealed(self, segment: bytes, /) -> bool:
        """See the port."""
        return self._segments.find(segment).sealed

    def intact(self, segment: bytes, /) -> int:
        """See the port."""
        return self._segments.find(segment).tail

    def quarantine(self, segment: bytes, /) -> None:
        """See the port."""
        self._segments.find(segment)
        self._segments.quarantined[segment] = self._segments.by_id.pop(segment)

    def discard(self, segment: bytes, /) -> None:
        """See the port."""
        self._segments.by_id.pop(segment, None)
        self._segments.quarantined.pop(segment, None)

    def recover(self, segment: bytes, committed: int, /) -> Segment | None:
        """See the port."""
        if not committed:
            self._segments.by_id.pop(segment, None)
            return None
        found = self._segments.find(segment)
        found.chunks = {offset: chunk for offset, chunk in found.chunks.items() if offset < committed}
        found.events = [entry for entry in found.events if entry[1].offset < committed]
        found.tail = min(found.tail, committed)
        found.sealed = True
        return found.row()

    def check(self, segment: bytes, /, *, payload: bool, end: int | None = None) -> Iterator[tuple[int, str]]:
        """See the port."""
        chunks = self._segments.find(segment).chunks
        if payload:
            for offset, (content, digest) in chunks.items():
                if (end is None or offset < end) and self._segments.content(content) != digest:
                    yield offset, "a chunk does not match its BLAKE3"

    def verify(self, chunk: ChunkSlice, /) -> None:
        """See the port."""
        self._segments.whole(chunk)

    def mend(self, segment: bytes, /, *, dry_run: bool) -> Iterator[str]:
        """See the port; nothing is kept twice here."""
        self._segments.find(segment)
        return iter(())

    def stale(self, *, remove: bool) -> tuple[str, ...]:
        """See the port; there are no files here."""
        return ()

    def differing(self, segment: bytes, records: Iterable[tuple[int, int, int]], /) -> Iterator[RecordRef]:
        """See the port."""
        stored = {place: event for event, place in self._segments.find(segment).events}
        for offset, length, content in records:
            ref = RecordRef(segment, offset, length)
            event = stored.get(ref)
            if not isinstance(event, VersionPut) or content_sum(encode_manifest(event.manifest)) != content:
                yield ref

    def read(self, chunk: ChunkSlice, /) -> bytes:
        """See the port."""
        return self._segments.whole(chunk)[chunk.skip : chunk.skip + chunk.take]
