"""What is alive in a segment that is mostly garbage moves somewhere else, and only then the segment is doomed.

Chunks are read, verified and written again; when the copies are safe, one event for each version and part says where
its bytes lie now. The events that have to stay are copied, with their stamps, into a segment of their own. At every
moment both places are sound, or only the one that the index names; whatever was cut off is found as it is by the next
run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TypeVar

from seglake.domain.model.errors import ChunkCorrupt, EntityTooLarge, FormatDamaged, SegmentGone, StorageFull
from seglake.domain.model.events import ChunksMoved, Event, PartMoved, PartStored, VersionPut
from seglake.domain.model.segment import ChunkSlice, RecordRef, Segment, SegmentState, same_bytes
from seglake.domain.ports.metadata import MetadataTx, MetadataView
from seglake.domain.ports.progress import Progress, Stages, silent
from seglake.domain.ports.segments import BulkWriter, EventsWriter

from .findings import Finding, error, place_of_segment, warning
from .gc import Collector, Doom
from .gc_plan import NO_LIMITS, Limits, Plan, SegmentUse
from .ingest import check_not_doomed
from .keeping import Kept
from .liveness import FindHolders, FindReferenced, Holder
from .maintenance import check_open
from .sealing import NoteSegments

T = TypeVar("T")

THRESHOLD = 0.5
"""A segment is worth rewriting when less than this share of it stays."""

COPY_BYTES = 16 << 20
"""Chunks read and written between two looks at the clock."""

HOLDERS_MAX = 200
"""Versions and parts moved in one commit."""

PLACES_MAX = 1000
"""Records whose new place is noted in one commit."""

ROUNDS_MAX = 4
"""How often those are moved whose chunks were copied meanwhile, before a segment is left for the next run."""

_PAUSED_LOOK_S = 1.0

HEAD_BYTES = 4096 + 88 + 48 + 64
"""What a segment of copied events takes besides them (docs/formats/segment.md), and 12 bytes for each."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One segment to be rewritten: its use, and what stays of it (bytes, the copies' overhead included)."""

    use: SegmentUse
    stays_bytes: int

    @property
    def gain_bytes(self) -> int:
        """What the rewrite gives back."""
        return self.use.bytes - self.stays_bytes


