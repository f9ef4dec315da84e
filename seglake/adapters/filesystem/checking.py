"""A check of one segment file reads all of it, says what is wrong and where, and goes on behind it; nothing is written.

This is bound by Python at two records for each small object, so a record costs as few steps as it can.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from blake3 import blake3

from seglake.adapters.disk_format.events import decode_event, manifest_of_put
from seglake.adapters.disk_format.footer import Footer, SegmentIndex
from seglake.adapters.disk_format.plain import content_sum
from seglake.adapters.disk_format.records import HEADER_BYTES, RecordCodec, RecordKind
from seglake.adapters.disk_format.segment import SEGMENT_HEADER_BYTES, decode_segment_header
from seglake.adapters.disk_format.walk import Gap, walk
from seglake.adapters.filesystem.inspection import codec_of
from seglake.adapters.filesystem.packs import pack_entries, pack_finding, sound_pack
from seglake.adapters.filesystem.patient import patient_read
from seglake.adapters.filesystem.sealing import read_footer
from seglake.domain.model.errors import FormatDamaged, UnknownFormat
from seglake.domain.model.segment import RecordRef, Segment, SegmentState
from seglake.domain.ports.files import File, FileSystem

_EVENT, _FOOTER = int(RecordKind.EVENT), int(RecordKind.FOOTER)

Finding = tuple[int, str]
"""A file offset and what is wrong there."""


def check_file(
    files: FileSystem, file: File, segment: bytes, *, payload: bool, limit: int | None = None
) -> Iterator[Finding]:
    """Findings in structure, footer and pack and, with ``payload``, in every payload. OSError when the disk fails.

    With ``limit`` only in the records before it.
    """
    try:
        header, sound = decode_segment_header(patient_read(file)(SEGMENT_HEADER_BYTES, 0))
    except (FormatDamaged, UnknownFormat) as error:
        yield 0, error.hint
        return
    if header.segment != segment:
        yield 0, "the header belongs to another segment"
        return
    if sound < 2:
        yield 0, "one of two header copies is damaged"
    codec = RecordCodec(segment, header.key)
    size = file.size() if limit is None else min(limit, file.size())
    sealed = read_footer(file, codec, size) if limit is None else None
    index = SegmentIndex()
    try:
        yield from _check_records(file, codec, size if sealed is None else sealed[0].end, index, payload=payload)
    except UnknownFormat as error:
        yield 0, error.hint
    if sealed is not None:
        yield from _check_footer(files, segment, size, sealed, index)


def _check_footer(
    files: FileSystem, segment: bytes, size: int, sealed: tuple[Footer, bytes], index: SegmentIndex
) -> Iterator[Finding]:
    footer, digest = sealed
    if footer.gap_bytes:
        yield footer.end, f"{footer.gap_bytes} acknowledged bytes were lost before it was sealed"
    if (index.chunks, index.events) != (footer.records.chunks, footer.records.events):
        yield footer.end, "the footer's index does not match the records"
    row = Segment(segment, SegmentState.SEALED, size, footer.created_ms, digest)
    try:
        finding = pack_finding(files, row, footer.event_count)
    except UnknownFormat as error:
        finding = error.hint
    if finding:
        yield footer.end, finding


def _check_records(
    file: File, codec: RecordCodec, end: int, index: SegmentIndex, *, payload: bool
) -> Iterator[Finding]:
    """Findings in the records before ``end``; what is sound goes into ``index``."""
    expected = 0
    for found in walk(patient_read(file), codec, SEGMENT_HEADER_BYTES, end):
        if isinstance(found, Gap):
            yield found.offset, f"{found.reason} ({found.length} bytes)"
            continue
        kind, sequence, offset, length, digest, content = found
        if sequence < expected:
            yield offset, f"record {sequence} comes after record {expected - 1}"
        expected = sequence + 1
        if kind == _EVENT:
            if blake3(content).digest() != digest:
                yield offset, "an event does not match its BLAKE3"
                continue
            index.add_event(offset, length)
            yield from _unreadable(offset, bytes(content), every=payload)
        elif kind != _FOOTER:
            index.add_chunk(digest, offset + HEADER_BYTES, length)
            if payload and blake3(content).digest() != digest:
                yield offset, "a chunk does not match its BLAKE3"


def _unreadable(offset: int, event: bytes, *, every: bool) -> Iterator[Finding]:
    """Whether an event can be read; a put is read here only when ``every`` one is: live ones are in the index."""
    if not every and manifest_of_put(event)[0] is not None:
        return
    try:
        decode_event(event)
    except (FormatDamaged, UnknownFormat) as error:
        yield offset, error.hint


def differing(
    files: FileSystem, file: File, segment: bytes, records: Iterable[tuple[int, int, int]]
) -> Iterator[RecordRef]:
    """See ``SegmentFiles.differing``; from the pack when it is sound."""
    codec = codec_of(file, segment)
    sealed = None if codec is None else read_footer(file, codec, file.size())
    if sealed is not None:
        footer, digest = sealed
        row = Segment(segment, SegmentState.SEALED, file.size(), footer.created_ms, digest)
        if footer.event_count and sound_pack(files, row, footer.event_count):
            yield from _differing_from_pack(files, segment, records)
            return
    read = patient_read(file)
    for offset, length, content in records:
        ref = RecordRef(segment, offset, length)
        if codec is None or not _holds(read(HEADER_BYTES + length, offset), codec, ref, content):
            yield ref


def _differing_from_pack(
    files: FileSystem, segment: bytes, records: Iterable[tuple[int, int, int]]
) -> Iterator[RecordRef]:
    """Both sides ascend by offset."""
    entries = iter(pack_entries(files, segment))
    place, size, event = -1, 0, memoryview(b"")
    for offset, length, content in records:
        while place < offset:
            entry = next(entries, None)
            if entry is None:
                place = 1 << 64
                break
            place, size, event = entry
        if place != offset or size != length or not _is_put(bytes(event), content):
            yield RecordRef(segment, offset, length)


def _holds(data: bytes, codec: RecordCodec, ref: RecordRef, content: int) -> bool:
    """Whether ``data`` is the sound record at ``ref``, a put of such a manifest."""
    header = codec.parse(data, 0, ref.offset)
    if header is None or header.kind != _EVENT or header.length != ref.length:
        return False
    event = data[HEADER_BYTES:]
    return blake3(event).digest() == header.digest and _is_put(event, content)


def _is_put(event: bytes, content: int) -> bool:
    manifest, _completes = manifest_of_put(event)
    return manifest is not None and content_sum(manifest) == content
