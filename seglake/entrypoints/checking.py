"""Offline checks that also change something: each takes the directory once, and leaves it as a clean stop would."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from seglake.domain.ports.log import Log
from seglake.domain.ports.progress import Stages, silent
from seglake.domain.services.fsck import Fsck, FsckReport
from seglake.domain.services.marking import MarkDamaged, MarkRepaired, Suspect, in_batches
from seglake.domain.services.recovery import Recovery
from seglake.domain.services.repair import Repair, Repaired, restored
from seglake.domain.services.scrub import Scrub, ScrubReport

from .offline import locked, open_for_writing, opened
from .selection import AdapterContext
from .settings import Settings


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What a scrub found, and the versions that it marked, so that they are not served."""

    report: ScrubReport
    marked: tuple[Suspect, ...]


def scrub(settings: Settings, log: Log, stages: Stages = silent, *, dead: bool, mark: bool) -> Scrubbed:
    """Reads all live payload (``dead``: and every other record), and marks what is damaged if it may.

    DataDirUnusable, DataDirLocked; MetadataDamaged, StoreFailed.
    """
    with locked(settings, log) as context:
        with opened(context) as store:
            report = Scrub(store.metadata, store.segment_files, context.clock, stages).run(dead=dead)
        marked = _mark(context, report.suspects) if mark and report.suspects else ()
    return Scrubbed(report, marked)


def _mark(context: AdapterContext, suspects: tuple[Suspect, ...]) -> tuple[Suspect, ...]:
    marked: list[Suspect] = []
    with open_for_writing(context) as store:
        for batch in in_batches(suspects):
            marked += asyncio.run(store.committer.commit(MarkDamaged(batch)))
    return tuple(marked)


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What was repaired or, in a dry run, would be; and what a check found afterwards."""

    repaired: tuple[Repaired, ...]
    after: FsckReport


def repair(settings: Settings, log: Log, stages: Stages = silent, *, deep: bool, dry_run: bool) -> RepairReport:
    """Repairs what is provably safe to repair, and checks again. DataDirUnusable, StorageFull, StoreFailed."""
    with locked(settings, log) as context:
        with opened(context) as store:
            if not dry_run:
                # As the next start would: what was never acknowledged must not be taken for the truth.
                Recovery(store.metadata, store.segment_files, log).run()
            done = Repair(store.metadata, store.segment_files, stages).run(dry_run=dry_run)
            readable = restored(store.metadata, store.segment_files, stages)
        if readable and not dry_run:
            with open_for_writing(context) as writable:
                for batch in in_batches(readable):
                    asyncio.run(writable.committer.commit(MarkRepaired(batch)))
        done += [Repaired(one.where, "all its bytes can be read: it is served again") for one in readable]
        with opened(context) as store:
            after = Fsck(store.metadata, store.segment_files, stages).run(deep=deep)
    return RepairReport(tuple(done), after)
