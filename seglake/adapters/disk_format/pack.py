"""A manifest pack: the events of one sealed segment again, as a CBOR sequence (RFC 8742) that any CBOR tool can open.

First a map about the pack, then ``[offset, length, event]`` for each event of the segment, last a map with their count
and the BLAKE3 of everything before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct
from typing import NamedTuple

from blake3 import blake3

from seglake.adapters.disk_format import strict_cbor as cbor
from seglake.adapters.disk_format.records import EVENT_BYTES_MAX
from seglake.domain.model.errors import FormatDamaged, UnknownFormat

PACK_VERSION = 1
PIECE_BYTES = 4 << 20
_COMMON_PREFIX = Struct(">BBIBH")
_NUMBERS = Struct(">xxIxH").unpack_from
_SHORT_NUMBERS = Struct(">xxIxB").unpack_from
_FORMAT = b"\xa5fformatqseglake-manifests"
_CREATED = b"gcreated\x1b"
_SEGMENT = b"gsegment\x50"
_END = b"gversion"
_SEALED = b"fsealed\x58\x20"
_HEAD_BYTES = len(_FORMAT) + len(_SEALED) + 32 + len(_CREATED) + 8 + len(_SEGMENT) + 16 + len(_END) + 1
_TAIL = b"\xa2ecount\x1b"
_DIGEST = b"fblake3\x58\x20"
_TAIL_BYTES = len(_TAIL) + 8 + len(_DIGEST) + 32


class PackHead(NamedTuple):
    """Which segment's events these are, its footer's BLAKE3, and when it was begun (ms since the epoch)."""

    segment: bytes
    footer: bytes
    created_ms: int


def encode_head(head: PackHead) -> bytes:
    """The first item: a map of format, sealed, created, segment and version, every value in a fixed width."""
    created = head.created_ms.to_bytes(8, "big")
    return b"".join(
        (_FORMAT, _SEALED, head.footer, _CREATED, created, _SEGMENT, head.segment, _END, bytes((PACK_VERSION,)))
    )


def _decode_head(data: bytes) -> PackHead:
    if len(data) != _HEAD_BYTES or not data.startswith(_FORMAT):
        raise FormatDamaged("not a manifest pack")
    footer = len(_FORMAT) + len(_SEALED)
    created = footer + 32 + len(_CREATED)
    segment = created + 8 + len(_SEGMENT)
    number = int.from_bytes(data[created : created + 8], "big")
    head = PackHead(data[segment : segment + 16], data[footer : footer + 32], number)
    if encode_head(head)[:-1] != data[:-1]:
        raise FormatDamaged("a manifest pack's head is not well formed")
    return head


def encode_entry_prefix(offset: int, length: int) -> bytes:
    """What stands before an event's own bytes."""
    if 1 << 16 <= offset < 1 << 32 and 1 << 8 <= length < 1 << 16:
        return _COMMON_PREFIX.pack(0x83, 0x1A, offset, 0x19, length)  # nearly all events; six times as fast
    return b"\x83" + cbor.dumps(offset) + cbor.dumps(length)


def encode_tail(count: int, hasher: blake3) -> bytes:
    """The last item: ``{"count": n, "blake3": digest}`` with n in eight bytes, so that its place is known.

    ``hasher`` has seen everything before the item; the digest covers the count, too.
    """
    begin = b"".join((_TAIL, count.to_bytes(8, "big"), _DIGEST))
    hasher.update(begin)
    return begin + hasher.digest()


def check_pack(read: Callable[[int, int], bytes], size: int) -> tuple[PackHead, int]:
    """Reads the whole pack once and compares its digest; returns its head and how many events it has.

    ``read(size, offset)`` as a file's pread. FormatDamaged, or UnknownFormat when it is newer than this program.
    """
    end = size - _TAIL_BYTES
    if end < _HEAD_BYTES:
        raise FormatDamaged("a manifest pack is too short")
    start = read(_HEAD_BYTES, 0)
    head = _decode_head(start)
    hasher = blake3()
    position = 0
    while position < end:
        piece = read(min(PIECE_BYTES, end - position), position)
        if not piece:
            raise FormatDamaged("a manifest pack ends early", position)
        hasher.update(piece)
        position += len(piece)
    tail = read(_TAIL_BYTES, end)
    count = int.from_bytes(tail[len(_TAIL) : len(_TAIL) + 8], "big")
    if tail != encode_tail(count, hasher):
        raise FormatDamaged("a manifest pack's checksum does not match", end)
    # Only now: a version that rotted is damage, and must not pass for a newer program's.
    if start[-1] != PACK_VERSION:
        raise UnknownFormat(f"the manifest pack has format version {start[-1]}; this program knows {PACK_VERSION}")
    return head, count


def entries(read: Callable[[int, int], bytes], size: int) -> Iterator[tuple[int, int, memoryview]]:
    """Record offset, payload length and event bytes of each entry of a pack that ``check_pack`` found sound."""
    end = size - _TAIL_BYTES
    position = _HEAD_BYTES
    block, base = memoryview(b""), position
    while position < end:
        at = position - base
        if at + 32 > len(block) and base + len(block) < end:
            block, base, at = memoryview(read(min(PIECE_BYTES, end - position), position)), position, 0
        if block[at] != 0x83:
            raise FormatDamaged("a manifest pack holds something that is not an entry", position)
        if at + 10 <= len(block) and block[at + 1] == 0x1A and 0x18 <= block[at + 6] <= 0x19:
            # Nearly all entries: an offset of four bytes, a length of one or two; a quarter of the time.
            short = block[at + 6] == 0x18
            offset, length = _SHORT_NUMBERS(block, at) if short else _NUMBERS(block, at)
            after = at + (8 if short else 9)
        else:
            offset, after = _unsigned(block, at + 1)
            length, after = _unsigned(block, after)
        stop = base + after + length
        if length > EVENT_BYTES_MAX or stop > end:
            raise FormatDamaged("an entry of a manifest pack reaches beyond its end", position)
        if stop - base > len(block):
            start = base + after
            block, base, after = memoryview(read(max(length, min(PIECE_BYTES, end - start)), start)), start, 0
        yield offset, length, block[after : after + length]
        position = stop


def _unsigned(data: memoryview, at: int) -> tuple[int, int]:
    """The unsigned integer at ``at`` (RFC 8949 section 3.1, major type 0) and where it ends."""
    if at >= len(data):
        raise FormatDamaged("a manifest pack ends inside an entry")
    first = data[at]
    if first < 24:
        return first, at + 1
    if first > 27:
        raise FormatDamaged("a manifest pack holds something that is not a number")
    size = 1 << (first - 24)
    return int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size
