"""A bucket is emptied in small commits that each respect object lock; whoever stops in between has removed less."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from seglake.domain.model.admin_errors import BucketHoldsLocked
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.errors import InvalidArgument, ObjectLocked
from seglake.domain.model.events import UploadAborted, VersionRemoved
from seglake.domain.model.hlc import HLC, parse_hlc
from seglake.domain.model.version import Version, VersionEntry
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.metadata import MetadataStore, MetadataTables, MetadataTx, MetadataView

from .facts import bucket_named
from .locking import check_removable, holds_locks

BATCH = 200
"""Versions or uploads removed in one commit: few enough that requests beside it do not wait long."""

LOOKED_AT = 2000
"""Versions looked at in one read."""


@dataclass(frozen=True, slots=True)
class Locked:
    """One page of a count: ``locked`` versions among ``examined``; the next page begins at ``cursor``, None = done."""

    examined: int
    locked: int
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Emptied:
    """What one step removed; ``done`` when nothing is left."""

    versions: int
    uploads: int
    done: bool


def _is_locked(version: Version, now_ms: int) -> bool:
    try:
        check_removable(version, now_ms, bypass=False)
    except ObjectLocked:
        return True
    return False


def _find(view: MetadataView | MetadataTables, entry: VersionEntry) -> Version:
    found = view.versions.find(entry.bucket_id, entry.key, entry.stamp)
    assert found is not None, "an entry has its version"
    return found


@dataclass(frozen=True, slots=True)
class EmptyBucket:
    """The commit of one step: up to ``limit`` versions and delete markers, and then uploads, are gone."""

    bucket: str
    limit: int = BATCH

    def __call__(self, tx: MetadataTx) -> Emptied:
        """Records their removal. NoSuchBucket; BucketHoldsLocked, with nothing removed, when one of them is locked."""
        bucket = bucket_named(tx, self.bucket)
        entries = list(islice(tx.versions.scan_versions(bucket.id, ""), self.limit))
        self._check(tx, bucket, entries)
        uploads = list(islice(tx.uploads.scan_running(bucket.id, ""), self.limit - len(entries)))
        for entry in entries:
            tx.record(VersionRemoved(tx.tick(), bucket.id, entry.key, entry.stamp))
        for upload in uploads:
            tx.record(UploadAborted(tx.tick(), upload.id))
        return Emptied(len(entries), len(uploads), len(entries) + len(uploads) < self.limit)

    def _check(self, tx: MetadataTx, bucket: Bucket, entries: list[VersionEntry]) -> None:
        if holds_locks(tx, bucket):
            now_ms = tx.now_ms()
            locked = sum([_is_locked(_find(tx, entry), now_ms) for entry in entries])
            if locked:
                raise BucketHoldsLocked(bucket.name, locked)


class Emptying:
    """Counts what object lock keeps in a bucket, and removes everything from one that keeps nothing."""

    def __init__(self, metadata: MetadataStore, committer: Committer) -> None:
        self._metadata = metadata
        self._committer = committer

    def locked(self, bucket: str, cursor: str | None, now_ms: int) -> Locked:
        """The next page of the count of locked versions. NoSuchBucket, InvalidArgument for a cursor of nobody."""
        start, below = ("", None) if cursor is None else _place(cursor)

        def query(view: MetadataView) -> Locked:
            found = bucket_named(view, bucket)
            if not holds_locks(view, found):
                return Locked(0, 0, None)
            entries = list(islice(view.versions.scan_versions(found.id, start, below), LOOKED_AT))
            count = sum([_is_locked(_find(view, entry), now_ms) for entry in entries])
            last = entries[-1] if len(entries) == LOOKED_AT else None
            return Locked(len(entries), count, None if last is None else f"{last.stamp} {last.key}")

        return self._metadata.read(query)

    async def step(self, bucket: str) -> Emptied:
        """Removes the next batch. NoSuchBucket, BucketHoldsLocked."""
        return await self._committer.commit(EmptyBucket(bucket))


def _place(cursor: str) -> tuple[str, HLC]:
    stamp, _, key = cursor.partition(" ")
    try:
        return key, parse_hlc(stamp)
    except ValueError:
        raise InvalidArgument("cursor", cursor[:80], "this is not a cursor that was given out") from None
