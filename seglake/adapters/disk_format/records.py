"""A record is a fixed header and its payload.

The header is authenticated by the segment's own key, so object bytes cannot pose as one.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from blake3 import blake3

from seglake.domain.model.errors import UnknownFormat
from seglake.domain.model.segment import CHUNK_BYTES

RECORD_MAGIC = b"\x89SLR"
RECORD_VERSION = 1
HEADER_BYTES = 88
MAC_BYTES = 16
EVENT_BYTES_MAX = 64 << 20
"""The manifest of a 5 TiB object in 4 MiB chunks has about 60 MB."""
FOOTER_BYTES_MAX = 32 << 20

_FIELDS = Struct("<4sBBHII16sQ32s")
_FIELD_BYTES = _FIELDS.size
_DIGEST_AT = _FIELD_BYTES - 32
assert _FIELD_BYTES + MAC_BYTES == HEADER_BYTES


class RecordKind(IntEnum):
    """What a record's payload is: an object's bytes, a CBOR event, or the index of a sealed segment."""

    CHUNK = 1
    EVENT = 2
    FOOTER = 3


PAYLOAD_MAX = {RecordKind.CHUNK: CHUNK_BYTES, RecordKind.EVENT: EVENT_BYTES_MAX, RecordKind.FOOTER: FOOTER_BYTES_MAX}
_LIMITS: dict[int, int] = {int(kind): size for kind, size in PAYLOAD_MAX.items()}


class RecordHeader(NamedTuple):
    """A sound header: kind, number of the record in its file, file offset, payload length in bytes, payload BLAKE3."""

    kind: int
    sequence: int
    offset: int
    length: int
    digest: bytes


def claimed_digest(data: bytes | memoryview, at: int) -> bytes:
    """The payload BLAKE3 that a header at ``data[at:]`` names, unauthenticated: good for finding rot, not forgery."""
    return bytes(data[at + _DIGEST_AT : at + _DIGEST_AT + 32])


class RecordCodec:
    """Writes and recognises the record headers of one segment."""

    __slots__ = ("_key", "segment")

    def __init__(self, segment: bytes, key: bytes) -> None:
        self.segment = segment
        self._key = key

    def header(self, kind: int, sequence: int, offset: int, length: int, digest: bytes) -> bytes:
        """The 88 bytes before a payload of ``length`` bytes whose BLAKE3 is ``digest``."""
        assert length <= _LIMITS[kind], "no payload is longer than its kind allows"
        fields = _FIELDS.pack(RECORD_MAGIC, RECORD_VERSION, kind, 0, length, sequence, self.segment, offset, digest)
        return fields + blake3(fields, key=self._key).digest(MAC_BYTES)

    def parse(self, data: bytes | memoryview, at: int, offset: int) -> RecordHeader | None:
        """The header at ``data[at:]``, which stands at ``offset`` in the file; None when there is no sound one.

        UnknownFormat when it is sound but of a version or kind that this program does not know.
        """
        header = bytes(data[at : at + HEADER_BYTES])
        fields = header[:_FIELD_BYTES]
        if blake3(fields, key=self._key).digest(MAC_BYTES) != header[_FIELD_BYTES:]:
            return None
        magic, version, kind, _, length, sequence, segment, place, digest = _FIELDS.unpack(fields)
        if place != offset or segment != self.segment or magic != RECORD_MAGIC:
            return None  # a sound header in a wrong place: a misdirected or stale write
        if version != RECORD_VERSION or kind not in _LIMITS:
            raise UnknownFormat(
                f"a record at byte {offset} has version {version} and kind {kind}, unknown to this program"
            )
        if length > _LIMITS[kind]:
            return None
        return RecordHeader(kind, sequence, offset, length, digest)
