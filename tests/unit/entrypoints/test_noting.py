"""Every run of background work leaves a note, whether it succeeds or not."""

from __future__ import annotations

from typing import Any

import pytest

from seglake.adapters.system.threads import InlineOffload
from seglake.adapters.telemetry.tasks import TaskRecords
from seglake.domain.services.jobs import Jobs
from seglake.entrypoints.noting import figures_of, noting, plainly
from seglake.testing.contracts.doubles import ManualClock
from tests.unit.fixtures import RecordingLog


class Report:
    __slots__ = ("_hidden", "name", "ok", "rate", "removed")

    def __init__(self) -> None:
        self.removed, self.rate, self.name, self.ok, self._hidden = 3, 0.5, "x", True, 9


async def test_a_run_is_noted_with_its_time_and_its_figures() -> None:
    clock = ManualClock()
    tasks = TaskRecords(clock.now_ms)
    note = noting(tasks, clock, "gc")
    report = Report()

    async def run() -> Report:
        clock.ms += 1500
        return report

    assert await note(run) is report
    found: Any = tasks.figures()
    assert found["gc"]["recent"] == [{"at_ms": clock.ms, "ok": True, "seconds": 1.5, "removed": 3}]


async def test_an_error_is_noted_and_goes_on() -> None:
    clock = ManualClock()
    tasks = TaskRecords(clock.now_ms)

    async def run() -> None:
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        await noting(tasks, clock, "gc")(run)
    found: Any = tasks.figures()
    assert (found["gc"]["runs"], found["gc"]["failed"]) == (1, 1)


async def test_what_did_not_run_is_not_noted() -> None:
    clock = ManualClock()
    tasks = TaskRecords(clock.now_ms)

    async def run() -> None:
        pass

    await noting(tasks, clock, "gc")(run)
    assert tasks.figures() == {}
    assert await plainly(run) is None


def test_figures_are_the_whole_numbers_of_a_report() -> None:
    assert figures_of(Report()) == {"removed": 3}
    assert figures_of(None) == {}


def test_jobs_are_noted() -> None:
    clock = ManualClock()
    tasks = TaskRecords(clock.now_ms)
    jobs = Jobs(InlineOffload(), clock, RecordingLog(), recorder=tasks)

    def broken(_stages: object) -> dict[str, Any]:
        raise OSError("broken")

    jobs.start("gc-run", lambda _stages: {"segments": 2, "plan": "text", "dry": True})
    jobs.start("gc-run", broken)
    found: Any = tasks.figures()
    assert (found["gc-run"]["runs"], found["gc-run"]["failed"], found["gc-run"]["totals"]) == (2, 1, {"segments": 2})
