"""A segment is alive as long as any version of any state, or any part, names a chunk in it or has its record there.

Everything is counted in one snapshot. A row that cannot be read ends the count: what it keeps alive is not guessed.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from seglake.domain.model.hlc import HLC
from seglake.domain.model.segment import CHUNK_BYTES
from seglake.domain.ports.metadata import MetadataView
from seglake.domain.ports.progress import Progress, Silent

RECORD_BYTES = 88
"""What a record costs besides its payload (docs/formats/segment.md)."""

ROWS_PER_BREATH = 4096
_LENGTH_BITS = 23
_LENGTH = (1 << _LENGTH_BITS) - 1
assert CHUNK_BYTES <= _LENGTH

Breathe = Callable[[], None]
"""Called every so often in a long read, to let others run."""


def no_breath() -> None:
    """Where nobody else runs."""


@dataclass(slots=True)
class Use:
    """What of one segment is alive: chunks (packed, perhaps repeated), and records that rows point to (in bytes)."""

    chunks: array[int] = field(default_factory=lambda: array("Q"))
    records: int = 0
    record_bytes: int = 0

    @property
    def live_chunk_bytes(self) -> int:
        """Bytes of live chunks with their headers, a shared one once."""
        distinct = set(self.chunks)
        return sum([packed & _LENGTH for packed in distinct]) + RECORD_BYTES * len(distinct)

    @property
    def live_record_bytes(self) -> int:
        """Bytes of the records that rows point to, with their headers."""
        return self.record_bytes + RECORD_BYTES * self.records


@dataclass(slots=True)
class BucketUse:
    """What one bucket needs: versions and delete markers, parts of running uploads, bytes of all their chunks (a chunk
    that several share counts for each)."""

    versions: int = 0
    parts: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Census:
    """What was alive in one snapshot."""

    segments: dict[bytes, Use] = field(default_factory=dict)
    buckets: dict[int, BucketUse] = field(default_factory=dict)

    def count(self, bucket: BucketUse, chunks: Iterable[tuple[bytes, int, int]], segment: bytes, length: int) -> None:
        """Adds the chunks (segment, offset, length) and the record (segment, payload length) of one version or part."""
        segments = self.segments
        for place, offset, size in chunks:
            use = segments.get(place)
            if use is None:
                use = segments[place] = Use()
            use.chunks.append(offset << _LENGTH_BITS | size)
            bucket.bytes += size
        use = segments.get(segment)
        if use is None:
            use = segments[segment] = Use()
        use.records += 1
        use.record_bytes += length


def take_census(view: MetadataView, breathe: Breathe = no_breath, progress: Progress | None = None) -> Census:
    """Counts everything. MetadataDamaged."""
    progress = progress or Silent()
    progress.total(view.versions.count())
    census = Census()
    buckets, count, rows = census.buckets, census.count, 0
    for bucket_id, _key, _stamp, chunks, ref in view.versions.scan_chunks():
        bucket = buckets.get(bucket_id)
        if bucket is None:
            bucket = buckets[bucket_id] = BucketUse()
        bucket.versions += 1
        count(bucket, chunks, ref[0], ref[2])
        rows += 1
        if not rows % ROWS_PER_BREATH:
            progress.advance(ROWS_PER_BREATH)
            breathe()
    progress.advance(rows % ROWS_PER_BREATH)
    owners: dict[str, int] = {}
    for part, ref in view.uploads.scan_parts():
        if part.upload not in owners:
            upload = view.uploads.get(part.upload)
            owners[part.upload] = 0 if upload is None else upload.bucket_id
        bucket = buckets.setdefault(owners[part.upload], BucketUse())
        bucket.parts += 1
        count(bucket, [chunk[:3] for chunk in part.chunks], ref.segment, ref.length)
    return census


def referenced(view: MetadataView, among: frozenset[bytes], breathe: Breathe = no_breath) -> frozenset[bytes]:
    """Those of the segments that any version or part still needs. MetadataDamaged."""
    found: set[bytes] = set()
    for rows, held in enumerate(view.versions.scan_chunks(), start=1):
        if held.ref.segment in among:
            found.add(held.ref.segment)
        for chunk in held.chunks:
            if chunk[0] in among:
                found.add(chunk[0])
        if not rows % ROWS_PER_BREATH:
            breathe()
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


def holders(view: MetadataView, among: frozenset[bytes], breathe: Breathe = no_breath) -> dict[bytes, list[Holder]]:
    """Who has chunks in these segments. MetadataDamaged."""
    found: dict[bytes, list[Holder]] = {}
    for rows, held in enumerate(view.versions.scan_chunks(), start=1):
        for segment in {chunk[0] for chunk in held.chunks} & among:
            found.setdefault(segment, []).append(Holder(held.stamp, held.bucket_id, held.key))
        if not rows % ROWS_PER_BREATH:
            breathe()
    for part, _ in view.uploads.scan_parts():
        for segment in {chunk.segment for chunk in part.chunks} & among:
            found.setdefault(segment, []).append(Holder(part.stamp, upload=part.upload, number=part.number))
    return found
