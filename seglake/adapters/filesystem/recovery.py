"""After an unclean stop a segment is cut to its acknowledged length, walked and sealed; nothing acknowledged is cut.

Every step can be interrupted and done again: the length comes from the index, the footer follows from the records, and
a segment that is soundly sealed at its acknowledged length is left as it is. Damage before that length stays in the
file, is counted in the footer and told to the log; what lies behind it is found again by its keyed headers.
"""

from __future__ import annotations

from blake3 import blake3

from seglake.adapters.disk_format.footer import Footer, SegmentIndex
from seglake.adapters.disk_format.records import HEADER_BYTES, RecordCodec, RecordKind
from seglake.adapters.disk_format.segment import (
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    decode_segment_header,
    encode_segment_header,
)
from seglake.adapters.disk_format.walk import Found, Gap, walk
from seglake.adapters.filesystem.layout import MANIFESTS_DIR, SEGMENTS_DIR, pack_name, segment_name
from seglake.adapters.filesystem.packs import sound_pack
from seglake.adapters.filesystem.patient import patient_read
from seglake.adapters.filesystem.publish import sync_directory, sync_file
from seglake.adapters.filesystem.sealing import read_footer, seal, write_pack
from seglake.domain.model.errors import FormatDamaged, SegmentGone
from seglake.domain.model.segment import Segment, SegmentState
from seglake.domain.ports.files import File, FileSystem
from seglake.domain.ports.log import Log

VERIFIED_TAIL_BYTES = 64 << 20
"""Payloads in the last bytes of a segment are compared with their digests; older ones were written back long ago."""
_CHUNK, _EVENT = int(RecordKind.CHUNK), int(RecordKind.EVENT)


def recover(files: FileSystem, segment: bytes, committed: int, log: Log) -> Segment | None:
    """See the port's ``SegmentFiles.recover``. SegmentGone for acknowledged bytes without a file."""
    if committed <= SEGMENT_HEADER_BYTES:
        _remove(files, segment)
        return None
    try:
        file = files.open(segment_name(segment), write=True)
    except FileNotFoundError:
        raise SegmentGone(segment.hex()) from None
    try:
        return _recover_file(files, file, segment, committed, log)
    finally:
        file.close()


def _remove(files: FileSystem, segment: bytes) -> None:
    """Removes a segment of which nothing was acknowledged."""
    for name, directory in ((segment_name(segment), SEGMENTS_DIR), (pack_name(segment), MANIFESTS_DIR)):
        if files.exists(name):
            files.remove(name)
            sync_directory(files, directory)


def _recover_file(files: FileSystem, file: File, segment: bytes, committed: int, log: Log) -> Segment:
    try:
        header = _header(file, segment, log)
    except FormatDamaged as error:
        # Its key is lost, and with it the records' frames; chunks are still found through the index, and verified.
        log.error("segment_header_lost", segment=segment.hex(), reason=error.what)
        return Segment(segment, SegmentState.OPEN, committed, int.from_bytes(segment[:6], "big"))
    codec = RecordCodec(segment, header.key)
    size = file.size()
    sealed = read_footer(file, codec, size)
    if sealed is not None and committed in (sealed[0].end, size):
        footer, digest = sealed
        sync_file(file)
        sync_directory(files, SEGMENTS_DIR)
        row = Segment(segment, SegmentState.SEALED, size, footer.created_ms, digest)
    else:
        if size > committed:
            file.truncate(committed)
        footer, sequence = _index(file, codec, header, committed, log)
        row = seal(files, file, codec, footer, sequence=sequence)
    if not sound_pack(files, row, footer.event_count):
        try:
            write_pack(files, file, codec, footer, row)
        except FormatDamaged as error:
            log.error("manifest_pack_refused", segment=segment.hex(), offset=error.offset, reason=error.what)
    else:
        # Its bytes were safe before it got its name; the process may have died before the name was.
        sync_directory(files, MANIFESTS_DIR)
    return row


def _header(file: File, segment: bytes, log: Log) -> SegmentHeader:
    """The segment's header; a damaged copy of it is written again from the sound one."""
    header, sound = decode_segment_header(patient_read(file)(SEGMENT_HEADER_BYTES, 0))
    if header.segment != segment:
        raise FormatDamaged("the header belongs to another segment")
    if sound < 2:
        log.warning("segment_header_repaired", segment=segment.hex())
        file.pwritev([encode_segment_header(header)], 0)
    return header


def _index(file: File, codec: RecordCodec, header: SegmentHeader, committed: int, log: Log) -> tuple[Footer, int]:
    """The footer that fits the records before ``committed``, and the sequence number after the last of them."""
    end = min(committed, file.size())
    name = codec.segment.hex()
    if end < committed:
        log.error("segment_too_short", segment=name, acknowledged=committed, bytes=end)
    index = SegmentIndex()
    gap_bytes, sequence = committed - end, 0
    verified_from = end - VERIFIED_TAIL_BYTES
    for found in walk(patient_read(file), codec, SEGMENT_HEADER_BYTES, end):
        if type(found) is Gap:
            gap_bytes += found.length
            log.error("segment_damaged", segment=name, offset=found.offset, bytes=found.length, reason=found.reason)
            continue
        assert type(found) is Found, "a walk finds records and gaps"
        kind, number, offset, length, digest, payload = found
        sequence = number + 1
        if kind == _EVENT:
            if blake3(payload).digest() == digest:
                index.add_event(offset, length)
            else:
                gap_bytes += HEADER_BYTES + length
                log.error("segment_damaged", segment=name, offset=offset, bytes=length, reason="an event's digest")
        elif kind == _CHUNK:
            index.add_chunk(digest, offset + HEADER_BYTES, length)
            if offset >= verified_from and blake3(payload).digest() != digest:
                log.error("segment_damaged", segment=name, offset=offset, bytes=length, reason="a chunk's digest")
    return Footer(index, end, gap_bytes, header.created_ms), sequence
