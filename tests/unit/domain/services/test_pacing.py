from __future__ import annotations

from seglake.domain.services.pacing import Pace
from seglake.testing.contracts.doubles import ManualClock


def test_bytes_take_the_time_that_their_rate_says() -> None:
    clock = ManualClock()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.ms += round(seconds * 1000)

    pace = Pace(clock, sleep, 1000)
    begun = clock.steady_s()
    for _ in range(10):
        pace.spend(100)
    assert abs(clock.steady_s() - begun - 1.0) < 1e-6
    clock.ms += 5000
    pace.spend(100)
    assert len(slept) == 10


def test_without_a_rate_nothing_waits() -> None:
    def sleep(seconds: float) -> None:
        raise AssertionError(seconds)

    Pace(ManualClock(), sleep).spend(1 << 40)
