from __future__ import annotations

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.disk_format.records import HEADER_BYTES, PAYLOAD_MAX, RecordCodec, RecordHeader, RecordKind
from seglake.domain.model.errors import UnknownFormat

SEGMENT, KEY, DIGEST = b"s" * 16, b"k" * 32, b"d" * 32
CODEC = RecordCodec(SEGMENT, KEY)
HEADER = CODEC.header(RecordKind.CHUNK, 3, 5000, 77, DIGEST)


@given(st.sampled_from(RecordKind), st.integers(0, 2**32 - 1), st.integers(0, 2**62), st.integers(0, 4 << 20))
def test_a_header_comes_back(kind: RecordKind, sequence: int, offset: int, length: int) -> None:
    header = CODEC.header(kind, sequence, offset, length, DIGEST)
    assert len(header) == HEADER_BYTES
    expected = RecordHeader(kind, sequence, offset, length, DIGEST)
    assert CODEC.parse(b"xyz" + header + b"payload", 3, offset) == expected
    assert CODEC.parse(memoryview(header), 0, offset) == expected


def test_every_flipped_bit_of_a_header_is_noticed() -> None:
    for bit in range(HEADER_BYTES * 8):
        changed = bytearray(HEADER)
        changed[bit // 8] ^= 1 << bit % 8
        assert CODEC.parse(bytes(changed), 0, 5000) is None, f"bit {bit}"


def test_a_header_is_good_for_its_place_segment_and_key_only() -> None:
    assert CODEC.parse(HEADER, 0, 5001) is None
    assert RecordCodec(b"t" * 16, KEY).parse(HEADER, 0, 5000) is None
    assert RecordCodec(SEGMENT, b"l" * 32).parse(HEADER, 0, 5000) is None


def test_a_short_header_is_none() -> None:
    for size in range(HEADER_BYTES):
        assert CODEC.parse(HEADER[:size], 0, 5000) is None


def sealed(fields: bytes) -> bytes:
    return fields + blake3(fields, key=KEY).digest(16)


def test_an_authentic_header_of_a_newer_version_or_kind_is_told_from_damage() -> None:
    for place, value in ((4, 2), (5, 9), (5, 0)):
        fields = bytearray(HEADER[:72])
        fields[place] = value
        with pytest.raises(UnknownFormat):
            CODEC.parse(sealed(bytes(fields)), 0, 5000)


@pytest.mark.parametrize("kind", list(RecordKind))
def test_lengths_are_bounded_on_both_sides(kind: RecordKind) -> None:
    longest = CODEC.header(kind, 0, 5000, PAYLOAD_MAX[kind], DIGEST)
    assert CODEC.parse(longest, 0, 5000) is not None
    with pytest.raises(AssertionError):
        CODEC.header(kind, 0, 5000, PAYLOAD_MAX[kind] + 1, DIGEST)
    fields = bytearray(longest[:72])
    fields[8:12] = (PAYLOAD_MAX[kind] + 1).to_bytes(4, "little")
    assert CODEC.parse(sealed(bytes(fields)), 0, 5000) is None
