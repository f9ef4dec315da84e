"""What lifecycle rules do is looked up in one snapshot, version by version: by the runner, which then does it, and by
whoever only asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.errors import ObjectLocked
from seglake.domain.model.expiry import DUE_MS_MAX, Action, Decision, Reach, UploadFacts, VersionFacts, due, reach_of
from seglake.domain.model.hlc import HLC
from seglake.domain.model.lifecycle import NEWER_VERSIONS_MAX, Lifecycle, parse_text
from seglake.domain.model.multipart import Upload
from seglake.domain.model.version import Version, VersionEntry
from seglake.domain.ports.metadata import MetadataTables, MetadataView

from .bucket_settings import configs_of
from .facts import bucket_named
from .locking import check_removable


def lifecycle_of(view: MetadataView | MetadataTables, bucket: Bucket) -> Lifecycle | None:
    """The rules of a bucket, None without any."""
    text = configs_of(view, bucket).get(ConfigKind.LIFECYCLE)
    return None if text is None else parse_text(text)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a scan of versions stands: behind the version ``stamp`` of ``key``, or before the key when that is None.

    ``above`` counts the versions of the key seen so far (up to ``NEWER_VERSIONS_MAX + 1``), ``current`` is the newest
    of them. A scan of uploads stands behind the upload that was begun at ``stamp``.
    """

    key: str = ""
    stamp: HLC | None = None
    above: int = 0
    current: HLC | None = None


START = Place()


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that rules do to a version (its ``stamp``) or an upload (``upload`` is its id).

    ``version`` is the public version id; ``size`` in bytes; ``noncurrent_ms`` and ``current`` are as the scan saw them:
    since when a newer version stood above it, and the stamp of the key's current one. ``kept`` says what protects the
    version from being removed all the same, empty when nothing does.
    """

    key: str
    stamp: HLC
    decision: Decision
    version: str = ""
    size: int = 0
    noncurrent_ms: int | None = None
    current: HLC | None = None
    upload: str = ""
    kept: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every version and upload of a bucket: what do ``lifecycle``'s rules do to it at ``now_ms``?"""

    bucket: Bucket
    lifecycle: Lifecycle
    reach: Reach
    now_ms: int
    day_ms: int


def question(view: MetadataView, bucket: str, now_ms: int, day_ms: int) -> Question | None:
    """The question about a bucket as it is now, None when it has no rules. NoSuchBucket."""
    found = bucket_named(view, bucket)
    lifecycle = lifecycle_of(view, found)
    return None if lifecycle is None else Question(found, lifecycle, reach_of(lifecycle), now_ms, day_ms)


class _Keyed(Protocol):
    @property
    def key(self) -> str: ...


K = TypeVar("K", bound=_Keyed)


def _within(found: Iterator[K], prefix: str) -> Iterator[K]:
    for one in found:
        if not one.key.startswith(prefix):
            return
        yield one


def _ahead(prefixes: Sequence[str], key: str) -> Iterator[tuple[str, str]]:
    """(prefix, key to begin at) of each range that is not wholly behind ``key``."""
    for prefix in prefixes:
        if key <= prefix:
            yield prefix, prefix
        elif key.startswith(prefix):
            yield prefix, key


def _entries(view: MetadataView, bucket_id: int, prefixes: Sequence[str], place: Place) -> Iterator[VersionEntry]:
    for prefix, start in _ahead(prefixes, place.key):
        below = place.stamp if start == place.key else None
        yield from _within(view.versions.scan_versions(bucket_id, start, below), prefix)


