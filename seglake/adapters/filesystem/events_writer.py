"""Copies of events go to a segment of their own, sealed before anything relies on it."""

from __future__ import annotations

from collections.abc import Callable

from seglake.adapters.disk_format.events import encode_event
from seglake.adapters.disk_format.records import HEADER_BYTES, RecordKind
from seglake.adapters.filesystem.open_segment import OpenSegment
from seglake.adapters.filesystem.reserve import Reserve
from seglake.domain.model.events import Event
from seglake.domain.model.segment import RecordRef, Segment
from seglake.domain.ports.files import ReadBuffer
from seglake.domain.ports.log import Log
from seglake.domain.ports.segments import EventsWriter

PIECE_BYTES = 4 << 20
"""So many bytes are gathered for one write."""
_EVENT = int(RecordKind.EVENT)


class SegmentEventsWriter(EventsWriter):
    """See the port. Its bytes count as payload: they are refused before the reserve for deletes is."""

    __slots__ = ("_buffers", "_content", "_done", "_log", "_records", "_reserve", "_segment", "_tail")

    def __init__(
        self, segment: OpenSegment, content: Callable[[ReadBuffer], bytes], reserve: Reserve, log: Log
    ) -> None:
        self._segment = segment
        self._content = content
        self._reserve = reserve
        self._log = log
        self._tail = segment.tail
        self._buffers: list[ReadBuffer] = []
        self._records = 0
        self._done = False

    @property
    def segment(self) -> bytes:
        """See the port."""
        return self._segment.id

    def append(self, event: Event, /) -> RecordRef:
        """See the port."""
        assert not self._done, "a sealed segment never changes"
        payload = encode_event(event)
        length, offset = len(payload), self._tail
        self._reserve.take(length)
        codec, sequence = self._segment.codec, self._segment.sequence + self._records
        self._buffers += (codec.header(_EVENT, sequence, offset, length, self._content(payload)), payload)
        self._records += 1
        self._tail = offset + HEADER_BYTES + length
        self._segment.index.add_event(offset, length)
        if self._tail - self._segment.tail >= PIECE_BYTES:
            self._write()
        return RecordRef(self._segment.id, offset, length)

    def _write(self) -> None:
        self._segment.append(self._buffers, self._tail - self._segment.tail, self._records)
        self._buffers, self._records = [], 0

    def seal(self) -> Segment:
        """See the port."""
        assert not self._done, "it is sealed once"
        if self._records:
            self._write()
        row = self._segment.seal(self._log)
        self._done = True
        return row

    def abandon(self) -> None:
        """See the port."""
        if not self._done:
            self._done = True
            self._segment.discard()
