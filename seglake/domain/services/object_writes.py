"""Objects are put and deleted here; every decision about present state is taken inside the commit."""

from __future__ import annotations

from dataclasses import dataclass

from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.conditions import NO_WRITE_CONDITIONS, WriteConditions
from seglake.domain.model.digest import Checksum
from seglake.domain.model.encryption import Encryption, Protection
from seglake.domain.model.errors import MetadataTooLarge, PreconditionRequired, SeglakeError
from seglake.domain.model.events import VersionPut, VersionRemoved
from seglake.domain.model.limits import METADATA_BYTES_MAX, Limits
from seglake.domain.model.manifest import ROOT, Manifest, Pairs, VersionKind
from seglake.domain.model.names import NULL_VERSION, check_key, parse_version_id
from seglake.domain.model.object_lock import Lock
from seglake.domain.model.version import VersionEntry, entry_of
from seglake.domain.ports.body import Body
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.metadata import MetadataStore, MetadataTx, MetadataView

from .encryption import UNDECIDED, Encrypting, Undecided
from .facts import bucket_named, present
from .ingest import Ingest, Payload
from .locking import check_entry_removable, check_null_replaceable, first_lock, precheck_lock
from .owning import owner_and_acl


@dataclass(frozen=True, slots=True)
class ObjectAttributes:
    """What is kept with an object besides its bytes.

    ``lock`` None asks for none, so the bucket's default holds; ``acl`` is an ACL's text, empty = private.
    """

    headers: Pairs = ()
    metadata: Pairs = ()
    tags: Pairs = ()
    owner: str = ROOT
    lock: Lock | None = None
    acl: str = ""

    def check(self) -> None:
        """MetadataTooLarge beyond 2 KiB of user metadata."""
        if self.metadata:
            size = sum([len(name.encode()) + len(value.encode()) for name, value in self.metadata])
            if size > METADATA_BYTES_MAX:
                raise MetadataTooLarge(size, METADATA_BYTES_MAX)


@dataclass(frozen=True, slots=True)
class Stored:
    """The answer to a write; ``version`` is None in a bucket that never kept versions."""

    etag: str
    version: str | None
    checksum: Checksum | None
    size: int
    modified_ms: int
    encryption: Encryption | None = None
    tags: Pairs = ()


@dataclass(frozen=True, slots=True)
class PutObject:
    """API: PutObject. ``protection`` is the encryption asked for; None leaves it to the bucket."""

    bucket: str
    key: str
    attributes: ObjectAttributes
    conditions: WriteConditions = NO_WRITE_CONDITIONS
    protection: Protection | None = None


@dataclass(frozen=True, slots=True)
class DeleteObject:
    """API: DeleteObject, and one entry of DeleteObjects."""

    key: str
    version: str | None = None
    conditions: WriteConditions = NO_WRITE_CONDITIONS
    bypass: bool = False
    """Whether GOVERNANCE is lifted: asked for and allowed."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a delete did: ``marker`` when a delete marker was made or removed, ``version`` its or the removed one's
    id."""

    key: str
    version: str | None = None
    marker: bool = False


def shown_version(bucket: Bucket, manifest: Manifest) -> str | None:
    """The version id to answer with: none in an unversioned bucket."""
    return None if bucket.versioning is Versioning.UNVERSIONED else manifest.version


def stored_as(bucket: Bucket, manifest: Manifest) -> Stored:
    """The answer to a write that made this version."""
    return Stored(
        manifest.etag,
        shown_version(bucket, manifest),
        manifest.checksum,
        manifest.size,
        manifest.modified_ms,
        manifest.encryption,
        manifest.tags,
    )


def check_overwrite(
    bucket: Bucket, key: str, current: VersionEntry | None, conditions: WriteConditions, limits: Limits
) -> None:
    """The preconditions of a write against the current version. PreconditionFailed, PreconditionRequired, NoSuchKey."""
    facts = present(current)
    unconditional = conditions.if_match is None and not conditions.if_none_match
    if facts is not None and unconditional and limits.guards(bucket.name):
        raise PreconditionRequired(bucket.name)
    conditions.check(key, facts)


@dataclass(frozen=True, slots=True)
class PutVersion:
    """The commit of a PUT."""

    command: PutObject
    payload: Payload
    limits: Limits

    def __call__(self, tx: MetadataTx) -> Stored:
        """Decides, then records one VersionPut."""
        command, payload = self.command, self.payload
        bucket = bucket_named(tx, command.bucket)
        if command.conditions is not NO_WRITE_CONDITIONS or self.limits.guards(bucket.name):
            current = tx.versions.current_entry(bucket.id, command.key)
            check_overwrite(bucket, command.key, current, command.conditions, self.limits)
        attributes = command.attributes
        null = bucket.versioning is not Versioning.ENABLED
        if null:
            check_null_replaceable(tx, bucket, command.key)
        lock = first_lock(tx, bucket, attributes.lock)
        owner, acl = owner_and_acl(tx, bucket, attributes.owner, attributes.acl)
        manifest = Manifest(
            bucket_id=bucket.id,
            bucket=bucket.name,
            key=command.key,
            stamp=tx.tick(),
            kind=VersionKind.OBJECT,
            null=null,
            size=payload.size,
            etag=payload.etag,
            modified_ms=tx.now_ms(),
            owner=owner,
            headers=attributes.headers,
            metadata=attributes.metadata,
            tags=attributes.tags,
            checksum=payload.checksum,
            chunks=payload.place(tx),
            lock=lock,
            acl=acl,
            encryption=payload.encryption,
        )
        tx.record(VersionPut(manifest))
        return stored_as(bucket, manifest)


