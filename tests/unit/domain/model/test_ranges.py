from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.domain.model.errors import RangeNotSatisfiable
from seglake.domain.model.ranges import ByteRange, From, FromTo, RangeSpec, Suffix, resolve, resolve_all

SPECS: st.SearchStrategy[RangeSpec] = st.one_of(
    st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda pair: FromTo(min(pair), max(pair))),
    st.integers(0, 40).map(From),
    st.integers(0, 40).map(Suffix),
)


def _chosen(spec: RangeSpec, size: int) -> list[int]:
    match spec:
        case FromTo(first, last):
            return [i for i in range(size) if first <= i <= last]
        case From(first):
            return [i for i in range(size) if i >= first]
        case Suffix(length):
            return [i for i in range(size) if i >= size - length]


@given(SPECS, st.integers(0, 30))
def test_a_range_is_the_bytes_that_it_names(spec: RangeSpec, size: int) -> None:
    found = resolve(spec, size)
    got = [] if found is None else list(range(found.first, found.last + 1))
    assert got == _chosen(spec, size)


def test_only_ranges_that_overlap_are_kept_in_the_order_asked() -> None:
    assert resolve_all((From(5), FromTo(90, 99), FromTo(0, 1)), 10) == (ByteRange(5, 5), ByteRange(0, 2))


def test_no_overlap_at_all_is_refused_with_the_size() -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        resolve_all((From(10), Suffix(0)), 10)
    assert caught.value.size == 10


def test_ranges_that_sum_up_to_more_than_the_object_give_the_whole() -> None:
    assert resolve_all((From(0), From(0)), 10) == (ByteRange(0, 10),)