@dataclass(frozen=True, slots=True)
class RewritePlan:
    """What a run would rewrite, the emptiest first."""

    rewrites: tuple[Rewrite, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def reclaimable_bytes(self) -> int:
        """What all of it gives back."""
        return sum([one.gain_bytes for one in self.rewrites])

    @property
    def copied_bytes(self) -> int:
        """What has to be read and written for it."""
        return sum([one.stays_bytes for one in self.rewrites])


@dataclass(slots=True)
class Rewritten:
    """What a run did. ``doomed`` segments wait to be swept; ``left`` were begun and stay, as the findings say."""

    doomed: list[bytes] = field(default_factory=list)
    left: list[bytes] = field(default_factory=list)
    moved_versions: int = 0
    moved_bytes: int = 0
    copied_events: int = 0
    reclaimed_bytes: int = 0
    findings: list[Finding] = field(default_factory=list)


Places = dict[int, tuple[bytes, int]]
"""Of one segment: a chunk's offset to the segment and offset of its copy."""


def moved(chunks: tuple[ChunkSlice, ...], source: bytes, places: Places) -> tuple[ChunkSlice, ...]:
    """The same bytes, read from the copies where there are any."""
    out = []
    for chunk in chunks:
        place = places.get(chunk.offset) if chunk.segment == source else None
        out.append(chunk if place is None else chunk._replace(segment=place[0], offset=place[1]))
    return tuple(out)


@dataclass(frozen=True, slots=True)
class Move:
    """The commit by which versions and parts use the copies. Who is gone, or was moved already, is passed over."""

    source: bytes
    holders: tuple[Holder, ...]
    places: Places

    def __call__(self, tx: MetadataTx) -> int:
        """Records a ChunksMoved or PartMoved for each; returns how many."""
        copies = {segment for segment, _ in self.places.values()}
        check_not_doomed(tx, copies)
        return sum([self._move(tx, holder) for holder in self.holders])

    def _move(self, tx: MetadataTx, holder: Holder) -> bool:
        if holder.upload:
            part = tx.uploads.part(holder.upload, holder.number)
            if part is None or part.stamp != holder.stamp:
                return False
            chunks = part.chunks
        else:
            version = tx.versions.find(holder.bucket_id, holder.key, holder.stamp)
            if version is None:
                return False
            chunks = version.manifest.chunks
        now = moved(chunks, self.source, self.places)
        if now == chunks:
            return False
        assert same_bytes(now, chunks), "a move changes places, not bytes"
        if holder.upload:
            tx.record(PartMoved(tx.tick(), holder.upload, holder.number, holder.stamp, now))
        else:
            tx.record(ChunksMoved(tx.tick(), holder.bucket_id, holder.key, holder.stamp, now))
        return True


@dataclass(frozen=True, slots=True)
class PlaceRecords:
    """The commit by which rows point to the copies of their records in a new segment, where they point to the old."""

    source: bytes
    copies: tuple[tuple[Event, RecordRef], ...]

    def __call__(self, tx: MetadataTx) -> None:
        """Journals nothing: a rebuilt index finds the copies itself."""
        check_open(tx)
        for event, ref in self.copies:
            if isinstance(event, VersionPut):
                version = (event.manifest.bucket_id, event.manifest.key, event.manifest.stamp)
                place = tx.versions.place(*version)
                if place is not None and place.segment == self.source:
                    tx.versions.set_place(*version, ref)
            elif isinstance(event, PartStored):
                part = tx.uploads.part(event.part.upload, event.part.number)
                if part is not None and part.stamp == event.part.stamp:
                    tx.uploads.set_part_place(part.upload, part.number, ref)


def _never() -> bool:
    return False


class Rewriter:
    """Rewrites segments with a collector's means and under its lock.

    ``pause`` waits some seconds, ``paused`` says whether an operator holds the work up, ``bytes_per_s`` bounds what is
    read and written (0: nothing does).
    """

    def __init__(
        self,
        collector: Collector,
        pause: Callable[[float], Awaitable[object]],
        *,
        bytes_per_s: float = 0.0,
        paused: Callable[[], bool] = _never,
    ) -> None:
        self._gc = collector
        self._pause = pause
        self._bytes_per_s = bytes_per_s
        self._paused = paused

    # ------------------------------------------------------------------------------------------------------- plan
    async def plan(
        self, threshold: float = THRESHOLD, limits: Limits = NO_LIMITS, stages: Stages = silent, *, turn: bool = False
    ) -> RewritePlan:
        """What ``run`` would rewrite now; segments that are wholly dead are ``gc-run``'s. MetadataDamaged."""
        whole = await self._gc.plan(limits, stages, turn=turn)
        return await self._choose(whole, threshold, limits)

    async def _choose(self, plan: Plan, threshold: float, limits: Limits) -> RewritePlan:
        born_before = self._gc.clock.now_ms() - round(limits.age_s * 1000)
        dead = {use.row.id for use in plan.dead}
        thin = [
            use
            for use in plan.segments
            if use.row.id not in dead
            and not use.pinned
            and use.row.created_ms <= born_before
            and use.live_bytes + use.events < threshold * use.bytes
        ]
        rewrites, findings = [], list(plan.findings)
        if thin:
            await self._gc.learn([use.row for use in plan.segments])
        for use in thin:
            limit = use.row.committed if use.row.state is SegmentState.OPEN else None
            judged = await self._gc.read(partial(self._gc.judge, segment=use.row.id, limit=limit))
            if judged.finding is not None and judged.finding not in findings:
                findings.append(judged.finding)
            if judged.keeping is not None:
                kept = judged.keeping.kept
                copy = HEAD_BYTES + judged.keeping.bytes + 12 * len(kept) if kept else 0
                stays = use.chunk_bytes + copy
                if stays < threshold * use.bytes:
                    rewrites.append(Rewrite(use, stays))
        rewrites.sort(key=lambda one: (one.stays_bytes / one.use.bytes, one.use.row.id))
        return RewritePlan(tuple(rewrites), tuple(findings))

    # -------------------------------------------------------------------------------------------------------- run
    async def run(
        self, threshold: float = THRESHOLD, limits: Limits = NO_LIMITS, stages: Stages = silent, *, turn: bool = False
    ) -> Rewritten:
        """Rewrites every segment of the plan; each is a unit, so a run that is cut off goes on with the next one.

        Busy, UnderMaintenance, MetadataDamaged, LimitReached, StoreFailed. StorageFull ends the run, and what was moved
        until then stays moved.
        """
        with self._gc.exclusive():
            if turn:
                await self._gc.turn()
            plan = await self.plan(threshold, limits, stages)
            out = Rewritten(findings=list(plan.findings))
            out.findings += limits.check(len(plan.rewrites), plan.reclaimable_bytes)
            if plan.rewrites:
                await self._run(plan, out, stages)
            return out

    async def _run(self, plan: RewritePlan, out: Rewritten, stages: Stages) -> None:
        progress = stages("moving what is alive", "bytes")
        progress.total(plan.copied_bytes)
        emptied = await self._empty([one.use.row.id for one in plan.rewrites], out, progress)
        done = [segment for segment in emptied if await self._copy_events(segment, out)]
        if not done:
            return
        still = await self._gc.beside(FindReferenced(frozenset(done)))
        out.left += sorted(still)
        doomed = await self._gc.committer.commit(Doom(tuple([segment for segment in done if segment not in still])))
        gains = {one.use.row.id: one.gain_bytes for one in plan.rewrites}
        for segment in doomed:
            out.doomed.append(segment)
            out.reclaimed_bytes += gains[segment]
            self._gc.log.info("segment_rewritten", segment=segment.hex())

    async def _empty(self, wanted: list[bytes], out: Rewritten, progress: Progress) -> list[bytes]:
        """Moves all chunks out of the segments; those that are free of them now."""
        for _ in range(ROUNDS_MAX):
            pinned = await self._gc.settled_pins()
            wanted = [segment for segment in wanted if segment not in pinned]
            found = await self._gc.beside(FindHolders(frozenset(wanted)))
            if not found:
                return wanted
            for segment in [segment for segment in wanted if segment in found]:
                try:
                    await self._move_all(segment, found[segment], out, progress)
                except (ChunkCorrupt, SegmentGone, EntityTooLarge) as damage:
                    wanted.remove(segment)
                    out.left.append(segment)
                    text = f"it is not rewritten: {damage.hint}"
                    out.findings.append(error(place_of_segment(segment), text))
        left = await self._gc.beside(FindHolders(frozenset(wanted)))
        for segment in sorted(left):
            out.left.append(segment)
            text = "its chunks are copied faster than they can be moved; the next run goes on"
            out.findings.append(warning(place_of_segment(segment), text))
        return [segment for segment in wanted if segment not in left]

    # ------------------------------------------------------------------------------------------------------ chunks
    async def _move_all(self, segment: bytes, found: Sequence[Holder], out: Rewritten, progress: Progress) -> None:
        places: Places = {}
        writer = self._gc.segments.bulk()
        try:
            for batch in _batches(found, HOLDERS_MAX):
                out.moved_bytes += await self._copy(segment, batch, places, writer, progress)
                marks = await self._gc.offload.start(writer.sync)
                script = Move(segment, batch, places)
                out.moved_versions += await self._gc.committer.commit(script, after=marks)
        finally:
            writer.release()

    async def _copy(
        self, segment: bytes, batch: tuple[Holder, ...], places: Places, writer: BulkWriter, progress: Progress
    ) -> int:
        """Copies the chunks that the holders have in the segment and that were not copied yet; their bytes.
        ChunkCorrupt."""
        copied = 0
        wanted = await self._gc.read(partial(_chunks_of, segment=segment, holders=batch, known=places))
        while wanted:
            await self._while_paused()
            begun = self._gc.clock.steady_s()
            piece = [wanted.pop()]
            size = piece[0].length
            while wanted and size + wanted[-1].length <= COPY_BYTES:
                size += wanted[-1].length
                piece.append(wanted.pop())
            places.update(await self._gc.offload.start(partial(self._copy_now, piece, writer)))
            progress.advance(size)
            copied += size
            if self._bytes_per_s:
                await self._pause(max(0.0, size / self._bytes_per_s - (self._gc.clock.steady_s() - begun)))
        return copied

    def _copy_now(self, chunks: list[ChunkSlice], writer: BulkWriter) -> Places:
        out: Places = {}
        for chunk in chunks:
            payload = self._gc.files.read(chunk)
            copy = writer.append(payload, chunk.digest)
            out[chunk.offset] = (copy.segment, copy.offset)
        return out

    async def _while_paused(self) -> None:
        while self._paused():
            await self._pause(_PAUSED_LOOK_S)

    # ------------------------------------------------------------------------------------------------------ events
    async def _copy_events(self, segment: bytes, out: Rewritten) -> bool:
        """Copies the events that have to stay; True when the index needs none of the segment any more."""
        judged = await self._gc.read(partial(self._gc.judge, segment=segment))
        if judged.keeping is None:
            out.left.append(segment)
            return False
        if judged.keeping.closes:
            await self._gc.doom((), judged.keeping.closes)
        kept = judged.keeping.kept
        if not kept:
            return True
        writer = self._gc.segments.events_writer()
        # Known before it is there: an unknown segment with events would pass for the trace of another index, and a
        # doomed one is removed wherever this is cut off.
        born = Segment(writer.segment, SegmentState.DOOMED, 0, self._gc.clock.now_ms())
        await self._gc.committer.commit(NoteSegments((born,)))
        try:
            refs, row = await self._gc.offload.start(partial(_write, writer, kept))
        except (StorageFull, EntityTooLarge):
            writer.abandon()
            raise
        if not await self._gc.offload.start(partial(self._reads_back, row, kept)):
            out.left.append(segment)
            out.findings.append(error(place_of_segment(row.id), "copied events do not read back"))
            return False
        await self._gc.committer.commit(NoteSegments((row,)))
        copies = [(one.event, ref) for one, ref in zip(kept, refs, strict=True) if _has_row(one.event)]
        for batch in _batches(copies, PLACES_MAX):
            await self._gc.committer.commit(PlaceRecords(segment, batch))
        out.copied_events += len(kept)
        return True

    def _reads_back(self, row: Segment, kept: tuple[Kept, ...]) -> bool:
        try:
            return [event for event, _ in self._gc.files.events(row.id)] == [one.event for one in kept]
        except (FormatDamaged, SegmentGone, OSError):
            return False


def _write(writer: EventsWriter, kept: tuple[Kept, ...]) -> tuple[list[RecordRef], Segment]:
    refs = [writer.append(one.event) for one in kept]
    return refs, writer.seal()


def _has_row(event: Event) -> bool:
    return isinstance(event, VersionPut | PartStored)


def _batches(items: Sequence[T], size: int) -> Iterator[tuple[T, ...]]:
    rest = iter(items)
    while batch := tuple(islice(rest, size)):
        yield batch


def _chunks_of(view: MetadataView, segment: bytes, holders: tuple[Holder, ...], known: Places) -> list[ChunkSlice]:
    """The chunks, whole, that these holders have in a segment and that are not ``known``; the last comes first."""
    found: dict[int, ChunkSlice] = {}
    for holder in holders:
        chunks: tuple[ChunkSlice, ...] = ()
        if holder.upload:
            part = view.uploads.part(holder.upload, holder.number)
            chunks = () if part is None else part.chunks
        else:
            version = view.versions.find(holder.bucket_id, holder.key, holder.stamp)
            chunks = () if version is None else version.manifest.chunks
        for chunk in chunks:
            if chunk.segment == segment and chunk.offset not in known:
                found[chunk.offset] = chunk._replace(skip=0, take=chunk.length)
    return [found[offset] for offset in sorted(found, reverse=True)]
