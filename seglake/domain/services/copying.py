"""Copies compose manifests: the new version names the chunks of its source, which the commit finds still there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from typing import NamedTuple

from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.conditions import NO_READ_CONDITIONS, NO_WRITE_CONDITIONS, ReadConditions, WriteConditions
from seglake.domain.model.digest import Checksum, ChecksumAlgorithm, ChecksumType, Expectations
from seglake.domain.model.encryption import Encryption, Protection
from seglake.domain.model.errors import (
    AccessDenied,
    Busy,
    EntityTooLarge,
    InvalidArgument,
    InvalidRequest,
    NoSuchKey,
    VersionDamaged,
)
from seglake.domain.model.events import PartStored, VersionPut
from seglake.domain.model.hlc import HLC
from seglake.domain.model.limits import SINGLE_PUT_BYTES_MAX, Limits
from seglake.domain.model.manifest import Manifest, Pairs, PartLayout, VersionKind, VersionState
from seglake.domain.model.multipart import Part, Upload
from seglake.domain.model.names import check_key
from seglake.domain.model.object_lock import Lock
from seglake.domain.model.ranges import ByteRange
from seglake.domain.model.segment import ChunkSlice, slice_chunks
from seglake.domain.model.version import Version
from seglake.domain.ports.body import Body
from seglake.domain.ports.ciphers import ChunkCipher
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.digests import Digests, Hasher
from seglake.domain.ports.metadata import MetadataStore, MetadataTables, MetadataTx, MetadataView
from seglake.domain.ports.segments import SegmentStore
from seglake.domain.ports.system import Offload

from .encryption import NO_CUSTOMER, DataKey, Encrypting, check_customer, shares, taken_over
from .facts import bucket_named, version_of
from .ingest import DEFAULT_CHECKSUM, Ingest, Payload
from .locking import check_null_replaceable, first_lock
from .multipart import PutPart, check_part_number, open_upload
from .object_writes import ObjectAttributes, Stored, check_overwrite, shown_version, stored_as
from .owning import owner_and_acl


@dataclass(frozen=True, slots=True)
class CopySource:
    """Which version to copy, under which conditions; ``customer`` is the key of an SSE-C source."""

    bucket: str
    key: str
    version: str | None = None
    conditions: ReadConditions = NO_READ_CONDITIONS
    customer: bytes = field(default=NO_CUSTOMER, repr=False)


@dataclass(frozen=True, slots=True)
class CopyObject:
    """API: CopyObject. ``attributes`` replace the source's headers and metadata, ``tags`` its tags; None keeps them.

    ``lock`` and ``acl`` are asked for as in a PUT, the source's are never taken; without ``tags_allowed`` a source
    whose tags would be kept is refused. ``protection`` is decided as in a PUT: the source's encryption is not taken.
    """

    source: CopySource
    bucket: str
    key: str
    owner: str
    attributes: ObjectAttributes | None = None
    tags: Pairs | None = None
    algorithm: ChecksumAlgorithm | None = None
    storage_class: str | None = None
    conditions: WriteConditions = NO_WRITE_CONDITIONS
    lock: Lock | None = None
    tags_allowed: bool = True
    acl: str = ""
    protection: Protection | None = None


@dataclass(frozen=True, slots=True)
class Copied:
    """The answer to a copy; ``source_version`` is None when the source bucket never kept versions."""

    stored: Stored
    source_version: str | None


def source_version(view: MetadataView | MetadataTables, source: CopySource) -> tuple[Bucket, Version]:
    """The source, readable and satisfying its conditions. NoSuchBucket, NoSuchKey, PreconditionFailed,
    InvalidRequest."""
    bucket = bucket_named(view, source.bucket)
    found = version_of(view, bucket, source.key, source.version)
    if found.is_marker:
        if source.version is not None:
            raise InvalidRequest("the source of a copy may not be a delete marker")
        raise NoSuchKey(source.key)
    if found.state is not VersionState.ACTIVE:
        raise VersionDamaged(source.key, found.manifest.version)
    source.conditions.check_copy_source(found.manifest.etag, found.manifest.modified_ms)
    return bucket, found


@dataclass(frozen=True, slots=True)
class PutCopy:
    """The commit of CopyObject; ``checksum`` was computed over the version ``expected``, if one had to be.

    ``payload`` are that version's bytes stored anew, where its own could not serve under ``protection``.
    """

    command: CopyObject
    limits: Limits
    expected: HLC | None = None
    checksum: Checksum | None = None
    protection: Protection | None = None
    payload: Payload | None = None

    def __call__(self, tx: MetadataTx) -> Copied:
        """Records one VersionPut that shares its source's chunks, or has its own."""
        command = self.command
        source_bucket, found = source_version(tx, command.source)
        source = found.manifest
        if self.expected is not None and self.expected != source.stamp:
            raise Busy("the source changed while it was copied; try again")
        _check_size(source)
        bucket = bucket_named(tx, command.bucket)
        if command.conditions is not NO_WRITE_CONDITIONS or self.limits.guards(bucket.name):
            current = tx.versions.current_entry(bucket.id, command.key)
            check_overwrite(bucket, command.key, current, command.conditions, self.limits)
        if command.tags is None and found.tags and not command.tags_allowed:
            raise AccessDenied("the source has tags, and reading or setting tags is not allowed")
        null = bucket.versioning is not Versioning.ENABLED
        if null:
            check_null_replaceable(tx, bucket, command.key)
        lock = first_lock(tx, bucket, command.lock)
        owner, acl = owner_and_acl(tx, bucket, command.owner, command.acl)
        attributes = command.attributes
        headers = _with_storage_class(attributes.headers if attributes else source.headers, command.storage_class)
        content = self._content(tx, source)
        manifest = Manifest(
            bucket_id=bucket.id,
            bucket=bucket.name,
            key=command.key,
            stamp=tx.tick(),
            kind=VersionKind.OBJECT,
            null=null,
            size=source.size,
            etag=content.etag,
            modified_ms=tx.now_ms(),
            owner=owner,
            headers=headers,
            metadata=attributes.metadata if attributes else source.metadata,
            tags=found.tags if command.tags is None else command.tags,
            checksum=content.checksum,
            parts=content.parts,
            chunks=content.chunks,
            lock=lock,
            acl=acl,
            encryption=content.encryption,
        )
        tx.record(VersionPut(manifest))
        return Copied(stored_as(bucket, manifest), shown_version(source_bucket, source))

    def _content(self, tx: MetadataTx, source: Manifest) -> _Content:
        payload = self.payload
        if payload is not None:
            return _Content(payload.etag, payload.checksum, (), payload.place(tx), payload.encryption)
        if not shares(source.encryption, self.protection):
            raise Busy("the source changed while it was copied; try again")
        encryption = taken_over(source.encryption, self.protection)
        if self.checksum is not None:
            return _Content(source.etag, self.checksum, (), source.chunks, encryption)
        return _Content(source.etag, source.checksum, source.parts, source.chunks, encryption)


