"""Dates on the wire: IMF-fixdate in headers, ISO 8601 with milliseconds in XML, and the three forms of RFC 9110 on
reading.

Source: RFC 9110 section 5.6.7 (HTTP-date; a recipient accepts all three forms), Amazon S3 API Reference (timestamps).
"""

from __future__ import annotations

import re
from calendar import timegm
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONG_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS, 1)}
_MONTH = "|".join(_MONTHS)
_TIME = r"(?P<H>[0-9]{2}):(?P<M>[0-9]{2}):(?P<S>[0-9]{2})"
_FORMS = (
    re.compile(
        rf"(?:{'|'.join(_DAYS)}), (?P<d>[0-9]{{2}}) (?P<m>{_MONTH}) (?P<y>[0-9]{{4}}) {_TIME} (?:GMT|UTC|\+0000|-0000)"
    ),
    re.compile(rf"(?:{'|'.join(_LONG_DAYS)}), (?P<d>[0-9]{{2}})-(?P<m>{_MONTH})-(?P<y>[0-9]{{2}}) {_TIME} GMT"),
    re.compile(rf"(?:{'|'.join(_DAYS)}) (?P<m>{_MONTH}) (?P<d>[ 0-9][0-9]) {_TIME} (?P<y>[0-9]{{4}})"),
)
_ISO = re.compile(
    r"(?P<y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})T"
    rf"{_TIME}(?:\.(?P<f>[0-9]{{1,9}}))?(?:Z|\+00:00)"
)
_BASIC = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1024)
def http_date(epoch_s: int) -> str:
    """Whole seconds since the epoch as IMF-fixdate, e.g. ``Sun, 06 Nov 1994 08:49:37 GMT``."""
    t = _EPOCH + timedelta(seconds=epoch_s)
    day = f"{_DAYS[t.weekday()]}, {t.day:02} {_MONTHS[t.month - 1]} {t.year:04}"
    return f"{day} {t.hour:02}:{t.minute:02}:{t.second:02} GMT"


@lru_cache(maxsize=1024)
def _iso_seconds(epoch_s: int) -> str:
    return (_EPOCH + timedelta(seconds=epoch_s)).strftime("%Y-%m-%dT%H:%M:%S.")


def iso_date(epoch_ms: int) -> str:
    """Milliseconds since the epoch as S3 writes them in XML, e.g. ``2009-10-12T17:50:30.000Z``."""
    seconds, millis = divmod(epoch_ms, 1000)
    return f"{_iso_seconds(seconds)}{millis:03}Z"


def basic_date(epoch_s: int) -> str:
    """Whole seconds since the epoch as in x-amz-date: ``YYYYMMDDTHHMMSSZ``."""
    return (_EPOCH + timedelta(seconds=epoch_s)).strftime("%Y%m%dT%H%M%SZ")


def parse_http_date(text: str) -> int | None:
    """Seconds since the epoch of an HTTP-date in any of its three forms, None for anything else.

    RFC 9110 asks to ignore a condition whose date is not valid, therefore no error. A two-digit year below 70 is 20xx.
    """
    for form in _FORMS:
        if match := form.fullmatch(text):
            year = int(match["y"])
            if len(match["y"]) == 2:
                year += 2000 if year < 70 else 1900
            return _epoch(
                year, _MONTH_NUMBERS[match["m"]], int(match["d"]), int(match["H"]), int(match["M"]), int(match["S"])
            )
    return None


def parse_iso_date(text: str) -> int | None:
    """Milliseconds since the epoch of an ISO 8601 timestamp in UTC, None for anything else."""
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    seconds = _epoch(
        int(match["y"]), int(match["m"]), int(match["d"]), int(match["H"]), int(match["M"]), int(match["S"])
    )
    fraction = (match["f"] or "0").ljust(3, "0")
    return None if seconds is None else seconds * 1000 + int(fraction[:3])


@lru_cache(maxsize=256)
def parse_basic_date(text: str) -> int | None:
    """Seconds since the epoch of ``YYYYMMDDTHHMMSSZ``, None for anything else."""
    match = _BASIC.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    return _epoch(year, month, day, hour, minute, second)


def _epoch(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int | None:
    if second == 60:  # a leap second is the last second it follows
        second = 59
    try:
        return timegm(datetime(year, month, day, hour, minute, second, tzinfo=UTC).utctimetuple())
    except ValueError:
        return None
