"""The machine's clocks, read here and nowhere else."""

from __future__ import annotations

import time

from seglake.domain.ports.system import Clock


class SystemClock(Clock):
    """Wall time of the host (may jump) and its monotonic clock (never goes back)."""

    __slots__ = ()

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00:00Z."""
        return time.time_ns() // 1_000_000

    def steady_s(self) -> float:
        """Seconds since an unspecified moment."""
        return time.monotonic()


def block_s(seconds: float) -> None:
    """Blocks the calling thread; never the event loop's."""
    time.sleep(seconds)
