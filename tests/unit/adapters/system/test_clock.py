"""The clocks have the units and the direction that the port promises."""

from __future__ import annotations

import time

from seglake.adapters.system.clock import SystemClock


def test_wall_time_is_in_milliseconds_since_the_epoch() -> None:
    before = time.time()
    now_ms = SystemClock().now_ms()
    after = time.time()
    assert int(before * 1000) - 1 <= now_ms <= after * 1000 + 1


def test_steady_time_is_in_seconds_and_never_goes_back() -> None:
    clock = SystemClock()
    readings = [clock.steady_s() for _ in range(1000)]
    assert readings == sorted(readings)
    assert abs(clock.steady_s() - time.monotonic()) < 5
