"""P1: the power fails at every operation of every workload, and the disk keeps any part of what was not synced."""

from __future__ import annotations

from random import SystemRandom

import pytest

from .crashes import Report, crash_everywhere
from .drawn import drawn
from .workloads import BY_HAND, Named

pytestmark = pytest.mark.slow

DRAWN = 16
STATES_MIN = 10_000
ONCE_WRONG = (1116032603,)
"""Seeds that showed a bug when they were new."""
WORKLOADS = (*BY_HAND, *(drawn(seed, 12) for seed in (*range(DRAWN), *ONCE_WRONG)))
_done: dict[str, Report] = {}


def run(workload: Named, seed: int, scale: int) -> Report:
    report = crash_everywhere(workload, seed=seed, limit=400 * scale, effort=scale)
    assert report.violations == []
    return report


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_every_acknowledgement_survives(workload: Named, seed: int, scale: int) -> None:
    _done[workload.name] = run(workload, seed, scale)


def test_workloads_that_nobody_has_seen_before(scale: int) -> None:
    seed = SystemRandom().randrange(1 << 32)
    print(f"rotating seed {seed}")
    for number in range(4 * scale):
        run(drawn(seed + number, 12), seed, 1)


def test_enough_states_were_tried() -> None:
    if len(_done) < len(WORKLOADS):
        pytest.skip("only some of the workloads ran")
    print(sum([report.boundaries for report in _done.values()]), "boundaries,", end=" ")
    print(sum([report.states for report in _done.values()]), "crash states")
    assert len(WORKLOADS) >= 40
    assert sum([report.states for report in _done.values()]) >= STATES_MIN
