"""Dates: one form written, three read."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.s3_protocol import http_dates

SECONDS = st.integers(0, 4_102_444_800)
EXAMPLE = 784111777


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
    ],
)
def test_the_forms_of_rfc_9110_are_read(text: str) -> None:
    assert http_dates.parse_http_date(text) == EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "sun, 06 nov 1994 08:49:37 gmt",
        "1994-11-06T08:49:37Z",
        "Sun, ٠٦ Nov 1994 08:49:37 GMT",
    ],
)
def test_everything_else_is_none(text: str) -> None:
    assert http_dates.parse_http_date(text) is None


@given(SECONDS)
def test_written_dates_are_those_of_the_standard_library_and_read_back(seconds: int) -> None:
    text = http_dates.http_date(seconds)
    assert text == formatdate(seconds, usegmt=True)
    assert http_dates.parse_http_date(text) == seconds
    assert http_dates.parse_basic_date(http_dates.basic_date(seconds)) == seconds


@given(SECONDS, st.integers(0, 999))
def test_iso_dates_round_trip(seconds: int, millis: int) -> None:
    text = http_dates.iso_date(seconds * 1000 + millis)
    assert http_dates.parse_iso_date(text) == seconds * 1000 + millis
    assert text == datetime.fromtimestamp(seconds, UTC).strftime(f"%Y-%m-%dT%H:%M:%S.{millis:03}Z")


def test_the_example_of_s3() -> None:
    assert http_dates.iso_date(1255369830000) == "2009-10-12T17:50:30.000Z"
    assert http_dates.parse_iso_date("2009-10-12T17:50:30Z") == 1255369830000
    assert http_dates.parse_iso_date("2009-10-12T17:50:30.1234567Z") == 1255369830123
    assert http_dates.parse_iso_date("2009-10-12T17:50:30+00:00") == 1255369830000


@pytest.mark.parametrize(
    "text", ["", "2009-10-12", "2009-10-12T17:50:30", "2009-13-12T17:50:30Z", "2009-10-12T17:50:30+02:00"]
)
def test_other_iso_dates_are_none(text: str) -> None:
    assert http_dates.parse_iso_date(text) is None


def test_a_leap_second_is_the_second_before() -> None:
    assert http_dates.parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT") == http_dates.parse_http_date(
        "Sat, 31 Dec 2016 23:59:59 GMT"
    )


@given(st.text(max_size=40))
def test_noise_never_raises(text: str) -> None:
    for parse in (http_dates.parse_http_date, http_dates.parse_iso_date, http_dates.parse_basic_date):
        assert parse(text) is None or isinstance(parse(text), int)
