"""Work too long for one call is a job: started, asked about, stopped; one at a time, and the last ones are remembered.

Jobs live in the process that runs them. What one leaves behind when the process ends is its own business: all of them
leave a consistent store.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from seglake.domain.model.errors import Busy, InvalidArgument, JobStopped, SeglakeError
from seglake.domain.ports.log import Log
from seglake.domain.ports.progress import Progress, Stages, silent
from seglake.domain.ports.system import Clock, Offload
from seglake.domain.ports.telemetry import TaskRecorder

REMEMBERED = 20

Work = Callable[[Stages], Mapping[str, Any]]
"""Blocking; its result is what JSON knows. It reports its stages, and is stopped in one of these reports."""


@dataclass(slots=True)
class Job:
    """One job; written by the thread that runs it, read by anybody."""

    number: int
    name: str
    begun_ms: int
    stage: str = ""
    unit: str = ""
    done: int = 0
    total: int = 0
    ended_ms: int | None = None
    result: Mapping[str, Any] | None = None
    error: tuple[str, str] | None = None
    """A code and what to tell a person."""
    stopping: bool = False

    @property
    def ended(self) -> bool:
        """Whether there is a result or an error."""
        return self.ended_ms is not None


@dataclass(slots=True)
class _Reporting:
    """A stage's progress in a job, and in what the starter wants to see."""

    job: Job
    shown: Progress

    def total(self, units: int, /) -> None:
        """How many there are."""
        self.job.total = units
        self.shown.total(units)

    def advance(self, units: int = 1, /) -> None:
        """So many more; JobStopped when somebody asked for it."""
        if self.job.stopping:
            raise JobStopped(self.job.name)
        self.job.done += units
        self.shown.advance(units)


@dataclass(slots=True)
class Jobs:
    """The jobs of one process."""

    offload: Offload
    clock: Clock
    log: Log
    shown: Stages = silent
    recorder: TaskRecorder | None = None
    """Is told of every job that ended, with the whole numbers of its result."""
    _jobs: deque[Job] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _count: int = 0
    _outcome: Awaitable[None] | None = None
    """Of the last job; nobody waits for it, since the job says itself what became of it."""

    def start(self, name: str, work: Work) -> Job:
        """Begins a job beside the event loop. Busy while another one runs."""
        running = self._jobs[-1] if self._jobs else None
        if running is not None and not running.ended:
            raise Busy(f"job {running.number} ({running.name}) is running; wait for its end or stop it")
        self._count += 1
        job = Job(self._count, name, self.clock.now_ms())
        self._jobs.append(job)
        self._outcome = self.offload.start(lambda: self._run(job, work))
        return job

    def get(self, number: int) -> Job:
        """One of the last jobs. InvalidArgument."""
        for job in self._jobs:
            if job.number == number:
                return job
        raise InvalidArgument("job", str(number), "there is no such job (any more)")

    def recent(self) -> tuple[Job, ...]:
        """The last jobs, oldest first."""
        return tuple(self._jobs)

    def stop(self) -> None:
        """Asks the running job to stop: it does at its next report."""
        for job in self._jobs:
            if not job.ended:
                job.stopping = True

    def _run(self, job: Job, work: Work) -> None:
        def begin(name: str, unit: str, /) -> Progress:
            if job.stopping:
                raise JobStopped(job.name)
            job.stage, job.unit, job.done, job.total = name, unit, 0, 0
            return _Reporting(job, self.shown(name, unit))

        self.log.info("job_begun", job=job.number, name=job.name)
        try:
            job.result = work(begin)
        except SeglakeError as error:
            job.error = (type(error).__name__, error.hint)
        except OSError as error:
            job.error = ("OSError", str(error))
        except Exception as bug:
            job.error = ("InternalError", "this is a bug; the log has the trace")
            self.log.error("job_failed", job=job.number, name=job.name, exc_info=bug)
        job.ended_ms = self.clock.now_ms()
        if self.recorder is not None:
            figures = {name: value for name, value in (job.result or {}).items() if type(value) is int}
            seconds = (job.ended_ms - job.begun_ms) / 1000
            self.recorder.note(job.name, ok=job.error is None, seconds=seconds, figures=figures)
        outcome = "ok" if job.error is None else job.error[0]
        self.log.info("job_ended", job=job.number, name=job.name, outcome=outcome, ms=job.ended_ms - job.begun_ms)
