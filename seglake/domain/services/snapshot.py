"""A snapshot is one state of the store, taken beside running writes; it exists only once everything in it is safe.

The index is copied from one read transaction, so it is one commit's state. Every byte it refers to was durable before
that commit, and segments only grow: whatever is copied later, up to the lengths that this state knows, belongs to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seglake.domain.model.errors import SegmentGone, StorageFull
from seglake.domain.model.hlc import HLC
from seglake.domain.model.segment import Segment, SegmentState
from seglake.domain.model.snapshot import SnapshotManifest, SnapshotSegment, Taken, to_text
from seglake.domain.ports.metadata import MetadataStore, MetadataView
from seglake.domain.ports.progress import Progress, Stages, silent
from seglake.domain.ports.segments import SegmentStore
from seglake.domain.ports.snapshots import IndexCopy, SnapshotTarget
from seglake.domain.ports.system import Clock

from .findings import Finding, error, place_of_segment
from .history import history_ticks
from .pacing import Pace

SLICE_BYTES = 1 << 20
"""Of the index in one step: some milliseconds, between which commits get the disk and the interpreter."""


@dataclass(frozen=True, slots=True)
class SnapshotOptions:
    """``data``: take the segments too; ``link``: by hard link where that is possible; ``key``: the master key is in
    it; ``store_format`` and ``program`` are for the manifest."""

    data: bool = False
    link: bool = True
    key: bool = False
    program: str = ""
    store_format: int = 1


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """What was taken; ``seconds`` in all, ``index_s`` of them for the index."""

    manifest: SnapshotManifest
    index_s: float
    seconds: float
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _State:
    newest: HLC
    history_ticks: int
    rows: tuple[Segment, ...]


def _state(view: MetadataView) -> _State:
    newest = HLC(view.settings.last_ticks(), view.settings.site())
    return _State(newest, history_ticks(view), _needed(view))


def _needed(view: MetadataView) -> tuple[Segment, ...]:
    """What is about to be removed is referred to by nothing."""
    return tuple([row for row in view.segments.scan() if row.state in (SegmentState.OPEN, SegmentState.SEALED)])


class SnapshotTaking:
    """Takes snapshots. Blocking; beside a running store, or of one at rest (``store`` None).

    ``sleep`` blocks for some seconds; ``bytes_per_s`` bounds the copying of segments (0 = unbounded).
    """

    def __init__(
        self,
        metadata: MetadataStore,
        store: SegmentStore | None,
        clock: Clock,
        sleep: Callable[[float], object],
        stages: Stages = silent,
        *,
        bytes_per_s: int = 0,
    ) -> None:
        self._metadata = metadata
        self._store = store
        self._clock = clock
        self._sleep = sleep
        self._stages = stages
        self._bytes_per_s = bytes_per_s

    def run(self, target: SnapshotTarget, options: SnapshotOptions) -> SnapshotReport:
        """One snapshot. DataDirUnusable (the directory is not empty), StorageFull, StoreFailed, OSError: there is none.

        A segment without a file is a finding, and the rest is taken.
        """
        begun = self._clock.steady_s()
        target.begin()
        releases: list[Callable[[], None]] = []
        try:
            self._pin(self._metadata.read(_needed), releases)
            copy = target.copy_index()
            try:
                state = copy.read(_state)
                self._pin(state.rows, releases)
                self._copy_index(copy, target)
            finally:
                copy.close()
            index = target.finish_index()
            index_s = self._clock.steady_s() - begun
            segments, findings = self._take(state.rows, target, options)
            manifest = SnapshotManifest(
                created_ms=self._clock.now_ms(),
                program=options.program,
                store_format=options.store_format,
                newest=state.newest,
                data=options.data,
                key=options.key,
                index=index,
                segments=segments,
                history_ticks=state.history_ticks,
            )
            target.publish(to_text(manifest))
        finally:
            for release in releases:
                release()
        return SnapshotReport(manifest, index_s, self._clock.steady_s() - begun, findings)

    def _pin(self, rows: tuple[Segment, ...], releases: list[Callable[[], None]]) -> None:
        """Keeps the files: once before the copy begins and, for segments made in between, once after."""
        if self._store is not None:
            releases.append(self._store.pin([row.id for row in rows]))

    def _copy_index(self, copy: IndexCopy, target: SnapshotTarget) -> None:
        progress = self._stages("copying the index", "bytes")
        progress.total(copy.total())
        if copy.total() > target.room():
            # Found out before it is done: the disk may be the one that requests are writing to.
            raise StorageFull(f"the copy of the index needs {copy.total()} bytes, and there are not as many")
        offset = 0
        while True:
            begun = self._clock.steady_s()
            size = copy.step(SLICE_BYTES)
            if not size:
                return
            target.written(offset, size)
            offset += size
            progress.advance(size)
            if self._store is not None:
                # As much time for the others as the slice took: their latency may rise, but not without bound.
                self._sleep(min(0.05, self._clock.steady_s() - begun))

    def _take(
        self, rows: tuple[Segment, ...], target: SnapshotTarget, options: SnapshotOptions
    ) -> tuple[tuple[SnapshotSegment, ...], tuple[Finding, ...]]:
        if not options.data:
            return tuple([SnapshotSegment(row, Taken.NOT) for row in rows]), ()
        progress = self._stages("taking segments", "bytes")
        progress.total(sum([row.committed for row in rows]))
        pace = Pace(self._clock, self._sleep, self._bytes_per_s)
        taken: list[SnapshotSegment] = []
        findings: list[Finding] = []
        for row in rows:
            moving = Moving(progress, pace)
            try:
                how = target.take(row, moving, link=options.link)
            except SegmentGone:
                how = Taken.MISSING
                findings.append(error(place_of_segment(row.id), "the index names it, but there is no file"))
            taken.append(SnapshotSegment(row, how))
            moving.end(row.committed)
        return tuple(taken), tuple(findings)


class Moving:
    """Counts one segment's bytes as they are copied, for the eye and for the pace."""

    __slots__ = ("_done", "_pace", "_progress")

    def __init__(self, progress: Progress, pace: Pace) -> None:
        self._progress = progress
        self._pace = pace
        self._done = 0

    def __call__(self, size: int) -> None:
        """So many more were copied."""
        self._done += size
        self._progress.advance(size)
        self._pace.spend(size)

    def end(self, size: int) -> None:
        """The segment of ``size`` bytes is done, whether its bytes were copied or shared."""
        self._progress.advance(max(0, size - self._done))
