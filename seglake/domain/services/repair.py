"""Only what is provably safe is repaired: from a second copy, from the journal, or by reading everything again.

Nothing here touches payload or a record of a segment. What cannot be repaired stays as it is, and a check still finds
it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from seglake.domain.model.errors import FormatDamaged, MetadataDamaged, SegmentGone
from seglake.domain.model.events import (
    AclSet,
    BucketDeleted,
    ChunksMoved,
    Event,
    LockSet,
    TagsSet,
    VersionDamaged,
    VersionGone,
    VersionPut,
    VersionRemoved,
    VersionRepaired,
)
from seglake.domain.model.hlc import HLC
from seglake.domain.model.segment import RecordRef, SegmentState
from seglake.domain.model.version import Filed, Misfiled
from seglake.domain.ports.journal import NoRecords
from seglake.domain.ports.metadata import MetadataStore, MetadataTx, MetadataView
from seglake.domain.ports.progress import Stages, silent
from seglake.domain.ports.segments import SegmentFiles

from .apply import apply_event
from .findings import place_filed, place_of_segment
from .marking import Suspect, fault_in

Place = tuple[int, str, HLC]
"""Bucket id, key and stamp of a version."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """One repair, done or - in a dry run - possible; ``where`` as in findings."""

    where: str
    text: str


@dataclass(slots=True)
class _History:
    """The events that say what one version's rows must be; ``put`` is None until its record was found."""

    place: Place
    put: tuple[VersionPut, RecordRef] | None = None
    later: list[tuple[Event, RecordRef]] = field(default_factory=list)
    removed: bool = False
    replaced: bool = False
    """A null put came later: if this is a null version, that one took its place."""

    @property
    def gone(self) -> bool:
        """Whether the version should not be there at all."""
        return self.removed or (self.replaced and self.put is not None and self.put[0].manifest.null)

    def take(self, event: Event, ref: RecordRef) -> None:
        """Takes an event into account, in any order."""
        match event:
            case VersionPut(manifest=manifest):
                if (manifest.bucket_id, manifest.key) == self.place[:2]:
                    if manifest.stamp == self.place[2]:
                        self.put = event, ref
                    self.replaced |= manifest.null and manifest.stamp > self.place[2]
            case VersionGone(stamp=stamp):
                self.replaced |= (event.bucket_id, event.key) == self.place[:2] and stamp > self.place[2]
            case BucketDeleted():
                self.removed |= event.bucket_id == self.place[0]
            case VersionRemoved():
                self.removed |= (event.bucket_id, event.key, event.version) == self.place
            case VersionDamaged() | VersionRepaired() | ChunksMoved() | TagsSet() | LockSet() | AclSet():
                if (event.bucket_id, event.key, event.version) == self.place:
                    self.later.append((event, ref))
            case _:
                pass


@dataclass(frozen=True, slots=True)
class _Refile:
    """The transaction that puts what the journal says in the place of rows; it journals nothing."""

    histories: tuple[_History, ...]
    orphans: tuple[int, ...]

    def __call__(self, tx: MetadataTx) -> None:
        """Removes the rows unseen, files each version that should be there, and drops manifests that are left over."""
        for history in self.histories:
            tx.versions.discard(*history.place)
            if history.gone or history.put is None:
                continue
            put, ref = history.put
            tx.versions.insert(put.manifest, ref)
            for event, at in sorted(history.later, key=lambda entry: entry[0].stamp):
                apply_event(tx, event, at)
        for number in self.orphans:
            tx.versions.drop_orphan(number)


