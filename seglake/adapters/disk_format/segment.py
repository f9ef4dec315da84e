"""A segment file begins with its header, twice: who wrote it, when, and the key that makes its records unforgeable.

The header region has 4,096 bytes; the copies lie at 0 and 2,048 so that one bad sector takes only one of them.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from blake3 import blake3

from seglake.domain.model.errors import FormatDamaged, UnknownFormat

SEGMENT_MAGIC = b"\x89SEGLK\r\n"
SEGMENT_VERSION = 1
SEGMENT_HEADER_BYTES = 4096
"""Bytes before the first record."""
COPY_OFFSETS = (0, 2048)
KEY_BYTES = 32

_FIELDS = Struct("<8sHHI16s32sQ16s8x")  # 96 bytes, followed by their BLAKE3
_COPY_BYTES = _FIELDS.size + 32


class SegmentHeader(NamedTuple):
    """Segment id and writer id (16 bytes each), record key (32 bytes), creation in ms since the epoch."""

    segment: bytes
    key: bytes
    writer: bytes
    created_ms: int


def encode_segment_header(header: SegmentHeader) -> bytes:
    """The header region of a new segment file."""
    assert [len(field) for field in header[:3]] == [16, KEY_BYTES, 16], "sizes are fixed"
    fields = _FIELDS.pack(
        SEGMENT_MAGIC,
        SEGMENT_VERSION,
        0,
        SEGMENT_HEADER_BYTES,
        header.segment,
        header.key,
        header.created_ms,
        header.writer,
    )
    copy = fields + blake3(fields).digest()
    return copy.ljust(COPY_OFFSETS[1], b"\0") + copy.ljust(SEGMENT_HEADER_BYTES - COPY_OFFSETS[1], b"\0")


def encode_header_copy(header: SegmentHeader) -> bytes:
    """One copy of the header, to be written at one of ``COPY_OFFSETS``."""
    return encode_segment_header(header)[:_COPY_BYTES]


def damaged_copies(region: bytes) -> tuple[int, ...]:
    """Offsets of the copies that do not match their checksum."""
    return tuple(
        [
            offset
            for offset in COPY_OFFSETS
            if blake3(region[offset : offset + _FIELDS.size]).digest()
            != region[offset + _FIELDS.size : offset + _COPY_BYTES]
        ]
    )


def decode_segment_header(region: bytes) -> tuple[SegmentHeader, int]:
    """The header and how many of its two copies are sound.

    UnknownFormat for a version that is not known here, FormatDamaged when neither copy is sound.
    """
    found: SegmentHeader | None = None
    sound = 0
    for offset in COPY_OFFSETS:
        fields = region[offset : offset + _FIELDS.size]
        check = region[offset + _FIELDS.size : offset + _COPY_BYTES]
        if len(check) != 32 or blake3(fields).digest() != check:
            continue
        magic, version, _, size, segment, key, created_ms, writer = _FIELDS.unpack(fields)
        if magic != SEGMENT_MAGIC:
            continue
        if version != SEGMENT_VERSION or size != SEGMENT_HEADER_BYTES:
            raise UnknownFormat(f"the segment has format version {version}; this program knows {SEGMENT_VERSION}")
        found = SegmentHeader(segment, key, writer, created_ms)
        sound += 1
    if found is None:
        raise FormatDamaged("no sound segment header")
    return found, sound
