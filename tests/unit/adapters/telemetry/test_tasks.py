"""Runs of background work are summed up, and the last ones kept."""

from __future__ import annotations

from typing import Any

from seglake.adapters.telemetry.tasks import RUNS_KEPT, TaskRecords
from seglake.testing.contracts.doubles import ManualClock


def test_totals_and_trend() -> None:
    clock = ManualClock()
    tasks = TaskRecords(clock.now_ms)
    for number in range(RUNS_KEPT + 5):
        clock.ms += 1000
        tasks.note("gc", ok=number != 3, seconds=0.5, figures={"segments": number, "bytes": 10})
    tasks.note("scrub", ok=True, seconds=2.0, figures={})
    found: Any = tasks.figures()
    gc = found["gc"]
    assert (gc["runs"], gc["failed"]) == (RUNS_KEPT + 5, 1)
    assert gc["totals"] == {"bytes": 10 * (RUNS_KEPT + 5), "segments": sum(range(RUNS_KEPT + 5))}
    assert len(gc["recent"]) == RUNS_KEPT
    assert gc["recent"][0] == {"at_ms": clock.ms, "ok": True, "seconds": 0.5, "segments": RUNS_KEPT + 4, "bytes": 10}
    assert found["scrub"]["recent"][0]["seconds"] == 2.0
