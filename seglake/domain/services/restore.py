"""A restored store is proved before it is given out: index and segments are compared and, if asked, all payload read.

To the state of the snapshot: its index is put in place and the segments that were open are sealed. To an earlier
moment: every segment is taken up to its first event after that moment, and the index is built from what is left - so a
later rebuild gives the same, and nothing of the time after comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from seglake.domain.model.errors import DataDirUnusable, FormatDamaged, InvalidArgument, SegmentGone
from seglake.domain.model.hlc import COUNTER_BITS, HLC, SITE_MAX, parse_hlc
from seglake.domain.model.maintenance import MAINTENANCE_NOTE
from seglake.domain.model.segment import Segment, SegmentState
from seglake.domain.model.snapshot import SnapshotManifest, Taken, parse_text
from seglake.domain.ports.journal import NoRecords
from seglake.domain.ports.log import Log
from seglake.domain.ports.metadata import MetadataStore, MetadataTx
from seglake.domain.ports.progress import Stages, silent
from seglake.domain.ports.segments import SegmentFiles
from seglake.domain.ports.snapshots import RestoreTarget, SnapshotSource
from seglake.domain.ports.system import Clock

from .findings import Finding, error, place_of_segment
from .fsck import Fsck
from .history import HISTORY_NOTE
from .pacing import Pace
from .rebuild import Rebuild, RestoreSite
from .recovery import Recovery
from .scrub import Scrub
from .snapshot import Moving


def parse_moment(text: str) -> HLC | None:
    """``latest`` (None), a stamp, or milliseconds since the epoch, all of which is included. InvalidArgument."""
    if text == "latest":
        return None
    try:
        if text.isascii() and text.isdigit() and len(text) <= 14:
            return HLC(((int(text) + 1) << COUNTER_BITS) - 1, SITE_MAX)
        return parse_hlc(text)
    except ValueError:
        raise InvalidArgument(
            "at", text, "latest, a stamp such as 018f3a2b4c5d0000.0000002a, or milliseconds since 1970"
        ) from None


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """``at``: the moment, None for the snapshot's; ``verify``: read all payload; ``link``: by hard link where
    possible."""

    at: HLC | None = None
    verify: bool = False
    link: bool = True


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What was restored, and every finding of the checks; ``newest`` is the newest stamp of the restored state."""

    manifest: SnapshotManifest
    newest: HLC | None
    versions: int
    segments: int
    bytes: int
    verified_bytes: int | None
    seconds: float
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """True without any finding: warnings do not happen in a store nobody has used."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class _Begin:
    """A restored store is not in maintenance, whatever the snapshot's was."""

    history_ticks: int

    def __call__(self, tx: MetadataTx) -> None:
        tx.notes.put(MAINTENANCE_NOTE, "")
        tx.notes.put(HISTORY_NOTE, str(self.history_ticks) if self.history_ticks else "")


