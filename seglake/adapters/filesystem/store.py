"""The segment store on files: small payloads and events travel with their commit, large payloads ahead of it."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterable, Sequence

from seglake.adapters.filesystem.bulk import LaneWriter, Pins
from seglake.adapters.filesystem.events_writer import SegmentEventsWriter
from seglake.adapters.filesystem.health import Health
from seglake.adapters.filesystem.journal import SegmentJournal
from seglake.adapters.filesystem.lane import Lane
from seglake.adapters.filesystem.layout import prepare
from seglake.adapters.filesystem.open_segment import OpenSegment, SegmentSource
from seglake.adapters.filesystem.reader import ChunkReader, Release, stream_chunks, stream_held
from seglake.adapters.filesystem.reserve import Reserve
from seglake.domain.model.errors import StorageFull, StoreClosed, StoreFailed
from seglake.domain.model.segment import ChunkSlice, DurableMark, Segment
from seglake.domain.ports.digests import Digests
from seglake.domain.ports.files import FileSystem
from seglake.domain.ports.log import Log
from seglake.domain.ports.segments import SegmentStore
from seglake.domain.ports.system import Clock, Offload, Randomness

SEGMENT_SIZE = 1 << 30
SEGMENT_IDLE_S = 600.0
RESERVE_BYTES = 64 << 20
BULK_LANES = 2


class FilesystemSegmentStore(SegmentStore):
    """Segments below ``objects/`` of one data directory.

    ``segment_size`` (bytes) and ``segment_idle_s`` say when a new segment begins, ``reserve`` (bytes) what is kept free
    for deletes, ``bulk_lanes`` how many large payloads are written side by side. ``open`` comes first.
    """

    __slots__ = (
        *(
            "_bulk",
            "_clock",
            "_closed",
            "_closed_lock",
            "_commit",
            "_digests",
            "_files",
            "_health",
            "_holds",
            "_idle_s",
            "_log",
            "_next",
        ),
        *("_open", "_pins", "_randomness", "_reader", "_reserve", "_seal_lock", "_segment_size", "_source", "_lanes"),
    )

    def __init__(
        self,
        files: FileSystem,
        clock: Clock,
        randomness: Randomness,
        offload: Offload,
        digests: Digests,
        *,
        log: Log,
        segment_size: int = SEGMENT_SIZE,
        segment_idle_s: float = SEGMENT_IDLE_S,
        reserve: int = RESERVE_BYTES,
        bulk_lanes: int = BULK_LANES,
    ) -> None:
        assert bulk_lanes >= 1, "large payloads need a lane"
        self._files = files
        self._clock = clock
        self._randomness = randomness
        self._digests = digests
        self._log = log
        self._segment_size = segment_size
        self._idle_s = segment_idle_s
        self._lanes = bulk_lanes
        self._health = Health(log)
        self._pins = Pins()
        self._holds = Pins()
        self._reserve = Reserve(files, clock, reserve, log)
        self._reader = ChunkReader(files, digests)
        self._offload = offload
        self._closed: list[OpenSegment] = []
        self._closed_lock = threading.Lock()
        self._seal_lock = threading.Lock()
        self._bulk: list[Lane] = []
        self._commit: Lane | None = None
        self._next = 0
        self._source: SegmentSource | None = None
        self._open = False

    def open(self) -> None:
        """Makes directories and reserve; afterwards the store takes writes. OSError, DataDirUnusable. Blocking."""
        prepare(self._files)
        self._reserve.open()
        self._source = source = SegmentSource(self._files, self._clock, self._randomness, self._health)
        self._commit = Lane(source, self._segment_size, self._retire)
        self._bulk = [Lane(source, self._segment_size, self._retire) for _ in range(self._lanes)]
        self._open = True

    @property
    def failed(self) -> bool:
        """True when a sync or write failed for good; the process has to end."""
        return self._health.failed

    def pinned(self) -> frozenset[bytes]:
        """Segments with chunks of payloads that are still under way."""
        return self._pins.pinned()

    def bulk(self) -> LaneWriter:
        """See the port. The lane with the fewest payloads under way is taken, the next one in turn among equals."""
        self._writable()
        lanes = self._bulk
        self._next = first = (self._next + 1) % len(lanes)
        turn = [*lanes[first:], *lanes[:first]]
        lane = min(turn, key=lambda candidate: candidate.writers)
        return LaneWriter(lane, health=self._health, reserve=self._reserve, pins=self._pins, clock=self._clock)

    def journal(self, marks: Iterable[DurableMark], /) -> SegmentJournal:
        """See the port."""
        lane = self._writable()
        self._reserve.prepare()
        return SegmentJournal(
            lane,
            marks,
            content=self._digests.content,
            reserve=self._reserve,
            now_s=self._clock.steady_s(),
        )

    def stream(self, slices: Sequence[ChunkSlice], /) -> AsyncIterator[memoryview]:
        """See the port. One chunk is read at once, so only several are worth being held."""
        if len(slices) > 1:
            return stream_held(self._reader, self._offload, slices, self.pin)
        return stream_chunks(self._reader, self._offload, slices)

    def held(self) -> frozenset[bytes]:
        """See the port."""
        return self._holds.pinned()

    def pin(self, segments: Iterable[bytes], /) -> Release:
        """See the port."""
        return self._holds.hold(segments)

    def forget(self, segment: bytes, /) -> None:
        """See the port."""
        self._reader.forget(segment)

    def events_writer(self) -> SegmentEventsWriter:
        """See the port."""
        self._writable()
        assert self._source is not None, "it is open"
        return SegmentEventsWriter(self._source.begin(), self._digests.content, self._reserve, self._log)

    def turn(self) -> None:
        """See the port. Called between batches, on the thread that opens journals."""
        for lane in (self._writable(), *self._bulk):
            with lane.lock:
                lane.turn()

    def verify(self, chunk: ChunkSlice, /) -> None:
        """See the port."""
        self._reader.verify(chunk)

    def seal_idle(self) -> None:
        """See the port. Called between batches, on the thread that opens journals."""
        commit = self._writable()
        self._reserve.prepare()
        now_s = self._clock.steady_s()
        for lane in (commit, *self._bulk):
            lane.turn_if_due(now_s, self._idle_s)
        self._reserve.restore()

    def seal_pending(self) -> list[Segment]:
        """See the port. A disk without room for a footer is not fatal: the segment waits for the next call."""
        rows: list[Segment] = []
        with self._seal_lock:
            while True:
                with self._closed_lock:
                    if not self._closed:
                        return rows
                    segment = self._closed[0]
                try:
                    rows.append(segment.seal(self._log))
                except StorageFull as error:
                    self._log.warning("seal_postponed", segment=segment.id.hex(), reason=error.hint)
                    return rows
                with self._closed_lock:
                    self._closed.pop(0)

    def close(self) -> list[Segment]:
        """See the port. After a failure, or without room for footers, segments are left to the next recovery."""
        if not self._open:
            return []
        self._open = False
        rows: list[Segment] = []
        lanes = [self._commit, *self._bulk] if self._commit is not None else []
        try:
            if not self._health.failed:
                for lane in lanes:
                    with lane.lock:
                        lane.turn()
                rows = self.seal_pending()
        except StoreFailed as error:
            self._log.error("close_failed", reason=error.hint)
        for lane in lanes:
            lane.drop()
        for segment in self._closed:
            segment.discard()
        self._closed.clear()
        self._reader.close()
        self._reserve.close()
        return rows

    def _writable(self) -> Lane:
        if not self._open or self._commit is None:
            raise StoreClosed("the store is closed")
        self._health.check()
        return self._commit

    def _retire(self, segment: OpenSegment) -> None:
        with self._closed_lock:
            self._closed.append(segment)
