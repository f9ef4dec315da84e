"""A version is marked damaged only when its bytes were found wrong, and unmarked only when all were read right.

A mark is an event like any other: it is decided in a commit, where the version must still be what was read. The bytes
of a place in a segment never change, so a version that still has the same chunks has the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from seglake.domain.model.errors import ChunkCorrupt, SegmentGone
from seglake.domain.model.events import VersionDamaged, VersionRepaired
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import VersionState
from seglake.domain.model.segment import ChunkSlice
from seglake.domain.model.version import Version
from seglake.domain.ports.metadata import MetadataTx

from .findings import place_of

MARKS_PER_COMMIT = 100
"""Versions marked in one commit."""

ReadChunk = Callable[[ChunkSlice], object]
"""Reads one whole chunk and compares its BLAKE3. ChunkCorrupt, SegmentGone, Busy."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """One version as it was read: its place in the index, its chunks, how findings name it."""

    bucket_id: int
    key: str
    stamp: HLC
    chunks: tuple[ChunkSlice, ...]
    where: str

    @classmethod
    def of(cls, version: Version) -> Suspect:
        """The version under suspicion."""
        manifest = version.manifest
        return cls(manifest.bucket_id, manifest.key, manifest.stamp, manifest.chunks, place_of(version))


@dataclass(frozen=True, slots=True)
class MarkDamaged:
    """The commit that marks versions whose bytes were just found wrong; those that changed meanwhile are left alone."""

    suspects: tuple[Suspect, ...]

    def __call__(self, tx: MetadataTx) -> tuple[Suspect, ...]:
        """Records one VersionDamaged for each; returns those marked now."""
        marked = tuple([one for one in self.suspects if _still(tx, one, VersionState.ACTIVE)])
        for one in marked:
            tx.record(VersionDamaged(tx.tick(), one.bucket_id, one.key, one.stamp))
        return marked


@dataclass(frozen=True, slots=True)
class MarkRepaired:
    """The commit that serves versions again whose bytes were just read right, every one of them."""

    suspects: tuple[Suspect, ...]

    def __call__(self, tx: MetadataTx) -> tuple[Suspect, ...]:
        """Records one VersionRepaired for each; returns those unmarked now."""
        unmarked = tuple([one for one in self.suspects if _still(tx, one, VersionState.DAMAGED)])
        for one in unmarked:
            tx.record(VersionRepaired(tx.tick(), one.bucket_id, one.key, one.stamp))
        return unmarked


def _still(tx: MetadataTx, one: Suspect, state: VersionState) -> bool:
    """Whether the version is there, in that state, with the chunks that were read."""
    version = tx.versions.find(one.bucket_id, one.key, one.stamp)
    return version is not None and version.state is state and version.manifest.chunks == one.chunks


def fault_in(chunks: Iterable[ChunkSlice], read: ReadChunk) -> str | None:
    """Why the first unreadable one of ``chunks`` is; None when all are what was written."""
    for chunk in chunks:
        try:
            read(chunk._replace(skip=0, take=chunk.length))
        except (ChunkCorrupt, SegmentGone) as failure:
            return failure.hint
    return None


def in_batches(suspects: Iterable[Suspect]) -> Iterator[tuple[Suspect, ...]]:
    """Pieces that fit into one commit each."""
    rest = iter(suspects)
    while batch := tuple(islice(rest, MARKS_PER_COMMIT)):
        yield batch