class Restoring:
    """Restores snapshots into new data directories. Blocking. ``store_format`` is the newest that is understood."""

    def __init__(
        self,
        clock: Clock,
        log: Log,
        sleep: Callable[[float], object],
        stages: Stages = silent,
        *,
        bytes_per_s: int = 0,
        store_format: int = 1,
    ) -> None:
        self._store_format = store_format
        self._clock = clock
        self._log = log
        self._sleep = sleep
        self._stages = stages
        self._bytes_per_s = bytes_per_s

    def run(self, source: SnapshotSource, target: RestoreTarget, options: RestoreOptions) -> RestoreReport:
        """One restore. DataDirUnusable: no complete snapshot, its payload is missing, or the target is not empty;
        InvalidArgument: a moment that the snapshot does not reach. Whatever is raised, no server opens the target.
        """
        begun = self._clock.steady_s()
        manifest = _manifest(source)
        if manifest.store_format > self._store_format:
            raise DataDirUnusable(
                f"the snapshot is of a store of format {manifest.store_format}, this program knows "
                f"{self._store_format}: use a newer Seglake"
            )
        at = options.at if options.at is not None and options.at < manifest.newest else None
        if at is not None and at.ticks < manifest.history_ticks:
            raise InvalidArgument(
                "at",
                str(at),
                f"garbage was collected up to {HLC(manifest.history_ticks, manifest.newest.site)}: of what was before, "
                "only an older snapshot knows",
            )
        source.check_index(manifest.index)
        rows = self._rows(manifest, source.segment_files(), at)
        target.begin()
        findings = self._take(rows, target, options)
        if at is None:
            target.put_index()
        with target.index() as metadata:
            newest = self._settle(metadata, target, manifest, at=at, findings=findings)
            fsck = Fsck(metadata, target.segment_files(), self._stages).run()
            findings += fsck.findings
            verified = None
            if options.verify:
                scrub = Scrub(metadata, target.segment_files(), self._clock, self._stages).run()
                findings += scrub.findings
                verified = scrub.bytes
        target.finish()
        return RestoreReport(
            manifest,
            newest,
            fsck.versions,
            fsck.segments,
            sum([row.committed for row in rows]),
            verified,
            self._clock.steady_s() - begun,
            tuple(findings),
        )

    def _rows(self, manifest: SnapshotManifest, files: SegmentFiles, at: HLC | None) -> list[Segment]:
        """What to take of each segment. DataDirUnusable when none of the payload is there."""
        wanted = [one.row for one in manifest.segments if one.taken is not Taken.MISSING]
        present = set(files.list())
        if wanted and not present.intersection([row.id for row in wanted]):
            raise DataDirUnusable(
                "the snapshot has no payload (it was taken without --include-data): name the data directory that has "
                "its segments with --data-from"
            )
        return wanted if at is None else self._cut(wanted, files, at)

    def _cut(self, rows: list[Segment], files: SegmentFiles, at: HLC) -> list[Segment]:
        """Each segment up to its first event after ``at``: within one, stamps ascend."""
        progress = self._stages("looking for the moment", "segments")
        progress.total(len(rows))
        out = []
        for row in rows:
            end = row.committed
            try:
                for event, ref in files.events(row.id, None if row.state is SegmentState.SEALED else row.committed):
                    if event.stamp > at and ref.offset < end:
                        end = ref.offset
                        break
            except SegmentGone:
                pass  # told when it is to be taken
            except FormatDamaged as damage:
                raise DataDirUnusable(
                    f"{place_of_segment(row.id)} is damaged, so what lies after the moment in it cannot be told apart: "
                    f"{damage.hint}"
                ) from damage
            cut = row if end == row.committed else replace(row, state=SegmentState.OPEN, footer=b"", committed=end)
            out.append(cut)
            progress.advance()
        return out

    def _take(self, rows: list[Segment], target: RestoreTarget, options: RestoreOptions) -> list[Finding]:
        progress = self._stages("taking segments", "bytes")
        progress.total(sum([row.committed for row in rows]))
        pace = Pace(self._clock, self._sleep, self._bytes_per_s)
        findings = []
        for row in rows:
            moving = Moving(progress, pace)
            try:
                target.take(row, moving, link=options.link)
            except SegmentGone:
                findings.append(error(place_of_segment(row.id), "the snapshot names it, but there is no such file"))
            moving.end(row.committed)
        return findings

    def _settle(
        self,
        metadata: MetadataStore,
        target: RestoreTarget,
        manifest: SnapshotManifest,
        *,
        at: HLC | None,
        findings: list[Finding],
    ) -> HLC | None:
        """Makes index and segments one clean store; the newest stamp of its state."""
        files = target.segment_files()
        newest: HLC | None = manifest.newest
        if at is None:
            _apply(metadata, _Begin(manifest.history_ticks))
            Recovery(metadata, files, self._log).run()
        else:
            report = Rebuild(metadata, files, self._stages).run()
            findings += report.findings
            newest = report.newest
            # Above every stamp that was ever given out: a version id of the time after must not come twice.
            _apply(metadata, RestoreSite(manifest.newest))
            _apply(metadata, _Begin(manifest.history_ticks))
        return newest


def _manifest(source: SnapshotSource) -> SnapshotManifest:
    try:
        return parse_text(source.manifest())
    except FormatDamaged as damage:
        raise DataDirUnusable(damage.hint) from damage


def _apply(metadata: MetadataStore, script: Callable[[MetadataTx], None]) -> None:
    for outcome in metadata.apply([script], NoRecords()):
        if isinstance(outcome, Exception):
            raise outcome
