"""Garbage goes in steps that each leave a sound store: counted dead, doomed in a commit, looked at once more, moved out
of the way, unlinked.

Why nothing that is alive can go: a sealed segment gets no new chunks, so new references come only from payloads that
were written before it was sealed - their writers pin it until their commit is over - and from copies of versions that
refer to it already. A segment that nobody pins, and that nothing refers to in a snapshot taken after that, stays dead.
Dooming it makes this a law: no commit may name its chunks any more (``check_not_doomed``). And before its file moves, a
second snapshot has to agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from seglake.domain.model.errors import Busy, FormatDamaged, SegmentGone, UnderMaintenance
from seglake.domain.model.events import UploadAborted
from seglake.domain.model.segment import Segment, SegmentState
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.log import Log
from seglake.domain.ports.long_reads import LongRead, LongReads
from seglake.domain.ports.metadata import MetadataStore, MetadataTx, MetadataView
from seglake.domain.ports.progress import Stages, silent
from seglake.domain.ports.segments import SegmentFiles, SegmentStore
from seglake.domain.ports.system import Clock, Offload

from .attribution import Attribute
from .findings import Finding, error, place_of_segment
from .gc_plan import NO_LIMITS, Limits, Plan, SegmentUse, attributed_lines, lines_of, use_of
from .history import note_collected
from .keeping import Elsewhere, Keeping, Ranges, ReadRanges, keeping, over
from .liveness import Census, FindReferenced, TakeCensus
from .maintenance import check_open, maintenance_of
from .sealing import NoteSegments

T = TypeVar("T")

GRACE_S = 60.0
"""How long a doomed segment stays readable, and how long it then stays in quarantine."""

CLOSES_MAX = 500
"""Uploads closed in one commit."""


Breathe = Callable[[], None]
"""Called every so often in a long read, to let others run."""


def no_breath() -> None:
    """Where nobody else runs."""


@dataclass(slots=True)
class Swept:
    """What became of doomed segments: moved to quarantine, unlinked (with their bytes), found alive after all."""

    quarantined: list[bytes] = field(default_factory=list)
    removed: list[bytes] = field(default_factory=list)
    spared: list[bytes] = field(default_factory=list)
    freed_bytes: int = 0
    waiting: int = 0
    """Doomed segments whose time has not come."""

    def add(self, other: Swept) -> None:
        """Counts another sweep."""
        self.quarantined += other.quarantined
        self.removed += other.removed
        self.spared += other.spared
        self.freed_bytes += other.freed_bytes
        self.waiting = other.waiting


@dataclass(frozen=True, slots=True)
class Doom:
    """The commit after which no other may name chunks of these segments; closes uploads that are over.

    What is not sealed any more is passed over. Returns the ids of those that are doomed now.
    """

    segments: tuple[bytes, ...]
    closes: tuple[str, ...] = ()

    def __call__(self, tx: MetadataTx) -> tuple[bytes, ...]:
        """Records one UploadAborted for each upload that is over; segments tell nothing about their end."""
        check_open(tx)
        for name in self.closes:
            upload = tx.uploads.get(name)
            if upload is not None and over(tx, upload):
                tx.record(UploadAborted(tx.tick(), name))
        doomed = []
        for segment in self.segments:
            row = tx.segments.get(segment)
            if row is not None and row.state is SegmentState.SEALED:
                tx.segments.put(replace(row, state=SegmentState.DOOMED))
                doomed.append(segment)
        if doomed:
            note_collected(tx)
        return tuple(doomed)


@dataclass(frozen=True, slots=True)
class Spare:
    """The commit that takes a doom back."""

    segments: tuple[bytes, ...]

    def __call__(self, tx: MetadataTx) -> None:
        """What was sealed is sealed again."""
        for segment in self.segments:
            row = tx.segments.get(segment)
            if row is not None and row.state is SegmentState.DOOMED and row.footer:
                tx.segments.put(replace(row, state=SegmentState.SEALED))


@dataclass(frozen=True, slots=True)
class Judged:
    """What a look at one segment's events found; ``keeping`` None when they cannot be judged."""

    keeping: Keeping | None
    finding: Finding | None = None


