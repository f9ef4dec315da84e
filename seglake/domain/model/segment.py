"""A segment is an append-only file of records; what was once acknowledged in it never changes place or content."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from .hlc import HLC

CHUNK_BYTES = 4 << 20
"""A payload is cut into chunks of this size; the last may be smaller."""

DIGEST_BYTES = 32
SEGMENT_ID_BYTES = 16


class SegmentState(IntEnum):
    """OPEN segments have a live writer or await recovery; SEALED ones end in a footer and never change.

    DOOMED ones are garbage, or not yet anything else: nothing may refer to them from now on, and the file goes away.
    """

    OPEN = 1
    SEALED = 2
    DOOMED = 3


class RecordRef(NamedTuple):
    """Where a record lies: segment id (16 bytes), file offset of its header, length of its payload (bytes)."""

    segment: bytes
    offset: int
    length: int


class ChunkSlice(NamedTuple):
    """A run of bytes of one stored chunk.

    ``offset`` and ``length`` frame the whole chunk's payload in the segment file, ``digest`` is its BLAKE3;
    ``skip`` and ``take`` choose the bytes of it that belong to the object (all lengths in bytes).
    """

    segment: bytes
    offset: int
    length: int
    digest: bytes
    skip: int
    take: int


class Held(NamedTuple):
    """What one version keeps alive: whole chunks (segment, offset and length in bytes) and its manifest's record."""

    bucket_id: int
    key: str
    stamp: HLC
    chunks: list[tuple[bytes, int, int]]
    ref: RecordRef


class DurableMark(NamedTuple):
    """Everything in the segment before ``length`` bytes is synced; what lies beyond is not acknowledged."""

    segment: bytes
    length: int


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment as the index knows it: ``committed`` is the acknowledged length in bytes."""

    id: bytes
    state: SegmentState
    committed: int
    created_ms: int
    footer: bytes = b""
    """BLAKE3 of the footer once sealed, else empty; a doomed segment keeps what it had."""

    def __post_init__(self) -> None:
        assert len(self.id) == SEGMENT_ID_BYTES, "a segment id has 16 bytes"
        assert self.committed >= 0, "a length is not negative"
        sealed = bool(self.footer)
        assert self.state is SegmentState.DOOMED or sealed == (self.state is SegmentState.SEALED), (
            "exactly a sealed segment has a footer"
        )


def same_bytes(one: tuple[ChunkSlice, ...], other: tuple[ChunkSlice, ...]) -> bool:
    """Whether both name the same bytes, wherever these lie."""
    return len(one) == len(other) and all(a[2:] == b[2:] for a, b in zip(one, other, strict=True))


def slice_chunks(chunks: tuple[ChunkSlice, ...], first: int, length: int) -> tuple[ChunkSlice, ...]:
    """The slices that make up ``length`` bytes from ``first`` of an object made of ``chunks``."""
    out = []
    position, end = 0, first + length
    for chunk in chunks:
        begin, stop = position, position + chunk.take
        position = stop
        if stop <= first:
            continue
        if begin >= end:
            break
        head = max(0, first - begin)
        tail = max(0, stop - end)
        out.append(chunk._replace(skip=chunk.skip + head, take=chunk.take - head - tail))
    return tuple(out)
