"""A server reads all that it stores again, slowly, and stops serving what it can no longer read right.

A run goes through all versions in the order of the index, page by page, and notes where it stands, so that a restart
costs at most some pages. It reads at most so many bytes a second; a page is one short read of the index.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice

from seglake.domain.model.errors import ChunkCorrupt, SegmentGone
from seglake.domain.model.hlc import HLC, parse_hlc
from seglake.domain.model.manifest import VersionState
from seglake.domain.model.segment import ChunkSlice
from seglake.domain.model.version import Misfiled, Version
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.log import Log
from seglake.domain.ports.metadata import MetadataStore, MetadataTx, MetadataView
from seglake.domain.ports.segments import SegmentStore
from seglake.domain.ports.system import Clock, Offload

from .findings import place_filed, place_of_part
from .marking import MarkDamaged, Suspect

SCRUB_NOTE = "scrub"
PAGE_ROWS = 32
"""Versions looked at in one read of the index."""
NOTED_BYTES = 256 << 20
"""So many bytes, or ``NOTED_PAGES``, are at most read again after a crash."""
NOTED_PAGES = 500
REST = 4
"""A page without bytes rests so many times as long as it took: requests get the rest of the event loop."""

Place = tuple[int, str, HLC]
"""Bucket id, key and stamp of a version."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the runs stand: behind which version the present one is (None: there is none), and how the last ended."""

    place: Place | None = None
    finished_ms: int = 0
    damaged: int = 0
    """Versions that the last whole run found unreadable."""

    def text(self) -> str:
        """The note."""
        place = None if self.place is None else [self.place[0], self.place[1], str(self.place[2])]
        return json.dumps([place, self.finished_ms, self.damaged])


def parse_standing(text: str | None) -> Standing:
    """The standing in a note; the beginning for one that is missing or of another release."""
    try:
        place, finished_ms, damaged = json.loads(text or "")
        found = None if place is None else (int(place[0]), str(place[1]), parse_hlc(place[2]))
        return Standing(found, int(finished_ms), int(damaged))
    except (ValueError, TypeError, IndexError):
        return Standing()


@dataclass(frozen=True, slots=True)
class NoteScrub:
    """The commit that notes where a run stands."""

    standing: Standing

    def __call__(self, tx: MetadataTx) -> None:
        """Journals nothing."""
        tx.notes.put(SCRUB_NOTE, self.standing.text())


@dataclass(slots=True)
class Tally:
    """What a run did. ``damaged`` counts versions and parts that cannot be read, ``marked`` those marked now."""

    versions: int = 0
    chunks: int = 0
    bytes: int = 0
    damaged: int = 0
    marked: int = 0


@dataclass(frozen=True, slots=True)
class _Page:
    versions: tuple[Version, ...]
    misfiled: tuple[tuple[str, str], ...]
    """Places of rows that cannot be read, and why."""
    place: Place | None
    """The last row of the page, None at the end."""


