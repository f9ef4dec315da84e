"""A locked version is neither removed nor replaced before its time.

Source: S3 User Guide, "Locking objects with Object Lock".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RetentionMode(StrEnum):
    """GOVERNANCE can be lifted by who may bypass it; COMPLIANCE by nobody."""

    GOVERNANCE = "GOVERNANCE"
    COMPLIANCE = "COMPLIANCE"


@dataclass(frozen=True, slots=True)
class Retention:
    """Kept at least until ``until_ms`` (milliseconds since the epoch)."""

    mode: RetentionMode
    until_ms: int


@dataclass(frozen=True, slots=True)
class Lock:
    """What protects one version: a retention, a legal hold, both or none."""

    retention: Retention | None = None
    hold: bool = False


NO_LOCK = Lock()
