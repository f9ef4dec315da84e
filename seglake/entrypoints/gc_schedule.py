"""Garbage that was doomed goes away by itself; that garbage is looked for at all is off unless an interval is set."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from seglake.domain.model.errors import Busy, SeglakeError, StorageFull, StoreClosed, StoreFailed, UnderMaintenance
from seglake.domain.ports.log import Log
from seglake.domain.services.gc import Collector
from seglake.domain.services.gc_plan import Limits

from .collecting import GarbageWork
from .noting import Noting, plainly
from .settings import Settings

SWEEP_S = 10.0
"""How often doomed segments are looked at; without any this costs one short read."""


async def collect_again_and_again(
    collector: Collector,
    garbage: GarbageWork,
    settings: Settings,
    on_failure: Callable[[StoreFailed], None],
    log: Log,
    *,
    note: Noting = plainly,
) -> None:
    """Sweeps doomed segments, whoever doomed them, and begins a run ``gc_interval`` after the last one; for ever."""
    period = max(0.05, min(SWEEP_S, settings.gc_grace / 2, settings.gc_interval or SWEEP_S))
    clock = collector.clock
    last_s = clock.steady_s()
    while True:
        await asyncio.sleep(period)
        try:
            if settings.gc_interval and clock.steady_s() - last_s >= settings.gc_interval:
                last_s = clock.steady_s()
                await note(partial(_collect, collector, garbage, settings, log))
                last_s = clock.steady_s()
            await collector.sweep(settings.gc_grace)
        except (StorageFull, UnderMaintenance, Busy) as error:
            log.info("gc_waits", reason=error.hint)
        except StoreClosed:
            return
        except StoreFailed as error:
            on_failure(error)
            return
        except SeglakeError as error:
            log.error("gc_failed", reason=error.hint)
        except Exception as bug:
            log.error("gc_failed", exc_info=bug)


@dataclass(frozen=True, slots=True)
class Collected:
    """What one run found dead, and moved to free more."""

    segments: int
    bytes: int
    moved_bytes: int


async def _collect(collector: Collector, garbage: GarbageWork, settings: Settings, log: Log) -> Collected:
    limits = Limits(age_s=settings.gc_min_age)
    plan = await collector.run(limits)
    moved = 0
    if settings.gc_live_threshold:
        done = await garbage.rewriter(settings.gc_rate).run(settings.gc_live_threshold, limits)
        moved = done.moved_bytes
    log.info("gc_run", segments=len(plan.dead), bytes=plan.reclaimable_bytes, moved_bytes=moved)
    return Collected(len(plan.dead), plan.reclaimable_bytes, moved)