class ScrubRunner:
    """Reads all live payload of a running store; one run at a time.

    ``bytes_per_s`` bounds the reading; ``pause`` waits some seconds.
    """

    def __init__(
        self,
        metadata: MetadataStore,
        committer: Committer,
        segments: SegmentStore,
        offload: Offload,
        clock: Clock,
        log: Log,
        pause: Callable[[float], Awaitable[object]],
        *,
        bytes_per_s: int,
    ) -> None:
        self._metadata = metadata
        self._committer = committer
        self._segments = segments
        self._offload = offload
        self._clock = clock
        self._log = log
        self._pause = pause
        self._rate = bytes_per_s
        self._running = False
        self._owed_s = 0.0

    def standing(self) -> Standing:
        """Where the runs of this store stand."""
        return self._metadata.read(_noted)

    def due_in_s(self, interval_s: float) -> float:
        """Seconds until the next run should begin when they are ``interval_s`` apart; one that was cut off goes on."""
        standing = self.standing()
        if standing.place is not None:
            return 0.0
        return max(0.0, standing.finished_ms / 1000 + interval_s - self._clock.now_ms() / 1000)

    async def run(self) -> Tally | None:
        """One run, from where the last one stopped; None when one is under way already.

        Damage is logged and marked. StorageFull, StoreFailed, StoreClosed and UnderMaintenance end it.
        """
        if self._running:
            return None
        self._running = True
        try:
            return await self._run()
        finally:
            self._running = False

    async def _run(self) -> Tally:
        tally, standing = Tally(), self.standing()
        noted, pages = 0, 0
        while True:
            began = self._clock.steady_s()
            page = self._metadata.read(partial(_page, place=standing.place))
            took = self._clock.steady_s() - began
            await self._check(page, tally)
            if page.place is None:
                break
            standing = Standing(page.place, standing.finished_ms, standing.damaged)
            pages += 1
            if tally.bytes - noted >= NOTED_BYTES or pages % NOTED_PAGES == 0:
                await self._committer.commit(NoteScrub(standing))
                noted = tally.bytes
            await self._pause(took * REST)
        await self._check_parts(tally)
        await self._committer.commit(NoteScrub(Standing(None, self._clock.now_ms(), tally.damaged)))
        fields = {name: getattr(tally, name) for name in Tally.__slots__}
        (self._log.error if tally.damaged else self._log.info)("scrub_run", **fields)
        return tally

    async def _check(self, page: _Page, tally: Tally) -> None:
        for where, reason in page.misfiled:
            tally.damaged += 1
            self._log.error("scrub_found_damage", where=where, reason=reason, marked=False)
        for version in page.versions:
            tally.versions += 1
            suspect = Suspect.of(version)
            fault = await self._fault_in(suspect.chunks, tally)
            if fault is None:
                continue
            marked = False
            if version.state is VersionState.ACTIVE:
                again = await self._fault_in(suspect.chunks, tally)
                # A version that a rewrite moved or a client removed meanwhile is not what was read: it stays as it is.
                marked = again is not None and bool(await self._committer.commit(MarkDamaged((suspect,))))
                if not marked:
                    continue
            tally.damaged += 1
            tally.marked += marked
            self._log.error("scrub_found_damage", where=suspect.where, reason=fault, marked=marked)

    async def _check_parts(self, tally: Tally) -> None:
        """Parts of running uploads cannot be marked; whoever completes one of these is refused when it is read."""
        found = self._metadata.read(_parts)
        for where, chunks in found:
            reason = await self._fault_in(chunks, tally)
            if reason is not None:
                tally.damaged += 1
                self._log.error("scrub_found_damage", where=where, reason=reason, marked=False)

    async def _fault_in(self, chunks: tuple[ChunkSlice, ...], tally: Tally) -> str | None:
        """Why the first unreadable one of ``chunks`` is, read beside the event loop and not too fast."""
        for chunk in chunks:
            began = self._clock.steady_s()
            fault = await self._offload.start(partial(self._read, chunk))
            tally.chunks += 1
            tally.bytes += chunk.length
            await self._slow_down(chunk.length, self._clock.steady_s() - began)
            if fault is not None:
                return fault
        return None

    def _read(self, chunk: ChunkSlice) -> str | None:
        try:
            self._segments.verify(chunk)
        except (ChunkCorrupt, SegmentGone) as failure:
            return failure.hint
        return None

    async def _slow_down(self, size: int, took_s: float) -> None:
        """Small reads owe a little each; it is paid when it is worth a pause."""
        self._owed_s = max(0.0, self._owed_s + size / self._rate - took_s)
        if self._owed_s >= 0.01:
            owed, self._owed_s = self._owed_s, 0.0
            await self._pause(owed)


def _noted(view: MetadataView) -> Standing:
    return parse_standing(view.notes.get(SCRUB_NOTE))


def _page(view: MetadataView, place: Place | None) -> _Page:
    """The next versions behind ``place``."""
    rows = list(islice(view.versions.inspect(place), PAGE_ROWS))
    versions: list[Version] = []
    misfiled: list[tuple[str, str]] = []
    for row in rows:
        if isinstance(row, Misfiled):
            misfiled.append((place_filed(view, row), row.reason))
        elif row.chunks:
            found = view.versions.find(row.bucket_id, row.key, row.stamp)
            assert found is not None, "it was read in the same snapshot"
            versions.append(found)
    last = rows[-1][:3] if len(rows) == PAGE_ROWS else None
    return _Page(tuple(versions), tuple(misfiled), last)


def _parts(view: MetadataView) -> list[tuple[str, tuple[ChunkSlice, ...]]]:
    return [
        (place_of_part(upload, part), part.chunks)
        for upload in view.uploads.scan_all()
        for part in view.uploads.parts(upload.id)
    ]
