"""Buckets cover all numbers without a gap, and quantiles are near those of the numbers themselves."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.telemetry.spread import (
    BUCKETS,
    VALUE_MAX,
    Spread,
    below_powers,
    bucket_of,
    edges_of,
    quantile,
)

VALUES = st.one_of(st.integers(0, 100), st.integers(0, 100_000), st.integers(0, VALUE_MAX))


def test_the_buckets_follow_each_other_without_a_gap() -> None:
    edges = [edges_of(bucket) for bucket in range(BUCKETS)]
    assert edges[0][0] == 0
    assert edges[-1][1] == VALUE_MAX + 1
    assert all(one[1] == other[0] for one, other in pairwise(edges))


@given(VALUES)
def test_a_number_lies_in_its_bucket(value: int) -> None:
    first, following = edges_of(bucket_of(value))
    assert first <= value < following
    assert following - first <= max(1, first // 16)


@given(st.lists(VALUES, min_size=1, max_size=300), st.sampled_from([0.0, 0.01, 0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_near_that_of_the_sorted_numbers(values: list[int], share: float) -> None:
    spread = Spread()
    for value in values:
        spread.add(value)
    ranked = sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
    assert quantile(spread.counts, share) == pytest.approx(ranked, rel=1 / 16, abs=1)
    assert spread.total == sum(values)


def test_nothing_counted_has_no_quantile() -> None:
    assert quantile(Spread().counts, 0.99) == 0.0


@given(st.lists(VALUES, max_size=300))
def test_counts_below_powers_of_two_are_exact(values: list[int]) -> None:
    spread = Spread()
    for value in values:
        spread.add(value)
    powers = list(range(1, 33))
    assert below_powers(spread.copy(), powers) == [sum(value < 1 << power for value in values) for power in powers]


def test_numbers_out_of_range_count_as_the_nearest() -> None:
    spread = Spread()
    spread.add(-5)
    spread.add(VALUE_MAX * 4)
    assert (spread.counts[0], spread.counts[-1], spread.total) == (1, 1, VALUE_MAX)
