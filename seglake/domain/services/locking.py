"""Every way that removes or replaces a version asks here first, inside its commit.

Source: S3 User Guide, "Locking objects with Object Lock"; API Reference of PutObjectRetention, PutObjectLegalHold and
PutObjectLockConfiguration.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.bucket_config import ConfigKind, Configs
from seglake.domain.model.errors import (
    InvalidArgument,
    InvalidBucketState,
    InvalidRequest,
    NoObjectLockConfiguration,
    NoSuchLock,
    ObjectLocked,
)
from seglake.domain.model.events import BucketConfigured, LockSet
from seglake.domain.model.names import check_key
from seglake.domain.model.object_lock import (
    NO_LOCK,
    BucketLock,
    Lock,
    Retention,
    RetentionMode,
    parse_text,
    to_text,
)
from seglake.domain.model.version import Version, VersionEntry
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.metadata import MetadataStore, MetadataTables, MetadataTx, MetadataView

from .bucket_settings import configs_of
from .facts import bucket_named, object_version_of

MISSING_CONFIGURATION = "Bucket is missing Object Lock Configuration"


def bucket_lock(configs: Configs) -> BucketLock | None:
    """The object lock configuration among a bucket's texts, None where object lock was never switched on."""
    text = configs.get(ConfigKind.OBJECT_LOCK)
    return None if text is None else parse_text(text)


def lock_for(configs: Configs, asked: Lock | None, now_ms: int) -> Lock:
    """What a version made at ``now_ms`` begins with: what was asked for, else the bucket's default retention.

    ``asked`` with a hold alone still gets the default retention; ``check_asked`` has said yes to it before.
    """
    config = bucket_lock(configs)
    wanted = asked or NO_LOCK
    if config is None or config.default is None or wanted.retention is not None:
        return wanted
    return replace(wanted, retention=config.default.since(now_ms))


def check_asked(configs: Configs, asked: Lock | None, now_ms: int) -> None:
    """InvalidRequest when a lock is asked for in a bucket without object lock, InvalidArgument for a past date."""
    if asked is None:
        return
    if ConfigKind.OBJECT_LOCK not in configs:
        raise InvalidRequest(MISSING_CONFIGURATION)
    if asked.retention is not None:
        check_future(asked.retention, now_ms)


def first_lock(tx: MetadataTx, bucket: Bucket, asked: Lock | None) -> Lock:
    """What a version made in this commit begins with. InvalidRequest, InvalidArgument."""
    if asked is None and not bucket.configured:
        return NO_LOCK
    configs, now_ms = configs_of(tx, bucket), tx.now_ms()
    check_asked(configs, asked, now_ms)
    return lock_for(configs, asked, now_ms)


def check_future(retention: Retention, now_ms: int) -> None:
    """InvalidArgument for a date that is not in the future."""
    if not retention.active(now_ms):
        raise InvalidArgument(
            "x-amz-object-lock-retain-until-date",
            str(retention.until_ms),
            "The retain until date must be in the future!",
        )


def check_removable(version: Version, now_ms: int, *, bypass: bool) -> None:
    """Returns when the version may be removed or replaced now, else ObjectLocked.

    ``bypass`` is the right, already authorised, to lift GOVERNANCE; it lifts neither COMPLIANCE nor a legal hold.
    """
    lock = version.lock
    if lock is NO_LOCK:
        return
    if lock.hold:
        raise ObjectLocked(version.manifest.key, version.manifest.version)
    kept = lock.retention
    if kept is not None and kept.active(now_ms) and not (bypass and kept.mode is RetentionMode.GOVERNANCE):
        raise ObjectLocked(version.manifest.key, version.manifest.version)


def precheck_lock(view: MetadataView, bucket: Bucket, asked: Lock | None) -> None:
    """InvalidRequest when a lock is asked for in a bucket without object lock; the commit decides again."""
    if asked is not None and not holds_locks(view, bucket):
        raise InvalidRequest(MISSING_CONFIGURATION)


def holds_locks(view: MetadataView | MetadataTables, bucket: Bucket) -> bool:
    """Whether versions of this bucket can be locked; object lock, once on, is never switched off."""
    return bucket.configured != 0 and ConfigKind.OBJECT_LOCK in configs_of(view, bucket)


def check_entry_removable(tx: MetadataTx, bucket: Bucket, entry: VersionEntry, *, bypass: bool = False) -> None:
    """``check_removable`` for a version of which only the entry is known; no lookup in a bucket without locks."""
    if holds_locks(tx, bucket):
        found = tx.versions.find(bucket.id, entry.key, entry.stamp)
        assert found is not None, "an entry has its version"
        check_removable(found, tx.now_ms(), bypass=bypass)


