from __future__ import annotations

from datetime import UTC, datetime

import pytest

from seglake.domain.model.object_lock import (
    DAY_MS,
    BucketLock,
    DefaultRetention,
    Retention,
    RetentionMode,
    parse_text,
    to_text,
)

MODES = tuple(RetentionMode)


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_a_retention_ends_exactly_at_its_time() -> None:
    kept = Retention(RetentionMode.COMPLIANCE, 1000)
    assert [kept.active(now) for now in (0, 999, 1000, 1001)] == [True, True, False, False]


@pytest.mark.parametrize("days", [1, 30, 36_500])
def test_a_day_has_24_hours(days: int) -> None:
    kept = DefaultRetention(RetentionMode.GOVERNANCE, days=days).since(1234)
    assert kept == Retention(RetentionMode.GOVERNANCE, 1234 + days * DAY_MS)


@pytest.mark.parametrize(
    ("begun", "years", "ends"),
    [
        ("2023-11-14T22:13:20.123", 1, "2024-11-14T22:13:20.123"),
        ("2024-02-29T01:00:00", 1, "2025-03-01T01:00:00"),
        ("2024-02-29T01:00:00", 4, "2028-02-29T01:00:00"),
        ("2000-01-01T00:00:00", 100, "2100-01-01T00:00:00"),
    ],
)
def test_a_year_ends_on_its_day(begun: str, years: int, ends: str) -> None:
    kept = DefaultRetention(RetentionMode.COMPLIANCE, years=years).since(ms(begun))
    assert kept == Retention(RetentionMode.COMPLIANCE, ms(ends))


@pytest.mark.parametrize(
    "value",
    [
        BucketLock(),
        *[BucketLock(DefaultRetention(mode, days=7)) for mode in MODES],
        BucketLock(DefaultRetention(RetentionMode.COMPLIANCE, years=100)),
    ],
)
def test_a_text_gives_its_value(value: BucketLock) -> None:
    assert parse_text(to_text(value)) == value


@pytest.mark.parametrize("period", [{}, {"days": 1, "years": 1}, {"days": 36_501}, {"years": 101}, {"days": -1}])
def test_a_period_out_of_bounds_is_a_bug(period: dict[str, int]) -> None:
    with pytest.raises(AssertionError):
        DefaultRetention(RetentionMode.GOVERNANCE, **period)
