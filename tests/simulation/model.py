"""What a correct store would hold, in plain dictionaries: small enough to be believed by reading it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import md5

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.errors import (
    BucketAlreadyOwned,
    BucketNotEmpty,
    EntityTooSmall,
    InvalidPart,
    InvalidPartOrder,
    InvalidRequest,
    IsDeleteMarker,
    NoSuchBucket,
    NoSuchKey,
    NoSuchUpload,
    NoSuchVersion,
    ObjectLocked,
    PreconditionFailed,
    SeglakeError,
)
from seglake.domain.model.manifest import Pairs
from seglake.domain.model.object_lock import NO_LOCK, BucketLock, Lock, RetentionMode

Refusal = type[SeglakeError] | None
"""The error that an operation must be answered with, None when it must succeed."""

NULL = "null"


def etag_of(data: bytes) -> str:
    """The ETag of a plain object."""
    return md5(data, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Kept:
    """One version or delete marker as a client can see it."""

    version: str
    marker: bool = False
    data: bytes = b""
    etag: str = ""
    modified_ms: int = 0
    metadata: Pairs = ()
    tags: Pairs = ()
    lock: Lock = NO_LOCK


@dataclass(frozen=True, slots=True)
class KeptPart:
    """One part of a running upload."""

    data: bytes
    etag: str


@dataclass(slots=True)
class KeptUpload:
    """A running upload."""

    key: str
    metadata: Pairs
    parts: dict[int, KeptPart] = field(default_factory=dict)


@dataclass(slots=True)
class KeptBucket:
    """One bucket: the versions of each key (newest first) and its running uploads."""

    versioning: Versioning = Versioning.UNVERSIONED
    keys: dict[str, list[Kept]] = field(default_factory=dict)
    uploads: dict[str, KeptUpload] = field(default_factory=dict)
    lock: BucketLock | None = None


ShownUpload = tuple[str, Pairs, dict[int, tuple[str, int]]]
"""Key, metadata, and the ETag and size of each part."""

Snapshot = dict[str, tuple[str, dict[str, tuple[Kept, ...]], dict[str, ShownUpload]]]
"""Everything a client can see: bucket -> (versioning, key -> versions, upload -> what is shown of it)."""


class Model:
    """The store. Every ``check_`` says what must be refused, every other method changes it as an accepted operation."""

    def __init__(self) -> None:
        self.buckets: dict[str, KeptBucket] = {}
        self.completed: dict[str, tuple[str, str, tuple[int, ...], str]] = {}

    def snapshot(self) -> Snapshot:
        """A copy of everything, to compare with."""
        return {
            name: (
                str(bucket.versioning),
                {key: tuple(versions) for key, versions in bucket.keys.items() if versions},
                {
                    upload: (kept.key, kept.metadata, {n: (p.etag, len(p.data)) for n, p in kept.parts.items()})
                    for upload, kept in bucket.uploads.items()
                },
            )
            for name, bucket in self.buckets.items()
        }

    def current(self, bucket: str, key: str) -> Kept | None:
        """The newest version if it is an object."""
        versions = self.versions(bucket, key)
        return versions[0] if versions and not versions[0].marker else None

    def versions(self, bucket: str, key: str) -> list[Kept]:
        """All versions of a key, newest first."""
        return self.buckets[bucket].keys.get(key, []) if bucket in self.buckets else []

    def check_bucket(self, bucket: str) -> Refusal:
        """It must exist."""
        return None if bucket in self.buckets else NoSuchBucket

    def check_create(self, bucket: str) -> Refusal:
        """It must be new."""
        return BucketAlreadyOwned if bucket in self.buckets else None

    def check_drop(self, bucket: str) -> Refusal:
        """It must be empty of versions, markers and uploads."""
        if bucket not in self.buckets:
            return NoSuchBucket
        kept = self.buckets[bucket]
        return BucketNotEmpty if any(kept.keys.values()) or kept.uploads else None

    def check_write(self, bucket: str, key: str, if_match: str | None, *, if_none_match: bool) -> Refusal:
        """The conditions of a write."""
        if bucket not in self.buckets:
            return NoSuchBucket
        current = self.current(bucket, key)
        if if_none_match and current is not None:
            return PreconditionFailed
        if if_match is None:
            return None
        if current is None:
            return NoSuchKey
        return None if if_match in ("*", current.etag) else PreconditionFailed

    def check_read(self, bucket: str, key: str, version: str | None) -> Refusal:
        """The version must exist and have bytes."""
        if bucket not in self.buckets:
            return NoSuchBucket
        if version is None:
            return None if self.current(bucket, key) is not None else NoSuchKey
        found = self.find(bucket, key, version)
        if found is None:
            return NoSuchVersion
        return IsDeleteMarker if found.marker else None

    def find(self, bucket: str, key: str, version: str | None) -> Kept | None:
        """A version by id, the newest without one."""
        versions = self.versions(bucket, key)
        if version is None:
            return versions[0] if versions else None
        return next((kept for kept in versions if kept.version == version), None)

    def put(self, bucket: str, key: str, kept: Kept) -> None:
        """A new newest version; a null version replaces the one before it."""
        versions = self.buckets[bucket].keys.setdefault(key, [])
        if kept.version == NULL:
            versions[:] = [other for other in versions if other.version != NULL]
        versions.insert(0, kept)

    def remove(self, bucket: str, key: str, version: str) -> None:
        """A version is gone for good, if there was one."""
        versions = self.buckets[bucket].keys.get(key, [])
        versions[:] = [kept for kept in versions if kept.version != version]

    def set_tags(self, bucket: str, key: str, version: str | None, tags: Pairs) -> None:
        """A version has these tags now."""
        versions = self.buckets[bucket].keys[key]
        found = self.find(bucket, key, version)
        assert found is not None, "the refusal was predicted"
        versions[versions.index(found)] = replace(found, tags=tags)

    def check_lock(self, bucket: str, lock: Lock | None) -> Refusal:
        """A lock is asked for only where there is object lock."""
        return InvalidRequest if lock is not None and self.buckets[bucket].lock is None else None

    def check_remove(self, bucket: str, key: str, version: str, *, bypass: bool) -> Refusal:
        """A version must be free, or its lock must yield. Retentions here never end."""
        if bucket not in self.buckets:
            return NoSuchBucket
        found = self.find(bucket, key, version)
        if found is None:
            return None
        kept = found.lock.retention
        fixed = kept is not None and not (bypass and kept.mode is RetentionMode.GOVERNANCE)
        return ObjectLocked if found.lock.hold or fixed else None

    def lock_for(self, bucket: str, lock: Lock | None, modified_ms: int) -> Lock:
        """What a version made at that time begins with."""
        wanted, config = lock or NO_LOCK, self.buckets[bucket].lock
        if config is None or config.default is None or wanted.retention is not None:
            return wanted
        return replace(wanted, retention=config.default.since(modified_ms))

    def set_lock(self, bucket: str, key: str, version: str | None, lock: Lock) -> None:
        """A version has this lock now."""
        versions = self.buckets[bucket].keys[key]
        found = self.find(bucket, key, version)
        assert found is not None, "the refusal was predicted"
        versions[versions.index(found)] = replace(found, lock=lock)

    def upload(self, bucket: str, key: str, upload: str) -> KeptUpload | None:
        """A running upload of this bucket and key."""
        found = self.buckets[bucket].uploads.get(upload) if bucket in self.buckets else None
        return found if found is not None and found.key == key else None

    def check_part(self, bucket: str, key: str, upload: str) -> Refusal:
        """The upload must be running."""
        if bucket not in self.buckets:
            return NoSuchBucket
        return None if self.upload(bucket, key, upload) is not None else NoSuchUpload

    def check_complete(
        self, bucket: str, key: str, upload: str, numbers: tuple[int, ...], etags: tuple[str, ...], *, part_min: int
    ) -> Refusal:
        """All parts named must be there, in order, as named, and large enough but for the last."""
        if bucket not in self.buckets:
            return NoSuchBucket
        kept = self.upload(bucket, key, upload)
        if kept is None:
            return NoSuchUpload
        if list(numbers) != sorted(set(numbers)):
            return InvalidPartOrder
        for number, etag in zip(numbers, etags, strict=True):
            part = kept.parts.get(number)
            if part is None or part.etag != etag:
                return InvalidPart
            if len(part.data) < part_min and number != numbers[-1]:
                return EntityTooSmall
        return None

    def complete(self, bucket: str, upload: str, numbers: tuple[int, ...]) -> Kept:
        """Ends an upload; the object it makes, without version and time."""
        kept = self.buckets[bucket].uploads.pop(upload)
        parts = [kept.parts[number] for number in numbers]
        whole = md5(b"".join([bytes.fromhex(part.etag) for part in parts]), usedforsecurity=False).hexdigest()
        data = b"".join([part.data for part in parts])
        return Kept(NULL, data=data, etag=f"{whole}-{len(parts)}", metadata=kept.metadata)

    def rolled(self, bucket: str, prefix: str, delimiter: str) -> list[str]:
        """What a listing of current objects shows, in order: keys, and common prefixes once."""
        out: list[str] = []
        for key in sorted(self.buckets[bucket].keys):
            if not key.startswith(prefix) or self.current(bucket, key) is None:
                continue
            at = key.find(delimiter, len(prefix)) if delimiter else -1
            shown = key[: at + len(delimiter)] if at >= 0 else key
            if not out or out[-1] != shown:
                out.append(shown)
        return out