def _delete(tx: MetadataTx, bucket: Bucket, command: DeleteObject, limits: Limits) -> Deleted:
    """Deletes one key or version; raises before anything is recorded, or not at all."""
    if command.version is not None:
        return _remove_version(tx, bucket, command)
    current = tx.versions.current_entry(bucket.id, command.key)
    check_overwrite(bucket, command.key, current, command.conditions, limits)
    if bucket.versioning is not Versioning.ENABLED:
        check_null_replaceable(tx, bucket, command.key)
    if bucket.versioning is Versioning.UNVERSIONED:
        if current is not None:
            tx.record(VersionRemoved(tx.tick(), bucket.id, command.key, current.stamp))
        return Deleted(command.key)
    manifest = Manifest(
        bucket_id=bucket.id,
        bucket=bucket.name,
        key=command.key,
        stamp=tx.tick(),
        kind=VersionKind.MARKER,
        null=bucket.versioning is Versioning.SUSPENDED,
        modified_ms=tx.now_ms(),
        owner=bucket.owner,
    )
    tx.record(VersionPut(manifest))
    return Deleted(command.key, manifest.version, marker=True)


def _remove_version(tx: MetadataTx, bucket: Bucket, command: DeleteObject) -> Deleted:
    """Removes one version for good; a version that is not there is removed already (idempotent, as S3)."""
    key, version = command.key, command.version
    if version == NULL_VERSION:
        entry = tx.versions.null_entry(bucket.id, key)
    else:
        stamp = parse_version_id(version) if version else None
        found = None if stamp is None else tx.versions.find(bucket.id, key, stamp)
        entry = None if found is None or found.manifest.null else entry_of(found.manifest)
    if entry is None:
        return Deleted(key, version)
    command.conditions.check(key, present(entry))
    check_entry_removable(tx, bucket, entry, bypass=command.bypass)
    tx.record(VersionRemoved(tx.tick(), bucket.id, key, entry.stamp))
    return Deleted(key, version, marker=entry.is_marker)


@dataclass(frozen=True, slots=True)
class DeleteVersion:
    """The commit of a DELETE."""

    bucket: str
    command: DeleteObject
    limits: Limits

    def __call__(self, tx: MetadataTx) -> Deleted:
        """Decides, then records a removal or a delete marker."""
        return _delete(tx, bucket_named(tx, self.bucket), self.command, self.limits)


@dataclass(frozen=True, slots=True)
class DeleteVersions:
    """The commit of a DeleteObjects request: one entry's refusal leaves the others alone."""

    bucket: str
    commands: tuple[DeleteObject, ...]
    limits: Limits

    def __call__(self, tx: MetadataTx) -> list[Deleted | SeglakeError]:
        """One outcome for each command, in order."""
        bucket = bucket_named(tx, self.bucket)
        outcomes: list[Deleted | SeglakeError] = []
        for command in self.commands:
            try:
                outcomes.append(_delete(tx, bucket, command, self.limits))
            except SeglakeError as refusal:
                outcomes.append(refusal)
        return outcomes


class ObjectWrites:
    """PUT and DELETE of objects."""

    def __init__(
        self,
        metadata: MetadataStore,
        committer: Committer,
        ingest: Ingest,
        limits: Limits,
        encrypting: Encrypting,
    ) -> None:
        self._metadata = metadata
        self._committer = committer
        self._ingest = ingest
        self._limits = limits
        self._encrypting = encrypting

    def precheck(self, command: PutObject) -> Protection | None:
        """Refuses early, before the body, what is certain to be refused now; the commit decides again.

        Returns what encrypts the object, for ``put``: that is decided here for good.
        """
        check_key(command.key)
        command.attributes.check()

        def facts(view: MetadataView) -> Protection | None:
            bucket = bucket_named(view, command.bucket)
            if command.conditions is not NO_WRITE_CONDITIONS or self._limits.guards(bucket.name):
                current = view.versions.current_entry(bucket.id, command.key)
                check_overwrite(bucket, command.key, current, command.conditions, self._limits)
            precheck_lock(view, bucket, command.attributes.lock)
            return self._encrypting.effective(view, bucket, command.protection)

        return self._metadata.read(facts)

    async def put(
        self, command: PutObject, body: Body, protection: Protection | Undecided | None = UNDECIDED
    ) -> Stored:
        """Receives, verifies and commits an object. On return it survives power loss.

        ``protection`` is what ``precheck`` returned; without it, it is decided here. Raises NoSuchBucket,
        PreconditionFailed, EntityTooLarge, BadDigest, IncompleteBody, StorageFull, StoreFailed, RingKeyUnknown,
        RingKeyDisabled.
        """
        if protection is UNDECIDED:
            protection = self._metadata.read(
                lambda view: self._encrypting.effective(view, bucket_named(view, command.bucket), command.protection)
            )
        data_key = None if protection is None else await self._encrypting.new_key(protection)
        payload = await self._ingest.receive(body, maximum=self._limits.payload_max(), data_key=data_key)
        try:
            script = PutVersion(command, payload, self._limits)
            return await self._committer.commit(script, after=payload.marks, size=len(payload.inline))
        finally:
            payload.release()

    async def delete(self, bucket: str, command: DeleteObject) -> Deleted:
        """Deletes a key (or makes a delete marker) or one version; deleting what is not there succeeds."""
        check_key(command.key)
        return await self._committer.commit(DeleteVersion(bucket, command, self._limits))

    async def delete_many(self, bucket: str, commands: tuple[DeleteObject, ...]) -> list[Deleted | SeglakeError]:
        """Deletes up to 1,000 keys in one commit; an outcome for each."""
        return await self._committer.commit(DeleteVersions(bucket, commands, self._limits))
