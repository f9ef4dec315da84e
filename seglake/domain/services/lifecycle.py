"""Lifecycle rules are carried out in small commits, slowly enough to be no burden.

A run goes through the buckets that have rules, page by page, and notes where it stands with each commit; after a crash
the next run goes on from there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice

from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.errors import NoSuchBucket, StorageFull, StoreClosed, StoreFailed, UnderMaintenance
from seglake.domain.model.expiry import Action
from seglake.domain.model.lifecycle import DAY_MS
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.log import Log
from seglake.domain.ports.metadata import MetadataStore, MetadataView
from seglake.domain.ports.system import Clock

from .bucket_settings import configs_of
from .lifecycle_removal import NOTE, Kept, NoteStanding, Remove, Standing, parse_standing
from .lifecycle_scan import (
    START,
    Due,
    Place,
    Question,
    examined,
    judged,
    judged_upload,
    moment,
    question,
    running_uploads,
)

PAGE_ROWS = 256
"""Versions looked at in one read."""

BATCH_MAX = 25
"""Removals in one commit."""

NOTED_PAGES = 200
"""So many pages without a removal are at most read again after a crash."""

REST = 4
"""A run that only reads rests so many times as long as it reads: requests get the rest of the event loop."""

_BUCKETS_MAX = 500


@dataclass(slots=True)
class Summary:
    """What a run did: buckets with rules, versions and uploads looked at, and what became of them."""

    buckets: int = 0
    examined: int = 0
    expired: int = 0
    noncurrent_removed: int = 0
    markers_removed: int = 0
    uploads_aborted: int = 0
    locked: int = 0
    """Due, but kept by a legal hold or a retention."""
    failed: int = 0
    """Buckets that were left because of an error."""

    def add(self, action: Action) -> None:
        """Counts one that was carried out."""
        if action is Action.EXPIRE:
            self.expired += 1
        elif action is Action.REMOVE_NONCURRENT:
            self.noncurrent_removed += 1
        elif action is Action.REMOVE_MARKER:
            self.markers_removed += 1
        else:
            self.uploads_aborted += 1


@dataclass(frozen=True, slots=True)
class _Page:
    """A piece of a scan: what is due in it, where it ended and whether that is the end, rows looked at, locked ones."""

    id: int
    dues: tuple[Due, ...]
    place: Place
    last: bool
    rows: int
    locked: int = 0


class LifecycleRunner:
    """Carries out the rules of every bucket; one run at a time.

    ``day_ms`` is the length of a day, ``per_second`` the most removals in a second; ``pause`` waits some seconds.
    """

    def __init__(
        self,
        metadata: MetadataStore,
        committer: Committer,
        clock: Clock,
        log: Log,
        pause: Callable[[float], Awaitable[object]],
        *,
        day_ms: int = DAY_MS,
        per_second: int = 500,
    ) -> None:
        self._metadata = metadata
        self._committer = committer
        self._clock = clock
        self._log = log
        self._pause = pause
        self._day_ms = day_ms
        self._per_second = per_second
        self._running = False

    async def run(self) -> Summary | None:
        """One run over all buckets, from where the last one stopped; None when one is under way already.

        An error in one bucket is logged, and the run goes on with the next. StorageFull, StoreFailed, StoreClosed and
        UnderMaintenance end it.
        """
        if self._running:
            return None
        self._running = True
        try:
            return await self._run()
        finally:
            self._running = False

    async def _run(self) -> Summary:
        summary = Summary()
        noted = self._metadata.read(lambda view: view.notes.get(NOTE))
        standing = parse_standing(noted)
        after, more = "", True
        while more:
            names, after, more = self._metadata.read(partial(_with_rules, after=after))
            for name in names:
                if standing is None or name >= standing.bucket:
                    await self._bucket(name, standing if standing and standing.bucket == name else None, summary)
        if self._metadata.read(lambda view: view.notes.get(NOTE)) is not None:
            await self._committer.commit(NoteStanding(""))
        if summary.buckets:
            fields = {name: getattr(summary, name) for name in Summary.__slots__}
            self._log.info("lifecycle_run", **fields)
        return summary

    async def _bucket(self, name: str, standing: Standing | None, summary: Summary) -> None:
        summary.buckets += 1
        try:
            for uploads in (False, True):
                if standing is None or uploads or not standing.uploads:
                    resumed = standing if standing is not None and standing.uploads is uploads else None
                    await self._phase(resumed or Standing(name, 0, uploads), summary)
        except NoSuchBucket:
            return  # removed meanwhile, with all that was in it
        except (StorageFull, StoreFailed, StoreClosed, UnderMaintenance):
            raise
        except Exception as error:  # noqa: BLE001 - logged with its trace; other buckets have rules too
            summary.failed += 1
            self._log.error("lifecycle_bucket_failed", bucket=name, exc_info=error)

    async def _phase(self, standing: Standing, summary: Summary) -> None:
        """All versions, or all uploads, behind a standing; one of another bucket of that name begins anew."""
        idle = 0
        more = True
        while more:
            began = self._clock.steady_s()
            page = self._metadata.read(partial(self._page, standing=standing))
            if page is None:
                return
            took = self._clock.steady_s() - began
            summary.examined += page.rows
            summary.locked += page.locked
            standing = Standing(standing.bucket, page.id, standing.uploads, page.place)
            idle = 0 if page.dues else idle + 1
            if page.dues:
                await self._remove(Remove(standing, page.dues, self._day_ms), summary)
            elif idle % NOTED_PAGES == 0:
                await self._committer.commit(NoteStanding(standing.note()))
            more = not page.last
            await self._pause(max(len(page.dues) / self._per_second, took * REST))

    def _page(self, view: MetadataView, standing: Standing) -> _Page | None:
        """The next piece of a scan; None when the bucket has no rules any more."""
        asked = question(view, standing.bucket, self._clock.now_ms(), self._day_ms)
        if asked is None:
            return None
        place = standing.place if standing.id == asked.bucket.id else START
        return _uploads_page(view, asked, place) if standing.uploads else _versions_page(view, asked, place)

    async def _remove(self, script: Remove, summary: Summary) -> None:
        for done in await self._committer.commit(script):
            found = done.due
            if done.kept is not None:
                summary.locked += done.kept is Kept.LOCKED
                continue
            summary.add(found.decision.action)
            subject = {"upload": found.upload} if found.upload else {"version": found.version, "marker": done.marker}
            self._log.info(
                "lifecycle_removed",
                bucket=script.standing.bucket,
                key=found.key,
                action=found.decision.action.value,
                rule=found.decision.rule,
                reason=found.decision.reason,
                due=moment(found.decision.due_ms),
                **subject,
            )


def _with_rules(view: MetadataView, after: str) -> tuple[list[str], str, bool]:
    """Names of buckets with rules among the next ones above ``after``; the last name looked at; whether more follow."""
    found = list(islice(view.buckets.scan("", after), _BUCKETS_MAX))
    names = [bucket.name for bucket in found if ConfigKind.LIFECYCLE in configs_of(view, bucket)]
    return names, found[-1].name if found else after, len(found) == _BUCKETS_MAX


def _versions_page(view: MetadataView, asked: Question, place: Place) -> _Page:
    dues: list[Due] = []
    rows = locked = 0
    last = True
    for entry, facts, behind in examined(view, asked.bucket.id, asked.reach.versions, place):
        if rows == PAGE_ROWS or len(dues) == BATCH_MAX:
            last = False
            break
        found = judged(view, asked, entry, facts, behind.current)
        if found is not None and found.kept:
            locked += 1
        elif found is not None:
            dues.append(found)
        rows += 1
        place = behind
    return _Page(asked.bucket.id, tuple(dues), place, last, rows, locked)


def _uploads_page(view: MetadataView, asked: Question, place: Place) -> _Page:
    dues: list[Due] = []
    rows = 0
    last = True
    for upload, behind in running_uploads(view, asked, place):
        if rows == PAGE_ROWS or len(dues) == BATCH_MAX:
            last = False
            break
        found = judged_upload(asked, upload)
        if found is not None:
            dues.append(found)
        rows += 1
        place = behind
    return _Page(asked.bucket.id, tuple(dues), place, last, rows)