class Repair:
    """Mends files and index rows. Offline; blocking; nothing else has the store.

    Whoever calls it serves repaired versions again with a commit (``restored``, ``MarkRepaired``).
    """

    def __init__(self, metadata: MetadataStore, files: SegmentFiles, stages: Stages = silent) -> None:
        self._metadata = metadata
        self._files = files
        self._stages = stages

    def run(self, *, dry_run: bool = False) -> list[Repaired]:
        """All repairs that need no commit. StorageFull, StoreFailed."""
        done = [Repaired("files", f"removed {name}, left by a crash") for name in self._files.stale(remove=not dry_run)]
        done += self._mend_segments(dry_run=dry_run)
        done += self._refile(dry_run=dry_run)
        return done

    def _mend_segments(self, *, dry_run: bool) -> Iterator[Repaired]:
        segments = self._files.list()
        doomed = self._metadata.read(_doomed)
        progress = self._stages("mending segments", "segments")
        progress.total(len(segments))
        for segment in segments:
            if segment not in doomed:
                for text in self._files.mend(segment, dry_run=dry_run):
                    yield Repaired(place_of_segment(segment), f"wrote again {text}")
            progress.advance()

    def _refile(self, *, dry_run: bool) -> list[Repaired]:
        """Rows of versions and manifests that are damaged or lost, made again from the events of their versions."""
        try:
            found = self._metadata.read(_damaged_rows)
        except MetadataDamaged:
            return []  # not rows but pages: only a rebuild helps
        if not found:
            return []
        histories = {place[2]: _History(place) for place, _where, _number in found}
        if not self._gather(histories):
            return []  # an event that was lost may be the one that removed a version
        sure = {history.place: history for history in histories.values() if history.put is not None}
        left_over = tuple([number for place, _where, number in found if number is not None and place in sure])
        if sure and not dry_run:
            for outcome in self._metadata.apply([_Refile(tuple(sure.values()), left_over)], NoRecords()):
                if isinstance(outcome, Exception):
                    raise outcome
        texts = {True: "removed its row: the version is gone", False: "made its row again from its events"}
        return [Repaired(where, texts[sure[place].gone]) for place, where, _number in found if place in sure]

    def _gather(self, histories: dict[HLC, _History]) -> bool:
        """Reads all acknowledged events of all segments; False when any could not be read."""
        rows = self._metadata.read(lambda view: list(view.segments.scan()))
        progress = self._stages("reading events", "segments")
        progress.total(len(rows))
        for row in rows:
            limit = row.committed if row.state is SegmentState.OPEN else None
            try:
                for event, ref in self._files.events(row.id, limit):
                    for history in histories.values():
                        history.take(event, ref)
            except SegmentGone:
                if row.state is not SegmentState.DOOMED:
                    return False
            except FormatDamaged:
                return False
            progress.advance()
        return True


def _doomed(view: MetadataView) -> frozenset[bytes]:
    return frozenset([row.id for row in view.segments.scan() if row.state is SegmentState.DOOMED])


def _damaged_rows(view: MetadataView) -> list[tuple[Place, str, int | None]]:
    """Versions whose row or manifest is not what was written, and manifests (with their number) that lack a row."""
    rows = [row for row in view.versions.inspect() if isinstance(row, Misfiled)]
    found: list[tuple[Place, str, int | None]] = [(row[:3], place_filed(view, row), None) for row in rows]
    for number, place in view.versions.orphans():
        if place is not None:
            found.append((place, place_filed(view, Misfiled(*place, "")), number))
    return found


def restored(metadata: MetadataStore, files: SegmentFiles, stages: Stages = silent) -> tuple[Suspect, ...]:
    """Versions that are marked damaged although all their bytes are what was written. Blocking; reads them."""
    marked = metadata.read(_marked)
    progress = stages("reading damaged versions", "versions")
    progress.total(len(marked))
    found = []
    for suspect in marked:
        if fault_in(suspect.chunks, files.verify) is None:
            found.append(suspect)
        progress.advance()
    return tuple(found)


def _marked(view: MetadataView) -> list[Suspect]:
    out = []
    for filed in view.versions.inspect():
        if isinstance(filed, Filed) and filed.damaged:
            version = view.versions.find(filed.bucket_id, filed.key, filed.stamp)
            assert version is not None, "it was read in the same snapshot"
            out.append(Suspect.of(version))
    return out


def advice(where: str) -> str:
    """What a person can do about a finding that no repair removed."""
    if where.startswith("segment "):
        return "put the file back from a backup; what lies in it is served as far as it can be read"
    if where.startswith("upload "):
        return "send the part again, or abort the upload"
    if "?versionId=" in where:
        return "put its segment back from a backup and repair again, or delete the version"
    return "`seglake rebuild-index` makes the index anew from the segments"
