"""Which chunks the events of a segment name, and for whom: whose dead bytes are, when no row tells it any more."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from .events import (
    BucketCreated,
    ChunksMoved,
    Event,
    PartMoved,
    PartStored,
    UploadStarted,
    VersionPut,
)
from .segment import CHUNK_BYTES

_LENGTH_BITS = 23
_LENGTH = (1 << _LENGTH_BITS) - 1
assert CHUNK_BYTES <= _LENGTH

Owner = int | str
"""The id of a bucket, or an upload."""


def packed_chunk(offset: int, length: int) -> int:
    """Offset and length of a chunk in one number of 64 bits, for there are millions."""
    return offset << _LENGTH_BITS | length


def length_of(packed: int) -> int:
    """The length in it, in bytes."""
    return packed & _LENGTH


@dataclass(slots=True)
class Mentions:
    """What the events of one segment name: by target segment packed chunks, and for each the number of its owner.

    ``oldest`` and ``newest`` are the ticks of its events; without any, ``newest`` is below ``oldest``. ``whole`` says
    whether all events could be read.
    """

    segment: bytes
    oldest: int = 1 << 64
    newest: int = -1
    whole: bool = True
    chunks: dict[bytes, tuple[array[int], array[int]]] = field(default_factory=dict)
    owners: dict[Owner, int] = field(default_factory=dict)
    """Each owner's number, in the order of their first mention."""
    buckets: dict[int, str] = field(default_factory=dict)
    """Names of buckets, as far as the events tell them."""
    uploads: dict[str, int] = field(default_factory=dict)
    """The buckets of uploads that began here."""

    def saw(self, ticks: int) -> None:
        """Notes an event's stamp."""
        if ticks < self.oldest:
            self.oldest = ticks
        if ticks > self.newest:
            self.newest = ticks

    def add(self, owner: Owner, chunks: Iterable[tuple[bytes, int, int]]) -> None:
        """Notes chunks (segment, offset, length)."""
        number = self.owners.setdefault(owner, len(self.owners))
        for target, offset, length in chunks:
            found = self.chunks.get(target)
            if found is None:
                found = self.chunks[target] = array("Q"), array("I")
            found[0].append(offset << _LENGTH_BITS | length)
            found[1].append(number)

    def take(self, event: Event) -> None:
        """Notes any event."""
        self.saw(event.stamp.ticks)
        match event:
            case VersionPut(manifest=manifest):
                self.buckets.setdefault(manifest.bucket_id, manifest.bucket)
                self.add(manifest.bucket_id, [chunk[:3] for chunk in manifest.chunks])
            case ChunksMoved():
                self.add(event.bucket_id, [chunk[:3] for chunk in event.chunks])
            case PartStored(part=part):
                self.add(part.upload, [chunk[:3] for chunk in part.chunks])
            case PartMoved():
                self.add(event.upload, [chunk[:3] for chunk in event.chunks])
            case UploadStarted(upload=upload):
                self.uploads[upload.id] = upload.bucket_id
            case BucketCreated(bucket=bucket):
                self.buckets.setdefault(bucket.id, bucket.name)
            case _:
                pass
