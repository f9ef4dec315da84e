"""The journal of one batch: records get final addresses in memory, then one write and one sync make them durable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from seglake.adapters.disk_format.events import encode_event
from seglake.adapters.disk_format.records import EVENT_BYTES_MAX, HEADER_BYTES, RecordKind
from seglake.adapters.filesystem.lane import Lane
from seglake.adapters.filesystem.reserve import Reserve
from seglake.domain.model.errors import EntityTooLarge, StorageFull
from seglake.domain.model.events import Event
from seglake.domain.model.segment import ChunkSlice, DurableMark, RecordRef
from seglake.domain.ports.files import ReadBuffer
from seglake.domain.ports.journal import Journal

_CHUNK, _EVENT = int(RecordKind.CHUNK), int(RecordKind.EVENT)


class SegmentJournal(Journal):
    """One batch at the tail of the commit lane; see the port.

    A refused write with only events in it is tried once more after the reserve's room was given back.
    """

    __slots__ = (
        *("_buffers", "_codec", "_content", "_done", "_first", "_lane", "_marks", "_now_s", "_places", "_reserve"),
        *("_segment", "_tail"),
    )

    def __init__(
        self,
        lane: Lane,
        marks: Iterable[DurableMark],
        *,
        content: Callable[[ReadBuffer], bytes],
        reserve: Reserve,
        now_s: float,
    ) -> None:
        self._lane = lane
        self._marks = tuple(marks)
        self._content = content
        self._reserve = reserve
        self._now_s = now_s
        with lane.lock:
            self._segment = lane.segment()
        self._codec = self._segment.codec
        self._first = self._segment.sequence
        self._tail = self._segment.tail
        self._buffers: list[ReadBuffer] = []
        self._places: list[tuple[int, int, int, bytes]] = []  # kind, header offset, payload length, digest
        self._done = False

    def _place(self, kind: int, payload: ReadBuffer, digest: bytes) -> int:
        assert not self._done, "a journal is used once"
        offset, length = self._tail, len(payload)
        places = self._places
        self._buffers.append(self._codec.header(kind, self._first + len(places), offset, length, digest))
        self._buffers.append(payload)
        places.append((kind, offset, length, digest))
        self._tail = offset + HEADER_BYTES + length
        return offset

    def append_chunk(self, payload: bytes | memoryview, digest: bytes, /) -> ChunkSlice:
        """See the port. StorageFull, before anything is placed, when the chunk would eat into the reserve."""
        length = len(payload)
        self._reserve.take(length)
        offset = self._place(_CHUNK, payload, digest)
        return ChunkSlice(self._codec.segment, offset + HEADER_BYTES, length, digest, 0, length)

    def append_event(self, event: Event, /) -> RecordRef:
        """See the port. EntityTooLarge for a manifest beyond 64 MiB, which no reader would accept."""
        payload = encode_event(event)
        if len(payload) > EVENT_BYTES_MAX:
            raise EntityTooLarge(len(payload), EVENT_BYTES_MAX)
        offset = self._place(_EVENT, payload, self._content(payload))
        return RecordRef(self._codec.segment, offset, len(payload))

    def mark(self) -> int:
        """See the port (the number of records so far)."""
        return len(self._places)

    def rollback(self, mark: int, /) -> None:
        """See the port."""
        places = self._places
        assert not self._done, "a journal is used once"
        assert 0 <= mark <= len(places), "a mark comes from this journal"
        if mark < len(places):
            self._tail = places[mark][1]
            del places[mark:]
            del self._buffers[2 * mark :]

    def flush(self) -> Sequence[DurableMark]:
        """See the port."""
        assert not self._done, "a journal is flushed once"
        self._done = True
        if not self._places:
            return self._marks
        segment = self._segment
        with self._lane.lock:
            assert segment.tail == self._places[0][1], "nobody else writes this lane"
            size = self._tail - segment.tail
            try:
                segment.append(self._buffers, size, len(self._places))
            except StorageFull:
                if any(place[0] == _CHUNK for place in self._places) or not self._reserve.release():
                    raise
                segment.append(self._buffers, size, len(self._places))
            segment.used_s = self._now_s
            self._note()
        segment.sync_to(self._tail)
        return (DurableMark(segment.id, self._tail), *self._marks)

    def _note(self) -> None:
        index = self._segment.index
        for kind, offset, length, digest in self._places:
            if kind == _CHUNK:
                index.add_chunk(digest, offset + HEADER_BYTES, length)
            else:
                index.add_event(offset, length)

    def abandon(self) -> None:
        """See the port."""
        self._done = True
        self._buffers.clear()
