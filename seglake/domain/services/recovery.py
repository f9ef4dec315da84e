"""After any stop the index decides what was acknowledged: everything it names is kept, and nothing else comes back.

At most one batch can have reached a segment without its commit, in one segment. Whatever exceeds that was acknowledged
by an index that is not this one - meta.db is missing or older than the segments - and is never dropped.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from seglake.domain.model.errors import DataDirUnusable, FormatDamaged, SegmentGone
from seglake.domain.model.events import Event
from seglake.domain.model.hlc import COUNTER_BITS
from seglake.domain.model.segment import RecordRef, Segment, SegmentState
from seglake.domain.ports.journal import NoRecords
from seglake.domain.ports.log import Log
from seglake.domain.ports.metadata import MetadataStore, MetadataView
from seglake.domain.ports.segments import SegmentFiles

from .sealing import NoteSegments

STALE_INDEX = "meta.db is missing or older than the segments; run `seglake rebuild-index`"

_BATCH_GAP_TICKS = 1 << COUNTER_BITS
"""Stamps of one batch count up from one reading of the clock; a step of a millisecond begins another batch."""


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What a recovery did, by segment id. All empty after a clean stop and after a second run."""

    sealed: tuple[bytes, ...] = ()
    """Left open by the last process; cut at the acknowledged length and sealed."""
    dropped: tuple[bytes, ...] = ()
    """Held nothing that was acknowledged; removed."""
    adopted: tuple[bytes, ...] = ()
    """Sealed, but not yet noted in the index."""
    quarantined: tuple[bytes, ...] = ()
    """Held one batch that was never acknowledged; moved to objects/quarantine/."""
    missing: tuple[bytes, ...] = ()
    """Named by the index, but there is no file: data was lost."""
    damaged: tuple[bytes, ...] = ()
    """Damaged before the acknowledged length; kept as they are."""
    events_dropped: int = 0
    """Unacknowledged events beyond the acknowledged lengths."""

    @property
    def changed(self) -> bool:
        """True when files or rows were changed."""
        return bool(self.sealed or self.dropped or self.adopted or self.quarantined)


@dataclass(slots=True)
class _Work:
    """The plan, made whole before anything is touched."""

    index_is_new: bool
    recover: list[Segment] = field(default_factory=list)
    unknown: list[bytes] = field(default_factory=list)
    adopt: list[bytes] = field(default_factory=list)
    quarantine: list[bytes] = field(default_factory=list)
    missing: list[Segment] = field(default_factory=list)
    copies: list[bytes] = field(default_factory=list)
    tail_segments: int = 0
    tail_ticks: list[int] = field(default_factory=list)

    def note_tail(self, events: Iterable[tuple[Event, RecordRef]], *, sealed: bool) -> bool:
        """Takes unacknowledged events into account; True when there are any. DataDirUnusable when the index is old."""
        ticks = [event.stamp.ticks for event, _ in events]
        if not ticks:
            return False
        self.tail_segments += 1
        self.tail_ticks.extend(ticks)
        # Sealing waits for the commit, and a new index has acknowledged nothing that could have followed.
        if sealed or self.index_is_new or self.tail_segments > 1 or _several_batches(self.tail_ticks):
            raise DataDirUnusable(STALE_INDEX)
        return True


def _several_batches(ticks: list[int]) -> bool:
    ordered = sorted(ticks)
    return any(b - a >= _BATCH_GAP_TICKS for a, b in itertools.pairwise(ordered))


def refuse_lost_index(files: SegmentFiles) -> None:
    """Before a new index is made: DataDirUnusable when segments show that there was one.

    An index is safe on the disk before the first event is. A new one beside such segments would, at the next start,
    pass for an old one that acknowledged nothing - so it must not be made at all.
    """
    for segment in files.list():
        if files.sealed(segment) or next(files.tail(segment, 0), None) is not None:
            raise DataDirUnusable(STALE_INDEX)


