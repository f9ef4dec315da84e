"""What lifecycle rules do to one version or upload is a pure function of the rules, its facts and the time.

Source: S3 User Guide, "Expiring objects", "How S3 Lifecycle interacts with other bucket configurations" and "Lifecycle
rules: Based on an object's age": days end at the midnight (UTC) that follows; the earliest of several rules acts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .lifecycle import NEWER_VERSIONS_MAX, Lifecycle, Rule, least_prefixes
from .manifest import Pairs

DUE_MS_MAX = 253_402_214_400_000
"""The last midnight of the year 9999: no date that can be written is later."""


class Action(StrEnum):
    """What a rule does."""

    EXPIRE = "expire"
    """The current version goes: a delete marker covers it where the bucket keeps versions, else it is removed."""
    REMOVE_NONCURRENT = "remove-noncurrent"
    REMOVE_MARKER = "remove-marker"
    ABORT_UPLOAD = "abort-upload"


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """What rules look at. Size in bytes, times in ms since the epoch.

    ``noncurrent_ms`` is when a newer version came, None for the current version; ``newer`` counts the noncurrent
    versions above it (up to ``NEWER_VERSIONS_MAX``); ``sole`` is true when the key has no other version; ``tags`` None
    were not looked up: then every filter by tags is taken to match, and the answer is only that it may be so.
    """

    key: str
    size: int
    created_ms: int
    marker: bool = False
    tags: Pairs | None = ()
    noncurrent_ms: int | None = None
    newer: int = 0
    sole: bool = False

    def __post_init__(self) -> None:
        assert not (self.sole and self.noncurrent_ms is not None), "a sole version is the current one"
        assert 0 <= self.newer <= NEWER_VERSIONS_MAX, "more of them need not be counted"


@dataclass(frozen=True, slots=True)
class UploadFacts:
    """A multipart upload in progress."""

    key: str
    started_ms: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens, by which rule, why (a few words), and from when on (ms since the epoch)."""

    action: Action
    rule: str
    reason: str
    due_ms: int


def midnight_after(start_ms: int, days: int, day_ms: int) -> int:
    """The first midnight after ``days`` days from ``start_ms``; a day of another length ends at its multiples."""
    return min(((start_ms + days * day_ms) // day_ms + 1) * day_ms, DUE_MS_MAX)


def upcoming(rules: Sequence[Rule], facts: VersionFacts | UploadFacts, day_ms: int) -> Decision | None:
    """The earliest that any rule will do, be it past or to come; of two at the same time the first rule's."""
    earliest: Decision | None = None
    for rule in rules:
        if not rule.enabled:
            continue
        found = _upload(rule, facts, day_ms) if isinstance(facts, UploadFacts) else _version(rule, facts, day_ms)
        if found is not None and (earliest is None or found.due_ms < earliest.due_ms):
            earliest = found
    return earliest


def due(rules: Sequence[Rule], facts: VersionFacts | UploadFacts, now_ms: int, *, day_ms: int) -> Decision | None:
    """What is to be done now, None when nothing is."""
    found = upcoming(rules, facts, day_ms)
    return found if found is not None and found.due_ms <= now_ms else None


def _upload(rule: Rule, facts: UploadFacts, day_ms: int) -> Decision | None:
    if rule.abort_days is None or not facts.key.startswith(rule.filter.prefix or ""):
        return None
    reason = f"not completed {_days(rule.abort_days)} after it was begun"
    return Decision(Action.ABORT_UPLOAD, rule.id, reason, midnight_after(facts.started_ms, rule.abort_days, day_ms))


def _version(rule: Rule, facts: VersionFacts, day_ms: int) -> Decision | None:
    if not rule.filter.takes(facts.key, facts.size, facts.tags):
        return None
    if facts.noncurrent_ms is None:
        return _current(rule, facts, day_ms)
    chosen = rule.noncurrent
    if chosen is None or facts.newer < (chosen.keep or 0):
        return None
    reason = f"noncurrent for {_days(chosen.days)}"
    if chosen.keep:
        reason += f", {chosen.keep} newer noncurrent versions are kept"
    due_ms = midnight_after(facts.noncurrent_ms, chosen.days, day_ms)
    return Decision(Action.REMOVE_NONCURRENT, rule.id, reason, due_ms)


def _current(rule: Rule, facts: VersionFacts, day_ms: int) -> Decision | None:
    chosen = rule.expiration
    if chosen is None or (facts.marker and not facts.sole):
        return None
    action = Action.REMOVE_MARKER if facts.marker else Action.EXPIRE
    if chosen.markers and facts.marker:
        return Decision(action, rule.id, "a delete marker with no version left under it", facts.created_ms)
    if chosen.days is not None:
        due_ms = midnight_after(facts.created_ms, chosen.days, day_ms)
        return Decision(action, rule.id, f"{_days(chosen.days)} old", due_ms)
    if chosen.date_ms is not None:
        return Decision(action, rule.id, "the rule's date has come", chosen.date_ms)
    return None


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


@dataclass(frozen=True, slots=True)
class Reach:
    """Which keys the enabled rules of a bucket can touch at all, and whether their tags matter."""

    versions: tuple[str, ...]
    """Prefixes of keys whose versions may be touched."""
    uploads: tuple[str, ...]
    """Prefixes of keys whose uploads may be."""
    reads_tags: bool


def reach_of(lifecycle: Lifecycle) -> Reach:
    """What a scan has to look at."""
    rules = [rule for rule in lifecycle.rules if rule.enabled]
    versions = [rule for rule in rules if rule.expiration is not None or rule.noncurrent is not None]
    uploads = [rule for rule in rules if rule.abort_days is not None]
    return Reach(_prefixes(versions), _prefixes(uploads), any(rule.filter.tags for rule in versions))


def _prefixes(rules: Iterable[Rule]) -> tuple[str, ...]:
    return least_prefixes([rule.filter.prefix or "" for rule in rules])