class Collector:
    """Collects garbage; one run at a time, beside requests or offline.

    Long reads are left to ``reads``; ``breathe`` is called in shorter ones, which run beside the event loop, to let
    requests through.
    """

    def __init__(
        self,
        metadata: MetadataStore,
        committer: Committer,
        segments: SegmentStore,
        files: SegmentFiles,
        *,
        offload: Offload,
        clock: Clock,
        log: Log,
        reads: LongReads,
        breathe: Breathe = no_breath,
    ) -> None:
        self.metadata = metadata
        self.committer = committer
        self.segments = segments
        self.files = files
        self.offload = offload
        self.clock = clock
        self.log = log
        self.reads = reads
        self.breathe = breathe
        self.elsewhere = Elsewhere(files)
        self._busy = False
        self._seen: dict[tuple[bytes, bool], float] = {}
        self._unnoted: tuple[Segment, ...] = ()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """One run at a time. Busy when there is one; UnderMaintenance."""
        if self._busy:
            raise Busy("garbage is being collected already; wait until that is over", retry_after_s=10)
        if self.metadata.read(maintenance_of).refuses_new:
            raise UnderMaintenance
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    # ------------------------------------------------------------------------------------------------------- plan
    async def plan(
        self, limits: Limits = NO_LIMITS, stages: Stages = silent, *, turn: bool = False, by_bucket: bool = False
    ) -> Plan:
        """What ``run`` would do now; with ``turn`` also to segments that are written to, which it would leave first.

        With ``by_bucket`` it also says whose the dead bytes are, for which all events are read. MetadataDamaged when
        anything in the index cannot be read: nothing is guessed.
        """
        pinned = await self.settled_pins()
        states = (SegmentState.SEALED, SegmentState.OPEN) if turn else (SegmentState.SEALED,)
        if by_bucket:
            attributed = await self.beside(Attribute(), stages)
            self.elsewhere.learn(attributed.ranges)
            counted = await self._judged(attributed.census, pinned, limits, stages, states)
            return replace(counted, buckets=attributed_lines(counted, attributed))
        return await self._judged(await self.beside(TakeCensus(), stages), pinned, limits, stages, states)

    async def beside(self, work: LongRead[T], stages: Stages = silent) -> T:
        """A read of the whole store, where it disturbs least."""
        return await self.offload.start(lambda: self.reads.run(work, stages))

    async def _judged(
        self,
        census: Census,
        pinned: frozenset[bytes],
        limits: Limits,
        stages: Stages,
        states: tuple[SegmentState, ...],
    ) -> Plan:
        """The plan that follows from a census taken after ``pinned``: what came into a segment later was pinned."""
        uses = [use_of(row, census, pinned) for row in census.rows if row.state in states]
        born_before = self.clock.now_ms() - round(limits.age_s * 1000)
        idle = [
            number
            for number, use in enumerate(uses)
            if use.row.id not in census.segments and not use.pinned and use.row.created_ms <= born_before
        ]
        if idle:
            await self.learn(census.rows, stages)
        return await self.read(lambda view: self._plan(view, census, uses, idle, stages))

    async def learn(self, rows: Iterable[Segment], stages: Stages = silent) -> None:
        """Reads the stamps of sealed segments that were not read before."""
        unknown = tuple([row.id for row in rows if row.state is SegmentState.SEALED and not self.elsewhere.knows(row)])
        if unknown:
            self.elsewhere.learn(await self.beside(ReadRanges(unknown), stages))

    async def settled_pins(self) -> frozenset[bytes]:
        """Segments with writers under way. Every commit of the others' writers is over, and in the next snapshot."""
        pinned = self.segments.pinned()
        # Whoever was cancelled while it committed has let go of its pins; its commit may still be on its way.
        await self.committer.call(_nothing)
        return pinned

    async def read(self, query: Callable[[MetadataView], T]) -> T:
        """A long read, beside the event loop."""
        return await self.offload.start(lambda: self.metadata.read(query))

    def _plan(
        self, view: MetadataView, census: Census, uses: list[SegmentUse], idle: list[int], stages: Stages
    ) -> Plan:
        self.elsewhere.begin()
        dead: list[SegmentUse] = []
        closes: set[str] = set()
        findings: list[Finding] = []
        progress = stages("judging events", "segments")
        progress.total(len(idle))
        ranges = self.elsewhere.all(view.segments.scan()) if idle else ()
        for number in idle:
            use = uses[number]
            limit = use.row.committed if use.row.state is SegmentState.OPEN else None
            judged = self._judge(view, use.row.id, limit, Ranges.besides_one(ranges, use.row.id))
            progress.advance()
            if judged.finding is not None:
                findings.append(judged.finding)
            if judged.keeping is None:
                continue
            if judged.keeping.kept:
                uses[number] = replace(use, events=judged.keeping.bytes)
            else:
                dead.append(use)
                closes |= judged.keeping.closes
            self.breathe()
        doomed = tuple([row for row in census.rows if row.state is SegmentState.DOOMED])
        return Plan(tuple(dead), tuple(uses), lines_of(view, census), doomed, frozenset(closes), tuple(findings))

    def judge(self, view: MetadataView, segment: bytes, limit: int | None = None) -> Judged:
        """Which events of a sealed segment, or of another's first ``limit`` bytes, have to stay. Blocking."""
        ranges = self.elsewhere.all(view.segments.scan())
        return self._judge(view, segment, limit, Ranges.besides_one(ranges, segment))

    def _judge(self, view: MetadataView, segment: bytes, limit: int | None, ranges: Ranges) -> Judged:
        try:
            return Judged(keeping(view, segment, self.files.events(segment, limit), ranges))
        except (FormatDamaged, SegmentGone, OSError) as damage:
            text = f"it is kept, for its events cannot be judged: {damage}"
            return Judged(None, error(place_of_segment(segment), text))

    # -------------------------------------------------------------------------------------------------------- run
    async def run(self, limits: Limits = NO_LIMITS, stages: Stages = silent, *, turn: bool = False) -> Plan:
        """Dooms every dead segment; ``sweep`` then gives the space back. Returns what was done.

        With ``turn`` segments that are still written to are left first, so that the garbage in them counts. Busy,
        UnderMaintenance, MetadataDamaged, LimitReached, StoreFailed.
        """
        with self.exclusive():
            if turn:
                await self.turn()
            plan = await self.plan(limits, stages)
            warnings = limits.check(len(plan.dead), plan.reclaimable_bytes)
            plan = replace(plan, findings=(*warnings, *plan.findings))
            return replace(plan, dead=await self.doom(plan.dead, plan.closes))

    async def turn(self) -> None:
        """Leaves all segments that are written to, and seals them."""
        await self.committer.call(self.segments.turn)
        self._unnoted += tuple(await self.offload.start(self.segments.seal_pending))
        if self._unnoted:
            await self.committer.commit(NoteSegments(self._unnoted))
            self._unnoted = ()

    async def doom(self, dead: tuple[SegmentUse, ...], closes: frozenset[str]) -> tuple[SegmentUse, ...]:
        """Commits the end of dead segments; those that were still sealed."""
        names = sorted(closes)
        while len(names) > CLOSES_MAX:
            await self.committer.commit(Doom((), tuple(names[:CLOSES_MAX])))
            names = names[CLOSES_MAX:]
        if not dead and not names:
            return ()
        doomed = await self.committer.commit(Doom(tuple([use.row.id for use in dead]), tuple(names)))
        for segment in doomed:
            self.log.info("segment_doomed", segment=segment.hex())
        return tuple([use for use in dead if use.row.id in doomed])

    # ------------------------------------------------------------------------------------------------------ sweep
    async def sweep(self, grace_s: float = GRACE_S) -> Swept:
        """Carries doomed segments one step on, or all the way without grace. Cheap when there are none.

        A segment moves to quarantine when it was doomed for ``grace_s`` seconds of this process and nobody reads it,
        and is unlinked after as long again. Steps that a crash cut off are done again. StorageFull: try later.
        """
        with self.exclusive():
            swept = await self._sweep(grace_s)
            if grace_s <= 0 and swept.quarantined:
                swept.add(await self._sweep(grace_s))
            return swept

    async def _sweep(self, grace_s: float) -> Swept:
        swept = Swept()
        rows = await self.read(lambda view: [row for row in view.segments.scan() if row.state is SegmentState.DOOMED])
        if not rows:
            self._seen.clear()
            return swept
        present = set(await self.offload.start(self._listed))
        due = self._due(rows, present, grace_s)
        swept.waiting = len(rows) - len(due)
        busy = await self.settled_pins() | self.segments.held()
        moving = [row for row in due if row.id in present and row.id not in busy]
        swept.waiting += len([row for row in due if row.id in present and row.id in busy])
        if moving:
            await self._move(moving, swept)
        for row in due:
            if row.id not in present:
                await self._remove(row, swept)
        return swept

    def _listed(self) -> list[bytes]:
        try:
            return self.files.list()
        except OSError as failure:
            raise Busy(f"the directory of segments cannot be read: {failure}") from failure

    def _due(self, rows: list[Segment], present: set[bytes], grace_s: float) -> list[Segment]:
        now_s = self.clock.steady_s()
        seen = {(row.id, row.id in present): now_s for row in rows}
        self._seen = {key: self._seen.get(key, now) for key, now in seen.items()}
        return [row for row in rows if now_s - self._seen[row.id, row.id in present] >= grace_s]

    async def _move(self, rows: list[Segment], swept: Swept) -> None:
        alive = await self.beside(FindReferenced(frozenset([row.id for row in rows])))
        if alive:
            self.log.error("doomed_segments_alive", segments=[segment.hex() for segment in sorted(alive)])
            await self.committer.commit(Spare(tuple(sorted(alive))))
            swept.spared += sorted(alive)
        for row in rows:
            if row.id not in alive:
                await self.committer.call(partial(self._quarantine, row.id))
                self.segments.forget(row.id)
                self._seen[row.id, False] = self.clock.steady_s()
                swept.quarantined.append(row.id)
                self.log.info("segment_quarantined", segment=row.id.hex(), reason="garbage")

    def _quarantine(self, segment: bytes) -> None:
        try:
            self.files.quarantine(segment)
        except SegmentGone:
            # Somebody was faster; what is left is to see that nothing of it comes back.
            self.log.warning("segment_gone", segment=segment.hex())

    async def _remove(self, row: Segment, swept: Swept) -> None:
        await self.committer.call(partial(self.files.discard, row.id))
        await self.committer.commit(NoteSegments((), (row.id,)))
        self.elsewhere.known.pop(row.id, None)
        swept.removed.append(row.id)
        swept.freed_bytes += row.committed
        self.log.info("segment_removed", segment=row.id.hex(), bytes=row.committed)


def _nothing() -> None:
    """Passes through the committer: what was handed to it before is over."""