class _Content(NamedTuple):
    """What depends on whether a copy shares its source's bytes."""

    etag: str
    checksum: Checksum | None
    parts: tuple[PartLayout, ...]
    chunks: tuple[ChunkSlice, ...]
    encryption: Encryption | None


def _check_size(source: Manifest) -> None:
    if source.size > SINGLE_PUT_BYTES_MAX:
        raise InvalidRequest("the source is larger than 5 GiB; copy it in parts (UploadPartCopy)")


def _with_storage_class(headers: Pairs, storage_class: str | None) -> Pairs:
    """A copy's storage class is the request's, not the source's (API: CopyObject)."""
    kept = tuple([pair for pair in headers if pair[0] != "x-amz-storage-class"])
    return (*kept, ("x-amz-storage-class", storage_class)) if storage_class else kept


@dataclass(frozen=True, slots=True)
class CopyPart:
    """API: UploadPartCopy. ``range`` None copies the whole source; ``customer`` is the key of an SSE-C upload."""

    source: CopySource
    bucket: str
    key: str
    upload: str
    number: int
    range: ByteRange | None = None
    customer: bytes = field(default=NO_CUSTOMER, repr=False)


@dataclass(frozen=True, slots=True)
class CopiedPart:
    """The answer to UploadPartCopy; ``encryption`` is the upload's."""

    part: Part
    source_version: str | None
    encryption: Encryption | None = None


