"""The built-in segment engines: each is its store and its files, built from one context."""

from __future__ import annotations

from seglake.adapters.filesystem.segment_files import FilesystemSegmentFiles
from seglake.adapters.filesystem.store import FilesystemSegmentStore
from seglake.adapters.memory.segments import MemorySegmentFiles, MemorySegments, MemorySegmentStore
from seglake.domain.ports.segments import SegmentFiles, SegmentStore

from .selection import AdapterContext, SegmentEngine


class FilesystemEngine(SegmentEngine):
    """Segments as files of the data directory."""

    def __init__(self, context: AdapterContext) -> None:
        settings, files = context.settings, context.require_files()
        self._files = FilesystemSegmentFiles(files, context.digests, log=context.log, helper=context.helper)
        self._store = FilesystemSegmentStore(
            context.timed or files,
            context.clock,
            context.randomness,
            context.offload,
            context.digests,
            log=context.log,
            segment_size=settings.segment_size,
            segment_idle_s=settings.segment_idle,
            reserve=settings.reserve,
        )

    @property
    def files(self) -> SegmentFiles:
        """Whole segment files."""
        return self._files

    @property
    def store(self) -> SegmentStore:
        """The store on them."""
        return self._store

    def open(self) -> None:
        """Takes the reserve and makes the lanes."""
        self._store.open()


class MemoryEngine(SegmentEngine):
    """Segments that live as long as the process."""

    def __init__(self, context: AdapterContext) -> None:
        segments = MemorySegments(context.digests)
        size = context.settings.segment_size
        self._store = MemorySegmentStore(segments, context.clock, context.randomness, segment_size=size)
        self._files = MemorySegmentFiles(segments)

    @property
    def files(self) -> SegmentFiles:
        """Whole segments."""
        return self._files

    @property
    def store(self) -> SegmentStore:
        """The store on them."""
        return self._store

    def open(self) -> None:
        """Nothing to do."""
