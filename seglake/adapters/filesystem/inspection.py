"""What recovery and rebuild ask of one segment file before they change it; nothing here writes."""

from __future__ import annotations

from collections.abc import Iterator

from blake3 import blake3

from seglake.adapters.disk_format.events import decode_event
from seglake.adapters.disk_format.records import HEADER_BYTES, RecordCodec, RecordKind
from seglake.adapters.disk_format.segment import SEGMENT_HEADER_BYTES, decode_segment_header
from seglake.adapters.disk_format.walk import Gap, walk
from seglake.adapters.filesystem.patient import patient_read
from seglake.adapters.filesystem.recovery import VERIFIED_TAIL_BYTES
from seglake.adapters.filesystem.sealing import read_footer
from seglake.domain.model.errors import FormatDamaged
from seglake.domain.model.events import Event
from seglake.domain.model.segment import RecordRef
from seglake.domain.ports.files import File

_EVENT, _FOOTER = int(RecordKind.EVENT), int(RecordKind.FOOTER)


def codec_of(file: File, segment: bytes) -> RecordCodec | None:
    """The codec of the file's records, None when its header is torn, damaged or another segment's."""
    try:
        header, _ = decode_segment_header(patient_read(file)(SEGMENT_HEADER_BYTES, 0))
    except FormatDamaged:
        return None
    return RecordCodec(segment, header.key) if header.segment == segment else None


def is_sealed(file: File, segment: bytes) -> bool:
    """Whether the file ends in a sound footer."""
    codec = codec_of(file, segment)
    return codec is not None and read_footer(file, codec, file.size()) is not None


def tail_events(file: File, segment: bytes, committed: int) -> Iterator[tuple[Event, RecordRef]]:
    """Events from the record boundary ``committed`` on, up to the first record that is not whole."""
    codec = codec_of(file, segment)
    if codec is None:
        return
    for found in walk(patient_read(file), codec, max(committed, SEGMENT_HEADER_BYTES), file.size()):
        if isinstance(found, Gap) or found.kind == _FOOTER:
            return
        if found.kind != _EVENT:
            continue
        if blake3(found.payload).digest() != found.digest:
            return
        yield decode_event(found.payload), RecordRef(segment, found.offset, found.length)


def event_at(file: File, ref: RecordRef) -> Event:
    """The event record at ``ref``. FormatDamaged."""
    codec = codec_of(file, ref.segment)
    if codec is None:
        raise FormatDamaged("the segment's header is damaged")
    data = memoryview(patient_read(file)(HEADER_BYTES + ref.length, ref.offset))
    header = codec.parse(data, 0, ref.offset)
    if header is None or header.kind != _EVENT or header.length != ref.length:
        raise FormatDamaged("there is no sound event record", ref.offset)
    payload = data[HEADER_BYTES:]
    if blake3(payload).digest() != header.digest:
        raise FormatDamaged("an event does not match its BLAKE3", ref.offset)
    return decode_event(payload)


def intact_length(file: File, segment: bytes) -> int:
    """Where the last whole record ends; the size of a sealed file, and of one whose header is lost: nothing tells.

    Payloads are compared with their digests in the last bytes only, where a torn write can be.
    """
    size = file.size()
    codec = codec_of(file, segment)
    if codec is None or read_footer(file, codec, size) is not None:
        return size
    end = 0
    for found in walk(patient_read(file), codec, SEGMENT_HEADER_BYTES, size):
        if isinstance(found, Gap) or found.kind == _FOOTER:
            continue
        if found.offset < size - VERIFIED_TAIL_BYTES or blake3(found.payload).digest() == found.digest:
            end = found.offset + HEADER_BYTES + found.length
    return end