@dataclass(frozen=True, slots=True)
class PutPartCopy:
    """The commit of UploadPartCopy: digests were computed over the version ``expected``."""

    command: CopyPart
    expected: HLC
    md5: bytes
    checksum: Checksum
    range: ByteRange | None

    def __call__(self, tx: MetadataTx) -> CopiedPart:
        """Records one PartStored that shares its source's chunks."""
        command = self.command
        open_upload(tx, command.bucket, command.key, command.upload)
        bucket, found = source_version(tx, command.source)
        assert found.manifest.encryption is None, "encrypted bytes are stored anew"
        if found.manifest.stamp != self.expected:
            raise Busy("the source changed while it was copied; try again")
        chunks = slice_chunks(found.manifest.chunks, self.range.first, self.range.length) if self.range else ()
        part = Part(
            upload=command.upload,
            number=command.number,
            stamp=tx.tick(),
            size=self.range.length if self.range else 0,
            etag=self.md5.hex(),
            modified_ms=tx.now_ms(),
            checksum=self.checksum,
            chunks=chunks,
        )
        tx.record(PartStored(part))
        return CopiedPart(part, shown_version(bucket, found.manifest))


class _StoredBody(Body):
    """Stored bytes as a payload to be received once more."""

    __slots__ = ("_length", "_views")

    def __init__(self, views: AsyncIterator[memoryview], length: int) -> None:
        self._views = views
        self._length = length

    @property
    def length(self) -> int:
        """See the port."""
        return self._length

    async def read(self) -> bytes | memoryview:
        """See the port."""
        return await anext(self._views, b"")

    def expectations(self) -> Expectations:
        """Nothing is announced: the bytes were verified when they were read."""
        return Expectations()


