"""The parts of a running store that only watch it: they open before it does, and what keeps them shut may be said
without keeping the store shut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from seglake.domain.model.errors import StoreFailed
from seglake.domain.ports.log import Log

from .container import Container
from .places import CannotListen, why_not
from .settings import Settings


async def open_ops(stack: AsyncExitStack, container: Container, failure: asyncio.Future[StoreFailed]) -> int | None:
    """Metrics and health, from now on; the port, None without them.

    An address that somebody chose and that cannot be had is CannotListen. The default one belongs to others too, so
    there it is a warning.
    """
    settings: Settings = container.settings()
    log: Log = container.log()
    place = settings.ops_listen
    if place is None:
        return None
    health, ops = container.health(), container.ops()
    health.watch(container.watched().checks(failure))
    stack.push_async_callback(health.close)
    stack.push_async_callback(ops.close)
    try:
        port: int = await ops.start(place.host or None, place.port)
    except OSError as error:
        reason = why_not(settings.ops_addr, error, "--ops-addr")
        if "ops_addr" in settings.model_fields_set:
            raise CannotListen(reason) from error
        log.warning("ops_listener_closed", reason=reason)
        return None
    log.info("ops_listening", address=settings.ops_addr, port=port)
    return port


def open_access_log(stack: AsyncExitStack, container: Container) -> Callable[[], None] | None:
    """The file of the access log, if there is one; what continues it in a new file. CannotListen."""
    file = container.access_log()
    if file is None:
        return None
    try:
        file.open()
    except OSError as error:
        settings: Settings = container.settings()
        raise CannotListen(f"--access-log-file: cannot open {settings.access_log_file}: {error.strerror}") from error
    stack.callback(file.close)
    reopen: Callable[[], None] = file.reopen
    return reopen
