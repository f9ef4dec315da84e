"""Walking a segment: every sound record once, in file order, and every stretch between them as a gap.

Reads are sequential and large. Nothing is trusted before its header's keyed check; a damaged header is stepped over by
searching the next sound one, which object bytes cannot imitate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from seglake.adapters.disk_format.records import HEADER_BYTES, RECORD_MAGIC, RecordCodec

BLOCK_BYTES = 8 << 20

Read = Callable[[int, int], bytes]
"""``read(size, offset)``: up to ``size`` bytes, fewer only at the end of the file."""


class Found(NamedTuple):
    """One record: kind, sequence, header offset, payload length, payload BLAKE3, and the payload, not yet verified."""

    kind: int
    sequence: int
    offset: int
    length: int
    digest: bytes
    payload: memoryview


class Gap(NamedTuple):
    """A stretch without a sound record; ``reason`` is for a person."""

    offset: int
    length: int
    reason: str


def walk(read: Read, codec: RecordCodec, start: int, stop: int) -> Iterator[Found | Gap]:
    """Records and gaps from ``start`` to ``stop``. UnknownFormat when a sound record is of a newer version."""
    # This loop runs half a million times for a full segment: headers are cut from bytes, payloads from a view.
    data, base, position = b"", start, start
    block = memoryview(data)
    while position < stop:
        at = position - base
        if at + HEADER_BYTES > len(data):
            data, base, at = read(min(BLOCK_BYTES, stop - position), position), position, 0
            block = memoryview(data)
        header = codec.parse(data, at, position)
        if header is None:
            gap = _gap(read, codec, position, stop)
            yield gap
            position = gap.offset + gap.length
            continue
        kind, sequence, offset, length, digest = header
        end = position + HEADER_BYTES + length
        if end > stop:
            yield Gap(position, stop - position, "a record reaches beyond the end")
            return
        if end - base > len(data):
            size = max(BLOCK_BYTES, end - position)
            data, base, at = read(min(size, stop - position), position), position, 0
            block = memoryview(data)
            if len(data) < end - position:
                yield Gap(position, stop - position, "the file ends inside a record")
                return
        yield Found(kind, sequence, offset, length, digest, block[at + HEADER_BYTES : end - base])
        position = end


def _gap(read: Read, codec: RecordCodec, position: int, stop: int) -> Gap:
    """The gap that begins at ``position`` and ends at the next sound header, or at ``stop``."""
    base = position + 1
    segment = codec.segment
    while base + HEADER_BYTES <= stop:
        block = read(min(BLOCK_BYTES, stop - base), base)
        if len(block) < HEADER_BYTES:
            break
        at = block.find(RECORD_MAGIC)
        while at != -1 and at + HEADER_BYTES <= len(block):
            # The id is compared first: it keeps bytes full of magic numbers from costing a keyed hash each.
            if block[at + 16 : at + 32] == segment and codec.parse(block, at, base + at) is not None:
                return Gap(position, base + at - position, "a damaged record header")
            at = block.find(RECORD_MAGIC, at + 1)
        base += len(block) - HEADER_BYTES + 1
    return Gap(position, stop - position, "no sound record from here on")
