from __future__ import annotations

import pytest
from blake3 import blake3

from seglake.adapters.disk_format.segment import (
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    decode_segment_header,
    encode_segment_header,
)
from seglake.domain.model.errors import FormatDamaged, UnknownFormat

HEADER = SegmentHeader(b"s" * 16, b"k" * 32, b"w" * 16, 1_700_000_000_000)
REGION = encode_segment_header(HEADER)


def test_a_header_comes_back_from_both_copies() -> None:
    assert len(REGION) == SEGMENT_HEADER_BYTES
    assert decode_segment_header(REGION) == (HEADER, 2)


def test_one_bad_sector_takes_one_copy() -> None:
    for sector in range(0, SEGMENT_HEADER_BYTES, 512):
        damaged = REGION[:sector] + bytes(512) + REGION[sector + 512 :]
        assert decode_segment_header(damaged) == (HEADER, 1 if sector in (0, 2048) else 2)


def test_every_flipped_bit_of_a_copy_is_noticed() -> None:
    for bit in range(128 * 8):
        damaged = bytearray(REGION)
        damaged[bit // 8] ^= 1 << bit % 8
        assert decode_segment_header(bytes(damaged)) == (HEADER, 1), f"bit {bit}"


@pytest.mark.parametrize("region", [b"", bytes(SEGMENT_HEADER_BYTES), REGION[:127], b"x" * SEGMENT_HEADER_BYTES])
def test_no_copy_no_header(region: bytes) -> None:
    with pytest.raises(FormatDamaged):
        decode_segment_header(region)


def test_a_cut_region_still_gives_its_first_copy() -> None:
    assert decode_segment_header(REGION[:128]) == (HEADER, 1)


def test_a_newer_version_is_told_from_damage() -> None:
    fields = REGION[:8] + b"\2\0" + REGION[10:96]
    with pytest.raises(UnknownFormat):
        decode_segment_header(fields + blake3(fields).digest())
