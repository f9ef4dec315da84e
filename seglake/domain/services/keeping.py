"""An event may go only when replaying all others gives the same index: whatever is not proved superfluous is kept.

What makes an event superfluous stays true for ever: a version, an upload or a bucket that is gone does not come back,
and no segment gets events with old stamps but as copies of events that are there. So this may be asked in any snapshot,
and acted on later.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, assert_never

from seglake.domain.model.errors import FormatDamaged, SegmentGone
from seglake.domain.model.events import (
    AclSet,
    BucketConfigured,
    BucketCreated,
    BucketDeleted,
    ChunksMoved,
    CredentialPut,
    CredentialRemoved,
    Event,
    LockSet,
    PartMoved,
    PartStored,
    RingKeyPut,
    TagsSet,
    UploadAborted,
    UploadStarted,
    UserPut,
    VersionDamaged,
    VersionGone,
    VersioningSet,
    VersionPut,
    VersionRemoved,
    VersionRepaired,
)
from seglake.domain.model.mentions import Mentions
from seglake.domain.model.multipart import Upload
from seglake.domain.model.segment import RecordRef, Segment, SegmentState
from seglake.domain.ports.long_reads import LongRead
from seglake.domain.ports.metadata import MetadataReads, MetadataTables, MetadataView
from seglake.domain.ports.progress import Stages
from seglake.domain.ports.segments import SegmentFiles

from .liveness import RECORD_BYTES

_FOR_EVER = 1 << 64


class StampRange(NamedTuple):
    """Ticks of the oldest and the newest event that a segment may hold.

    ``certain``: it holds the oldest one and (unless it is still written to) the newest, and will go on to.
    """

    segment: bytes
    oldest: int
    newest: int
    certain: bool = True


def _anything(segment: bytes) -> StampRange:
    """What a segment may hold that cannot be read, or whose file may come back."""
    return StampRange(segment, 0, _FOR_EVER, certain=False)


@dataclass(slots=True)
class Elsewhere:
    """Which stamps the segments other than the one in question may hold. Blocking.

    ``begin`` starts a run: afterwards only segments that were sealed before it may be asked about.
    """

    files: SegmentFiles
    known: dict[bytes, StampRange | None] = field(default_factory=dict)
    opened: dict[bytes, StampRange | None] = field(default_factory=dict)

    def begin(self) -> None:
        """Forgets what segments held that were still written to."""
        self.opened.clear()

    def knows(self, row: Segment) -> bool:
        """Whether a sealed segment was read before."""
        return row.id in self.known

    def learn(self, found: Mapping[bytes, tuple[int, int] | None]) -> None:
        """Takes over what others read: the ticks of the oldest and newest event of sealed segments, None without."""
        for segment, ticks in found.items():
            self.known.setdefault(segment, None if ticks is None else StampRange(segment, *ticks))

    def all(self, rows: Iterable[Segment]) -> tuple[StampRange, ...]:
        """The ranges of all segments with a row: what is doomed counts until its row is gone."""
        return tuple([one for one in map(self._range, rows) if one is not None])

    def _range(self, row: Segment) -> StampRange | None:
        if row.state is SegmentState.DOOMED:
            last = self.known.get(row.id, _anything(row.id))
            return None if last is None else last._replace(certain=False)
        if row.id in self.known:
            return self.known[row.id]
        try:
            if row.state is SegmentState.OPEN:
                return self._opened(row)
        except (FormatDamaged, SegmentGone, OSError):
            return _anything(row.id)
        self.learn(_ranges(self.files.mentions([(row.id, None)])))
        return self.known.get(row.id, _anything(row.id))

    def _opened(self, row: Segment) -> StampRange | None:
        if row.id not in self.opened:
            # What comes later is newer than everything that is asked about in this run.
            events = self.files.events(row.id, row.committed)
            try:
                first = next(events, None)
            finally:
                if isinstance(events, Generator):
                    events.close()
            self.opened[row.id] = None if first is None else StampRange(row.id, first[0].stamp.ticks, _FOR_EVER)
        return self.opened[row.id]


def _ranges(mentions: Iterable[Mentions]) -> dict[bytes, tuple[int, int] | None]:
    """Of those whose events could all be read."""
    return {
        one.segment: (one.oldest, one.newest) if one.oldest <= one.newest else None for one in mentions if one.whole
    }


@dataclass(frozen=True, slots=True)
class ReadRanges(LongRead[dict[bytes, tuple[int, int] | None]]):
    """The ticks of the oldest and the newest event of sealed segments."""

    segments: tuple[bytes, ...]
    reads_files: ClassVar[bool] = True

    def __call__(
        self, _metadata: MetadataReads, files: SegmentFiles, stages: Stages, /
    ) -> dict[bytes, tuple[int, int] | None]:
        """Those that cannot be read are left out."""
        progress = stages("reading events", "segments")
        progress.total(len(self.segments))
        found = {}
        for segment in self.segments:
            found.update(_ranges(files.mentions([(segment, None)])))
            progress.advance()
        return found


class Ranges(NamedTuple):
    """The stamps that segments may hold besides one."""

    besides: bytes
    ranges: tuple[StampRange, ...]

    @classmethod
    def besides_one(cls, ranges: Iterable[StampRange], segment: bytes) -> Ranges:
        """Of all but ``segment``."""
        return cls(segment, tuple([one for one in ranges if one.segment != segment]))

    def may_hold(self, ticks: int) -> bool:
        """Whether an event with these ticks may lie in another segment."""
        return any(one.oldest <= ticks <= one.newest for one in self.ranges)

    def may_hold_older(self, ticks: int) -> bool:
        """Whether any older event may."""
        return any(one.oldest < ticks for one in self.ranges)

    def hold_as_new(self, ticks: int) -> bool:
        """Whether a newer event, or a copy of the one with these ticks, certainly lies in another segment.

        Of two copies only the one in the older segment counts: they must not each go because the other stays.
        """
        for one in self.ranges:
            newest = one.newest if one.newest < _FOR_EVER else one.oldest
            if one.certain and (newest > ticks or (newest == ticks and one.segment < self.besides)):
                return True
        return False


class Kept(NamedTuple):
    """An event that has to stay, as it is to be written again, and where it lies now."""

    event: Event
    ref: RecordRef


@dataclass(frozen=True, slots=True)
class Keeping:
    """What of a segment's events has to stay, and the uploads that must be closed before the rest may go."""

    kept: tuple[Kept, ...]
    closes: frozenset[str]

    @property
    def bytes(self) -> int:
        """What the kept events take as records."""
        return sum([RECORD_BYTES + one.ref.length for one in self.kept])


