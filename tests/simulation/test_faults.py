"""P5: every call of the disk fails, once and for ever, in many ways: what was acknowledged stays, all else is told."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from seglake.adapters.faulty.files import Fault, Plan

from .drawn import drawn
from .faults import check_life, live, rehearse
from .workloads import BY_HAND, Named

pytestmark = pytest.mark.slow

RUNS_MIN = 1_000
NAMES = ("mixed_overwrite", "versioned", "multipart", "batch_with_refusals", "rotation", "idle", "checkpoints")
CHOSEN = (*[named for named in BY_HAND if named.name in NAMES], *[drawn(seed, 14) for seed in range(7000, 7004)])
WAYS = tuple(itertools.product(Fault, (False, True)))
_runs: dict[str, int] = {}
_met: set[tuple[str, Fault, bool]] = set()


def plans(calls: tuple[str, ...], share: float, random: Random) -> list[Plan]:
    """Every call in some ways, and in a larger run in all ways; a short write only where something is written."""
    out = []
    for nth, name in enumerate(calls, start=1):
        ways = [way for way in WAYS if way[0] is not Fault.SHORT_WRITE or name == "pwritev"]
        count = max(1, round(share * len(ways)))
        out += [Plan(nth, fault, for_ever) for fault, for_ever in random.sample(ways, min(count, len(ways)))]
    return out


@pytest.mark.parametrize("workload", CHOSEN, ids=lambda workload: workload.name)
def test_a_failing_disk_loses_nothing(workload: Named, seed: int, scale: int) -> None:
    random = Random(f"faults {workload.name} {seed}")
    rehearsal = rehearse(workload)
    runs = 0
    for plan in plans(rehearsal.calls, 0.1 * scale, random):
        try:
            life = live(rehearsal, plan)
            check_life(life, rehearsal, random)
        except Exception as error:
            name = rehearsal.calls[plan.nth - 1]
            raise AssertionError(f"{workload.name}, {plan}, a call of {name}") from error
        runs += 1
        _met.update((name, plan.fault, plan.for_ever) for name in life.faults.failed)
    _runs[workload.name] = runs


def test_enough_faults_were_injected() -> None:
    if len(_runs) < len(CHOSEN):
        pytest.skip("only some of the workloads ran")
    print(sum(_runs.values()), "runs with a fault")
    assert sum(_runs.values()) >= RUNS_MIN
    for name in ("open", "pwritev", "pread", "sync", "sync_dir", "truncate", "rename", "remove", "size", "close"):
        assert {fault for met, fault, _ in _met if met == name} >= {Fault.EIO, Fault.ENOSPC}, name
