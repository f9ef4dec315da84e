"""A segment is alive as long as any version of any state, or any part, names a chunk in it or has its record there.

Everything is counted in one snapshot. A row that cannot be read ends the count: what it keeps alive is not guessed.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from seglake.domain.model.hlc import HLC
from seglake.domain.model.mentions import length_of, packed_chunk
from seglake.domain.model.segment import Segment
from seglake.domain.ports.long_reads import LongRead
from seglake.domain.ports.metadata import MetadataReads, MetadataView
from seglake.domain.ports.progress import Progress, Silent, Stages
from seglake.domain.ports.segments import SegmentFiles

RECORD_BYTES = 88
"""What a record costs besides its payload (docs/formats/segment.md)."""

_ROWS_PER_REPORT = 4096


class Use(NamedTuple):
    """What of one segment is alive, in bytes with their headers: chunks, a shared one once, and records that rows
    point to."""

    live_chunk_bytes: int
    live_record_bytes: int


@dataclass(slots=True)
class BucketUse:
    """What one bucket needs: versions and delete markers, parts of running uploads, bytes of all their chunks (a chunk
    that several share counts for each)."""

    versions: int = 0
    parts: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Census:
    """What was alive in one snapshot, and the segments of that snapshot."""

    rows: tuple[Segment, ...]
    segments: dict[bytes, Use]
    buckets: dict[int, BucketUse]


@dataclass(slots=True)
class Tally:
    """Live chunks by segment (packed, perhaps repeated), records that rows point to (how many, their bytes)."""

    chunks: dict[bytes, array[int]] = field(default_factory=dict)
    records: dict[bytes, list[int]] = field(default_factory=dict)
    buckets: dict[int, BucketUse] = field(default_factory=dict)

    def count(self, bucket: BucketUse, chunks: Iterable[tuple[bytes, int, int]], segment: bytes, length: int) -> None:
        """Adds the chunks (segment, offset, length) and the record (segment, payload length) of one version or part."""
        for place, offset, size in chunks:
            found = self.chunks.get(place)
            if found is None:
                found = self.chunks[place] = array("Q")
            found.append(packed_chunk(offset, size))
            bucket.bytes += size
        record = self.records.get(segment)
        if record is None:
            record = self.records[segment] = [0, 0]
        record[0] += 1
        record[1] += length

    def uses(self) -> dict[bytes, Use]:
        """The sums."""
        found = {}
        for segment in self.chunks.keys() | self.records.keys():
            distinct = set(self.chunks.get(segment, ()))
            count, size = self.records.get(segment, (0, 0))
            chunk_bytes = sum(map(length_of, distinct)) + RECORD_BYTES * len(distinct)
            found[segment] = Use(chunk_bytes, size + RECORD_BYTES * count)
        return found


def tally(view: MetadataView, progress: Progress | None = None) -> Tally:
    """Counts everything. MetadataDamaged."""
    progress = progress or Silent()
    progress.total(view.versions.count())
    found = Tally()
    buckets, count, rows = found.buckets, found.count, 0
    for bucket_id, _key, _stamp, chunks, ref in view.versions.scan_chunks():
        bucket = buckets.get(bucket_id)
        if bucket is None:
            bucket = buckets[bucket_id] = BucketUse()
        bucket.versions += 1
        count(bucket, chunks, ref[0], ref[2])
        rows += 1
        if not rows % _ROWS_PER_REPORT:
            progress.advance(_ROWS_PER_REPORT)
    progress.advance(rows % _ROWS_PER_REPORT)
    owners: dict[str, int] = {}
    for part, ref in view.uploads.scan_parts():
        if part.upload not in owners:
            upload = view.uploads.get(part.upload)
            owners[part.upload] = 0 if upload is None else upload.bucket_id
        bucket = buckets.setdefault(owners[part.upload], BucketUse())
        bucket.parts += 1
        count(bucket, [chunk[:3] for chunk in part.chunks], ref.segment, ref.length)
    return found


@dataclass(frozen=True, slots=True)
class TakeCensus(LongRead[Census]):
    """Counts what is alive."""

    reads_files: ClassVar[bool] = False

    def __call__(self, metadata: MetadataReads, _files: SegmentFiles, stages: Stages, /) -> Census:
        """MetadataDamaged."""
        progress = stages("counting what is alive", "versions")
        return metadata.read(lambda view: census_of(view, tally(view, progress)))


def census_of(view: MetadataView, found: Tally) -> Census:
    """The census that a tally amounts to."""
    return Census(tuple(view.segments.scan()), found.uses(), found.buckets)


@dataclass(frozen=True, slots=True)
class FindReferenced(LongRead[frozenset[bytes]]):
    """Those of the segments that any version or part still needs."""

    among: frozenset[bytes]
    reads_files: ClassVar[bool] = False

    def __call__(self, metadata: MetadataReads, _files: SegmentFiles, _stages: Stages, /) -> frozenset[bytes]:
        """MetadataDamaged."""
        return metadata.read(self._found)

    def _found(self, view: MetadataView) -> frozenset[bytes]:
        among, found = self.among, set()
        for held in view.versions.scan_chunks():
            if held.ref.segment in among:
                found.add(held.ref.segment)
            for chunk in held.chunks:
                if chunk[0] in among:
                    found.add(chunk[0])
        for part, ref in view.uploads.scan_parts():
            found.update({ref.segment, *[chunk.segment for chunk in part.chunks]} & among)
        return frozenset(found)


@dataclass(frozen=True, slots=True)
class Holder:
    """A version (``upload`` empty) or a part with chunks in a segment; ``stamp`` tells it from its successors."""

    stamp: HLC
    bucket_id: int = 0
    key: str = ""
    upload: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class FindHolders(LongRead[dict[bytes, list[Holder]]]):
    """Who has chunks in these segments."""

    among: frozenset[bytes]
    reads_files: ClassVar[bool] = False

    def __call__(self, metadata: MetadataReads, _files: SegmentFiles, _stages: Stages, /) -> dict[bytes, list[Holder]]:
        """MetadataDamaged."""
        return metadata.read(self._found)

    def _found(self, view: MetadataView) -> dict[bytes, list[Holder]]:
        among: frozenset[bytes] = self.among
        found: dict[bytes, list[Holder]] = {}
        for held in view.versions.scan_chunks():
            for segment in {chunk[0] for chunk in held.chunks} & among:
                found.setdefault(segment, []).append(Holder(held.stamp, held.bucket_id, held.key))
        for part, _ in view.uploads.scan_parts():
            for segment in {chunk.segment for chunk in part.chunks} & among:
                found.setdefault(segment, []).append(Holder(part.stamp, upload=part.upload, number=part.number))
        return found