class Copying:
    """CopyObject and UploadPartCopy."""

    def __init__(
        self,
        metadata: MetadataStore,
        committer: Committer,
        segments: SegmentStore,
        digests: Digests,
        offload: Offload,
        limits: Limits,
        *,
        ingest: Ingest,
        encrypting: Encrypting,
    ) -> None:
        self._metadata = metadata
        self._committer = committer
        self._segments = segments
        self._digests = digests
        self._offload = offload
        self._limits = limits
        self._ingest = ingest
        self._encrypting = encrypting

    async def copy(self, command: CopyObject) -> Copied:
        """Copies a version. Its bytes are read only when another checksum algorithm or encryption is asked for."""
        check_key(command.key)
        if command.attributes is not None:
            command.attributes.check()
        source = command.source
        same = (source.bucket, source.key) == (command.bucket, command.key)
        changes = command.attributes is not None or command.storage_class is not None or source.version is not None
        if same and not changes and command.protection is None:
            raise InvalidRequest(
                "an object is copied onto itself only with changed metadata, storage class or encryption, "
                "or from an older version"
            )

        def facts(view: MetadataView) -> tuple[Manifest, Protection | None]:
            _, found = source_version(view, source)
            target = bucket_named(view, command.bucket)
            return found.manifest, self._encrypting.effective(view, target, command.protection)

        manifest, protection = self._metadata.read(facts)
        cipher = None
        if manifest.encryption is not None or source.customer:
            cipher = self._source_cipher(manifest.encryption, source.customer)
        if not shares(manifest.encryption, protection):
            return await self._copy_anew(command, manifest, cipher, protection)
        if command.algorithm is None or (
            manifest.checksum is not None
            and manifest.checksum.algorithm is command.algorithm
            and manifest.checksum.type is ChecksumType.FULL_OBJECT
        ):
            return await self._committer.commit(PutCopy(command, self._limits, protection=protection))
        hasher = self._digests.checksum(command.algorithm)
        await self._feed(self._stored(manifest, ByteRange(0, manifest.size), cipher), (hasher,))
        checksum = Checksum(command.algorithm, hasher.digest())
        return await self._committer.commit(PutCopy(command, self._limits, manifest.stamp, checksum, protection))

    def _source_cipher(self, encryption: Encryption | None, customer: bytes) -> ChunkCipher | None:
        """Also where bytes are only shared: a key that may not be used gives nothing away."""
        check_customer(encryption, customer)
        return None if encryption is None else self._encrypting.open(encryption, customer)

    async def _copy_anew(
        self, command: CopyObject, source: Manifest, cipher: ChunkCipher | None, protection: Protection | None
    ) -> Copied:
        """Reads, decrypts, and stores under the target's own data key; the copy is an object of one part."""
        _check_size(source)
        data_key = None if protection is None else await self._encrypting.new_key(protection)
        algorithm = command.algorithm or (source.checksum.algorithm if source.checksum is not None else None)
        chosen = ByteRange(0, source.size)
        payload = await self._receive(self._stored(source, chosen, cipher), source.size, algorithm, data_key)
        try:
            script = PutCopy(command, self._limits, source.stamp, protection=protection, payload=payload)
            return await self._committer.commit(script, after=payload.marks, size=len(payload.inline))
        finally:
            payload.release()

    async def _receive(
        self,
        views: AsyncIterator[memoryview],
        length: int,
        algorithm: ChecksumAlgorithm | None,
        data_key: DataKey | None,
    ) -> Payload:
        body = _StoredBody(views, length)
        return await self._ingest.receive(body, maximum=length, algorithm=algorithm, data_key=data_key)

    def _stored(self, manifest: Manifest, chosen: ByteRange, cipher: ChunkCipher | None) -> AsyncIterator[memoryview]:
        """Verified plaintext of a version."""
        slices = slice_chunks(manifest.chunks, chosen.first, chosen.length)
        if cipher is None:
            return self._segments.stream(slices)
        return self._encrypting.stream(self._segments, slices, cipher)

    async def copy_part(self, command: CopyPart) -> CopiedPart:
        """Makes a part of (a range of) a version; the bytes are read to compute its digests, not copied."""
        check_part_number(command.number)

        def facts(view: MetadataView) -> tuple[Upload, Bucket, Manifest]:
            _, upload = open_upload(view, command.bucket, command.key, command.upload)
            bucket, found = source_version(view, command.source)
            return upload, bucket, found.manifest

        upload, bucket, manifest = self._metadata.read(facts)
        chosen = command.range
        if chosen is not None and chosen.first + chosen.length > manifest.size:
            raise InvalidArgument(
                "x-amz-copy-source-range",
                f"bytes={chosen.first}-{chosen.last}",
                f"the source has {manifest.size} bytes",
            )
        if chosen is None and manifest.size:
            chosen = ByteRange(0, manifest.size)
        if chosen is not None and chosen.length > self._limits.payload_max():
            raise EntityTooLarge(chosen.length, self._limits.payload_max())
        customers = command.customer or command.source.customer
        if upload.encryption is not None or manifest.encryption is not None or customers:
            part = await self._part_anew(command, upload, manifest, chosen or ByteRange(0, 0))
            return CopiedPart(part, shown_version(bucket, manifest), upload.encryption)
        algorithm = upload.algorithm or DEFAULT_CHECKSUM
        md5, checksum = self._digests.md5(), self._digests.checksum(algorithm)
        if chosen is not None:
            await self._feed(self._stored(manifest, chosen, None), (md5, checksum))
        script = PutPartCopy(command, manifest.stamp, md5.digest(), Checksum(algorithm, checksum.digest()), chosen)
        return await self._committer.commit(script)

    async def _part_anew(self, command: CopyPart, upload: Upload, source: Manifest, chosen: ByteRange) -> Part:
        """Reads, decrypts, and stores under the upload's data key."""
        cipher = self._source_cipher(source.encryption, command.source.customer)
        data_key = self._encrypting.resume(upload.encryption, command.customer)
        views = self._stored(source, chosen, cipher)
        payload = await self._receive(views, chosen.length, upload.algorithm, data_key)
        try:
            script = PutPart(command.bucket, command.key, upload.id, command.number, payload)
            return await self._committer.commit(script, after=payload.marks, size=len(payload.inline))
        finally:
            payload.release()

    async def _feed(self, views: AsyncIterator[memoryview], hashers: tuple[Hasher, ...]) -> None:
        """Passes bytes through the hashers, beside the event loop."""
        under_way: Awaitable[None] | None = None
        async for view in views:

            def hash_view(piece: memoryview = view) -> None:
                for hasher in hashers:
                    hasher.update(piece)

            if under_way is not None:
                await under_way
            under_way = self._offload.start(hash_view)
        if under_way is not None:
            await under_way
