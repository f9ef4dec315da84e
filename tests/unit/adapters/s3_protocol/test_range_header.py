"""Ranges: what RFC 9110 defines is read, all else is ignored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.s3_protocol.range_header import parse_range
from seglake.domain.model.ranges import RANGES_MAX, From, FromTo, RangeSpec, Suffix


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bytes=0-0", (FromTo(0, 0),)),
        ("bytes=5-", (From(5),)),
        ("bytes=-5", (Suffix(5),)),
        ("bytes=-0", (Suffix(0),)),
        ("Bytes=1-2", (FromTo(1, 2),)),
        ("bytes=0-1, 5-,\t-2 ", (FromTo(0, 1), From(5), Suffix(2))),
        ("bytes=" + ",".join(["0-0"] * RANGES_MAX), (FromTo(0, 0),) * RANGES_MAX),
        ("bytes=0-" + "9" * 30, (FromTo(0, 2**63 - 1),)),
    ],
)
def test_ranges(text: str, expected: tuple[RangeSpec, ...]) -> None:
    assert parse_range(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-4",
        "bytes=1-2-3",
        "bytes=1",
        "bytes=0-0,",
        "bytes=,0-0",
        "bytes=0-0 1-1",
        "bytes= =0-0",
        "items=0-1",
        "bytes=+1-2",
        "bytes=1_0-20",
        "bytes=٣-٤",
        "bytes=0x1-2",
        "bytes=--1",
        "bytes=" + ",".join(["0-0"] * (RANGES_MAX + 1)),
        "bytes=" + "9" * 41 + "-",
    ],
)
def test_what_is_no_range_is_ignored(text: str | None) -> None:
    assert parse_range(text) is None


@given(st.text(alphabet="bytes=0123456789-, \t٣", max_size=60))
def test_noise_never_raises(text: str) -> None:
    for value in (text, "bytes=" + text):
        got = parse_range(value)
        assert got is None or 1 <= len(got) <= RANGES_MAX
