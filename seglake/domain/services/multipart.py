"""Multipart uploads: parts are durable when acknowledged, and completing composes their chunks without copying a
byte."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.conditions import NO_WRITE_CONDITIONS, WriteConditions
from seglake.domain.model.digest import Checksum, ChecksumAlgorithm, ChecksumType, multipart_type
from seglake.domain.model.encryption import Encryption, Protection
from seglake.domain.model.errors import (
    BadDigest,
    EntityTooLarge,
    EntityTooSmall,
    InvalidArgument,
    InvalidPart,
    InvalidPartOrder,
    InvalidRequest,
    NoSuchUpload,
)
from seglake.domain.model.events import PartStored, UploadAborted, UploadStarted, VersionPut
from seglake.domain.model.limits import Limits
from seglake.domain.model.manifest import Manifest, PartLayout, VersionKind
from seglake.domain.model.multipart import PART_NUMBER_MAX, Part, PartClaim, Upload
from seglake.domain.model.names import check_key
from seglake.domain.model.object_lock import NO_LOCK
from seglake.domain.model.segment import ChunkSlice
from seglake.domain.ports.body import Body
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.digests import Digests
from seglake.domain.ports.metadata import MetadataStore, MetadataTables, MetadataTx, MetadataView
from seglake.domain.ports.system import Randomness

from .bucket_settings import configs_of
from .encryption import NO_CUSTOMER, Encrypting
from .facts import bucket_named, running_upload
from .ingest import DEFAULT_CHECKSUM, Ingest, Payload
from .locking import check_asked, check_null_replaceable, lock_for
from .object_writes import ObjectAttributes, Stored, check_overwrite, stored_as
from .owning import completed_owner_and_acl, owner_and_acl


@dataclass(frozen=True, slots=True)
class CreateUpload:
    """API: CreateMultipartUpload. ``protection`` as in a PUT."""

    bucket: str
    key: str
    attributes: ObjectAttributes
    algorithm: ChecksumAlgorithm | None = None
    checksum_type: ChecksumType | None = None
    protection: Protection | None = None


@dataclass(frozen=True, slots=True)
class CompleteUpload:
    """API: CompleteMultipartUpload. ``checksum`` is the claimed one of the whole object, ``size`` the claimed size;
    ``customer`` a key that the request need not bring, but then it is the upload's."""

    bucket: str
    key: str
    upload: str
    parts: tuple[PartClaim, ...]
    conditions: WriteConditions = NO_WRITE_CONDITIONS
    checksum: Checksum | None = None
    checksum_type: ChecksumType | None = None
    size: int | None = None
    customer: bytes = field(default=NO_CUSTOMER, repr=False)

    def digest(self) -> bytes:
        """Identifies the part list, so that a repeated completion is recognised."""
        text = "\n".join([f"{claim.number} {claim.etag}" for claim in self.parts])
        return hashlib.sha256(text.encode()).digest()


def check_part_number(number: int) -> int:
    """InvalidArgument unless 1...10,000."""
    if not 1 <= number <= PART_NUMBER_MAX:
        raise InvalidArgument("partNumber", str(number), f"part numbers go from 1 to {PART_NUMBER_MAX}")
    return number


def open_upload(view: MetadataView | MetadataTables, bucket: str, key: str, upload_id: str) -> tuple[Bucket, Upload]:
    """The running upload and its bucket. NoSuchBucket, NoSuchUpload."""
    found = bucket_named(view, bucket)
    upload = running_upload(view, found, key, upload_id)
    if upload is None or upload.completed:
        raise NoSuchUpload(upload_id)
    return found, upload


