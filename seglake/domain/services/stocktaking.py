"""What the store holds is counted page by page, by whoever wants to know it: never in one go, never for nobody.

The index is not one number that could be read off, so it is walked. Each caller carries the walk on for a while; the
last whole count stands meanwhile, with the time at which it was made. Between pages others may write, so a count of a
store under load is no snapshot.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from seglake.domain.model.hlc import HLC
from seglake.domain.ports.metadata import MetadataStore, MetadataView
from seglake.domain.ports.system import Clock

PAGE_ROWS = 500
FRESH_S = 10.0
"""A count this young is not made again."""

COST = 20
"""A count that took a second of work is made again after this many seconds at the earliest."""

BUCKETS_SHOWN = 20
_UPLOADS_PAGE = 100


@dataclass(slots=True)
class BucketCount:
    """One bucket: ``bytes`` of its versions, each by itself."""

    objects: int = 0
    versions: int = 0
    markers: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Count:
    """``objects`` are keys whose current version is no delete marker, ``versions`` those that are none. ``part_bytes``
    are those of running uploads. ``buckets`` are the largest ones."""

    taken_ms: int = 0
    buckets: int = 0
    objects: int = 0
    versions: int = 0
    markers: int = 0
    uploads: int = 0
    parts: int = 0
    version_bytes: int = 0
    part_bytes: int = 0
    largest: dict[str, BucketCount] = field(default_factory=dict)

    @property
    def live_bytes(self) -> int:
        """What versions and parts hold, each by itself: bytes shared with a copy count for both."""
        return self.version_bytes + self.part_bytes

    def add(self, name: str, bucket: BucketCount) -> None:
        """Counts a whole bucket, and remembers it while it is among the largest."""
        self.buckets += 1
        self.objects += bucket.objects
        self.versions += bucket.versions
        self.markers += bucket.markers
        self.version_bytes += bucket.bytes
        self.largest[name] = bucket
        if len(self.largest) > BUCKETS_SHOWN:
            del self.largest[min(self.largest, key=lambda one: self.largest[one].bytes)]


class Stocktaking:
    """Counts. One event loop; ``pause`` waits some seconds, and is given as many as a page took."""

    def __init__(self, metadata: MetadataStore, clock: Clock, pause: Callable[[float], Awaitable[object]]) -> None:
        self._metadata = metadata
        self._clock = clock
        self._pause = pause
        self._walk: Iterator[Count | None] | None = None
        self._worked_s = 0.0
        self._again_s = float("-inf")
        self.last: Count | None = None

    async def carry_on(self, seconds: float) -> Count | None:
        """Counts for about ``seconds`` at the most; the last whole count, None while there is none."""
        steady_s = self._clock.steady_s
        end = steady_s() + seconds
        while self._walk is not None or steady_s() >= self._again_s:
            if self._walk is None:
                self._walk, self._worked_s = self._pages(), 0.0
            begun = steady_s()
            try:
                count = next(self._walk)
            except BaseException:
                self._walk = None
                raise
            took = steady_s() - begun
            self._worked_s += took
            if count is not None:
                count.taken_ms = self._clock.now_ms()
                self.last, self._walk = count, None
                self._again_s = steady_s() + max(FRESH_S, self._worked_s * COST)
                break
            if steady_s() >= end:
                break
            await self._pause(took)
        return self.last

    def _pages(self) -> Iterator[Count | None]:
        """None after each page, the count at the end."""
        count = Count()
        name = ""
        while True:
            found = self._metadata.read(lambda view, after=name: next(view.buckets.scan("", after), None))  # type: ignore[misc]
            if found is None:
                break
            name = found.name
            yield from self._bucket(found.id, name, count)
        yield from self._uploads(count)
        yield count

    def _bucket(self, bucket_id: int, name: str, count: Count) -> Iterator[None]:
        one = BucketCount()
        place: tuple[str, HLC | None] | None = ("", None)
        while place is not None:
            start, below = place
            place = self._metadata.read(
                lambda view, start=start, below=below: _versions(view, bucket_id, start, below, one)  # type: ignore[misc]
            )
            if place is not None:
                yield None
        count.add(name, one)
        yield None

    def _uploads(self, count: Count) -> Iterator[None]:
        """Uploads are few beside versions: their parts are read upload by upload."""
        running = self._metadata.read(lambda view: [one.id for one in view.uploads.scan_all() if not one.completed])
        count.uploads = len(running)
        for first in range(0, len(running), _UPLOADS_PAGE):
            page = running[first : first + _UPLOADS_PAGE]
            sizes = self._metadata.read(lambda view, page=page: _part_sizes(view, page))  # type: ignore[misc]
            count.parts += len(sizes)
            count.part_bytes += sum(sizes)
            yield None


def _versions(
    view: MetadataView, bucket_id: int, start: str, below: HLC | None, one: BucketCount
) -> tuple[str, HLC | None] | None:
    """Counts a page of versions; where the next begins, None at the end. ``below`` None: ``start`` itself is new."""
    key, stamp = start, below
    previous = None if below is None else start
    for rows, entry in enumerate(view.versions.scan_versions(bucket_id, start, below)):
        if rows == PAGE_ROWS:
            return key, stamp
        if entry.is_marker:
            one.markers += 1
        else:
            one.versions += 1
            one.bytes += entry.size
            one.objects += entry.key != previous
        key, stamp, previous = entry.key, entry.stamp, entry.key
    return None


def _part_sizes(view: MetadataView, uploads: list[str]) -> list[int]:
    return [part.size for upload in uploads for part in view.uploads.parts(upload)]
