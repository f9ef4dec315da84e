"""Chunks, checksums and part layouts inside a CBOR value: segment ids once in a table, defaults left out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from seglake.adapters.disk_format import strict_cbor as cbor
from seglake.domain.model.digest import Checksum, ChecksumAlgorithm, ChecksumType
from seglake.domain.model.errors import FormatDamaged
from seglake.domain.model.hlc import TICKS_MAX
from seglake.domain.model.manifest import PartLayout
from seglake.domain.model.multipart import PART_NUMBER_MAX
from seglake.domain.model.segment import CHUNK_BYTES, DIGEST_BYTES, SEGMENT_ID_BYTES, ChunkSlice

_ALGORITHMS = {algorithm.value: (algorithm, algorithm.size) for algorithm in ChecksumAlgorithm}
_NO_LAYOUT = "a part is not [number, size] or [number, size, checksum]"


def chunks_out(chunks: Iterable[ChunkSlice]) -> tuple[list[list[Any]], list[bytes]]:
    """``chunks`` as arrays that point into the table of segment ids, and that table."""
    table: dict[bytes, int] = {}
    out: list[list[Any]] = []
    for segment, offset, length, digest, skip, take in chunks:
        index = table.setdefault(segment, len(table))
        if skip or take != length:
            out.append([index, offset, length, digest, skip, take])
        else:
            out.append([index, offset, length, digest])
    return out, list(table)


def chunks_in(rows: object, table: object) -> tuple[ChunkSlice, ...]:
    """What ``chunks_out`` was given; FormatDamaged when a number is out of its bounds."""
    segments = cbor.array(table, "segments")
    for segment in segments:
        if type(segment) is not bytes or len(segment) != SEGMENT_ID_BYTES:
            raise FormatDamaged("a segment id has not 16 bytes")
    known = len(segments)
    out = []
    for row in cbor.array(rows, "chunks"):
        if type(row) is not list or len(row) not in (4, 6):
            raise FormatDamaged("a chunk is not an array of 4 or 6")
        if len(row) == 4:
            index, offset, length, digest = row
            skip, take = 0, length
        else:
            index, offset, length, digest, skip, take = row
        if not (
            type(index) is type(offset) is type(length) is type(skip) is type(take) is int
            and type(digest) is bytes
            and len(digest) == DIGEST_BYTES
            and 0 <= index < known
            and 0 <= offset <= TICKS_MAX
            and length <= CHUNK_BYTES
            and 0 <= skip <= skip + take <= length
        ):
            raise FormatDamaged("a chunk has a wrong type or is out of its bounds")
        out.append(ChunkSlice(segments[index], offset, length, digest, skip, take))
    return tuple(out)


def checksum_out(checksum: Checksum) -> list[Any]:
    """``[algorithm, digest]``, and the number of parts when it is a composite."""
    if checksum.parts:
        return [checksum.algorithm.value, checksum.digest, checksum.parts]
    return [checksum.algorithm.value, checksum.digest]


def checksum_in(value: object) -> Checksum:
    """What ``checksum_out`` was given."""
    row = value if type(value) is list else []
    if len(row) not in (2, 3) or type(row[0]) is not str or row[0] not in _ALGORITHMS:
        raise FormatDamaged("a checksum is not [algorithm, digest] or [algorithm, digest, parts]")
    (algorithm, size), digest = _ALGORITHMS[row[0]], row[1]
    if type(digest) is not bytes or len(digest) != size:
        raise FormatDamaged("a checksum's digest has not its algorithm's size")
    if len(row) == 2:
        return Checksum(algorithm, digest)
    parts = cbor.uint(row[2], "a checksum's parts")
    if not 1 <= parts <= PART_NUMBER_MAX:
        raise FormatDamaged("a composite checksum has 1 to 10,000 parts")
    return Checksum(algorithm, digest, ChecksumType.COMPOSITE, parts)


def layout_out(part: PartLayout) -> list[Any]:
    """``[number, size]``, and the checksum when there is one."""
    if part.checksum is None:
        return [part.number, part.size]
    return [part.number, part.size, checksum_out(part.checksum)]


def layout_in(value: object) -> PartLayout:
    """What ``layout_out`` was given."""
    row = cbor.array(value, "a part")
    if len(row) not in (2, 3):
        raise FormatDamaged(_NO_LAYOUT)
    number, size = cbor.uint(row[0], "a part's number"), cbor.uint(row[1], "a part's size")
    if not 1 <= number <= PART_NUMBER_MAX:
        raise FormatDamaged("part numbers go from 1 to 10,000")
    return PartLayout(number, size, checksum_in(row[2]) if len(row) == 3 else None)
