"""Objects are read here: which version, which bytes of it, and only verified ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from seglake.domain.model.bucket import Bucket
from seglake.domain.model.conditions import NO_READ_CONDITIONS, ReadConditions
from seglake.domain.model.digest import Checksum
from seglake.domain.model.encryption import Encryption, EncryptionKind
from seglake.domain.model.errors import (
    InvalidArgument,
    InvalidRequest,
    IsDeleteMarker,
    NoSuchKey,
    NoSuchPart,
    SegmentGone,
    VersionDamaged,
)
from seglake.domain.model.manifest import Manifest, VersionState
from seglake.domain.model.multipart import PART_NUMBER_MAX
from seglake.domain.model.ranges import ByteRange, RangeSpec, resolve_all
from seglake.domain.model.segment import slice_chunks
from seglake.domain.model.version import Version, VersionEntry
from seglake.domain.ports.ciphers import ChunkCipher
from seglake.domain.ports.metadata import MetadataStore, MetadataView
from seglake.domain.ports.segments import SegmentStore

from .encryption import NO_CUSTOMER, Encrypting, check_customer
from .facts import bucket_named, version_of
from .object_writes import shown_version


@dataclass(frozen=True, slots=True)
class ReadObject:
    """API: GetObject and HeadObject. ``customer`` is the key of an SSE-C request."""

    bucket: str
    key: str
    version: str | None = None
    conditions: ReadConditions = NO_READ_CONDITIONS
    ranges: tuple[RangeSpec, ...] = ()
    part: int | None = None
    customer: bytes = field(default=NO_CUSTOMER, repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """A version ready to be read; ``ranges`` empty = the whole object. ``part`` is the part number asked for."""

    bucket: Bucket
    version: Version
    ranges: tuple[ByteRange, ...] = ()
    part: int | None = None
    cipher: ChunkCipher | None = field(default=None, repr=False, compare=False)
    """Set when the request proved to have the customer's key that the bytes are under."""

    @property
    def manifest(self) -> Manifest:
        """The version's manifest."""
        return self.version.manifest

    @property
    def checksum(self) -> Checksum | None:
        """The checksum of the bytes asked for, where one is known: of the whole, or of a part."""
        manifest = self.version.manifest
        if self.part is not None and manifest.parts:
            return next(part.checksum for part in manifest.parts if part.number == self.part)
        whole = not self.ranges or self.part is not None
        return manifest.checksum if whole else None

    @property
    def shown_version(self) -> str | None:
        """The version id to answer with, None in an unversioned bucket."""
        return shown_version(self.bucket, self.version.manifest)


def part_range(manifest: Manifest, number: int) -> ByteRange | None:
    """The bytes of one part; None for an empty object, where the whole answer is meant. A plain object is its own
    part 1."""
    if not 1 <= number <= PART_NUMBER_MAX:
        raise InvalidArgument("partNumber", str(number), f"part numbers go from 1 to {PART_NUMBER_MAX}")
    first = 0
    for part in manifest.parts:
        if part.number == number:
            return ByteRange(first, part.size) if part.size else None
        first += part.size
    if not manifest.parts and number == 1:
        return ByteRange(0, manifest.size) if manifest.size else None
    raise NoSuchPart(number, len(manifest.parts) or 1)


class ObjectReads:
    """GET and HEAD of objects."""

    def __init__(self, metadata: MetadataStore, segments: SegmentStore, encrypting: Encrypting) -> None:
        self._metadata = metadata
        self._segments = segments
        self._encrypting = encrypting

    def open(self, command: ReadObject) -> Opened:
        """Finds the version and decides conditions and ranges.

        Raises NoSuchBucket, NoSuchKey, NoSuchVersion, IsDeleteMarker, NotModified, PreconditionFailed,
        RangeNotSatisfiable, NoSuchPart, VersionDamaged; for SSE-C InvalidRequest and, with another key, AccessDenied.
        """

        def facts(view: MetadataView) -> tuple[Bucket, Version]:
            bucket = bucket_named(view, command.bucket)
            return bucket, version_of(view, bucket, command.key, command.version)

        bucket, version = self._metadata.read(facts)
        manifest = version.manifest
        if version.is_marker:
            if command.version is None:
                raise NoSuchKey(command.key, marker=manifest.version)
            raise IsDeleteMarker(command.key, manifest.version)
        cipher = None
        if manifest.encryption is not None or command.customer:
            cipher = self._customers_cipher(manifest.encryption, command.customer)
        if command.conditions is not NO_READ_CONDITIONS:
            command.conditions.check(manifest.etag, manifest.modified_ms)
        if version.state is not VersionState.ACTIVE:
            raise VersionDamaged(command.key, manifest.version)
        if command.part is not None:
            if command.ranges:
                raise InvalidRequest("a request takes Range or partNumber, not both")
            chosen = part_range(manifest, command.part)
            return Opened(bucket, version, (chosen,) if chosen else (), command.part, cipher)
        if command.ranges:
            return Opened(bucket, version, resolve_all(command.ranges, manifest.size), None, cipher)
        return Opened(bucket, version, (), None, cipher)

    def is_current(self, opened: Opened) -> bool:
        """Whether what was opened is the newest version of its key."""
        manifest = opened.manifest

        def query(view: MetadataView) -> VersionEntry | None:
            return view.versions.current_entry(manifest.bucket_id, manifest.key)

        current = self._metadata.read(query)
        return current is not None and current.stamp == manifest.stamp

    def _customers_cipher(self, encryption: Encryption | None, customer: bytes) -> ChunkCipher | None:
        """The key of an SSE-C object proves itself here, whatever is asked of it; a ring key is used only to read."""
        check_customer(encryption, customer)
        if encryption is None or encryption.kind is not EncryptionKind.CUSTOMER:
            return None
        return self._encrypting.open(encryption, customer)

    def stream(self, opened: Opened, first: int, length: int) -> AsyncIterator[memoryview]:
        """The bytes, each verified before it is yielded. ChunkCorrupt or SegmentGone ends it.

        When a rewrite moved the chunks meanwhile, the version is looked up once more and reading goes on at the same
        byte. RingKeyDisabled, RingKeyUnknown and DecryptionFailed are raised at once.
        """
        cipher, encryption = opened.cipher, opened.manifest.encryption
        if encryption is not None and cipher is None:
            cipher = self._encrypting.open(encryption)
        return self._stream(opened, cipher, first, first + length)

    async def _stream(
        self, opened: Opened, cipher: ChunkCipher | None, position: int, end: int
    ) -> AsyncIterator[memoryview]:
        chunks, segments = opened.manifest.chunks, self._segments
        while position < end:
            slices = slice_chunks(chunks, position, end - position)
            try:
                views = segments.stream(slices) if cipher is None else self._encrypting.stream(segments, slices, cipher)
                async for view in views:
                    position += len(view)
                    yield view
                assert position == end, "the segments give what the slices name"
            except SegmentGone:
                moved = self._look_again(opened).manifest.chunks
                if moved == chunks:
                    raise
                chunks = moved

    def _look_again(self, opened: Opened) -> Version:
        manifest = opened.manifest

        def query(view: MetadataView) -> Version | None:
            return view.versions.find(manifest.bucket_id, manifest.key, manifest.stamp)

        found = self._metadata.read(query)
        if found is None:
            raise NoSuchKey(manifest.key)
        return found
