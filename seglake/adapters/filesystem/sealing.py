"""Sealing: footer, trailer, sync, then the manifest pack; only who saw all of it succeed calls a segment sealed."""

from __future__ import annotations

from collections.abc import Iterator

from blake3 import blake3

from seglake.adapters.disk_format.footer import (
    TRAILER_BYTES,
    Footer,
    Trailer,
    decode_footer,
    decode_trailer,
    encode_footer,
    encode_trailer,
)
from seglake.adapters.disk_format.pack import PIECE_BYTES, PackHead, encode_entry_prefix, encode_head, encode_tail
from seglake.adapters.disk_format.records import FOOTER_BYTES_MAX, HEADER_BYTES, RecordCodec, RecordKind, claimed_digest
from seglake.adapters.filesystem.layout import SEGMENTS_DIR, pack_name
from seglake.adapters.filesystem.patient import patient_read
from seglake.adapters.filesystem.publish import publish, sync_directory, sync_file
from seglake.domain.model.errors import FormatDamaged
from seglake.domain.model.segment import Segment, SegmentState
from seglake.domain.ports.files import File, FileSystem

_BLOCK_BYTES = 1 << 20


def seal(files: FileSystem, file: File, codec: RecordCodec, footer: Footer, *, sequence: int) -> Segment:
    """Ends ``file`` at ``footer.end``, synced. Doing it again writes the same bytes. OSError as it comes.

    Records are synced before the footer is written, not only with it: a sound footer vouches for every byte before it,
    also for payload that was never acknowledged, so a power failure must not keep the footer and lose a record.
    ``sequence`` is the number of the footer's record. Returns the row for the index.
    """
    payload = encode_footer(footer)
    digest = blake3(payload).digest()
    header = codec.header(RecordKind.FOOTER, sequence, footer.end, len(payload), digest)
    trailer = encode_trailer(Trailer(footer.end, len(header) + len(payload), digest))
    sync_file(file)
    file.pwritev([header, payload, trailer], footer.end)
    sync_file(file)
    sync_directory(files, SEGMENTS_DIR)
    size = footer.end + len(header) + len(payload) + len(trailer)
    return Segment(codec.segment, SegmentState.SEALED, size, footer.created_ms, digest)


def write_pack(files: FileSystem, file: File, codec: RecordCodec, footer: Footer, row: Segment) -> None:
    """Writes the manifest pack of a segment sealed as ``row``; none when it holds no events.

    OSError as it comes. FormatDamaged when an event is not what was written: then there is no pack, lest one is trusted
    that lacks it.
    """
    if footer.event_count:
        publish(files, pack_name(codec.segment), _pack(file, codec, footer, row.footer))


def read_footer(file: File, codec: RecordCodec, size: int) -> tuple[Footer, bytes] | None:
    """The footer of a sealed file of ``size`` bytes and its BLAKE3, or None when the file is not soundly sealed."""
    if size < TRAILER_BYTES:
        return None
    trailer = decode_trailer(file.pread(TRAILER_BYTES, size - TRAILER_BYTES), size)
    if trailer is None or trailer.length > HEADER_BYTES + FOOTER_BYTES_MAX:
        return None
    data = file.pread(trailer.length, trailer.offset)
    header = codec.parse(data, 0, trailer.offset)
    if header is None or header.kind != RecordKind.FOOTER or header.length != len(data) - HEADER_BYTES:
        return None
    payload = memoryview(data)[HEADER_BYTES:]
    if header.digest != trailer.digest or blake3(payload).digest() != header.digest:
        return None
    try:
        footer = decode_footer(payload)
    except FormatDamaged:
        return None
    return (footer, header.digest) if footer.end == trailer.offset else None


def _pack(file: File, codec: RecordCodec, footer: Footer, digest: bytes) -> Iterator[bytes]:
    """The pieces of the pack; every event is verified on its way, because a pack is trusted as a whole later."""
    hasher = blake3()
    pieces = [encode_head(PackHead(codec.segment, digest, footer.created_ms))]
    gathered = count = 0
    for offset, payload in _events(file, footer):
        pieces.append(encode_entry_prefix(offset, len(payload)))
        pieces.append(bytes(payload))
        gathered += len(payload)
        count += 1
        if gathered >= PIECE_BYTES:
            piece = b"".join(pieces)
            hasher.update(piece)
            yield piece
            pieces.clear()
            gathered = 0
    piece = b"".join(pieces)
    hasher.update(piece)
    yield piece
    yield encode_tail(count, hasher)


def _events(file: File, footer: Footer) -> Iterator[tuple[int, memoryview]]:
    """Header offset and verified payload of each event of the index; FormatDamaged when one is not what was written."""
    read = patient_read(file)
    block, base = memoryview(b""), 0
    for offset, length in footer.records.event_places():
        end = offset + HEADER_BYTES + length
        if offset < base or end > base + len(block):
            size = max(HEADER_BYTES + length, min(_BLOCK_BYTES, footer.end - offset))
            block, base = memoryview(read(size, offset)), offset
        at = offset - base
        payload = block[at + HEADER_BYTES : end - base]
        if blake3(payload).digest() != claimed_digest(block, at):
            raise FormatDamaged("an event changed between its sync and the sealing of its segment", offset)
        yield offset, payload
