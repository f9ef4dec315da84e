from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seglake.adapters.faulty.files import Faults, FaultyFileSystem
from seglake.adapters.filesystem.crash_files import CrashFileSystem
from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.domain.ports.files import FileSystem
from seglake.testing.contracts.files import FileSystemContract
from seglake.testing.contracts.journal import JournalContract
from seglake.testing.contracts.segments import HUGE, MakeBench, SegmentBench, SegmentContract
from tests.unit.adapters.filesystem.bench import bench_on


class TestOsFiles(FileSystemContract):
    @pytest.fixture
    def files(self, tmp_path: Path) -> FileSystem:
        return OsFileSystem(tmp_path)


class TestCrashFiles(FileSystemContract):
    @pytest.fixture
    def files(self) -> FileSystem:
        return CrashFileSystem()


class TestFaultyFilesWithoutFaults(FileSystemContract):
    @pytest.fixture
    def files(self) -> FileSystem:
        return FaultyFileSystem(CrashFileSystem(), Faults())


class BenchOnFiles:
    @pytest.fixture(params=["os", "crash", "faulty"])
    def disk(self, request: pytest.FixtureRequest, tmp_path: Path) -> FileSystem:
        if request.param == "os":
            return OsFileSystem(tmp_path)
        crash = CrashFileSystem()
        return crash if request.param == "crash" else FaultyFileSystem(crash, Faults())

    @pytest.fixture
    def make_bench(self, disk: FileSystem) -> Iterator[MakeBench]:
        made: list[SegmentBench] = []

        def make(*, segment_size: int = HUGE) -> SegmentBench:
            made.append(bench_on(disk, segment_size=segment_size))
            return made[-1]

        yield make
        for bench in made:
            bench.store.close()


class TestSegments(BenchOnFiles, SegmentContract):
    pass


class TestJournal(BenchOnFiles, JournalContract):
    pass
