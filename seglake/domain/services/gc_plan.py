"""What a run of garbage collection would do: limits, the use of each segment, a line for each bucket."""

from __future__ import annotations

from dataclasses import dataclass, replace

from seglake.domain.model.errors import LimitReached
from seglake.domain.model.segment import Segment
from seglake.domain.ports.metadata import MetadataView

from .attribution import Attributed
from .findings import Finding, warning
from .liveness import Census


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may do (0: any): ``warn_`` is told, ``max_`` refuses the run. Only segments begun ``age_s`` ago or
    earlier count."""

    warn_segments: int = 0
    warn_bytes: int = 0
    max_segments: int = 0
    max_bytes: int = 0
    age_s: float = 0.0

    def check(self, segments: int, size: int) -> list[Finding]:
        """What to warn of. LimitReached when there is more than may be done."""
        if self.max_segments and segments > self.max_segments:
            raise LimitReached(f"{segments} segments would go, at most {self.max_segments} may (--gc-max-segments)")
        if self.max_bytes and size > self.max_bytes:
            raise LimitReached(f"{size} bytes would go, at most {self.max_bytes} may (--gc-max-reclaim-bytes)")
        found = []
        if self.warn_segments and segments > self.warn_segments:
            found.append(warning("limits", f"{segments} segments go, more than {self.warn_segments}"))
        if self.warn_bytes and size > self.warn_bytes:
            found.append(warning("limits", f"{size} bytes go, more than {self.warn_bytes}"))
        return found


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class SegmentUse:
    """One segment: its file's size and what of it is alive (bytes). ``events``: bytes of events that have to stay,
    where this was looked at."""

    row: Segment
    chunk_bytes: int = 0
    record_bytes: int = 0
    pinned: bool = False
    events: int = 0

    @property
    def live_bytes(self) -> int:
        """Chunks, and the records that rows point to."""
        return self.chunk_bytes + self.record_bytes

    @property
    def bytes(self) -> int:
        """The acknowledged length."""
        return self.row.committed

    @property
    def dead_bytes(self) -> int:
        """What nobody needs."""
        return max(0, self.bytes - self.live_bytes - self.events)


@dataclass(frozen=True, slots=True)
class BucketLine:
    """One bucket: versions with markers, parts of running uploads, and the bytes of their chunks.

    Where this was looked at (else None): ``dead`` payload that was the bucket's and that nobody needs, and what of it a
    run would give back. A bucket that is ``gone`` may have dead bytes still.
    """

    bucket_id: int
    name: str
    versions: int
    parts: int
    bytes: int
    dead: int | None = None
    reclaimable: int | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do now: ``dead`` segments go whole; ``segments`` are all that were looked at."""

    dead: tuple[SegmentUse, ...]
    segments: tuple[SegmentUse, ...]
    buckets: tuple[BucketLine, ...]
    doomed: tuple[Segment, ...]
    closes: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()

    @property
    def reclaimable_bytes(self) -> int:
        """The size of the files that would go."""
        return sum([use.bytes for use in self.dead])

    @property
    def live_bytes(self) -> int:
        """What is alive in them."""
        return sum([use.live_bytes for use in self.segments])

    @property
    def dead_bytes(self) -> int:
        """What nobody needs in them."""
        return sum([use.dead_bytes for use in self.segments])

    @property
    def unattributed_bytes(self) -> int | None:
        """What of it is no bucket's payload: headers, events, payload that no event names; None if not looked at."""
        found = [line.dead for line in self.buckets if line.dead is not None]
        return max(0, self.dead_bytes - sum(found)) if len(found) == len(self.buckets) else None


def use_of(row: Segment, census: Census, pinned: frozenset[bytes]) -> SegmentUse:
    """What a census says of one segment."""
    use = census.segments.get(row.id)
    if use is None:
        return SegmentUse(row, pinned=row.id in pinned)
    return SegmentUse(row, use.live_chunk_bytes, use.live_record_bytes, row.id in pinned)


def lines_of(view: MetadataView, census: Census) -> tuple[BucketLine, ...]:
    """What it says of each bucket."""
    out = []
    for bucket in view.buckets.scan():
        use = census.buckets.get(bucket.id)
        if use is None:
            out.append(BucketLine(bucket.id, bucket.name, 0, 0, 0))
        else:
            out.append(BucketLine(bucket.id, bucket.name, use.versions, use.parts, use.bytes))
    return tuple(out)


def attributed_lines(plan: Plan, found: Attributed) -> tuple[BucketLine, ...]:
    """The lines with dead bytes, and one for each bucket that is gone and has some."""
    looked_at, going = {use.row.id for use in plan.segments}, {use.row.id for use in plan.dead}
    dead: dict[int, int] = {}
    reclaimable: dict[int, int] = {}
    for segment, sums in found.dead.items():
        if segment in looked_at:
            for bucket, size in sums.items():
                dead[bucket] = dead.get(bucket, 0) + size
                if segment in going:
                    reclaimable[bucket] = reclaimable.get(bucket, 0) + size
    lines = [
        replace(line, dead=dead.pop(line.bucket_id, 0), reclaimable=reclaimable.get(line.bucket_id, 0))
        for line in plan.buckets
    ]
    for bucket, size in sorted(dead.items()):
        name = found.names.get(bucket, f"number {bucket}")
        lines.append(BucketLine(bucket, name, 0, 0, 0, size, reclaimable.get(bucket, 0), gone=True))
    return tuple(lines)
