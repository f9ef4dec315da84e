from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from seglake.adapters.system.apart import run_apart
from seglake.adapters.system.processes import HelperGone
from seglake.domain.model.errors import JobStopped, StoreFailed
from seglake.domain.ports.progress import Progress, Stages, silent

WAIT_S = 20.0


@dataclass
class Seen(Progress):
    name: str
    unit: str
    stop_after: int = -1
    size: int = 0
    done: int = 0

    def total(self, units: int, /) -> None:
        self.size = units

    def advance(self, units: int = 1, /) -> None:
        self.done += units
        if 0 <= self.stop_after <= self.done:
            raise JobStopped(self.name)


@dataclass
class Shown:
    stop_after: int = -1
    stages: list[Seen] = field(default_factory=list)

    def __call__(self, name: str, unit: str, /) -> Progress:
        self.stages.append(Seen(name, unit, self.stop_after))
        return self.stages[-1]


@dataclass(frozen=True)
class Count:
    end: int

    def __call__(self, stages: Stages, /) -> int:
        for name in ("first", "second"):
            progress = stages(name, "steps")
            progress.total(self.end)
            for _ in range(self.end):
                progress.advance()
        return os.getpid()


@dataclass(frozen=True)
class Wait:
    """Says who it is, then works for a long time without a word."""

    place: Path

    def __call__(self, stages: Stages, /) -> None:
        stages("waiting", "steps")
        self.place.write_text(str(os.getpid()))
        time.sleep(WAIT_S)
        self.place.with_suffix(".done").touch()


@dataclass(frozen=True)
class End:
    how: str

    def __call__(self, _stages: Stages, /) -> None:
        if self.how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        raise StoreFailed("a word about it")


def _wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S / 2
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_the_result_and_all_progress_arrive_from_another_process() -> None:
    shown = Shown()
    assert run_apart(Count(10_000), shown) != os.getpid()
    assert [(one.name, one.unit, one.size, one.done) for one in shown.stages] == [
        ("first", "steps", 10_000, 10_000),
        ("second", "steps", 10_000, 10_000),
    ]


def test_its_error_is_raised_here() -> None:
    with pytest.raises(StoreFailed, match="a word about it"):
        run_apart(End("raises"), silent)


def test_a_death_is_an_error() -> None:
    with pytest.raises(HelperGone):
        run_apart(End("dies"), silent)


def test_whoever_stops_it_ends_the_process_even_when_it_says_nothing(tmp_path: Path) -> None:
    place = tmp_path / "pid"
    with pytest.raises(JobStopped):
        run_apart(Wait(place), Shown(stop_after=0))
    assert not place.with_suffix(".done").exists(), "it was not ended, it ended"
    assert not place.exists() or not _runs(int(place.read_text()))


def test_it_ends_with_the_process_that_began_it(tmp_path: Path) -> None:
    place = tmp_path / "pid"
    code = (
        "from pathlib import Path\n"
        "from seglake.adapters.system.apart import run_apart\n"
        "from seglake.domain.ports.progress import silent\n"
        "from tests.unit.adapters.system.test_apart import Wait\n"
        f"run_apart(Wait(Path({str(place)!r})), silent)\n"
    )
    root = Path(__file__).parents[4]
    process = subprocess.Popen([sys.executable, "-c", code], cwd=root, env={**os.environ, "PYTHONPATH": str(root)})
    try:
        _wait_for(lambda: place.exists() and place.read_text() != "")
    finally:
        process.kill()
        process.wait()
    pid = int(place.read_text())
    _wait_for(lambda: not _runs(pid))
