"""Collecting garbage as work of one call: the same plans, runs and results for the server's jobs and for commands."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from seglake.adapters.admin_socket.operation import Result
from seglake.adapters.s3_protocol.http_dates import iso_date
from seglake.adapters.sqlite.store import SqliteMetadataStore
from seglake.adapters.system.clock import block_s
from seglake.domain.model.errors import Busy
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.files import FileSystem
from seglake.domain.ports.long_reads import LongReads
from seglake.domain.ports.metadata import MetadataStore
from seglake.domain.ports.progress import Stages
from seglake.domain.services.findings import Finding
from seglake.domain.services.gc import Collector, Swept
from seglake.domain.services.gc_plan import Limits, Plan
from seglake.domain.services.mpu_gc import UploadCollector, UploadPlan
from seglake.domain.services.rewrite import RewritePlan, Rewriter, Rewritten

from .apart import ReadHere, ReadServed
from .engines import FilesystemEngine
from .selection import AdapterContext, SegmentEngine

T = TypeVar("T")

PAUSE_FILE = ".seglake-gc-pause"
"""While a file of this name is in the data directory, a rewrite waits."""

LISTED_MAX = 1000
"""Segments and uploads named in one result; all of them count."""

_BREATH_S = 0.001


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Runs what waits for nothing but its own calls: without a server everything is done where it is asked for."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise AssertionError("nothing else runs that could be waited for")


def on_loop(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """Runs it in the event loop, for a thread beside it."""
    return asyncio.run_coroutine_threadsafe(work, loop).result()


async def _block(seconds: float) -> None:
    block_s(seconds)


def reads_of(context: AdapterContext, metadata: MetadataStore, engine: SegmentEngine, *, served: bool) -> LongReads:
    """Who reads a whole store: another process while this one serves, if what it serves lies on the disk."""
    if served and isinstance(metadata, SqliteMetadataStore) and isinstance(engine, FilesystemEngine):
        return ReadServed(metadata, engine.files, os.path.abspath(context.data_dir), context.index_file)
    return ReadHere(metadata, engine.files)


def collector_of(
    context: AdapterContext,
    metadata: MetadataStore,
    committer: Committer,
    engine: SegmentEngine,
    reads: LongReads,
) -> Collector:
    """The collector of one store."""
    return Collector(
        metadata,
        committer,
        engine.store,
        engine.files,
        offload=context.offload,
        clock=context.clock,
        log=context.log,
        reads=reads,
        breathe=partial(block_s, _BREATH_S),
    )


def paused(files: FileSystem | None) -> bool:
    """Whether an operator holds rewrites up."""
    return files is not None and files.exists(PAUSE_FILE)


_TRIES = 60
_PATIENCE_S = 0.5


@dataclass(frozen=True, slots=True)
class GarbageWork:
    """What collects a store's garbage. ``drive`` runs coroutines to their end, ``pause`` waits inside of them.

    ``grace_s`` is 0 where nobody reads meanwhile: then space comes back at once.
    """

    collector: Collector
    uploads: UploadCollector
    files: FileSystem | None
    drive: Callable[[Coroutine[Any, Any, Any]], Any]
    pause: Callable[[float], Awaitable[object]]
    grace_s: float

    def rewriter(self, bytes_per_s: float) -> Rewriter:
        """A rewriter at this rate."""
        return Rewriter(self.collector, self.pause, bytes_per_s=bytes_per_s, paused=partial(paused, self.files))

    def plan(self, stages: Stages, /, *, limits: Limits) -> Result:
        """What ``run`` would do now."""
        plan: Plan = self.drive(self.collector.plan(limits, stages, turn=True, by_bucket=True))
        return plan_result(plan)

    def run(self, stages: Stages, /, *, limits: Limits) -> Result:
        """Dooms what is dead and, where nobody reads, gives the space back at once."""
        plan: Plan = self._patiently(lambda: self.collector.run(limits, stages, turn=True))
        return {**plan_result(plan), **self._sweep()}

    def rewrite_plan(self, stages: Stages, /, *, limits: Limits, threshold: float) -> Result:
        """What ``rewrite`` would do now."""
        plan: RewritePlan = self.drive(self.rewriter(0).plan(threshold, limits, stages, turn=True))
        return rewrite_plan_result(plan)

    def rewrite(self, stages: Stages, /, *, limits: Limits, threshold: float, bytes_per_s: float) -> Result:
        """Rewrites what is mostly garbage."""
        rewriter = self.rewriter(bytes_per_s)
        done: Rewritten = self._patiently(lambda: rewriter.run(threshold, limits, stages, turn=True))
        return {**rewritten_result(done), **self._sweep()}

    def uploads_plan(self, _stages: Stages, /, *, ttl_s: float) -> Result:
        """What ``uploads_run`` would give up now."""
        plan: UploadPlan = self.drive(self.uploads.plan(ttl_s))
        return uploads_result(plan)

    def uploads_run(self, stages: Stages, /, *, ttl_s: float, uploads_max: int) -> Result:
        """Gives stale uploads up."""
        plan: UploadPlan = self.drive(self.uploads.run(ttl_s, uploads_max=uploads_max, stages=stages))
        return uploads_result(plan)

    def _patiently(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """What the background's sweep holds up for a moment is tried again. Busy when it lasts longer."""

        async def run() -> Any:
            for _ in range(_TRIES):
                try:
                    return await work()
                except Busy:
                    await self.pause(_PATIENCE_S)
            return await work()

        return self.drive(run())

    def _sweep(self) -> Result:
        swept: Swept = self._patiently(lambda: self.collector.sweep(self.grace_s))
        return {
            "removed": len(swept.removed),
            "freed_bytes": swept.freed_bytes,
            "spared": [segment.hex() for segment in swept.spared],
            "waiting": swept.waiting + len(swept.quarantined) - len(set(swept.quarantined) & set(swept.removed)),
            "grace_s": self.grace_s,
        }


