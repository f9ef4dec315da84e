from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.disk_format.footer import (
    TRAILER_BYTES,
    Footer,
    SegmentIndex,
    Trailer,
    decode_footer,
    decode_trailer,
    encode_footer,
    encode_trailer,
)
from seglake.domain.model.errors import FormatDamaged

TRAILER = Trailer(10_000, 500, b"d" * 32)
SIZE = 10_000 + 500 + TRAILER_BYTES


def footer_of(chunks: int, events: int) -> Footer:
    index = SegmentIndex()
    for number in range(chunks):
        index.add_chunk(bytes((number,)) * 32, 4096 + number, number)
    for number in range(events):
        index.add_event(9000 + number, 10 + number)
    return Footer(index, 9999, 7, 123)


@given(st.integers(0, 5), st.integers(0, 5))
def test_a_footer_comes_back(chunks: int, events: int) -> None:
    footer = footer_of(chunks, events)
    found = decode_footer(encode_footer(footer))
    assert (found.chunk_count, found.event_count) == (chunks, events)
    assert (found.end, found.gap_bytes, found.created_ms) == (9999, 7, 123)
    assert list(found.chunk_places()) == [(bytes((n,)) * 32, 4096 + n, n) for n in range(chunks)]
    assert list(found.records.event_places()) == [(9000 + n, 10 + n) for n in range(events)]
    assert found.records.chunk_bytes == sum(range(chunks))
    assert encode_footer(found) == encode_footer(footer)


def test_a_footer_of_another_length_is_refused() -> None:
    payload = encode_footer(footer_of(2, 2))
    for wrong in (payload[:-1], payload + b"x", payload[:10], b""):
        with pytest.raises(FormatDamaged):
            decode_footer(wrong)


def test_a_trailer_comes_back_and_every_flipped_bit_is_noticed() -> None:
    data = encode_trailer(TRAILER)
    assert len(data) == TRAILER_BYTES
    assert decode_trailer(data, SIZE) == TRAILER
    for bit in range(TRAILER_BYTES * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        assert decode_trailer(bytes(changed), SIZE) is None


def test_a_trailer_fits_one_file_size_only() -> None:
    data = encode_trailer(TRAILER)
    assert decode_trailer(data, SIZE + 1) is None
    assert decode_trailer(data[1:], SIZE) is None
    tiny = Trailer(10_000, 20, b"d" * 32)
    assert decode_trailer(encode_trailer(tiny), 10_000 + 20 + TRAILER_BYTES) is None
