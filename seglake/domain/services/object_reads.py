"""Objects are read here: which version, which bytes of it, and only verified ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from seglake.domain.model.bucket import Bucket
from seglake.domain.model.conditions import NO_READ_CONDITIONS, ReadConditions
from seglake.domain.model.errors import (
    InvalidArgument,
    InvalidRequest,
    IsDeleteMarker,
    NoSuchKey,
    RangeNotSatisfiable,
    SegmentGone,
    VersionDamaged,
)
from seglake.domain.model.manifest import Manifest, VersionState
from seglake.domain.model.multipart import PART_NUMBER_MAX
from seglake.domain.model.ranges import ByteRange, RangeSpec, resolve_all
from seglake.domain.model.segment import slice_chunks
from seglake.domain.model.version import Version
from seglake.domain.ports.metadata import MetadataStore, MetadataView
from seglake.domain.ports.segments import SegmentStore

from .facts import bucket_named, version_of
from .object_writes import shown_version


@dataclass(frozen=True, slots=True)
class ReadObject:
    """API: GetObject and HeadObject."""

    bucket: str
    key: str
    version: str | None = None
    conditions: ReadConditions = NO_READ_CONDITIONS
    ranges: tuple[RangeSpec, ...] = ()
    part: int | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A version ready to be read; ``ranges`` empty = the whole object."""

    bucket: Bucket
    version: Version
    ranges: tuple[ByteRange, ...] = ()

    @property
    def manifest(self) -> Manifest:
        """The version's manifest."""
        return self.version.manifest

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
    raise RangeNotSatisfiable(manifest.size)


class ObjectReads:
    """GET and HEAD of objects."""

    def __init__(self, metadata: MetadataStore, segments: SegmentStore) -> None:
        self._metadata = metadata
        self._segments = segments

    def open(self, command: ReadObject) -> Opened:
        """Finds the version and decides conditions and ranges.

        Raises NoSuchBucket, NoSuchKey, NoSuchVersion, IsDeleteMarker, NotModified, PreconditionFailed,
        RangeNotSatisfiable, VersionDamaged.
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
        if command.conditions is not NO_READ_CONDITIONS:
            command.conditions.check(manifest.etag, manifest.modified_ms)
        if version.state is not VersionState.ACTIVE:
            raise VersionDamaged(command.key, manifest.version)
        if command.part is not None:
            if command.ranges:
                raise InvalidRequest("a request takes Range or partNumber, not both")
            chosen = part_range(manifest, command.part)
            return Opened(bucket, version, (chosen,) if chosen else ())
        if command.ranges:
            return Opened(bucket, version, resolve_all(command.ranges, manifest.size))
        return Opened(bucket, version)

    async def stream(self, opened: Opened, first: int, length: int) -> AsyncIterator[memoryview]:
        """The bytes, each verified before it is yielded. ChunkCorrupt or SegmentGone ends it.

        When a rewrite moved the chunks meanwhile, the version is looked up once more and reading goes on at the same
        byte.
        """
        chunks, position, end = opened.manifest.chunks, first, first + length
        while position < end:
            try:
                async for view in self._segments.stream(slice_chunks(chunks, position, end - position)):
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
