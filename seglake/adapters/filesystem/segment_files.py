"""Whole segment files, for everything that looks at them from outside: recovery, fsck, scrub, rebuild."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from seglake.adapters.filesystem.checking import check_file, differing
from seglake.adapters.filesystem.helped import HELPED_EVENTS_MIN, ReadPack, replayed
from seglake.adapters.filesystem.inspection import event_at, intact_length, is_sealed, tail_events
from seglake.adapters.filesystem.layout import (
    OBJECTS_DIR,
    QUARANTINE_DIR,
    SEGMENTS_DIR,
    pack_name,
    quarantine_name,
    segment_ids,
    segment_name,
)
from seglake.adapters.filesystem.mending import mend, stale_files
from seglake.adapters.filesystem.mentioned import ReadMentions
from seglake.adapters.filesystem.publish import TEMPORARY_SUFFIX, directory_of, sync_directory
from seglake.adapters.filesystem.reader import ChunkReader
from seglake.adapters.filesystem.recovery import recover
from seglake.adapters.filesystem.segment_events import open_segment, segment_events, sound_entries
from seglake.domain.model.errors import (
    SeglakeError,
    SegmentGone,
    StorageFull,
    StoreFailed,
)
from seglake.domain.model.events import Event
from seglake.domain.model.mentions import Mentions
from seglake.domain.model.replayed import Replayed
from seglake.domain.model.segment import ChunkSlice, RecordRef, Segment
from seglake.domain.ports.digests import Digests
from seglake.domain.ports.files import File, FileSystem
from seglake.domain.ports.log import Log
from seglake.domain.ports.segments import SegmentFiles
from seglake.domain.ports.system import Helper

HELPED_BYTES_MIN = 16 << 20
"""Fewer bytes of segments are read here before a process has even begun."""


class FilesystemSegmentFiles(SegmentFiles):
    """The segment files of one data directory; see the port."""

    __slots__ = ("_files", "_helper", "_log", "_reader")

    def __init__(self, files: FileSystem, digests: Digests, *, log: Log, helper: Helper | None = None) -> None:
        self._files = files
        self._helper = helper
        self._log = log
        self._reader = ChunkReader(files, digests)

    def list(self) -> list[bytes]:
        """See the port."""
        return segment_ids(self._files)

    def size(self, segment: bytes, /) -> int:
        """See the port."""
        file = self._open(segment)
        try:
            return file.size()
        finally:
            file.close()

    def events(self, segment: bytes, limit: int | None = None, /) -> Iterator[tuple[Event, RecordRef]]:
        """See the port."""
        return segment_events(self._files, segment, limit)

    def replayable(self, segment: bytes, /) -> Iterator[tuple[Replayed, RecordRef]]:
        """See the port; from a sound pack, else event by event. A large pack is read by the helper."""
        count = sound_entries(self._files, segment)
        if not count:
            yield from self.events(segment)
            return
        read = ReadPack(self._files, segment, 0)
        if self._helper is None or count < HELPED_EVENTS_MIN:
            yield from map(partial(replayed, segment), read())
            return
        yield replayed(segment, next(read()))  # who asks for the first event only does not need a process
        yield from map(partial(replayed, segment), self._helper.iterate(ReadPack(self._files, segment, 1)))

    def mentions(self, segments: Sequence[tuple[bytes, int | None]], /) -> Iterator[Mentions]:
        """See the port; by the helper, which begins at once, when there is one and enough to read."""
        read = ReadMentions(self._files, tuple(segments))
        if self._helper is None or sum(map(self._length, read.segments)) < HELPED_BYTES_MIN:
            return read()
        return self._helper.iterate(read)

    def _length(self, segment: tuple[bytes, int | None]) -> int:
        try:
            return self.size(segment[0])
        except SegmentGone:
            return 0

    def tail(self, segment: bytes, committed: int, /) -> Iterator[tuple[Event, RecordRef]]:
        """See the port."""
        file = self._open(segment)
        try:
            yield from tail_events(file, segment, committed)
        finally:
            file.close()

    def event(self, ref: RecordRef, /) -> Event:
        """See the port."""
        file = self._open(ref.segment)
        try:
            return event_at(file, ref)
        finally:
            file.close()

    def sealed(self, segment: bytes, /) -> bool:
        """See the port."""
        file = self._open(segment)
        try:
            return is_sealed(file, segment)
        finally:
            file.close()

    def intact(self, segment: bytes, /) -> int:
        """See the port."""
        file = self._open(segment)
        try:
            return intact_length(file, segment)
        finally:
            file.close()

    def quarantine(self, segment: bytes, /) -> None:
        """See the port. The new name is synced before the old one's absence, so a crash never loses the file."""
        self._reader.forget(segment)
        name = segment_name(segment)
        if not self._files.exists(name):
            raise SegmentGone(segment.hex())
        try:
            self._files.make_dir(QUARANTINE_DIR)
            sync_directory(self._files, OBJECTS_DIR)
            self._files.rename(name, quarantine_name(segment))
            sync_directory(self._files, QUARANTINE_DIR)
            sync_directory(self._files, SEGMENTS_DIR)
        except OSError as error:
            raise _unmoved(segment, error) from error

    def discard(self, segment: bytes, /) -> None:
        """See the port. The pack goes last: without its segment nobody looks at it."""
        self._reader.forget(segment)
        try:
            for name in (segment_name(segment), quarantine_name(segment), pack_name(segment)):
                for found in (name, name + TEMPORARY_SUFFIX):
                    if self._files.exists(found):
                        self._files.remove(found)
                # Also when it is not there: a process that was killed may have removed it and not synced that.
                if self._files.exists(directory_of(name)):
                    sync_directory(self._files, directory_of(name))
        except OSError as error:
            raise _unmoved(segment, error) from error

    def recover(self, segment: bytes, committed: int, /) -> Segment | None:
        """See the port. SegmentGone when acknowledged bytes have no file; StorageFull without room for the footer."""
        self._reader.forget(segment)
        try:
            return recover(self._files, segment, committed, self._log)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull("the disk has no room for the footer of a recovered segment") from error
            raise StoreFailed(f"recovering segment {segment.hex()} failed: {error}") from error

    def check(self, segment: bytes, /, *, payload: bool, end: int | None = None) -> Iterator[tuple[int, str]]:
        """See the port. A torn tail of a file that is not sealed is a finding like any other."""
        file = self._open(segment)
        try:
            yield from check_file(self._files, file, segment, payload=payload, limit=end)
        except OSError as error:
            yield 0, f"the disk cannot read it: {error}"
        finally:
            file.close()

    def verify(self, chunk: ChunkSlice, /) -> None:
        """See the port."""
        self._reader.verify(chunk)

    def mend(self, segment: bytes, /, *, dry_run: bool) -> Iterator[str]:
        """See the port."""
        self._reader.forget(segment)
        file = self._open(segment, write=not dry_run)
        try:
            yield from mend(self._files, file, segment, dry_run=dry_run)
        except OSError as error:
            raise _unmended(segment, error) from error
        finally:
            file.close()

    def stale(self, *, remove: bool) -> tuple[str, ...]:
        """See the port."""
        try:
            return tuple(stale_files(self._files, remove=remove))
        except OSError as error:
            raise StoreFailed(f"removing temporary files failed: {error}") from error

    def differing(self, segment: bytes, records: Iterable[tuple[int, int, int]], /) -> Iterator[RecordRef]:
        """See the port."""
        file = self._open(segment)
        try:
            yield from differing(self._files, file, segment, records)
        finally:
            file.close()

    def read(self, chunk: ChunkSlice, /) -> bytes:
        """See the port."""
        return bytes(self._reader.read(chunk))

    def close(self) -> None:
        """Closes cached descriptors."""
        self._reader.close()

    def _open(self, segment: bytes, *, write: bool = False) -> File:
        return open_segment(self._files, segment, write=write)


def _unmended(segment: bytes, error: OSError) -> SeglakeError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull(f"the disk has no room to mend segment {segment.hex()}: {error}")
    return StoreFailed(f"mending segment {segment.hex()} failed: {error}")


def _unmoved(segment: bytes, error: OSError) -> SeglakeError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull(f"a directory has no room to move segment {segment.hex()}: {error}")
    return StoreFailed(f"moving or removing segment {segment.hex()} failed: {error}")
