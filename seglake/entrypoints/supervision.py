"""The service manager hears "ready" only from a store that listens, and "alive" only from an event loop that turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from seglake.adapters.system.service_manager import ServiceManager
from seglake.domain.ports.log import Log

_BEATS = 3
"""Signs of life in the watchdog's time: two may be late."""


@asynccontextmanager
async def supervised(manager: ServiceManager, status: str, log: Log) -> AsyncIterator[None]:
    """Says that the store is ready, that it lives while the block runs, and that it stops when the block is left.

    A manager that cannot be reached is logged and changes nothing: the store serves.
    """
    _told(lambda: manager.ready(status), log)
    beating = None
    if manager.watchdog_s is not None:
        beating = asyncio.create_task(_beat(manager, manager.watchdog_s / _BEATS, log))
    try:
        yield
    finally:
        if beating is not None:
            beating.cancel()
            await asyncio.wait([beating])
        _told(lambda: manager.stopping("finishing open requests"), log)


async def _beat(manager: ServiceManager, period_s: float, log: Log) -> None:
    while True:
        _told(manager.alive, log)
        await asyncio.sleep(period_s)


def _told(tell: Callable[[], None], log: Log) -> None:
    try:
        tell()
    except OSError as error:
        log.warning("service_manager_unreachable", reason=str(error))
