from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.domain.model.hlc import COUNTER_BITS, HLC, SITE_MAX, TICKS_MAX, next_ticks, parse_hlc

STAMPS = st.builds(HLC, st.integers(0, TICKS_MAX), st.integers(0, SITE_MAX))


@given(st.integers(0, TICKS_MAX - 1), st.integers(0, 1 << 46))
def test_the_next_stamp_is_above_the_last_and_not_behind_the_clock(last: int, now_ms: int) -> None:
    ticks = next_ticks(last, now_ms)
    assert ticks > last
    assert ticks >> COUNTER_BITS >= now_ms


def test_a_clock_that_runs_backwards_only_counts() -> None:
    first = next_ticks(0, 1000)
    assert next_ticks(first, 10) == first + 1


@given(STAMPS)
def test_text_round_trip(stamp: HLC) -> None:
    assert parse_hlc(str(stamp)) == stamp


@pytest.mark.parametrize(
    "text", ["", "0.0", "0" * 16 + ".0", "0" * 16 + "," + "0" * 8, "F" * 16 + "." + "0" * 8, "f" * 16 + "." + "0" * 8]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a stamp"):
        parse_hlc(text)


def test_stamps_order_by_ticks_and_then_site() -> None:
    assert HLC(1, 9) < HLC(2, 0) < HLC(2, 1)
    assert HLC(5 << COUNTER_BITS, 1).ms == 5
