"""A sealed segment ends in an index of its records and a fixed trailer, so it can be read from its end.

The footer is an ordinary record, authenticated like all others; the trailer only says where it begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from blake3 import blake3

from seglake.adapters.disk_format.records import HEADER_BYTES
from seglake.domain.model.errors import FormatDamaged

TRAILER_MAGIC = b"\x89SEGEN\r\n"
TRAILER_BYTES = 64
INDEX_BYTES_MAX = 16 << 20
"""A lane turns to a new segment when its index has this size, so a footer is bounded, however small the payloads."""

_COUNTS = Struct("<IIQQQQQ")  # chunks, events, chunk bytes, event bytes, end, gap bytes, created
_CHUNK = Struct("<32sQI")
_EVENT = Struct("<QI")
_TRAILER = Struct("<8sQQ32s")
_CHECK_BYTES = 8


class SegmentIndex:
    """What a segment holds, gathered record by record in file order."""

    __slots__ = ("chunk_bytes", "chunks", "event_bytes", "events")

    def __init__(self) -> None:
        self.chunks = bytearray()
        self.events = bytearray()
        self.chunk_bytes = 0
        self.event_bytes = 0

    def add_chunk(self, digest: bytes, offset: int, length: int) -> None:
        """Notes a chunk whose payload begins at ``offset``."""
        self.chunks += _CHUNK.pack(digest, offset, length)
        self.chunk_bytes += length

    def add_event(self, offset: int, length: int) -> None:
        """Notes an event whose record header stands at ``offset``."""
        self.events += _EVENT.pack(offset, length)
        self.event_bytes += length

    @property
    def size(self) -> int:
        """Bytes of the index so far."""
        return len(self.chunks) + len(self.events)

    def event_places(self) -> Iterator[tuple[int, int]]:
        """Header offset and payload length of each event."""
        return _EVENT.iter_unpack(self.events)


class Footer(NamedTuple):
    """A footer's content; ``end`` is where the records end and it begins, ``gap_bytes`` what was damaged before it."""

    records: SegmentIndex
    end: int
    gap_bytes: int
    created_ms: int

    @property
    def chunk_count(self) -> int:
        """How many chunk records there are."""
        return len(self.records.chunks) // _CHUNK.size

    @property
    def event_count(self) -> int:
        """How many event records there are."""
        return len(self.records.events) // _EVENT.size

    def chunk_places(self) -> Iterator[tuple[bytes, int, int]]:
        """Digest, payload offset and length of each chunk, in file order."""
        return _CHUNK.iter_unpack(self.records.chunks)


def encode_footer(footer: Footer) -> bytes:
    """The footer record's payload; the same bytes for the same records."""
    index = footer.records
    counts = _COUNTS.pack(
        footer.chunk_count,
        footer.event_count,
        index.chunk_bytes,
        index.event_bytes,
        footer.end,
        footer.gap_bytes,
        footer.created_ms,
    )
    return b"".join((counts, index.chunks, index.events))


def decode_footer(payload: bytes | memoryview) -> Footer:
    """The footer in a record's payload; FormatDamaged when its sizes do not fit together."""
    if len(payload) < _COUNTS.size:
        raise FormatDamaged("a footer is too short")
    chunks, events, chunk_bytes, event_bytes, end, gap_bytes, created_ms = _COUNTS.unpack_from(payload)
    middle = _COUNTS.size + chunks * _CHUNK.size
    if middle + events * _EVENT.size != len(payload):
        raise FormatDamaged("a footer's counts do not fit its length")
    index = SegmentIndex()
    index.chunks += payload[_COUNTS.size : middle]
    index.events += payload[middle:]
    index.chunk_bytes, index.event_bytes = chunk_bytes, event_bytes
    return Footer(index, end, gap_bytes, created_ms)


class Trailer(NamedTuple):
    """Where the footer record begins, how many bytes it has with its header, and its payload's BLAKE3."""

    offset: int
    length: int
    digest: bytes


def encode_trailer(trailer: Trailer) -> bytes:
    """The last 64 bytes of a sealed segment."""
    fields = _TRAILER.pack(TRAILER_MAGIC, trailer.offset, trailer.length, trailer.digest)
    return fields + blake3(fields).digest(_CHECK_BYTES)


def decode_trailer(data: bytes, file_size: int) -> Trailer | None:
    """The trailer in the last bytes of a file of ``file_size`` bytes; None when there is no sound one that fits it."""
    if len(data) != TRAILER_BYTES:
        return None
    fields = data[: _TRAILER.size]
    magic, offset, length, digest = _TRAILER.unpack(fields)
    if magic != TRAILER_MAGIC or blake3(fields).digest(_CHECK_BYTES) != data[_TRAILER.size :]:
        return None
    if length < HEADER_BYTES or offset + length + TRAILER_BYTES != file_size:
        return None
    return Trailer(offset, length, digest)
