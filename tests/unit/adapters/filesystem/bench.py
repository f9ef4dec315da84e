"""Builds filesystem stores on any disk, with doubles for everything else."""

from __future__ import annotations

from typing import Any

from seglake.adapters.digests import LibraryDigests
from seglake.adapters.filesystem import FilesystemSegmentFiles, FilesystemSegmentStore
from seglake.adapters.filesystem.layout import segment_name
from seglake.adapters.system.threads import InlineOffload
from seglake.domain.model.segment import ChunkSlice
from seglake.domain.ports.files import FileSystem
from seglake.testing.contracts.doubles import ManualClock, SeededRandomness
from seglake.testing.contracts.segments import HUGE, SegmentBench

DIGESTS = LibraryDigests()


class Lines:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, /, **fields: Any) -> None:
        self.lines.append((event, fields))

    warning = error = info

    def named(self, event: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.lines if name == event]


def make_store(files: FileSystem, clock: ManualClock, *, seed: int = 1, **options: Any) -> FilesystemSegmentStore:
    """An open store."""
    options = {"log": Lines(), "reserve": 0, **options}
    store = FilesystemSegmentStore(files, clock, SeededRandomness(seed), InlineOffload(), DIGESTS, **options)
    store.open()
    return store


def make_files(files: FileSystem, log: Lines | None = None) -> FilesystemSegmentFiles:
    """The segment files of a disk."""
    return FilesystemSegmentFiles(files, DIGESTS, log=log or Lines())


def flip(files: FileSystem, name: str, offset: int, mask: int = 1) -> None:
    """Changes one byte of a file."""
    file = files.open(name, write=True)
    byte = file.pread(1, offset)[0]
    file.pwritev([bytes((byte ^ mask,))], offset)
    file.close()


def bench_on(files: FileSystem, *, segment_size: int = HUGE, **options: Any) -> SegmentBench:
    """A bench of the contract suites on a disk."""
    clock = ManualClock()
    seeds = iter(range(2, 100))

    def reopen() -> FilesystemSegmentStore:
        clock.ms += 1
        return make_store(files, clock, seed=next(seeds), segment_size=segment_size, **options)

    def damage(chunk: ChunkSlice) -> None:
        flip(files, segment_name(chunk.segment), chunk.offset)

    store = make_store(files, clock, segment_size=segment_size, **options)
    return SegmentBench(store, make_files(files), DIGESTS, clock, damage, reopen)
