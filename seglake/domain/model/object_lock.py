"""A locked version is neither removed nor replaced before its time.

Source: S3 User Guide, "Locking objects with Object Lock"; API Reference of PutObjectLockConfiguration and
PutObjectRetention.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

DAY_MS = 86_400_000
RETENTION_DAYS_MAX = 36_500
RETENTION_YEARS_MAX = 100


class RetentionMode(StrEnum):
    """GOVERNANCE can be lifted by who may bypass it; COMPLIANCE by nobody."""

    GOVERNANCE = "GOVERNANCE"
    COMPLIANCE = "COMPLIANCE"


@dataclass(frozen=True, slots=True)
class Retention:
    """Kept at least until ``until_ms`` (milliseconds since the epoch)."""

    mode: RetentionMode
    until_ms: int

    def active(self, now_ms: int) -> bool:
        """Whether it still protects; at ``until_ms`` itself it no longer does."""
        return now_ms < self.until_ms


@dataclass(frozen=True, slots=True)
class Lock:
    """What protects one version: a retention, a legal hold, both or none."""

    retention: Retention | None = None
    hold: bool = False


NO_LOCK = Lock()


@dataclass(frozen=True, slots=True)
class DefaultRetention:
    """What a bucket asks of every new version: days (1...36,500) or calendar years (1...100), exactly one of them."""

    mode: RetentionMode
    days: int = 0
    years: int = 0

    def __post_init__(self) -> None:
        assert bool(self.days) != bool(self.years), "a period is in days or in years"
        assert 0 <= self.days <= RETENTION_DAYS_MAX, "who parses checks the bounds"
        assert 0 <= self.years <= RETENTION_YEARS_MAX, "who parses checks the bounds"

    def since(self, now_ms: int) -> Retention:
        """The retention of a version made at ``now_ms``.

        A year ends on the same day and time, the 29th of February's on the 1st of March.
        """
        if self.days:
            return Retention(self.mode, now_ms + self.days * DAY_MS)
        start = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=now_ms)
        year = start.year + self.years
        try:
            end = start.replace(year=year)
        except ValueError:
            end = start.replace(year=year, month=3, day=1)
        return Retention(self.mode, now_ms + (end - start) // timedelta(milliseconds=1))


@dataclass(frozen=True, slots=True)
class BucketLock:
    """The object lock configuration of a bucket: that there is one switches object lock on, for good."""

    default: DefaultRetention | None = None


def to_text(value: BucketLock) -> str:
    """Canonical JSON."""
    default = value.default
    shown = {} if default is None else {"mode": default.mode.value, "days": default.days, "years": default.years}
    return json.dumps({"default": shown}, separators=(",", ":"), sort_keys=True)


@lru_cache(maxsize=256)
def parse_text(text: str) -> BucketLock:
    """The value that ``to_text`` wrote."""
    shown = json.loads(text)["default"]
    return BucketLock(DefaultRetention(RetentionMode(shown["mode"]), shown["days"], shown["years"]) if shown else None)