@dataclass(frozen=True, slots=True)
class StartUpload:
    """The commit of CreateMultipartUpload."""

    command: CreateUpload
    id: str
    encryption: Encryption | None = None

    def __call__(self, tx: MetadataTx) -> Upload:
        """Records one UploadStarted."""
        command = self.command
        bucket = bucket_named(tx, command.bucket)
        kind = multipart_type(command.algorithm, command.checksum_type) if command.algorithm else None
        attributes = command.attributes
        if attributes.lock is not None:
            check_asked(configs_of(tx, bucket), attributes.lock, tx.now_ms())
        owner_and_acl(tx, bucket, attributes.owner, attributes.acl)
        upload = Upload(
            id=self.id,
            bucket_id=bucket.id,
            key=command.key,
            started=tx.tick(),
            owner=attributes.owner,
            headers=attributes.headers,
            metadata=attributes.metadata,
            tags=attributes.tags,
            algorithm=command.algorithm,
            checksum_type=kind,
            lock=attributes.lock or NO_LOCK,
            acl=attributes.acl,
            encryption=self.encryption,
        )
        tx.record(UploadStarted(upload))
        return upload


@dataclass(frozen=True, slots=True)
class PutPart:
    """The commit of UploadPart."""

    bucket: str
    key: str
    upload: str
    number: int
    payload: Payload

    def __call__(self, tx: MetadataTx) -> Part:
        """Records one PartStored."""
        _, upload = open_upload(tx, self.bucket, self.key, self.upload)
        payload = self.payload
        assert payload.encryption == upload.encryption, "all parts of an upload are under its data key"
        part = Part(
            upload=self.upload,
            number=self.number,
            stamp=tx.tick(),
            size=payload.size,
            etag=payload.etag,
            modified_ms=tx.now_ms(),
            checksum=payload.checksum,
            chunks=payload.place(tx),
        )
        tx.record(PartStored(part))
        return part


@dataclass(frozen=True, slots=True)
class AbortUpload:
    """The commit of AbortMultipartUpload."""

    bucket: str
    key: str
    upload: str

    def __call__(self, tx: MetadataTx) -> None:
        """Records one UploadAborted."""
        open_upload(tx, self.bucket, self.key, self.upload)
        tx.record(UploadAborted(tx.tick(), self.upload))


def _claimed_parts(tx: MetadataTx, command: CompleteUpload, upload: Upload, limits: Limits) -> list[Part]:
    """The stored parts as claimed, in order. InvalidPart, InvalidPartOrder, EntityTooSmall, EntityTooLarge."""
    numbers = [claim.number for claim in command.parts]
    if not numbers:
        raise InvalidRequest("a completion names at least one part")
    if any(a >= b for a, b in itertools.pairwise(numbers)):
        raise InvalidPartOrder("the parts must be listed in ascending order of part number, each once")
    stored = {part.number: part for part in tx.uploads.parts(upload.id)}
    parts, size = [], 0
    for claim in command.parts:
        part = stored.get(claim.number)
        if part is None:
            raise InvalidPart(claim.number, "it was not uploaded")
        if part.etag != claim.etag:
            raise InvalidPart(claim.number, f"its ETag is {part.etag}, the completion says {claim.etag[:80]}")
        if claim.checksum is not None:
            algorithm, text = claim.checksum
            if part.checksum is None or part.checksum.algorithm is not algorithm or part.checksum.text != text:
                raise InvalidPart(claim.number, f"its {algorithm} checksum differs from the one in the completion")
        if part.size < limits.part_bytes_min and claim.number != numbers[-1]:
            raise EntityTooSmall(claim.number, part.size, limits.part_bytes_min)
        size += part.size
        parts.append(part)
    if limits.object_bytes_max and size > limits.object_bytes_max:
        raise EntityTooLarge(size, limits.object_bytes_max)
    if command.size is not None and command.size != size:
        raise InvalidRequest(f"x-amz-mp-object-size says {command.size}, the parts have {size} bytes")
    return parts


def _whole_checksum(upload: Upload, parts: Sequence[Part], digests: Digests) -> Checksum | None:
    """The object's checksum from its parts: combined CRCs, or the digest of the parts' digests."""
    algorithm = upload.algorithm or DEFAULT_CHECKSUM
    kind = upload.checksum_type or ChecksumType.FULL_OBJECT
    pieces = []
    for part in parts:
        if part.checksum is None or part.checksum.algorithm is not algorithm:
            return None
        pieces.append((part.checksum.digest, part.size))
    if kind is ChecksumType.FULL_OBJECT:
        return Checksum(algorithm, digests.combine(algorithm, pieces))
    hasher = digests.checksum(algorithm)
    hasher.update(b"".join([digest for digest, _ in pieces]))
    return Checksum(algorithm, hasher.digest(), ChecksumType.COMPOSITE, len(pieces))


