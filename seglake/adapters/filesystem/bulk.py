"""Large payloads go chunk by chunk to a lane of their own and are durable before the commit that names them begins."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable

from seglake.adapters.disk_format.records import HEADER_BYTES, RecordKind
from seglake.adapters.filesystem.health import Health
from seglake.adapters.filesystem.lane import Lane
from seglake.adapters.filesystem.open_segment import OpenSegment
from seglake.adapters.filesystem.reserve import Reserve
from seglake.domain.model.segment import CHUNK_BYTES, ChunkSlice, DurableMark
from seglake.domain.ports.segments import BulkWriter
from seglake.domain.ports.system import Clock

_CHUNK = int(RecordKind.CHUNK)


class Pins:
    """How many payloads under way, or readers, need which segment."""

    __slots__ = ("_counts", "_lock")

    def __init__(self) -> None:
        self._counts: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    def pin(self, segment: bytes) -> None:
        """One more."""
        with self._lock:
            self._counts[segment] += 1

    def unpin(self, segment: bytes) -> None:
        """One less."""
        with self._lock:
            self._counts[segment] -= 1
            if not self._counts[segment]:
                del self._counts[segment]

    def hold(self, segments: Iterable[bytes]) -> Callable[[], None]:
        """Pins all of them until the function returned is called."""
        ids = tuple(segments)
        for segment in ids:
            self.pin(segment)

        def release() -> None:
            for segment in ids:
                self.unpin(segment)

        return release

    def pinned(self) -> frozenset[bytes]:
        """The ids of all pinned segments."""
        with self._lock:
            return frozenset(self._counts)


class LaneWriter(BulkWriter):
    """One payload's writer; see the port. It stays on its lane, so its chunks lie one behind the other."""

    __slots__ = ("_clock", "_ends", "_health", "_lane", "_pinned", "_pins", "_released", "_reserve")

    def __init__(self, lane: Lane, *, health: Health, reserve: Reserve, pins: Pins, clock: Clock) -> None:
        self._lane = lane
        self._health = health
        self._reserve = reserve
        self._pins = pins
        self._clock = clock
        self._ends: dict[bytes, tuple[OpenSegment, int]] = {}
        self._pinned: set[bytes] = set()
        self._released = False
        lane.writers += 1

    def append(self, payload: bytes | bytearray | memoryview, digest: bytes, /) -> ChunkSlice:
        """See the port."""
        length = len(payload)
        assert length <= CHUNK_BYTES, "a chunk has at most 4 MiB"
        assert not self._released, "chunks come before the release"
        self._reserve.take(length)
        with self._lane.lock:
            self._health.check()
            segment = self._lane.segment()
            if segment.id not in self._pinned:
                # Before the first byte, and before anybody can leave the segment: a sealed one gets no new pins.
                self._pins.pin(segment.id)
                self._pinned.add(segment.id)
            offset = segment.tail
            header = segment.codec.header(_CHUNK, segment.sequence, offset, length, digest)
            segment.append((header, payload), HEADER_BYTES + length, 1)
            segment.index.add_chunk(digest, offset + HEADER_BYTES, length)
            segment.used_s = self._clock.steady_s()
        self._ends[segment.id] = (segment, offset + HEADER_BYTES + length)
        segment.start_writeback(offset, HEADER_BYTES + length)
        return ChunkSlice(segment.id, offset + HEADER_BYTES, length, digest, 0, length)

    def sync(self) -> tuple[DurableMark, ...]:
        """See the port."""
        for segment, end in self._ends.values():
            segment.sync_to(end)
        self._health.check()
        return tuple([DurableMark(segment.id, end) for segment, end in self._ends.values()])

    def release(self) -> None:
        """See the port."""
        if not self._released:
            self._released = True
            self._lane.writers -= 1
            for segment in self._pinned:
                self._pins.unpin(segment)
