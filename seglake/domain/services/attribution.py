"""Whose dead bytes are: no row knows it any more, but events in the segments still name the chunks.

A chunk that no version and no part needs belongs to the bucket for which the oldest event that is left named it. What
no event names - payload that was never committed, or whose events were collected before it - belongs to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from seglake.domain.model.mentions import Mentions, Owner, length_of
from seglake.domain.model.segment import Segment, SegmentState
from seglake.domain.ports.long_reads import LongRead
from seglake.domain.ports.metadata import MetadataReads, MetadataView
from seglake.domain.ports.progress import Stages
from seglake.domain.ports.segments import SegmentFiles

from .liveness import Census, Tally, census_of, tally


@dataclass(frozen=True, slots=True)
class Attributed:
    """A census, and dead payload (bytes) by segment and bucket id; names of buckets that events still tell; the ticks
    of the oldest and newest event of each sealed segment, None without events, missing when one cannot be read."""

    census: Census
    dead: dict[bytes, dict[int, int]]
    names: dict[int, str]
    ranges: dict[bytes, tuple[int, int] | None]


@dataclass(slots=True)
class _Dead:
    """Dead chunks found so far, so that each counts once, and sums."""

    alive: Tally
    live: dict[bytes, set[int]] = field(default_factory=dict)
    seen: dict[bytes, set[int]] = field(default_factory=dict)
    sums: dict[bytes, dict[Owner, int]] = field(default_factory=dict)

    def take(self, mentions: Mentions) -> None:
        """Counts what is named there, was not named before, and is not alive."""
        owners = list(mentions.owners)
        for target, (packed, numbers) in mentions.chunks.items():
            if target not in self.live:
                self.live[target] = set(self.alive.chunks.get(target, ()))
            seen = self.seen.setdefault(target, set())
            fresh = set(packed) - self.live[target] - seen
            if not fresh:
                continue
            seen |= fresh
            sums = self.sums.setdefault(target, {})
            for chunk, number in zip(packed, numbers, strict=True):
                if chunk in fresh:
                    fresh.remove(chunk)
                    owner = owners[number]
                    sums[owner] = sums.get(owner, 0) + length_of(chunk)


@dataclass(frozen=True, slots=True)
class Attribute(LongRead[Attributed]):
    """Takes a census and reads the events of all segments beside it."""

    reads_files: ClassVar[bool] = True

    def __call__(self, metadata: MetadataReads, files: SegmentFiles, stages: Stages, /) -> Attributed:
        """MetadataDamaged."""
        rows = metadata.read(_known)
        mentions = files.mentions([(row.id, _limit(row)) for row in rows])
        progress = stages("counting what is alive", "versions")

        def counted(view: MetadataView) -> tuple[Tally, Census]:
            found = tally(view, progress)
            return found, census_of(view, found)

        alive, census = metadata.read(counted)
        return _attributed(rows, mentions, alive, census, stages)


def _attributed(
    rows: list[Segment], mentions: Iterable[Mentions], alive: Tally, census: Census, stages: Stages
) -> Attributed:
    progress = stages("reading events", "segments")
    progress.total(len(rows))
    dead, names, uploads = _Dead(alive), dict[int, str](), dict[str, int]()
    ranges: dict[bytes, tuple[int, int] | None] = {}
    sealed = {row.id for row in rows if row.state is SegmentState.SEALED}
    read = []
    for one in mentions:
        read.append(one)
        progress.advance()
    for one in sorted(read, key=lambda one: one.oldest):
        dead.take(one)
        names.update(one.buckets)
        uploads.update(one.uploads)
        if one.whole and one.segment in sealed:
            ranges[one.segment] = (one.oldest, one.newest) if one.oldest <= one.newest else None
    by_bucket: dict[bytes, dict[int, int]] = {}
    for segment, sums in dead.sums.items():
        for owner, size in sums.items():
            bucket = uploads.get(owner) if isinstance(owner, str) else owner
            if bucket is not None:
                found = by_bucket.setdefault(segment, {})
                found[bucket] = found.get(bucket, 0) + size
    return Attributed(census, by_bucket, names, ranges)


def _known(view: MetadataView) -> list[Segment]:
    return [row for row in view.segments.scan() if row.state is not SegmentState.DOOMED]


def _limit(row: Segment) -> int | None:
    return row.committed if row.state is SegmentState.OPEN else None
