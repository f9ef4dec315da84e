from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from seglake.adapters.system.threads import InlineOffload
from seglake.domain.model.errors import Busy, InvalidArgument, StorageFull
from seglake.domain.ports.progress import Stages
from seglake.domain.ports.system import Offload
from seglake.domain.services.jobs import REMEMBERED, Jobs
from seglake.testing.contracts.doubles import ManualClock
from tests.unit.fixtures import RecordingLog

T = TypeVar("T")


class Later(Offload):
    """Runs what was started when told to."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], Any]] = []

    def start(self, work: Callable[[], T], /) -> Awaitable[T]:
        self.waiting.append(work)
        return InlineOffload().start(lambda: None)  # type: ignore[arg-type,return-value]


def jobs(offload: Offload | None = None) -> Jobs:
    return Jobs(offload or InlineOffload(), ManualClock(), RecordingLog())


def test_a_job_tells_how_far_it_is_and_its_result() -> None:
    seen: list[tuple[str, int, int]] = []
    running = jobs()

    def work(stages: Stages) -> dict[str, Any]:
        progress = stages("copying", "bytes")
        progress.total(10)
        progress.advance(4)
        job = running.recent()[-1]
        seen.append((job.stage, job.done, job.total))
        return {"answer": 42}

    job = running.start("copy", work)
    assert seen == [("copying", 4, 10)]
    assert job.ended
    assert job.result == {"answer": 42}
    assert job.error is None
    assert running.get(job.number) is job


def test_one_job_at_a_time() -> None:
    later = Later()
    running = jobs(later)
    first = running.start("one", lambda _stages: {})
    with pytest.raises(Busy, match="one"):
        running.start("two", lambda _stages: {})
    later.waiting.pop()()
    assert first.ended
    running.start("two", lambda _stages: {})


def test_a_stopped_job_ends_at_its_next_report() -> None:
    later = Later()
    running = jobs(later)

    def work(stages: Stages) -> dict[str, Any]:
        progress = stages("copying", "bytes")
        progress.advance()
        running.stop()
        progress.advance()
        raise AssertionError("it goes on")

    job = running.start("copy", work)
    later.waiting.pop()()
    assert job.ended
    assert job.error is not None
    assert job.error[0] == "JobStopped"


def test_a_refusal_is_told_and_a_bug_is_not() -> None:
    running = jobs()

    def full(_stages: Stages) -> dict[str, Any]:
        raise StorageFull("no room")

    def broken(_stages: Stages) -> dict[str, Any]:
        raise ZeroDivisionError("the secret inner life")

    assert running.start("full", full).error == ("StorageFull", "no room")
    error = running.start("broken", broken).error
    assert error is not None
    assert error[0] == "InternalError"
    assert "secret" not in error[1]


def test_only_the_last_jobs_are_remembered() -> None:
    running = jobs()
    for _ in range(REMEMBERED + 1):
        running.start("job", lambda _stages: {})
    assert len(running.recent()) == REMEMBERED
    with pytest.raises(InvalidArgument):
        running.get(1)
