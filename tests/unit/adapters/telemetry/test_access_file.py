"""Lines are written in order by another thread, to a new file after a rename, and never lost without being counted."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seglake.adapters.telemetry import access_file
from seglake.adapters.telemetry.access_file import AccessLogFile
from tests.unit.fixtures import RecordingLog


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_every_record_is_a_line_in_order(tmp_path: Path) -> None:
    file = AccessLogFile[int](tmp_path / "access.log", str, RecordingLog())
    file.open()
    for number in range(2000):
        file.write(number)
    file.close()
    file.close()
    assert (tmp_path / "access.log").read_text().split() == [str(number) for number in range(2000)]
    assert file.dropped == 0


def test_a_file_that_is_there_is_continued(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text("old\n")
    file = AccessLogFile[str](tmp_path / "access.log", str, RecordingLog())
    file.open()
    file.write("new")
    file.close()
    assert (tmp_path / "access.log").read_text() == "old\nnew\n"


def test_after_a_rename_a_new_file_is_begun(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    file = AccessLogFile[str](path, str, RecordingLog())
    file.open()
    file.write("one")
    until(lambda: path.stat().st_size > 0)
    path.rename(tmp_path / "access.log.1")
    file.write("two")
    file.reopen()
    file.write("three")
    file.close()
    assert (tmp_path / "access.log.1").read_text() == "one\ntwo\n"
    assert path.read_text() == "three\n"


def test_a_file_that_cannot_be_opened_again_leaves_the_old_one(tmp_path: Path) -> None:
    log = RecordingLog()
    path = tmp_path / "sub" / "access.log"
    path.parent.mkdir()
    file = AccessLogFile[str](path, str, log)
    file.open()
    path.parent.rename(tmp_path / "moved")
    file.reopen()
    file.write("still here")
    file.close()
    assert (tmp_path / "moved" / "access.log").read_text() == "still here\n"
    assert log.events("error") == ["access_log_not_reopened"]


def test_a_file_that_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        AccessLogFile[str](tmp_path / "missing" / "access.log", str, RecordingLog()).open()


def test_a_full_disk_costs_lines_that_are_counted_and_told_once() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    log = RecordingLog()
    file = AccessLogFile[str](Path("/dev/full"), str, log)
    file.open()
    for number in range(3):
        file.write("lost")
        until(lambda number=number: file.dropped == number + 1)  # type: ignore[misc]
    file.close()
    assert log.events("error") == ["access_log_not_written"]


def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_file, "WAITING_MAX", 2)
    file = AccessLogFile[str](tmp_path / "access.log", str, RecordingLog())
    for _ in range(5):
        file.write("line")
    assert file.dropped == 3
    file.open()
    file.close()
    assert (tmp_path / "access.log").read_text() == "line\n" * 2


def test_without_a_path_it_is_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as out, os.fdopen(reading, "rb") as back:
        stdout: Any = type("Out", (), {"buffer": out})
        monkeypatch.setattr(sys, "stdout", stdout)
        file = AccessLogFile[str](None, str, RecordingLog())
        file.open()
        file.reopen()
        file.write("line")
        file.close()
        assert back.readline() == b"line\n"
        assert not out.closed
