"""An admin command does the same either way: through the socket of a running server, else on the locked directory.

What only the second way needs is loaded when it is taken: a command that asks a server is quick.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from seglake.adapters.admin_socket.client import AdminClient
from seglake.adapters.system.clock import SystemClock
from seglake.domain.model.errors import DataDirLocked
from seglake.domain.ports.log import Log
from seglake.domain.ports.progress import Stages, silent

from .settings import Settings

if TYPE_CHECKING:
    from seglake.adapters.admin_socket.operation import Result

    from .selection import AdapterContext

PATIENCE_S = 5.0
"""How long a directory may be locked by a process without a socket: a server that starts or stops, another command."""

_LOOK_AGAIN_S = 0.1


class Channel(Protocol):
    """Does what a method of the admin channel says."""

    def call(self, method: str, parameters: Mapping[str, Any], /) -> Result:
        """The result; SeglakeError when it is refused."""
        ...


@contextmanager
def open_channel(
    settings: Settings, log: Log, *, patience_s: float = PATIENCE_S, stages: Stages = silent
) -> Iterator[Channel]:
    """The way to the store, whoever has it. ``stages`` shows the progress of a job that runs here.

    DataDirLocked names a process that has the directory and listens to nobody; DataDirUnusable, AdminUnreachable.
    """
    client = AdminClient(settings.data_dir)
    with ExitStack() as stack:
        context = _locked_unless_served(stack, client, settings, log, patience_s)
        if context is None:
            yield client
            return
        from .unserved import open_unserved

        yield stack.enter_context(open_unserved(context, stages))


@contextmanager
def open_checks(
    settings: Settings, log: Log, *, patience_s: float = PATIENCE_S, stages: Stages = silent
) -> Iterator[Channel]:
    """The way to the checks of a store, whoever has it; nothing is opened or recovered before one needs it.

    DataDirLocked, DataDirUnusable, AdminUnreachable.
    """
    client = AdminClient(settings.data_dir)
    with ExitStack() as stack:
        context = _locked_unless_served(stack, client, settings, log, patience_s)
        if context is None:
            yield client
            return
        from .unserved import untouched

        yield untouched(context, log, stages)


def _locked_unless_served(
    stack: ExitStack, client: AdminClient, settings: Settings, log: Log, patience_s: float
) -> AdapterContext | None:
    """The directory, locked; None when a server has it and listens."""
    clock = SystemClock()
    end = clock.steady_s() + patience_s
    while not client.is_there():
        from .offline import locked

        try:
            return stack.enter_context(locked(settings, log))
        except DataDirLocked:
            if clock.steady_s() >= end:
                raise
        asyncio.run(asyncio.sleep(_LOOK_AGAIN_S))
    return None
