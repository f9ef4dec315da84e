"""The events of a segment: from its manifest pack where that is sound, else record by record."""

from __future__ import annotations

from collections.abc import Iterator

from blake3 import blake3

from seglake.adapters.disk_format.events import decode_event
from seglake.adapters.disk_format.records import RecordCodec, RecordKind
from seglake.adapters.disk_format.segment import SEGMENT_HEADER_BYTES, SegmentHeader, decode_segment_header
from seglake.adapters.disk_format.walk import Gap, walk
from seglake.adapters.filesystem.layout import segment_name
from seglake.adapters.filesystem.packs import pack_entries, sound_pack
from seglake.adapters.filesystem.patient import patient_read
from seglake.adapters.filesystem.sealing import read_footer
from seglake.domain.model.errors import FormatDamaged, SegmentGone
from seglake.domain.model.events import Event
from seglake.domain.model.segment import RecordRef, Segment, SegmentState
from seglake.domain.ports.files import File, FileSystem

_EVENT = int(RecordKind.EVENT)


def open_segment(files: FileSystem, segment: bytes, *, write: bool = False) -> File:
    """The file. SegmentGone."""
    try:
        return files.open(segment_name(segment), write=write)
    except FileNotFoundError:
        raise SegmentGone(segment.hex()) from None


def segment_events(files: FileSystem, segment: bytes, limit: int | None) -> Iterator[tuple[Event, RecordRef]]:
    """See ``SegmentFiles.events``."""
    file = open_segment(files, segment)
    try:
        codec = RecordCodec(segment, _header(file, segment).key)
        size = file.size()
        sealed = read_footer(file, codec, size)
        if sealed is None:
            yield from _walk_events(file, codec, size if limit is None else min(limit, size), sealed=False)
            return
        footer, digest = sealed
        row = Segment(segment, SegmentState.SEALED, size, footer.created_ms, digest)
        if limit is None and sound_pack(files, row, footer.event_count):
            if footer.event_count:
                for offset, length, payload in pack_entries(files, segment):
                    yield decode_event(payload), RecordRef(segment, offset, length)
            return
        end = footer.end if limit is None else min(limit, footer.end)
        yield from _walk_events(file, codec, end, sealed=True)
    finally:
        file.close()


def sound_entries(files: FileSystem, segment: bytes) -> int:
    """How many entries the segment's pack has; 0 when there is no sound one to read instead of the segment."""
    file = open_segment(files, segment)
    try:
        codec = RecordCodec(segment, _header(file, segment).key)
        size = file.size()
        sealed = read_footer(file, codec, size)
    finally:
        file.close()
    if sealed is None or not sealed[0].event_count:
        return 0
    row = Segment(segment, SegmentState.SEALED, size, sealed[0].created_ms, sealed[1])
    return sealed[0].event_count if sound_pack(files, row, sealed[0].event_count) else 0


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
