from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seglake.domain.model.segment import ChunkSlice, slice_chunks


def _bytes(slices: tuple[ChunkSlice, ...]) -> list[tuple[int, int]]:
    """Every byte as (chunk, position in it)."""
    return [(chunk.offset, at) for chunk in slices for at in range(chunk.skip, chunk.skip + chunk.take)]


@st.composite
def _objects(draw: st.DrawFn) -> tuple[tuple[ChunkSlice, ...], int, int]:
    chunks = []
    for number in range(draw(st.integers(0, 5))):
        length = draw(st.integers(1, 6))
        skip = draw(st.integers(0, length - 1))
        take = draw(st.integers(1, length - skip))
        chunks.append(ChunkSlice(b"s" * 16, number, length, b"d" * 32, skip, take))
    size = sum(chunk.take for chunk in chunks)
    first = draw(st.integers(0, size))
    return tuple(chunks), first, draw(st.integers(1, size - first)) if first < size else 0


@given(_objects())
def test_a_slice_of_an_object_is_those_bytes_and_no_empty_chunk(case: tuple[tuple[ChunkSlice, ...], int, int]) -> None:
    chunks, first, length = case
    found = slice_chunks(chunks, first, length)
    assert _bytes(found) == _bytes(chunks)[first : first + length]
    assert all(chunk.take > 0 for chunk in found)


@given(_objects())
def test_the_whole_chunk_stays_known_for_its_digest(case: tuple[tuple[ChunkSlice, ...], int, int]) -> None:
    chunks, first, length = case
    whole = {(chunk.offset, chunk.length, chunk.digest) for chunk in chunks}
    assert {(chunk.offset, chunk.length, chunk.digest) for chunk in slice_chunks(chunks, first, length)} <= whole