def _check_claim(command: CompleteUpload, upload: Upload, whole: Checksum | None) -> None:
    """The claimed whole-object checksum against the computed one. BadDigest, InvalidRequest."""
    kind = upload.checksum_type or ChecksumType.FULL_OBJECT
    if command.checksum_type is not None and command.checksum_type is not kind:
        raise InvalidRequest(f"the upload was created with the checksum type {kind}, not {command.checksum_type}")
    if command.checksum is None:
        return
    claimed = command.checksum
    if whole is None or whole.algorithm is not claimed.algorithm:
        raise InvalidRequest(f"the upload has no {claimed.algorithm} checksum to compare with")
    # A composite may be claimed with or without its part count.
    if claimed.digest != whole.digest or claimed.parts not in (0, whole.parts):
        raise BadDigest(f"x-amz-checksum-{claimed.algorithm.lower()}", claimed.text, whole.text)


@dataclass(frozen=True, slots=True)
class FinishUpload:
    """The commit of CompleteMultipartUpload."""

    command: CompleteUpload
    limits: Limits
    digests: Digests

    def __call__(self, tx: MetadataTx) -> Stored:
        """Records one VersionPut that closes the upload; a repeat of the completing request answers as the first."""
        command = self.command
        bucket = bucket_named(tx, command.bucket)
        upload = running_upload(tx, bucket, command.key, command.upload)
        if upload is None:
            raise NoSuchUpload(command.upload)
        if upload.completed:
            return self._repeat(tx, bucket, upload)
        if command.conditions is not NO_WRITE_CONDITIONS or self.limits.guards(bucket.name):
            current = tx.versions.current_entry(bucket.id, command.key)
            check_overwrite(bucket, command.key, current, command.conditions, self.limits)
        parts = _claimed_parts(tx, command, upload, self.limits)
        whole = _whole_checksum(upload, parts, self.digests)
        _check_claim(command, upload, whole)
        if bucket.versioning is not Versioning.ENABLED:
            check_null_replaceable(tx, bucket, command.key)
        manifest = self._compose(tx, bucket, upload, parts, whole)
        tx.record(VersionPut(manifest, command.digest()))
        return stored_as(bucket, manifest)

    def _compose(
        self, tx: MetadataTx, bucket: Bucket, upload: Upload, parts: list[Part], whole: Checksum | None
    ) -> Manifest:
        chunks: list[ChunkSlice] = []
        for part in parts:
            chunks.extend(part.chunks)
        md5s = b"".join([bytes.fromhex(part.etag) for part in parts])
        explicit = upload.algorithm is not None
        owner, acl = completed_owner_and_acl(tx, bucket, upload.owner, upload.acl)
        return Manifest(
            bucket_id=bucket.id,
            bucket=bucket.name,
            key=upload.key,
            stamp=tx.tick(),
            kind=VersionKind.OBJECT,
            null=bucket.versioning is not Versioning.ENABLED,
            size=sum([part.size for part in parts]),
            etag=f"{hashlib.md5(md5s, usedforsecurity=False).hexdigest()}-{len(parts)}",
            modified_ms=tx.now_ms(),
            owner=owner,
            headers=upload.headers,
            metadata=upload.metadata,
            tags=upload.tags,
            checksum=whole,
            parts=tuple([PartLayout(p.number, p.size, p.checksum if explicit else None) for p in parts]),
            chunks=tuple(chunks),
            upload=upload.id,
            lock=lock_for(configs_of(tx, bucket), upload.lock, tx.now_ms()),
            acl=acl,
            encryption=upload.encryption,
        )

    def _repeat(self, tx: MetadataTx, bucket: Bucket, upload: Upload) -> Stored:
        assert upload.result is not None, "a completed upload names its version"
        found = tx.versions.find(bucket.id, upload.key, upload.result)
        if found is None or upload.completed != self.command.digest():
            raise NoSuchUpload(upload.id)
        return stored_as(bucket, found.manifest)