def examined(
    view: MetadataView, bucket_id: int, prefixes: Sequence[str], place: Place = START
) -> Iterator[tuple[VersionEntry, VersionFacts, Place]]:
    """Each version behind ``place`` with its facts (tags not looked up), and the place behind it."""
    entries = _entries(view, bucket_id, prefixes, place)
    key, last, above, current = place.key, place.stamp, place.above, place.current
    following = next(entries, None)
    while following is not None:
        entry, following = following, next(entries, None)
        if entry.key != key or last is None:
            key, last, above, current = entry.key, None, 0, entry.stamp
        facts = VersionFacts(
            key,
            entry.size,
            entry.modified_ms,
            entry.is_marker,
            None,
            None if last is None else last.ms,
            min(max(above - 1, 0), NEWER_VERSIONS_MAX),
            last is None and (following is None or following.key != key),
        )
        last, above = entry.stamp, min(above + 1, NEWER_VERSIONS_MAX + 1)
        yield entry, facts, Place(key, last, above, current)


def judged(
    view: MetadataView, asked: Question, entry: VersionEntry, facts: VersionFacts, current: HLC | None
) -> Due | None:
    """What the rules do to an examined version, None when nothing. Tags and lock are read only when they matter."""
    rules = asked.lifecycle.rules
    decision = due(rules, facts, asked.now_ms, day_ms=asked.day_ms)
    if decision is None:
        return None
    version = view.versions.find(entry.bucket_id, entry.key, entry.stamp)
    assert version is not None, "it was scanned in this snapshot"
    if asked.reach.reads_tags:
        decision = due(rules, replace(facts, tags=version.tags), asked.now_ms, day_ms=asked.day_ms)
        if decision is None:
            return None
    kept = protection(version, asked.now_ms) if removes(asked.bucket, decision.action, null=entry.null) else ""
    return Due(entry.key, entry.stamp, decision, entry.version, entry.size, facts.noncurrent_ms, current, kept=kept)


def removes(bucket: Bucket, action: Action, *, null: bool) -> bool:
    """Whether the action takes the version itself away, and does not only cover it with a delete marker."""
    if action is not Action.EXPIRE or bucket.versioning is Versioning.UNVERSIONED:
        return True
    return bucket.versioning is Versioning.SUSPENDED and null


def protection(version: Version, now_ms: int) -> str:
    """What protects a version from removal, in a few words; empty when nothing does."""
    try:
        check_removable(version, now_ms, bypass=False)
    except ObjectLocked:
        kept = version.lock.retention
        if version.lock.hold or kept is None:
            return "legal hold"
        return f"{kept.mode} retention until {moment(kept.until_ms)}"
    return ""


def moment(ms: int) -> str:
    """A time as people read it, in UTC: 2030-01-31T00:00:00Z."""
    return datetime.fromtimestamp(min(ms, DUE_MS_MAX) // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def running_uploads(view: MetadataView, asked: Question, place: Place = START) -> Iterator[tuple[Upload, Place]]:
    """Each running upload behind ``place`` that rules may touch, and the place behind it."""
    for prefix, start in _ahead(asked.reach.uploads, place.key):
        after = (place.key, place.stamp) if place.stamp is not None and start == place.key else None
        for upload in _within(view.uploads.scan_running(asked.bucket.id, start, after), prefix):
            yield upload, Place(upload.key, upload.started)


def judged_upload(asked: Question, upload: Upload) -> Due | None:
    """What the rules do to an upload, None when nothing."""
    facts = UploadFacts(upload.key, upload.started.ms)
    decision = due(asked.lifecycle.rules, facts, asked.now_ms, day_ms=asked.day_ms)
    return None if decision is None else Due(upload.key, upload.started, decision, upload=upload.id)


def explain(view: MetadataView, bucket: str, at_ms: int, *, day_ms: int) -> Iterator[Due]:
    """What the rules of a bucket would do at a time to what is in it now, versions first, in the order of keys.

    A current version that expires becomes noncurrent; what rules do to it after that is not foretold. NoSuchBucket.
    """
    asked = question(view, bucket, at_ms, day_ms)
    if asked is None:
        return
    for entry, facts, place in examined(view, asked.bucket.id, asked.reach.versions):
        judgement = judged(view, asked, entry, facts, place.current)
        if judgement is not None:
            yield judgement
    for upload, _ in running_uploads(view, asked):
        judgement = judged_upload(asked, upload)
        if judgement is not None:
            yield judgement
