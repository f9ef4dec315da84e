"""Checks of a store: they only read, so that a served store can be checked by a process of its own.

Whoever imports this module imports little: it is what such a process begins with.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import structlog

from seglake.adapters.digests import LibraryDigests
from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.adapters.filesystem.segment_files import FilesystemSegmentFiles
from seglake.adapters.sqlite.reads import SqliteReads
from seglake.domain.ports.metadata import MetadataReads
from seglake.domain.ports.progress import Stages
from seglake.domain.ports.segments import SegmentFiles
from seglake.domain.ports.system import Clock
from seglake.domain.services.fsck import Fsck, FsckReport
from seglake.domain.services.scrub import Scrub, ScrubReport
from seglake.domain.services.status import Status, StoreStatus

T_co = TypeVar("T_co", covariant=True)


class Check(Protocol[T_co]):
    """Reads a store and says what it found. Blocking; it and its report can be pickled."""

    def __call__(self, metadata: MetadataReads, files: SegmentFiles, stages: Stages, /) -> T_co:
        """MetadataDamaged, StoreFailed."""
        ...


@dataclass(frozen=True, slots=True)
class RunFsck(Check[FsckReport]):
    """Index against segments. ``served``: while commits go on."""

    served: bool
    deep: bool

    def __call__(self, metadata: MetadataReads, files: SegmentFiles, stages: Stages, /) -> FsckReport:
        """Reads both."""
        return Fsck(metadata, files, stages, served=self.served).run(deep=self.deep)


@dataclass(frozen=True, slots=True)
class RunScrub(Check[ScrubReport]):
    """All live payload; ``dead``: and every other record."""

    served: bool
    dead: bool
    clock: Clock

    def __call__(self, metadata: MetadataReads, files: SegmentFiles, stages: Stages, /) -> ScrubReport:
        """Reads all of it."""
        return Scrub(metadata, files, self.clock, stages, served=self.served).run(dead=self.dead)


@dataclass(frozen=True, slots=True)
class RunStatus(Check[StoreStatus]):
    """Counts; ``live``: and the bytes that are in use."""

    live: bool

    def __call__(self, metadata: MetadataReads, files: SegmentFiles, stages: Stages, /) -> StoreStatus:
        """Reads each row once."""
        stages("counting", "versions")
        return Status(metadata, files).run(live=self.live)


@dataclass(frozen=True, slots=True)
class Apart(Generic[T_co]):
    """A check for another process than the one that has the store: it opens index and segments itself."""

    check: Check[T_co]
    data_dir: str
    index_file: str

    def __call__(self, stages: Stages, /) -> T_co:
        """The report. MetadataDamaged, StoreFailed."""
        metadata = SqliteReads(os.path.join(self.data_dir, self.index_file))
        files = FilesystemSegmentFiles(OsFileSystem(self.data_dir), LibraryDigests(), log=structlog.get_logger())
        try:
            return self.check(metadata, files, stages)
        finally:
            files.close()
            metadata.close()
