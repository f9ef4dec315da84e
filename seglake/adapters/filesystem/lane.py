"""A lane writes one segment at a time, one record behind the other; two lanes never share a segment."""

from __future__ import annotations

import threading
from collections.abc import Callable

from seglake.adapters.filesystem.open_segment import OpenSegment, SegmentSource


class Lane:
    """The present segment of one lane. ``lock`` is held by whoever appends or turns to a new segment.

    ``writers`` is how many payloads are under way on it (a hint for choosing a lane).
    """

    __slots__ = ("_closed", "_current", "_segment_size", "_source", "lock", "writers")

    def __init__(self, source: SegmentSource, segment_size: int, closed: Callable[[OpenSegment], None]) -> None:
        self._source = source
        self._segment_size = segment_size
        self._closed = closed
        self._current: OpenSegment | None = None
        self.lock = threading.Lock()
        self.writers = 0

    def segment(self) -> OpenSegment:
        """The segment to append to; a new one when the last is full. The lock is held."""
        current = self._current
        if current is None or current.full(self._segment_size):
            self.turn()
            current = self._current = self._source.begin()
        return current

    def turn(self) -> None:
        """Leaves the present segment, which then waits to be sealed if anything is in it. The lock is held."""
        current, self._current = self._current, None
        if current is None:
            return
        if current.empty:
            current.discard()
        else:
            self._closed(current)

    def turn_if_due(self, now_s: float, idle_s: float) -> None:
        """Leaves a segment that is full or was not written for ``idle_s`` seconds."""
        with self.lock:
            current = self._current
            if current is None or current.empty:
                return
            if current.full(self._segment_size) or now_s - current.used_s >= idle_s:
                self.turn()

    def drop(self) -> None:
        """Leaves the present segment to recovery (after a failure nothing may be written any more)."""
        with self.lock:
            current, self._current = self._current, None
            if current is not None:
                current.discard()
