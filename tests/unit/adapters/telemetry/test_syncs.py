"""The timed file system is a file system, and times what is synced."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.adapters.system.clock import SystemClock
from seglake.adapters.telemetry.syncs import MeteredFile, MeteredFiles, SyncCounts
from seglake.domain.ports.files import FileSystem
from seglake.testing.contracts.files import FileSystemContract, read, write


class TestMeteredFiles(FileSystemContract):
    @pytest.fixture
    def files(self, tmp_path: Path) -> FileSystem:
        return MeteredFiles(OsFileSystem(str(tmp_path)), SyncCounts(), SystemClock().steady_s)


@pytest.fixture
def counts() -> SyncCounts:
    return SyncCounts()


@pytest.fixture
def timed(tmp_path: Path, counts: SyncCounts) -> MeteredFiles:
    return MeteredFiles(OsFileSystem(str(tmp_path)), counts, SystemClock().steady_s)


def test_syncs_of_written_files_are_timed(timed: MeteredFiles, counts: SyncCounts) -> None:
    file = timed.open("a", create=True, write=True)
    file.pwritev([b"x"], 0)
    file.sync()
    file.close()
    again = timed.open("a", write=True)
    again.sync()
    again.close()
    assert (sum(counts.latency_us.counts), counts.failed) == (2, 0)


def test_who_only_reads_gets_the_file_itself(timed: MeteredFiles) -> None:
    write(timed, "a", b"abc")
    file = timed.open("a")
    assert not isinstance(file, MeteredFile)
    file.close()
    assert read(timed, "a") == b"abc"


def test_a_failed_sync_is_counted_and_raised(timed: MeteredFiles, counts: SyncCounts) -> None:
    def broken() -> None:
        raise OSError(errno.EIO, "broken")

    file = timed.open("a", create=True, write=True)
    assert isinstance(file, MeteredFile)
    inner = file._file
    file._file = type("Broken", (), {"sync": staticmethod(broken)})()
    with pytest.raises(OSError, match="broken"):
        file.sync()
    inner.close()
    assert (sum(counts.latency_us.counts), counts.failed) == (1, 1)
    assert counts.figures()["failed"] == 1
