"""Checks and repairs, wired: what a server does for the admin channel, and what a command does without one.

Both give the same result. A check reads and nothing else, with or without a server; what changes index or files behind
the back of a server needs the store for itself.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from seglake.adapters.admin_socket.operation import Checks, Result
from seglake.adapters.filesystem.layout import FORMAT_VERSION
from seglake.domain.model.errors import NeedsStoppedServer, UnderMaintenance
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.long_reads import LongReads
from seglake.domain.ports.progress import Stages
from seglake.domain.services.findings import Finding, warning
from seglake.domain.services.fsck import FsckReport
from seglake.domain.services.marking import MarkDamaged, MarkRepaired, ReadChunk, Suspect, fault_in, in_batches
from seglake.domain.services.recovery import Recovery
from seglake.domain.services.repair import Repair, Repaired, advice, restored
from seglake.domain.services.scrub import ScrubReport
from seglake.domain.services.status import StoreStatus

from .apart import RunFsck, RunScrub, RunStatus
from .collecting import at_once, on_loop
from .offline import open_for_writing, opened, rebuild
from .selection import AdapterContext, SegmentEngine

FINDINGS_MAX = 10_000
"""Findings, marks and repairs named in one result; all of them count."""


@dataclass(frozen=True, slots=True)
class OfflineChecks(Checks):
    """For a locked directory that nobody serves: each takes the store as the last process left it."""

    context: AdapterContext

    def status(self, stages: Stages, /, *, live: bool) -> Result:
        """Counts."""
        with opened(self.context) as store:
            found = RunStatus(live)(store.metadata, store.segment_files, stages)
        return status_result(self.context, found)

    def fsck(self, stages: Stages, /, *, deep: bool) -> Result:
        """Nothing is recovered before: what the last process left is what is looked at."""
        return fsck_result(self._fsck(stages, deep=deep))

    def scrub(self, stages: Stages, /, *, dead: bool, mark: bool) -> Result:
        """Opened as the server would only when there is something to mark."""
        with opened(self.context) as store:
            check = RunScrub(served=False, dead=dead, clock=self.context.clock)
            report = check(store.metadata, store.segment_files, stages)
        if not mark or not report.suspects:
            return scrub_result(report, ())
        with open_for_writing(self.context) as writable:
            work = _mark(writable.committer, writable.segments.store.verify, report.suspects)
            return scrub_result(report, *at_once(work))

    def repair(self, stages: Stages, /, *, deep: bool, dry_run: bool) -> Result:
        """What is provably safe to repair, and a check afterwards. StorageFull, StoreFailed."""
        context = self.context
        with opened(context) as store:
            if not dry_run:
                # As the next start would: what was never acknowledged must not be taken for the truth.
                Recovery(store.metadata, store.segment_files, context.log).run()
            done = Repair(store.metadata, store.segment_files, stages).run(dry_run=dry_run)
            readable = restored(store.metadata, store.segment_files, stages)
        if readable and not dry_run:
            with open_for_writing(context) as writable:
                for batch in in_batches(readable):
                    at_once(writable.committer.commit(MarkRepaired(batch)))
        done += [Repaired(one.where, "all its bytes can be read: it is served again") for one in readable]
        return {"dry_run": dry_run, "repaired": _repaired(done), **fsck_result(self._fsck(stages, deep=deep))}

    def rebuild(self, stages: Stages, /) -> Result:
        """The index anew from the segments, in place of the old one."""
        report = rebuild(self.context, stages)
        return {
            "segments": report.segments,
            "events": report.events,
            "duplicates": report.duplicates,
            "newest": str(report.newest) if report.newest else None,
            "findings": findings_result(report.findings),
        }

    def _fsck(self, stages: Stages, *, deep: bool) -> FsckReport:
        with opened(self.context) as store:
            return RunFsck(served=False, deep=deep)(store.metadata, store.segment_files, stages)


@dataclass(frozen=True, slots=True)
class ServedChecks(Checks):
    """For a store that is served meanwhile. ``drive`` runs a coroutine where the committer lives, from a thread."""

    context: AdapterContext
    reads: LongReads
    committer: Committer
    verify: ReadChunk
    drive: Callable[[Coroutine[Any, Any, Any]], Any]

    def status(self, stages: Stages, /, *, live: bool) -> Result:
        """Counts, in one snapshot."""
        return status_result(self.context, self.reads.run(RunStatus(live), stages))

    def fsck(self, stages: Stages, /, *, deep: bool) -> Result:
        """What is acknowledged while it runs is not looked at."""
        return fsck_result(self.reads.run(RunFsck(served=True, deep=deep), stages))

    def scrub(self, stages: Stages, /, *, dead: bool, mark: bool) -> Result:
        """What is found damaged is read once more before it is marked."""
        report = self.reads.run(RunScrub(served=True, dead=dead, clock=self.context.clock), stages)
        for found in report.findings[:FINDINGS_MAX]:
            self.context.log.error("scrub_found_damage", where=found.where, reason=found.text)
        if not mark or not report.suspects:
            return scrub_result(report, ())
        return scrub_result(report, *self.drive(_mark(self.committer, self.verify, report.suspects)))

    def repair(self, _stages: Stages, /, *, deep: bool, dry_run: bool) -> Result:
        """Refused: what the journal says of a row is read before the row is written, and commits may come between."""
        raise NeedsStoppedServer("fsck --repair", os.getpid())

    def rebuild(self, _stages: Stages, /) -> Result:
        """Refused: a server cannot change to another index while it answers from one."""
        raise NeedsStoppedServer("rebuild-index", os.getpid())


def serving_checks(
    context: AdapterContext, reads: LongReads, committer: Committer, segments: SegmentEngine
) -> ServedChecks:
    """For a store that is served in the running event loop; the checks run beside it."""
    loop = asyncio.get_running_loop()
    return ServedChecks(context, reads, committer, segments.store.verify, partial(on_loop, loop))


async def _mark(
    committer: Committer, verify: ReadChunk, suspects: Sequence[Suspect]
) -> tuple[tuple[Suspect, ...], tuple[Finding, ...]]:
    """Marks those that still cannot be read; and why no more could be marked. StorageFull, StoreFailed."""
    marked: list[Suspect] = []
    for batch in in_batches(suspects):
        sure = tuple([one for one in batch if fault_in(one.chunks, verify) is not None])
        try:
            marked += await committer.commit(MarkDamaged(sure)) if sure else ()
        except UnderMaintenance as error:
            return tuple(marked), (warning("marks", f"nothing more was marked: {error.hint}"),)
    return tuple(marked), ()


def status_result(context: AdapterContext, found: StoreStatus) -> Result:
    """What the store holds."""
    return {
        "data_dir": os.path.abspath(context.data_dir),
        "format": FORMAT_VERSION,
        **asdict(found),
        "site": f"{found.site:08x}",
        "newest": str(found.newest),
        "newest_ms": found.newest.ms,
        "free_bytes": context.require_files().free_bytes(),
    }


def fsck_result(report: FsckReport) -> Result:
    """What a check found; ``advice`` says for each finding what a person can do."""
    return {
        "sound": report.sound,
        "versions": report.versions,
        "parts": report.parts,
        "segments": report.segments,
        "findings_in_all": len(report.findings),
        "findings": [{**found, "advice": advice(found["where"])} for found in findings_result(report.findings)],
    }


def scrub_result(report: ScrubReport, marked: Sequence[Suspect], further: tuple[Finding, ...] = ()) -> Result:
    """What was read, what of it is damaged, what was marked."""
    return {
        "sound": report.sound,
        "chunks": report.chunks,
        "bytes": report.bytes,
        "damaged": report.damaged,
        "versions_marked": len(marked),
        "marked": [one.where for one in marked[:FINDINGS_MAX]],
        "seconds": round(report.seconds, 3),
        "bytes_per_s": round(report.bytes_per_s),
        "findings_in_all": len(report.findings) + len(further),
        "findings": findings_result((*report.findings, *further)),
    }


def findings_result(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """The first of them, for a document."""
    return [{"severity": str(f.severity), "where": f.where, "text": f.text} for f in findings[:FINDINGS_MAX]]


def _repaired(done: Sequence[Repaired]) -> list[dict[str, str]]:
    return [{"where": one.where, "text": one.text} for one in done[:FINDINGS_MAX]]