class Multipart:
    """Create, upload, complete and abort; listing is with the other listings."""

    def __init__(
        self,
        metadata: MetadataStore,
        committer: Committer,
        ingest: Ingest,
        digests: Digests,
        randomness: Randomness,
        limits: Limits,
        encrypting: Encrypting,
    ) -> None:
        self._metadata = metadata
        self._committer = committer
        self._ingest = ingest
        self._digests = digests
        self._randomness = randomness
        self._limits = limits
        self._encrypting = encrypting

    async def create(self, command: CreateUpload) -> Upload:
        """Begins an upload with an unguessable id, and with the data key of all its parts if it is encrypted.

        NoSuchBucket, MetadataTooLarge, InvalidRequest, RingKeyUnknown, RingKeyDisabled.
        """
        check_key(command.key)
        command.attributes.check()
        protection = self._metadata.read(
            lambda view: self._encrypting.effective(view, bucket_named(view, command.bucket), command.protection)
        )
        data_key = None if protection is None else await self._encrypting.new_key(protection)
        encryption = None if data_key is None else data_key.encryption
        return await self._committer.commit(StartUpload(command, self._randomness.bytes(16).hex(), encryption))

    def precheck(self, bucket: str, key: str, upload_id: str) -> Upload:
        """The running upload, so that a part for none is refused before its body is read."""
        return self._metadata.read(lambda view: open_upload(view, bucket, key, upload_id)[1])

    async def upload_part(
        self,
        bucket: str,
        key: str,
        upload_id: str,
        number: int,
        body: Body,
        *,
        customer: bytes = NO_CUSTOMER,
        upload: Upload | None = None,
    ) -> Part:
        """Receives, verifies and commits one part; ``customer`` is the key that the upload began with, if any, and
        ``upload`` what ``precheck`` returned, if it was asked.

        NoSuchUpload, InvalidRequest, BadDigest, EntityTooLarge, StorageFull, RingKeyDisabled.
        """
        check_part_number(number)
        upload = upload or self.precheck(bucket, key, upload_id)
        announced = body.expectations().algorithm
        if announced is not None and upload.algorithm is not None and announced is not upload.algorithm:
            raise InvalidRequest(
                f"the upload was created with {upload.algorithm} checksums, this part comes with {announced}"
            )
        data_key = None
        if upload.encryption is not None or customer:
            data_key = self._encrypting.resume(upload.encryption, customer)
        payload = await self._ingest.receive(
            body, maximum=self._limits.payload_max(), algorithm=upload.algorithm, data_key=data_key
        )
        try:
            script = PutPart(bucket, key, upload_id, number, payload)
            return await self._committer.commit(script, after=payload.marks, size=len(payload.inline))
        finally:
            payload.release()

    async def complete(self, command: CompleteUpload) -> Stored:
        """Makes the object of its parts, atomically. NoSuchUpload, InvalidPart(Order), EntityTooSmall,
        PreconditionFailed."""
        if command.customer:
            self.check_customer(command.bucket, command.key, command.upload, command.customer)
        normal = replace(command, parts=tuple([c._replace(etag=c.etag.strip('"')) for c in command.parts]))
        return await self._committer.commit(FinishUpload(normal, self._limits, self._digests))

    def check_customer(self, bucket: str, key: str, upload_id: str, customer: bytes) -> None:
        """A key that comes with a request about an upload, where none is needed, is the upload's. InvalidRequest."""
        upload = self._metadata.read(lambda view: running_upload(view, bucket_named(view, bucket), key, upload_id))
        if upload is None:
            raise NoSuchUpload(upload_id)
        self._encrypting.resume(upload.encryption, customer)

    async def abort(self, bucket: str, key: str, upload_id: str) -> None:
        """Drops the upload and its parts. NoSuchUpload."""
        await self._committer.commit(AbortUpload(bucket, key, upload_id))
