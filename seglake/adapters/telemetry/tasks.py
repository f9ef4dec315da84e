"""The last runs of all background work, and its totals since the start: small enough to keep, enough to see a trend."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from seglake.domain.ports.telemetry import TaskRecorder

RUNS_KEPT = 20


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One run that ended ``at_ms`` (milliseconds since the epoch)."""

    at_ms: int
    ok: bool
    seconds: float
    figures: Mapping[str, int]


class TaskCounts:
    """One task."""

    __slots__ = ("failed", "figures", "recent", "runs")

    def __init__(self) -> None:
        self.runs = 0
        self.failed = 0
        self.figures: dict[str, int] = {}
        self.recent: deque[TaskRun] = deque(maxlen=RUNS_KEPT)

    def copy(self) -> TaskCounts:
        """As it is now."""
        copied = TaskCounts()
        copied.runs, copied.failed, copied.figures = self.runs, self.failed, dict(self.figures)
        copied.recent.extend(self.recent)
        return copied


class TaskRecords(TaskRecorder):
    """What every task did. Any thread."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self.tasks: dict[str, TaskCounts] = {}

    def note(self, task: str, *, ok: bool, seconds: float, figures: Mapping[str, int]) -> None:
        """Adds it up and keeps it among the last ones."""
        run = TaskRun(self._now_ms(), ok, seconds, dict(figures))
        with self._lock:
            counts = self.tasks.get(task) or TaskCounts()
            counts.runs += 1
            counts.failed += not ok
            for name, value in figures.items():
                counts.figures[name] = counts.figures.get(name, 0) + value
            counts.recent.append(run)
            self.tasks[task] = counts

    def now(self) -> list[tuple[str, TaskCounts]]:
        """Every task at this moment, by name; copies."""
        with self._lock:
            return [(name, counts.copy()) for name, counts in sorted(self.tasks.items())]

    def figures(self) -> Mapping[str, object]:
        """What /v1/meta/stats shows of them; the newest run comes first."""
        return {
            name: {
                "runs": counts.runs,
                "failed": counts.failed,
                "totals": dict(sorted(counts.figures.items())),
                "recent": [
                    {"at_ms": run.at_ms, "ok": run.ok, "seconds": round(run.seconds, 3), **run.figures}
                    for run in reversed(counts.recent)
                ],
            }
            for name, counts in self.now()
        }
