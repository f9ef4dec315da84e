"""The automatic scrub: off unless an interval is set, one run after another, never two at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from seglake.domain.model.errors import SeglakeError, StorageFull, StoreFailed, UnderMaintenance
from seglake.domain.ports.log import Log
from seglake.domain.services.scrubbing import ScrubRunner

from .noting import Noting, plainly

FIRST_RUN_S = 60.0
"""A start of the server has other things to do first."""
_WAIT_MAX_S = 3600.0


async def scrub_again_and_again(
    runner: ScrubRunner,
    interval_s: float,
    on_failure: Callable[[StoreFailed], None],
    log: Log,
    *,
    note: Noting = plainly,
) -> None:
    """Begins a run when the last one ended ``interval_s`` ago, or goes on with one that was cut off; for ever."""
    delay = min(FIRST_RUN_S, interval_s)
    while True:
        await asyncio.sleep(delay)
        delay = min(interval_s, _WAIT_MAX_S)
        try:
            due_s = runner.due_in_s(interval_s)
            if due_s > 0:
                # Looked at again at times, for the wall clock may be set.
                delay = min(due_s, _WAIT_MAX_S)
                continue
            await note(runner.run)
        except (StorageFull, UnderMaintenance) as error:
            log.warning("scrub_waits", reason=error.hint)
        except StoreFailed as error:
            on_failure(error)
            return
        except SeglakeError as error:
            log.error("scrub_failed", reason=error.hint)
        except Exception as bug:
            log.error("scrub_failed", exc_info=bug)
