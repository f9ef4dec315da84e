"""Whole segment files, for everything that looks at them from outside: recovery, fsck, scrub, rebuild."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from blake3 import blake3

from seglake.adapters.disk_format.events import decode_event
from seglake.adapters.disk_format.footer import Footer, SegmentIndex
from seglake.adapters.disk_format.records import HEADER_BYTES, RecordCodec, RecordKind
from seglake.adapters.disk_format.segment import SEGMENT_HEADER_BYTES, SegmentHeader, decode_segment_header
from seglake.adapters.disk_format.walk import Gap, walk
from seglake.adapters.filesystem.inspection import event_at, intact_length, is_sealed, tail_events
from seglake.adapters.filesystem.layout import OBJECTS_DIR, QUARANTINE_DIR, SEGMENTS_DIR, segment_ids, segment_name
from seglake.adapters.filesystem.packs import pack_entries, pack_finding, sound_pack
from seglake.adapters.filesystem.patient import patient_read
from seglake.adapters.filesystem.publish import sync_directory
from seglake.adapters.filesystem.reader import ChunkReader
from seglake.adapters.filesystem.recovery import recover
from seglake.adapters.filesystem.sealing import read_footer
from seglake.domain.model.errors import FormatDamaged, SegmentGone, StorageFull, StoreFailed, UnknownFormat
from seglake.domain.model.events import Event
from seglake.domain.model.segment import ChunkSlice, RecordRef, Segment, SegmentState
from seglake.domain.ports.digests import Digests
from seglake.domain.ports.files import File, FileSystem
from seglake.domain.ports.log import Log
from seglake.domain.ports.segments import SegmentFiles

_EVENT, _FOOTER = int(RecordKind.EVENT), int(RecordKind.FOOTER)


class FilesystemSegmentFiles(SegmentFiles):
    """The segment files of one data directory; see the port."""

    __slots__ = ("_files", "_log", "_reader")

    def __init__(self, files: FileSystem, digests: Digests, *, log: Log) -> None:
        self._files = files
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
        file = self._open(segment)
        try:
            codec = RecordCodec(segment, _header(file, segment).key)
            size = file.size()
            sealed = read_footer(file, codec, size)
            if sealed is None:
                yield from _walk_events(file, codec, size if limit is None else min(limit, size), sealed=False)
                return
            footer, digest = sealed
            row = Segment(segment, SegmentState.SEALED, size, footer.created_ms, digest)
            if limit is None and sound_pack(self._files, row, footer.event_count):
                if footer.event_count:
                    for offset, length, payload in pack_entries(self._files, segment):
                        yield decode_event(payload), RecordRef(segment, offset, length)
                return
            end = footer.end if limit is None else min(limit, footer.end)
            yield from _walk_events(file, codec, end, sealed=True)
        finally:
            file.close()

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
        self._files.make_dir(QUARANTINE_DIR)
        sync_directory(self._files, OBJECTS_DIR)
        self._files.rename(name, f"{QUARANTINE_DIR}/{name.rpartition('/')[2]}")
        sync_directory(self._files, QUARANTINE_DIR)
        sync_directory(self._files, SEGMENTS_DIR)

    def recover(self, segment: bytes, committed: int, /) -> Segment | None:
        """See the port. SegmentGone when acknowledged bytes have no file; StorageFull without room for the footer."""
        self._reader.forget(segment)
        try:
            return recover(self._files, segment, committed, self._log)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull("the disk has no room for the footer of a recovered segment") from error
            raise StoreFailed(f"recovering segment {segment.hex()} failed: {error}") from error

    def check(self, segment: bytes, /, *, payload: bool) -> Iterator[tuple[int, str]]:
        """See the port. A torn tail of a file that is not sealed is a finding like any other."""
        file = self._open(segment)
        try:
            yield from self._check_file(file, segment, payload=payload)
        except OSError as error:
            yield 0, f"the disk cannot read it: {error}"
        finally:
            file.close()

    def read(self, chunk: ChunkSlice, /) -> bytes:
        """See the port."""
        return bytes(self._reader.read(chunk))

    def close(self) -> None:
        """Closes cached descriptors."""
        self._reader.close()

    def _open(self, segment: bytes) -> File:
        try:
            return self._files.open(segment_name(segment))
        except FileNotFoundError:
            raise SegmentGone(segment.hex()) from None

    def _check_file(self, file: File, segment: bytes, *, payload: bool) -> Iterator[tuple[int, str]]:
        try:
            header, sound = decode_segment_header(file.pread(SEGMENT_HEADER_BYTES, 0))
        except (FormatDamaged, UnknownFormat) as error:
            yield 0, error.hint
            return
        if header.segment != segment:
            yield 0, "the header belongs to another segment"
            return
        if sound < 2:
            yield 0, "one of two header copies is damaged"
        codec = RecordCodec(segment, header.key)
        size = file.size()
        sealed = read_footer(file, codec, size)
        index = SegmentIndex()
        try:
            yield from _check_records(file, codec, size if sealed is None else sealed[0].end, index, payload=payload)
        except UnknownFormat as error:
            yield 0, error.hint
        if sealed is not None:
            yield from self._check_footer(segment, size, sealed, index)

    def _check_footer(
        self, segment: bytes, size: int, sealed: tuple[Footer, bytes], index: SegmentIndex
    ) -> Iterator[tuple[int, str]]:
        footer, digest = sealed
        if footer.gap_bytes:
            yield footer.end, f"{footer.gap_bytes} acknowledged bytes were lost before it was sealed"
        if (index.chunks, index.events) != (footer.records.chunks, footer.records.events):
            yield footer.end, "the footer's index does not match the records"
        row = Segment(segment, SegmentState.SEALED, size, footer.created_ms, digest)
        try:
            finding = pack_finding(self._files, row, footer.event_count)
        except UnknownFormat as error:
            finding = error.hint
        if finding:
            yield footer.end, finding


def _header(file: File, segment: bytes) -> SegmentHeader:
    header, _ = decode_segment_header(file.pread(SEGMENT_HEADER_BYTES, 0))
    if header.segment != segment:
        raise FormatDamaged("the header belongs to another segment")
    return header


def _walk_events(file: File, codec: RecordCodec, end: int, *, sealed: bool) -> Iterator[tuple[Event, RecordRef]]:
    """Events before ``end``; damage ends the walk of an open file, of a sealed one it is told after the last event."""
    damage: FormatDamaged | None = None
    for found in walk(patient_read(file), codec, SEGMENT_HEADER_BYTES, end):
        reason = ""
        if isinstance(found, Gap):
            reason = found.reason
        elif found.kind != _EVENT:
            continue
        elif blake3(found.payload).digest() != found.digest:
            reason = "an event does not match its BLAKE3"
        else:
            yield decode_event(found.payload), RecordRef(codec.segment, found.offset, found.length)
            continue
        if not sealed:
            return
        damage = damage or FormatDamaged(reason, found.offset)
    if damage is not None:
        raise damage


def _check_records(
    file: File, codec: RecordCodec, end: int, index: SegmentIndex, *, payload: bool
) -> Iterator[tuple[int, str]]:
    """Findings in the records before ``end``; what is sound goes into ``index``."""
    expected = 0
    for found in walk(patient_read(file), codec, SEGMENT_HEADER_BYTES, end):
        if isinstance(found, Gap):
            yield found.offset, f"{found.reason} ({found.length} bytes)"
            continue
        if found.sequence < expected:
            yield found.offset, f"record {found.sequence} comes after record {expected - 1}"
        expected = found.sequence + 1
        if found.kind == _EVENT:
            if blake3(found.payload).digest() != found.digest:
                yield found.offset, "an event does not match its BLAKE3"
                continue
            index.add_event(found.offset, found.length)
            try:
                decode_event(found.payload)
            except (FormatDamaged, UnknownFormat) as error:
                yield found.offset, error.hint
        elif found.kind != _FOOTER:
            index.add_chunk(found.digest, found.offset + HEADER_BYTES, found.length)
            if payload and blake3(found.payload).digest() != found.digest:
                yield found.offset, "a chunk does not match its BLAKE3"
