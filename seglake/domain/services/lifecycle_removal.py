"""A removal that rules ask for is decided once more inside its commit, on what the tables say then.

What is removed here is removed by the events of any other request, so an index that is rebuilt agrees.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice, takewhile

from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.errors import ObjectLocked
from seglake.domain.model.events import UploadAborted, VersionPut, VersionRemoved
from seglake.domain.model.expiry import Action, UploadFacts, VersionFacts, due
from seglake.domain.model.hlc import parse_hlc
from seglake.domain.model.lifecycle import NEWER_VERSIONS_MAX, Lifecycle
from seglake.domain.model.manifest import Manifest, VersionKind
from seglake.domain.model.version import Version
from seglake.domain.ports.metadata import MetadataTx

from .lifecycle_scan import START, Due, Place, lifecycle_of, removes
from .locking import check_null_replaceable, check_removable

NOTE = "lifecycle"
"""The note that says where a run stands."""

_LOOKED_AT = NEWER_VERSIONS_MAX + 2
"""Versions of a key that a commit looks at: the current one, as many as may be kept, and the one in question."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands: in which bucket (name and id), and behind which version or upload of it."""

    bucket: str
    id: int
    uploads: bool = False
    place: Place = START

    def note(self) -> str:
        """The text that is kept."""
        place = self.place
        stamps = [None if stamp is None else str(stamp) for stamp in (place.stamp, place.current)]
        return json.dumps([self.bucket, self.id, self.uploads, place.key, place.above, *stamps])


def parse_standing(text: str | None) -> Standing | None:
    """What ``note`` wrote; None for nothing and for anything else, because a run may always begin anew."""
    if text is None:
        return None
    try:
        bucket, bucket_id, uploads, key, above, *stamps = json.loads(text)
        stamp, current = [None if stamp is None else parse_hlc(stamp) for stamp in stamps]
    except (ValueError, TypeError):
        return None
    return Standing(bucket, bucket_id, uploads, Place(key, stamp, above, current))


class Kept(Enum):
    """Why a decision was not carried out."""

    CHANGED = "the version or upload, or the rules, are not what they were"
    LOCKED = "a legal hold or a retention protects the version"


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one decision: carried out, perhaps by the delete marker ``marker``; or not, because ``kept``."""

    due: Due
    marker: str = ""
    kept: Kept | None = None


@dataclass(frozen=True, slots=True)
class Remove:
    """The commit of up to ``BATCH_MAX`` removals: each is decided again on what the tables say now."""

    standing: Standing
    dues: tuple[Due, ...]
    day_ms: int

    def __call__(self, tx: MetadataTx) -> list[Done]:
        """Records VersionRemoved, VersionPut of delete markers and UploadAborted; notes where the run stands."""
        tx.notes.put(NOTE, self.standing.note())
        bucket = tx.buckets.get(self.standing.bucket)
        lifecycle = None if bucket is None or bucket.id != self.standing.id else lifecycle_of(tx, bucket)
        if bucket is None or lifecycle is None:
            return [Done(asked, kept=Kept.CHANGED) for asked in self.dues]
        carry_out = self._abort if self.standing.uploads else self._remove
        return [carry_out(tx, bucket, lifecycle, asked) for asked in self.dues]

    def _abort(self, tx: MetadataTx, bucket: Bucket, lifecycle: Lifecycle, asked: Due) -> Done:
        upload = tx.uploads.get(asked.upload)
        if upload is None or upload.completed or upload.bucket_id != bucket.id:
            return Done(asked, kept=Kept.CHANGED)
        facts = UploadFacts(upload.key, upload.started.ms)
        decision = due(lifecycle.rules, facts, tx.now_ms(), day_ms=self.day_ms)
        if decision is None:
            return Done(asked, kept=Kept.CHANGED)
        tx.record(UploadAborted(tx.tick(), upload.id))
        return Done(replace(asked, decision=decision))

    def _remove(self, tx: MetadataTx, bucket: Bucket, lifecycle: Lifecycle, asked: Due) -> Done:
        version = tx.versions.find(bucket.id, asked.key, asked.stamp)
        facts = None if version is None else _facts_now(tx, asked, version)
        if version is None or facts is None:
            return Done(asked, kept=Kept.CHANGED)  # removed or replaced
        decision = due(lifecycle.rules, facts, tx.now_ms(), day_ms=self.day_ms)
        if decision is None or decision.action is not asked.decision.action:
            return Done(asked, kept=Kept.CHANGED)  # not due any more
        found = replace(asked, decision=decision)
        try:
            marker = _take_away(tx, bucket, version, decision.action)
        except ObjectLocked:
            return Done(found, kept=Kept.LOCKED)
        return Done(found, marker)


def _facts_now(tx: MetadataTx, asked: Due, version: Version) -> VersionFacts | None:
    """The facts as they are in this commit, None when it is not certain that they only grew older since the scan.

    Since when a version is noncurrent follows from the scan as long as the version that was current then still stands
    above it: stamps are given out once, so nothing else was between them meanwhile.
    """
    manifest = version.manifest
    entries = tx.versions.scan_versions(manifest.bucket_id, manifest.key)
    newest = [entry.stamp for entry in islice(takewhile(lambda entry: entry.key == manifest.key, entries), _LOOKED_AT)]
    current = newest[0] == manifest.stamp
    if current != (asked.noncurrent_ms is None) or (not current and asked.current not in newest):
        return None
    newer = sum([stamp > manifest.stamp for stamp in newest[1:]])
    return VersionFacts(
        manifest.key,
        manifest.size,
        manifest.modified_ms,
        version.is_marker,
        version.tags,
        asked.noncurrent_ms,
        min(newer, NEWER_VERSIONS_MAX),
        current and len(newest) == 1,
    )


def _take_away(tx: MetadataTx, bucket: Bucket, version: Version, action: Action) -> str:
    """Records the removal, or the delete marker whose version id is returned. ObjectLocked."""
    manifest, now_ms = version.manifest, tx.now_ms()
    if removes(bucket, action, null=manifest.null):
        check_removable(version, now_ms, bypass=False)
    if action is not Action.EXPIRE or bucket.versioning is Versioning.UNVERSIONED:
        tx.record(VersionRemoved(tx.tick(), bucket.id, manifest.key, manifest.stamp))
        return ""
    if bucket.versioning is Versioning.SUSPENDED:
        check_null_replaceable(tx, bucket, manifest.key)
    marker = Manifest(
        bucket_id=bucket.id,
        bucket=bucket.name,
        key=manifest.key,
        stamp=tx.tick(),
        kind=VersionKind.MARKER,
        null=bucket.versioning is Versioning.SUSPENDED,
        modified_ms=now_ms,
        owner=bucket.owner,
    )
    tx.record(VersionPut(marker))
    return marker.version


@dataclass(frozen=True, slots=True)
class NoteStanding:
    """The commit that notes where a run stands, or (an empty text) that it is over."""

    text: str

    def __call__(self, tx: MetadataTx) -> None:
        """Journals nothing."""
        tx.notes.put(NOTE, self.text)
