"""How background work is run so that its outcome is noted; whoever schedules it need not know who notes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from seglake.domain.ports.system import Clock
from seglake.domain.ports.telemetry import TaskRecorder

Run = Callable[[], Awaitable[Any]]
Noting = Callable[[Run], Awaitable[Any]]
"""Runs it and returns what it returns."""


async def plainly(run: Run) -> Any:
    """Notes nothing."""
    return await run()


def noting(recorder: TaskRecorder, clock: Clock, task: str) -> Noting:
    """Notes each run of ``task`` with its duration and the whole numbers of its report; an error is noted and goes on.

    A run that returns None did not happen: another one was under way.
    """

    async def noted(run: Run) -> Any:
        begun = clock.steady_s()
        try:
            report = await run()
        except Exception:
            recorder.note(task, ok=False, seconds=clock.steady_s() - begun, figures={})
            raise
        if report is not None:
            recorder.note(task, ok=True, seconds=clock.steady_s() - begun, figures=figures_of(report))
        return report

    return noted


def figures_of(report: object) -> dict[str, int]:
    """The whole numbers of a report: a dataclass or another object with slots. Nothing else can be added up."""
    names = getattr(type(report), "__slots__", ())
    values = {name: getattr(report, name) for name in names if not name.startswith("_")}
    return {name: value for name, value in values.items() if type(value) is int}
