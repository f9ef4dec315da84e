"""The index is a function of the segments: every intact event, once, in stamp order, gives the same index again."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from seglake.domain.model.errors import FormatDamaged, SegmentGone
from seglake.domain.model.hlc import HLC
from seglake.domain.model.replayed import Replayed
from seglake.domain.model.segment import RecordRef, Segment, SegmentState
from seglake.domain.ports.journal import NoRecords
from seglake.domain.ports.metadata import MetadataStore, MetadataTx
from seglake.domain.ports.progress import Progress, Stages, silent
from seglake.domain.ports.segments import SegmentFiles

from .findings import Finding, error, place_of_segment, warning

EVENTS_PER_REPLAY = 20_000
"""Bounds the memory of a rebuild; a replay is one transaction."""


@dataclass(frozen=True, slots=True)
class RestoreSite:
    """Gives a new index the identity of the one that it replaces: its site and its newest stamp."""

    newest: HLC

    def __call__(self, tx: MetadataTx) -> None:
        """Sets both; stamps given out from now on are above ``newest``."""
        tx.settings.set_site(self.newest.site)
        tx.settings.set_last_ticks(self.newest.ticks)


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a rebuild read and found."""

    segments: int
    events: int
    duplicates: int
    newest: HLC | None
    findings: tuple[Finding, ...]


_Head = tuple[HLC, bytes, Replayed, RecordRef, Iterator[tuple[Replayed, RecordRef]]]
"""The next event of a segment that has its turn: its stamp, the segment, itself, its place, and those behind it."""


@dataclass(slots=True)
class _Sources:
    """All segments as one sequence of events in stamp order; a segment is opened only when its turn comes."""

    files: SegmentFiles
    findings: list[Finding] = field(default_factory=list)
    duplicates: int = 0

    def merged(self, segments: list[bytes], progress: Progress) -> Iterator[tuple[Replayed, RecordRef]]:
        """Each event once. Several stamps may interleave between segments, within one they ascend."""
        waiting = sorted(self._first_stamps(segments), reverse=True)
        heads: list[_Head] = []
        last = HLC(-1, 0)
        while waiting or heads:
            while waiting and (not heads or waiting[-1][0] <= heads[0][0]):
                segment = waiting.pop()[1]
                self._push(heads, segment, self._intact_events(segment), progress)
            if not heads:
                continue
            stamp, segment, event, ref, rest = heapq.heappop(heads)
            # As long as no other segment has its turn, this one is read on without asking the heap.
            limit = min([*[head[0] for head in heads[:1]], *[first[0] for first in waiting[-1:]]], default=None)
            while True:
                if stamp > last:
                    last = stamp
                    yield event, ref
                elif self._late(segment, ref, stamp, last):
                    yield event, ref
                following = next(rest, None)
                if following is None:
                    progress.advance()
                    break
                event, ref = following
                stamp = event.stamp
                if limit is not None and stamp >= limit:
                    heapq.heappush(heads, (stamp, segment, event, ref, rest))
                    break

    def _late(self, segment: bytes, ref: RecordRef, stamp: HLC, last: HLC) -> bool:
        """Notes an event that does not follow ``last``; whether it counts all the same."""
        if stamp == last:
            self.duplicates += 1
            return False
        text = f"the record at byte {ref.offset} is older than the one before it; it was applied late"
        self.findings.append(warning(place_of_segment(segment), text))
        return True

    def _push(
        self,
        heads: list[_Head],
        segment: bytes,
        events: Iterator[tuple[Replayed, RecordRef]],
        progress: Progress,
    ) -> None:
        following = next(events, None)
        if following is None:
            progress.advance()
        else:
            event, ref = following
            heapq.heappush(heads, (event.stamp, segment, event, ref, events))

    def _first_stamps(self, segments: list[bytes]) -> Iterator[tuple[HLC, bytes]]:
        for segment in segments:
            first = next(self._intact_events(segment, report=False), None)
            # A segment without events still takes its turn, so that its damage is reported.
            yield (first[0].stamp if first is not None else HLC(0, 0)), segment

    def _intact_events(self, segment: bytes, *, report: bool = True) -> Iterator[tuple[Replayed, RecordRef]]:
        try:
            yield from self.files.replayable(segment)
        except (FormatDamaged, SegmentGone) as damage:
            if report:
                self.findings.append(error(place_of_segment(segment), damage.hint))


class Rebuild:
    """Fills an empty index from the segments. Offline; blocking."""

    def __init__(self, metadata: MetadataStore, files: SegmentFiles, stages: Stages = silent) -> None:
        self._metadata = metadata
        self._files = files
        self._stages = stages

    def run(self) -> RebuildReport:
        """Closes every segment, replays all events, notes all segments. Damage is reported; what is intact is kept.

        It may be stopped at any moment and run again with another empty index: closing a segment is idempotent.
        """
        sources = _Sources(self._files)
        rows = self._close_segments(sources.findings)
        progress = self._stages("replaying", "segments")
        progress.total(len(rows))
        events, newest = 0, None
        batch: list[tuple[Replayed, RecordRef]] = []
        for entry in sources.merged([row.id for row in rows], progress):
            stamp = entry[0].stamp
            newest = stamp if newest is None or stamp > newest else newest
            events += 1
            batch.append(entry)
            if len(batch) >= EVENTS_PER_REPLAY:
                self._metadata.replay(batch, ())
                batch = []
        self._metadata.replay(batch, rows)
        if newest is not None:
            self._restore_site(newest)
        return RebuildReport(len(rows), events, sources.duplicates, newest, tuple(sources.findings))

    def _close_segments(self, findings: list[Finding]) -> list[Segment]:
        """Seals what is open, up to its last intact record; the rows of all segments."""
        segments = self._files.list()
        progress = self._stages("closing segments", "segments")
        progress.total(len(segments))
        rows = []
        for segment in segments:
            length = self._files.intact(segment)
            try:
                row = self._files.recover(segment, length)
            except FormatDamaged as damage:
                # Left open with all its bytes: the next start tries again, and what is sound in it is served.
                findings.append(error(place_of_segment(segment), damage.hint))
                row = Segment(segment, SegmentState.OPEN, self._files.size(segment), 0)
            if row is not None:
                rows.append(row)
            progress.advance()
        return rows

    def _restore_site(self, newest: HLC) -> None:
        for outcome in self._metadata.apply([RestoreSite(newest)], NoRecords()):
            if isinstance(outcome, Exception):
                raise outcome
