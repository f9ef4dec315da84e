"""Long reads of a store: what is served can be read by a process of its own.

Whoever imports this module imports little: it is what such a process begins with.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Generic, TypeVar

import structlog

from seglake.adapters.digests import LibraryDigests
from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.adapters.filesystem.segment_files import FilesystemSegmentFiles
from seglake.adapters.sqlite.reads import SqliteReads
from seglake.adapters.system.apart import run_apart
from seglake.adapters.system.processes import ProcessHelper
from seglake.domain.ports.long_reads import LongRead, LongReads
from seglake.domain.ports.metadata import MetadataReads, MetadataStore, MetadataView
from seglake.domain.ports.progress import Stages
from seglake.domain.ports.segments import SegmentFiles
from seglake.domain.ports.system import Clock
from seglake.domain.services.fsck import Fsck, FsckReport
from seglake.domain.services.scrub import Scrub, ScrubReport
from seglake.domain.services.status import Status, StoreStatus

T = TypeVar("T")

APART_VERSIONS_MIN = 2_000
APART_BYTES_MIN = 64 << 20
"""A store of less is read before another process has even begun."""


@dataclass(frozen=True, slots=True)
class RunFsck(LongRead[FsckReport]):
    """Index against segments. ``served``: while commits go on."""

    served: bool
    deep: bool

    def __call__(self, metadata: MetadataReads, files: SegmentFiles, stages: Stages, /) -> FsckReport:
        """Reads both."""
        return Fsck(metadata, files, stages, served=self.served).run(deep=self.deep)


@dataclass(frozen=True, slots=True)
class CheckIndex(LongRead[list[str]]):
    """Pages, row checksums, and what rows say about one another."""

    reads_files: ClassVar[bool] = False

    def __call__(self, metadata: MetadataReads, _files: SegmentFiles, stages: Stages, /) -> list[str]:
        """One line for each finding."""
        stages("checking the index", "findings")
        return metadata.check()


@dataclass(frozen=True, slots=True)
class RunScrub(LongRead[ScrubReport]):
    """All live payload; ``dead``: and every other record."""

    served: bool
    dead: bool
    clock: Clock

    def __call__(self, metadata: MetadataReads, files: SegmentFiles, stages: Stages, /) -> ScrubReport:
        """Reads all of it."""
        return Scrub(metadata, files, self.clock, stages, served=self.served).run(dead=self.dead)


@dataclass(frozen=True, slots=True)
class RunStatus(LongRead[StoreStatus]):
    """Counts; ``live``: and the bytes that are in use."""

    live: bool
    reads_files: ClassVar[bool] = False

    def __call__(self, metadata: MetadataReads, files: SegmentFiles, stages: Stages, /) -> StoreStatus:
        """Reads each row once."""
        stages("counting", "versions")
        return Status(metadata, files).run(live=self.live)


@dataclass(frozen=True, slots=True)
class Apart(Generic[T]):
    """A read in another process than the one that has the store: it opens index and segments itself."""

    work: LongRead[T]
    data_dir: str
    index_file: str

    def __call__(self, stages: Stages, /) -> T:
        """The report. MetadataDamaged, StoreFailed."""
        metadata = SqliteReads(os.path.join(self.data_dir, self.index_file))
        helper = ProcessHelper()
        files = FilesystemSegmentFiles(
            OsFileSystem(self.data_dir), LibraryDigests(), log=structlog.get_logger(), helper=helper
        )
        try:
            return self.work(metadata, files, stages)
        finally:
            helper.close()
            files.close()
            metadata.close()


@dataclass(frozen=True, slots=True)
class ReadHere(LongReads):
    """Reads in the thread that asks: where nobody is served, or what is read belongs to this process alone."""

    metadata: MetadataReads
    files: SegmentFiles

    def run(self, work: LongRead[T], stages: Stages, /) -> T:
        """As it is."""
        return work(self.metadata, self.files, stages)


@dataclass(frozen=True, slots=True)
class ReadServed(LongReads):
    """Reads of a store on the disk that is served meanwhile: large ones apart from those who are served."""

    metadata: MetadataStore
    files: SegmentFiles
    data_dir: str
    index_file: str

    def run(self, work: LongRead[T], stages: Stages, /) -> T:
        """Here, or in another process. HelperGone."""
        if not self.metadata.read(partial(_is_large, with_files=work.reads_files)):
            return work(self.metadata, self.files, stages)
        return run_apart(Apart(work, self.data_dir, self.index_file), stages)


def _is_large(view: MetadataView, *, with_files: bool) -> bool:
    size = 0
    for row in view.segments.scan() if with_files else ():
        size += row.committed
        if size >= APART_BYTES_MIN:
            return True
    return view.versions.count() >= APART_VERSIONS_MIN