def offline_garbage(
    context: AdapterContext, metadata: MetadataStore, committer: Committer, engine: SegmentEngine
) -> GarbageWork:
    """For a store that nobody else uses."""
    collector = collector_of(context, metadata, committer, engine, reads_of(context, metadata, engine, served=False))
    uploads = UploadCollector(metadata, committer, context.clock, context.offload)
    return GarbageWork(collector, uploads, context.files, at_once, _block, 0.0)


def serving_garbage(
    collector: Collector, uploads: UploadCollector, files: FileSystem | None, grace_s: float
) -> GarbageWork:
    """For a store that serves in the running event loop; its methods are called beside it."""
    loop = asyncio.get_running_loop()
    return GarbageWork(collector, uploads, files, partial(on_loop, loop), asyncio.sleep, grace_s)


def _findings(findings: tuple[Finding, ...] | list[Finding]) -> list[dict[str, str]]:
    return [{"severity": str(f.severity), "where": f.where, "text": f.text} for f in findings]


def plan_result(plan: Plan) -> Result:
    """A plan, or what became of it."""
    return {
        "segments": [
            {"segment": use.row.id.hex(), "bytes": use.bytes, "created": iso_date(use.row.created_ms)}
            for use in plan.dead[:LISTED_MAX]
        ],
        "dead_segments": len(plan.dead),
        "reclaimable_bytes": plan.reclaimable_bytes,
        "all_segments": len(plan.segments),
        "all_bytes": sum([use.bytes for use in plan.segments]),
        "live_bytes": plan.live_bytes,
        "dead_bytes": plan.dead_bytes,
        "doomed_segments": len(plan.doomed),
        "doomed_bytes": sum([row.committed for row in plan.doomed]),
        "unattributed_bytes": plan.unattributed_bytes,
        "buckets": [
            {
                "bucket": one.name,
                "gone": one.gone,
                "versions": one.versions,
                "parts": one.parts,
                "live_bytes": one.bytes,
                "dead_bytes": one.dead,
                "reclaimable_bytes": one.reclaimable,
            }
            for one in plan.buckets
        ],
        "findings": _findings(plan.findings),
    }


def rewrite_plan_result(plan: RewritePlan) -> Result:
    """What would be rewritten."""
    return {
        "segments": [
            {
                "segment": one.use.row.id.hex(),
                "bytes": one.use.bytes,
                "stays_bytes": one.stays_bytes,
                "gain_bytes": one.gain_bytes,
            }
            for one in plan.rewrites[:LISTED_MAX]
        ],
        "rewrites": len(plan.rewrites),
        "copied_bytes": plan.copied_bytes,
        "reclaimable_bytes": plan.reclaimable_bytes,
        "findings": _findings(plan.findings),
    }


def rewritten_result(done: Rewritten) -> Result:
    """What was rewritten."""
    return {
        "rewritten": len(done.doomed),
        "left": [segment.hex() for segment in done.left],
        "moved_versions": done.moved_versions,
        "moved_bytes": done.moved_bytes,
        "copied_events": done.copied_events,
        "reclaimed_bytes": done.reclaimed_bytes,
        "findings": _findings(done.findings),
    }


def uploads_result(plan: UploadPlan) -> Result:
    """Uploads that are, or were, given up."""
    return {
        "uploads": [
            {
                "upload": one.id,
                "bucket": one.bucket,
                "key": one.key,
                "since": iso_date(one.since_ms),
                "completed": one.completed,
                "parts": one.parts,
                "bytes": one.bytes,
            }
            for one in plan.uploads[:LISTED_MAX]
        ],
        "count": len(plan.uploads),
        "bytes": plan.bytes,
        "findings": [],
    }
