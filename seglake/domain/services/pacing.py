"""Background work takes no more of the disk than it may: it waits until its bytes fit into the time that has passed."""

from __future__ import annotations

from collections.abc import Callable

from seglake.domain.ports.system import Clock


class Pace:
    """At most ``bytes_per_s`` on average (0 = as fast as it goes); ``sleep`` blocks for some seconds."""

    __slots__ = ("_begun_s", "_clock", "_rate", "_sleep", "_spent")

    def __init__(self, clock: Clock, sleep: Callable[[float], object], bytes_per_s: int = 0) -> None:
        self._clock = clock
        self._sleep = sleep
        self._rate = bytes_per_s
        self._begun_s = clock.steady_s()
        self._spent = 0

    def spend(self, size: int) -> None:
        """Notes ``size`` bytes, and waits when they came too early."""
        if not self._rate:
            return
        self._spent += size
        early_s = self._spent / self._rate - (self._clock.steady_s() - self._begun_s)
        if early_s > 0:
            self._sleep(early_s)
