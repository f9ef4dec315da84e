"""Copies compose manifests: the new version names the chunks of its source, which the commit finds still there."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.conditions import NO_READ_CONDITIONS, NO_WRITE_CONDITIONS, ReadConditions, WriteConditions
from seglake.domain.model.digest import Checksum, ChecksumAlgorithm, ChecksumType
from seglake.domain.model.errors import Busy, EntityTooLarge, InvalidArgument, InvalidRequest, NoSuchKey, VersionDamaged
from seglake.domain.model.events import PartStored, VersionPut
from seglake.domain.model.hlc import HLC
from seglake.domain.model.limits import SINGLE_PUT_BYTES_MAX, Limits
from seglake.domain.model.manifest import Manifest, Pairs, VersionKind, VersionState
from seglake.domain.model.multipart import Part
from seglake.domain.model.names import check_key
from seglake.domain.model.ranges import ByteRange
from seglake.domain.model.segment import slice_chunks
from seglake.domain.model.version import Version
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.digests import Digests, Hasher
from seglake.domain.ports.metadata import MetadataStore, MetadataTables, MetadataTx, MetadataView
from seglake.domain.ports.segments import SegmentStore
from seglake.domain.ports.system import Offload

from .facts import bucket_named, version_of
from .ingest import DEFAULT_CHECKSUM
from .multipart import check_part_number, open_upload
from .object_writes import ObjectAttributes, Stored, check_overwrite, shown_version


@dataclass(frozen=True, slots=True)
class CopySource:
    """Which version to copy, under which conditions."""

    bucket: str
    key: str
    version: str | None = None
    conditions: ReadConditions = NO_READ_CONDITIONS


@dataclass(frozen=True, slots=True)
class CopyObject:
    """API: CopyObject. ``attributes`` replace the source's headers and metadata, ``tags`` its tags; None keeps them."""

    source: CopySource
    bucket: str
    key: str
    owner: str
    attributes: ObjectAttributes | None = None
    tags: Pairs | None = None
    algorithm: ChecksumAlgorithm | None = None
    storage_class: str | None = None
    conditions: WriteConditions = NO_WRITE_CONDITIONS


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
    """The commit of CopyObject; ``checksum`` was computed over the version ``expected``, if one had to be."""

    command: CopyObject
    limits: Limits
    expected: HLC | None = None
    checksum: Checksum | None = None

    def __call__(self, tx: MetadataTx) -> Copied:
        """Records one VersionPut that shares its source's chunks."""
        command = self.command
        source_bucket, found = source_version(tx, command.source)
        source = found.manifest
        if self.expected is not None and self.expected != source.stamp:
            raise Busy("the source changed while it was copied; try again")
        if source.size > SINGLE_PUT_BYTES_MAX:
            raise InvalidRequest("the source is larger than 5 GiB; copy it in parts (UploadPartCopy)")
        bucket = bucket_named(tx, command.bucket)
        if command.conditions is not NO_WRITE_CONDITIONS or self.limits.guards(bucket.name):
            current = tx.versions.current_entry(bucket.id, command.key)
            check_overwrite(bucket, command.key, current, command.conditions, self.limits)
        attributes = command.attributes
        headers = _with_storage_class(attributes.headers if attributes else source.headers, command.storage_class)
        manifest = Manifest(
            bucket_id=bucket.id,
            bucket=bucket.name,
            key=command.key,
            stamp=tx.tick(),
            kind=VersionKind.OBJECT,
            null=bucket.versioning is not Versioning.ENABLED,
            size=source.size,
            etag=source.etag,
            modified_ms=tx.now_ms(),
            owner=command.owner,
            headers=headers,
            metadata=attributes.metadata if attributes else source.metadata,
            tags=found.tags if command.tags is None else command.tags,
            checksum=self.checksum or source.checksum,
            parts=() if self.checksum else source.parts,
            chunks=source.chunks,
        )
        tx.record(VersionPut(manifest))
        stored = Stored(
            manifest.etag, shown_version(bucket, manifest), manifest.checksum, manifest.size, manifest.modified_ms
        )
        return Copied(stored, shown_version(source_bucket, source))


def _with_storage_class(headers: Pairs, storage_class: str | None) -> Pairs:
    """A copy's storage class is the request's, not the source's (API: CopyObject)."""
    kept = tuple([pair for pair in headers if pair[0] != "x-amz-storage-class"])
    return (*kept, ("x-amz-storage-class", storage_class)) if storage_class else kept


@dataclass(frozen=True, slots=True)
class CopyPart:
    """API: UploadPartCopy. ``range`` None copies the whole source."""

    source: CopySource
    bucket: str
    key: str
    upload: str
    number: int
    range: ByteRange | None = None


@dataclass(frozen=True, slots=True)
class CopiedPart:
    """The answer to UploadPartCopy."""

    part: Part
    source_version: str | None


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
    ) -> None:
        self._metadata = metadata
        self._committer = committer
        self._segments = segments
        self._digests = digests
        self._offload = offload
        self._limits = limits

    async def copy(self, command: CopyObject) -> Copied:
        """Copies a version. Its bytes are read only when another checksum algorithm is asked for."""
        check_key(command.key)
        if command.attributes is not None:
            command.attributes.check()
        source = command.source
        same = (source.bucket, source.key) == (command.bucket, command.key)
        changes = command.attributes is not None or command.storage_class is not None or source.version is not None
        if same and not changes:
            raise InvalidRequest(
                "an object is copied onto itself only with changed metadata, storage class or from an older version"
            )
        _, found = self._metadata.read(lambda view: source_version(view, source))
        manifest = found.manifest
        if command.algorithm is None or (
            manifest.checksum is not None
            and manifest.checksum.algorithm is command.algorithm
            and manifest.checksum.type is ChecksumType.FULL_OBJECT
        ):
            return await self._committer.commit(PutCopy(command, self._limits))
        hasher = self._digests.checksum(command.algorithm)
        await self._feed(manifest, ByteRange(0, manifest.size), (hasher,))
        checksum = Checksum(command.algorithm, hasher.digest())
        return await self._committer.commit(PutCopy(command, self._limits, manifest.stamp, checksum))

    async def copy_part(self, command: CopyPart) -> CopiedPart:
        """Makes a part of (a range of) a version; the bytes are read to compute its digests, not copied."""
        check_part_number(command.number)

        def facts(view: MetadataView) -> tuple[Manifest, ChecksumAlgorithm]:
            _, upload = open_upload(view, command.bucket, command.key, command.upload)
            return source_version(view, command.source)[1].manifest, upload.algorithm or DEFAULT_CHECKSUM

        manifest, algorithm = self._metadata.read(facts)
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
        md5, checksum = self._digests.md5(), self._digests.checksum(algorithm)
        if chosen is not None:
            await self._feed(manifest, chosen, (md5, checksum))
        script = PutPartCopy(command, manifest.stamp, md5.digest(), Checksum(algorithm, checksum.digest()), chosen)
        return await self._committer.commit(script)

    async def _feed(self, manifest: Manifest, chosen: ByteRange, hashers: tuple[Hasher, ...]) -> None:
        """Reads verified bytes through the hashers, beside the event loop."""
        under_way: Awaitable[None] | None = None
        slices = slice_chunks(manifest.chunks, chosen.first, chosen.length)
        async for view in self._segments.stream(slices):

            def hash_view(piece: memoryview = view) -> None:
                for hasher in hashers:
                    hasher.update(piece)

            if under_way is not None:
                await under_way
            under_way = self._offload.start(hash_view)
        if under_way is not None:
            await under_way