def check_null_replaceable(tx: MetadataTx, bucket: Bucket, key: str) -> None:
    """ObjectLocked when the key's null version is locked: a new null version would replace it."""
    if holds_locks(tx, bucket):
        replaced = tx.versions.null(bucket.id, key)
        if replaced is not None:
            check_removable(replaced, tx.now_ms(), bypass=False)


def check_changeable(version: Version, wanted: Retention | None, now_ms: int, *, bypass: bool) -> None:
    """Returns when a version's retention may become ``wanted`` (None = removed) now, else ObjectLocked.

    A retention that protects may be prolonged in its mode; anything else needs GOVERNANCE and ``bypass``.
    """
    present = version.lock.retention
    if present is None or not present.active(now_ms):
        return
    prolonged = wanted is not None and wanted.mode is present.mode and wanted.until_ms >= present.until_ms
    if not prolonged and not (bypass and present.mode is RetentionMode.GOVERNANCE):
        raise ObjectLocked(version.manifest.key, version.manifest.version)


@dataclass(frozen=True, slots=True)
class SetLock:
    """API: PutObjectLegalHold when ``hold`` is given, else PutObjectRetention (None removes the retention)."""

    bucket: str
    key: str
    version: str | None
    hold: bool | None = None
    retention: Retention | None = None
    bypass: bool = False

    def __call__(self, tx: MetadataTx) -> None:
        """Records one LockSet.

        InvalidRequest without object lock, ObjectLocked, InvalidArgument for a date that is past, NoSuchKey,
        NoSuchVersion, IsDeleteMarker.
        """
        bucket = bucket_named(tx, self.bucket)
        found = locked_version_of(tx, bucket, self.key, self.version)
        if self.hold is not None:
            lock = replace(found.lock, hold=self.hold)
        else:
            now_ms = tx.now_ms()
            if self.retention is not None:
                check_future(self.retention, now_ms)
            check_changeable(found, self.retention, now_ms, bypass=self.bypass)
            lock = replace(found.lock, retention=self.retention)
        if lock != found.lock:
            tx.record(LockSet(tx.tick(), bucket.id, self.key, found.manifest.stamp, lock))


def locked_version_of(view: MetadataView | MetadataTables, bucket: Bucket, key: str, version: str | None) -> Version:
    """A version of a bucket with object lock. InvalidRequest, NoSuchKey, NoSuchVersion, IsDeleteMarker."""
    if ConfigKind.OBJECT_LOCK not in configs_of(view, bucket):
        raise InvalidRequest(MISSING_CONFIGURATION)
    return object_version_of(view, bucket, key, version)


@dataclass(frozen=True, slots=True)
class ConfigureLock:
    """The commit of PutObjectLockConfiguration."""

    bucket: str
    config: BucketLock

    def __call__(self, tx: MetadataTx) -> None:
        """Records one BucketConfigured, or nothing when nothing changes. InvalidBucketState without versioning."""
        bucket = bucket_named(tx, self.bucket)
        if bucket.versioning is not Versioning.ENABLED:
            raise InvalidBucketState("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
        text = to_text(self.config)
        if configs_of(tx, bucket).get(ConfigKind.OBJECT_LOCK) != text:
            tx.record(BucketConfigured(tx.tick(), bucket.id, ConfigKind.OBJECT_LOCK, text))


class Locking:
    """Object lock configurations, retentions and legal holds."""

    def __init__(self, metadata: MetadataStore, committer: Committer) -> None:
        self._metadata = metadata
        self._committer = committer

    def configuration(self, bucket: str) -> BucketLock:
        """A bucket's configuration. NoSuchBucket, NoObjectLockConfiguration."""
        found = self._metadata.read(lambda view: bucket_lock(configs_of(view, bucket_named(view, bucket))))
        if found is None:
            raise NoObjectLockConfiguration(bucket)
        return found

    async def configure(self, bucket: str, config: BucketLock) -> None:
        """Switches object lock on, or changes the default. NoSuchBucket, InvalidBucketState."""
        await self._committer.commit(ConfigureLock(bucket, config))

    def retention(self, bucket: str, key: str, version: str | None) -> Retention:
        """A version's retention, over or not. InvalidRequest, NoSuchKey, NoSuchVersion, IsDeleteMarker, NoSuchLock."""
        found = self._lock(bucket, key, version).retention
        if found is None:
            raise NoSuchLock(key)
        return found

    def hold(self, bucket: str, key: str, version: str | None) -> bool:
        """Whether a legal hold is on. InvalidRequest, NoSuchKey, NoSuchVersion, IsDeleteMarker."""
        return self._lock(bucket, key, version).hold

    async def set(self, command: SetLock) -> None:
        """Changes a retention or a hold. As SetLock."""
        check_key(command.key)
        await self._committer.commit(command)

    def _lock(self, bucket: str, key: str, version: str | None) -> Lock:
        check_key(key)
        return self._metadata.read(lambda view: locked_version_of(view, bucket_named(view, bucket), key, version).lock)