def over(view: MetadataView | MetadataTables, upload: Upload) -> bool:
    """Whether an upload was completed and the version that it made is gone: nobody can ask for it any more."""
    result = upload.result
    return result is not None and view.versions.place(upload.bucket_id, upload.key, result) is None


@dataclass(slots=True)
class _Judge:
    view: MetadataView
    segment: bytes
    elsewhere: Ranges
    closes: set[str] = field(default_factory=set)

    def judge(self, event: Event) -> Event | None:  # noqa: C901 - one case an event
        """The event that has to stay in the place of this one; None when none has to."""
        view = self.view
        match event:
            case VersionPut():
                return self._put(event)
            case TagsSet() | LockSet() | AclSet() | VersionDamaged() | VersionRepaired():
                there = view.versions.place(event.bucket_id, event.key, event.version) is not None
                return event if there else None
            case ChunksMoved():
                found = view.versions.find(event.bucket_id, event.key, event.version)
                return event if found is not None and found.manifest.chunks == event.chunks else None
            case PartStored():
                return event if self._part(event.part.upload, event.part.number) == event.part.stamp else None
            case PartMoved():
                part = view.uploads.part(event.upload, event.number)
                moved = part is not None and part.stamp == event.part and part.chunks == event.chunks
                return event if moved else None
            case UploadStarted():
                return event if self._open(event.upload.id) else None
            case BucketCreated():
                return event if view.buckets.by_id(event.bucket.id) is not None else None
            case VersioningSet() | BucketConfigured():
                return event if view.buckets.by_id(event.bucket_id) is not None else None
            case VersionRemoved():
                return event if self.elsewhere.may_hold(event.version.ticks) else None
            case BucketDeleted():
                return event if self.elsewhere.may_hold(event.bucket_id) else None
            case UploadAborted() | VersionGone():
                # They do not say when that began which they end.
                return event if self.elsewhere.may_hold_older(event.stamp.ticks) else None
            case CredentialPut() | CredentialRemoved() | UserPut() | RingKeyPut():
                return event
            case _:
                assert_never(event)

    def _put(self, event: VersionPut) -> Event | None:
        manifest = event.manifest
        place = self.view.versions.place(manifest.bucket_id, manifest.key, manifest.stamp)
        if place is not None:
            return event if place.segment == self.segment else None
        if event.parts_digest:
            self._open(manifest.upload)
        if manifest.null and self.elsewhere.may_hold_older(manifest.stamp.ticks):
            return VersionGone(manifest.stamp, manifest.bucket_id, manifest.key)
        return None

    def _part(self, upload: str, number: int) -> object:
        part = self.view.uploads.part(upload, number)
        return None if part is None else part.stamp

    def _open(self, upload_id: str) -> bool:
        """Whether the row of an upload stays; one that is over is noted, to be closed first."""
        upload = self.view.uploads.get(upload_id)
        if upload is None:
            return False
        if over(self.view, upload):
            self.closes.add(upload_id)
            return False
        return True


def keeping(
    view: MetadataView, segment: bytes, entries: Iterator[tuple[Event, RecordRef]], elsewhere: Ranges
) -> Keeping:
    """What of the events of ``segment`` has to stay. FormatDamaged and SegmentGone as ``entries`` raises them: nothing
    is judged of a segment that cannot be read whole.

    The newest event of the whole store always stays: a rebuilt index learns from it the site and where stamps go on.
    """
    judge = _Judge(view, segment, elsewhere)
    kept: list[Kept] = []
    last: tuple[Event, RecordRef] | None = None
    for event, ref in entries:
        if last is None or event.stamp > last[0].stamp:
            last = (event, ref)
        stays = judge.judge(event)
        if stays is not None:
            kept.append(Kept(stays, ref))
    if last is not None and not elsewhere.hold_as_new(last[0].stamp.ticks):
        newest, ref = last
        if all(one.event.stamp != newest.stamp for one in kept):
            if isinstance(newest, VersionPut):
                raise FormatDamaged("the newest event is the put of a version that nobody removed", ref.offset)
            kept.append(Kept(newest, ref))
    return Keeping(tuple(kept), frozenset(judge.closes))