class Recovery:
    """Makes segments and index agree, before anything listens. Idempotent; a crash in it changes nothing about that."""

    def __init__(self, metadata: MetadataStore, files: SegmentFiles, log: Log) -> None:
        self._metadata = metadata
        self._files = files
        self._log = log

    def run(self, *, index_is_new: bool = False) -> RecoveryReport:
        """Blocking. ``index_is_new``: the index was made by this start, so it cannot have acknowledged anything.

        DataDirUnusable when the segments hold what another index acknowledged; then nothing was changed.
        """
        work = self._plan(index_is_new)
        report = self._carry_out(work)
        self._tell(report)
        return report

    def _plan(self, index_is_new: bool) -> _Work:
        rows = self._metadata.read(lambda view: {row.id: row for row in view.segments.scan()})
        present = set(self._files.list())
        work = _Work(index_is_new)
        for row in rows.values():
            if row.state is SegmentState.DOOMED:
                # Garbage is for whoever collects it. Without a footer it is a copy that was never completed or used.
                if not row.footer:
                    work.copies.append(row.id)
                continue
            if row.id not in present:
                work.missing.append(row)
            elif row.state is SegmentState.OPEN:
                work.recover.append(row)
                if self._files.size(row.id) > row.committed:
                    work.note_tail(self._files.tail(row.id, row.committed), sealed=self._files.sealed(row.id))
        for segment in sorted(present - rows.keys()):
            sealed = self._files.sealed(segment)
            if work.note_tail(self._files.tail(segment, 0), sealed=sealed):
                work.quarantine.append(segment)
            else:
                (work.adopt if sealed else work.unknown).append(segment)
        return work

    def _carry_out(self, work: _Work) -> RecoveryReport:
        sealed: list[Segment] = []
        adopted: list[Segment] = []
        dropped: list[bytes] = []
        damaged: list[bytes] = []
        for segment in work.quarantine:
            self._files.quarantine(segment)
        for segment in work.copies:
            self._files.discard(segment)
        for row in work.recover:
            self._recover(row.id, row.committed, (sealed, dropped, damaged))
        for segment in work.adopt:
            self._recover(segment, self._files.size(segment), (adopted, dropped, damaged))
        for segment in work.unknown:
            self._recover(segment, 0, (adopted, dropped, damaged))
        gone, missing = self._sort_missing(work.missing)
        dropped_rows = {*dropped, *gone} & {row.id for row in (*work.recover, *work.missing)} | {*work.copies}
        if sealed or adopted or dropped_rows:
            script = NoteSegments((*sealed, *adopted), tuple(sorted(dropped_rows)))
            for outcome in self._metadata.apply([script], NoRecords()):
                if isinstance(outcome, Exception):
                    raise outcome
        return RecoveryReport(
            sealed=tuple([row.id for row in sealed]),
            dropped=(*dropped, *gone, *work.copies),
            adopted=tuple([row.id for row in adopted]),
            quarantined=tuple(work.quarantine),
            missing=missing,
            damaged=tuple(damaged),
            events_dropped=len(work.tail_ticks),
        )

    def _recover(self, segment: bytes, committed: int, out: tuple[list[Segment], list[bytes], list[bytes]]) -> None:
        """One segment; a damaged one is left as it is, for its sound part is still served (R4)."""
        recovered, dropped, damaged = out
        try:
            row = self._files.recover(segment, committed)
        except FormatDamaged as damage:
            damaged.append(segment)
            self._log.error("segment_damaged", segment=segment.hex(), reason=damage.hint)
            return
        if row is None:
            dropped.append(segment)
        elif row.state is SegmentState.OPEN:
            # Its structure is lost, its chunks are not: they are found through the index, and verified.
            damaged.append(segment)
        else:
            recovered.append(row)

    def _sort_missing(self, rows: list[Segment]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """(rows of empty segments whose removal a crash cut short, rows whose data is really needed)."""
        if not rows:
            return (), ()
        open_ids = {row.id for row in rows if row.state is SegmentState.OPEN}
        needed = self._metadata.read(_segments_in_use) if open_ids else set()
        gone = tuple(sorted(open_ids - needed))
        return gone, tuple(sorted({row.id for row in rows} - set(gone)))

    def _tell(self, report: RecoveryReport) -> None:
        for segment in report.missing:
            self._log.error("segment_missing", segment=segment.hex(), reason=SegmentGone(segment.hex()).hint)
        for segment in report.quarantined:
            self._log.warning("segment_quarantined", segment=segment.hex())
        if report.changed:
            self._log.info(
                "recovered",
                sealed=len(report.sealed),
                dropped=len(report.dropped),
                adopted=len(report.adopted),
                quarantined=len(report.quarantined),
                damaged=len(report.damaged),
                events_dropped=report.events_dropped,
            )


def _segments_in_use(view: MetadataView) -> set[bytes]:
    """Every segment that a version, its record or a part names."""
    used: set[bytes] = set()
    for version, ref in view.versions.scan_all():
        used.add(ref.segment)
        used.update([chunk.segment for chunk in version.manifest.chunks])
    for upload in view.uploads.scan_all():
        for part in view.uploads.parts(upload.id):
            used.update([chunk.segment for chunk in part.chunks])
    return used
