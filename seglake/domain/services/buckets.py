"""Buckets come, go and change how they keep versions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.errors import BucketAlreadyOwned, BucketNotEmpty, BucketTaken, InvalidBucketState
from seglake.domain.model.events import BucketConfigured, BucketCreated, BucketDeleted, VersioningSet
from seglake.domain.model.manifest import ROOT
from seglake.domain.model.names import check_bucket_name
from seglake.domain.model.object_lock import BucketLock, to_text
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.metadata import MetadataStore, MetadataTx, MetadataView

from .facts import bucket_named
from .locking import holds_locks


@dataclass(frozen=True, slots=True)
class CreateBucket:
    """API: CreateBucket."""

    name: str
    owner: str = ROOT
    region: str = "us-east-1"
    versioning: Versioning = Versioning.UNVERSIONED
    locks: bool = False
    """Whether object lock is switched on; it needs versioning."""
    configs: tuple[tuple[ConfigKind, str], ...] = ()
    """What else the bucket begins with: kinds and their texts."""

    def __call__(self, tx: MetadataTx) -> Bucket:
        """Records one BucketCreated and one BucketConfigured for each text it begins with. BucketAlreadyOwned,
        BucketTaken."""
        known = tx.buckets.get(self.name)
        if known is not None:
            raise BucketAlreadyOwned(self.name) if known.owner == self.owner else BucketTaken(self.name)
        assert not self.locks or self.versioning is Versioning.ENABLED, "object lock protects versions"
        bucket = Bucket(self.name, tx.tick(), self.versioning, self.owner, self.region)
        tx.record(BucketCreated(bucket))
        if self.locks:
            tx.record(BucketConfigured(tx.tick(), bucket.id, ConfigKind.OBJECT_LOCK, to_text(BucketLock())))
        for kind, text in self.configs:
            tx.record(BucketConfigured(tx.tick(), bucket.id, kind, text))
        return bucket


@dataclass(frozen=True, slots=True)
class DeleteBucket:
    """API: DeleteBucket."""

    name: str

    def __call__(self, tx: MetadataTx) -> None:
        """Records one BucketDeleted. NoSuchBucket, BucketNotEmpty."""
        bucket = bucket_named(tx, self.name)
        if tx.versions.any_in(bucket.id):
            raise BucketNotEmpty(self.name, "objects, noncurrent versions or delete markers")
        if next(iter(tx.uploads.scan_running(bucket.id, "")), None) is not None:
            raise BucketNotEmpty(self.name, "multipart uploads in progress")
        tx.record(BucketDeleted(tx.tick(), bucket.id))


@dataclass(frozen=True, slots=True)
class SetVersioning:
    """API: PutBucketVersioning; a bucket never returns to UNVERSIONED."""

    name: str
    versioning: Versioning

    def __call__(self, tx: MetadataTx) -> None:
        """Records one VersioningSet. NoSuchBucket, InvalidBucketState: object lock needs versions."""
        assert self.versioning is not Versioning.UNVERSIONED, "versioning is enabled or suspended, never undone"
        bucket = bucket_named(tx, self.name)
        if self.versioning is not Versioning.ENABLED and holds_locks(tx, bucket):
            raise InvalidBucketState(
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
            )
        if bucket.versioning is not self.versioning:
            tx.record(VersioningSet(tx.tick(), bucket.id, self.versioning))


@dataclass(frozen=True, slots=True)
class BucketPage:
    """One page of buckets; the next begins after the name ``next_after``."""

    buckets: tuple[Bucket, ...]
    next_after: str | None


class Buckets:
    """The bucket operations."""

    def __init__(self, metadata: MetadataStore, committer: Committer) -> None:
        self._metadata = metadata
        self._committer = committer

    async def create(self, command: CreateBucket) -> Bucket:
        """Makes a bucket. InvalidBucketName, BucketAlreadyOwned, BucketTaken."""
        check_bucket_name(command.name)
        return await self._committer.commit(command)

    async def delete(self, name: str) -> None:
        """Removes an empty bucket. NoSuchBucket, BucketNotEmpty."""
        await self._committer.commit(DeleteBucket(name))

    async def set_versioning(self, name: str, versioning: Versioning) -> None:
        """Enables or suspends versioning. NoSuchBucket, InvalidBucketState."""
        await self._committer.commit(SetVersioning(name, versioning))

    def get(self, name: str) -> Bucket:
        """The bucket. NoSuchBucket."""
        return self._metadata.read(lambda view: bucket_named(view, name))

    def list(
        self,
        prefix: str = "",
        after: str = "",
        limit: int = 10_000,
        *,
        owner: str | None = None,
        names: tuple[str, ...] = (),
    ) -> BucketPage:
        """API: ListBuckets: by name, above ``after``; only those of ``owner`` and among ``names`` where given."""

        def query(view: MetadataView) -> tuple[Bucket, ...]:
            seen = view.buckets.scan(prefix, after)
            shown = (b for b in seen if (owner is None or b.owner == owner) and (not names or b.name in names))
            return tuple(islice(shown, limit + 1))

        found = self._metadata.read(query)
        more = len(found) > limit
        return BucketPage(found[:limit], found[limit - 1].name if more and limit else None)
