"""An admin command does the same either way: through the socket of a running server, else on the locked directory."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from seglake.adapters.admin_socket.checks import CHECK_OPERATIONS
from seglake.adapters.admin_socket.client import AdminClient
from seglake.adapters.admin_socket.operation import AdminServices, Checks, Result
from seglake.adapters.admin_socket.operations import call
from seglake.adapters.system.clock import SystemClock
from seglake.domain.model.errors import DataDirLocked, SeglakeError, StoreFailed
from seglake.domain.ports.log import Log
from seglake.domain.ports.progress import Stages, silent
from seglake.domain.services.jobs import Jobs
from seglake.domain.services.maintenance import MaintenanceMode, WriteGate

from .administration import services_of
from .apart import ReadHere
from .checking import OfflineChecks, ServedChecks
from .collecting import at_once, offline_garbage
from .data_dir import open_box
from .offline import locked, open_for_writing, uncollected
from .selection import AdapterContext
from .settings import Settings
from .upkeep import StoreUpkeep

PATIENCE_S = 5.0
"""How long a directory may be locked by a process without a socket: a server that starts or stops, another command."""

_LOOK_AGAIN_S = 0.1


class Channel(Protocol):
    """Does what a method of the admin channel says."""

    def call(self, method: str, parameters: Mapping[str, Any], /) -> Result:
        """The result; SeglakeError when it is refused."""
        ...


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C ends long work here: asyncio's own handler asks the task, which does not listen."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


async def _awaited(outcome: Awaitable[Result]) -> Result:
    return await outcome


class Offline:
    """Without a server: the operations run here."""

    def __init__(self, services: AdminServices) -> None:
        self._services = services

    def call(self, method: str, parameters: Mapping[str, Any], /) -> Result:
        """As the server would answer."""
        with interruptible():
            return asyncio.run(call(self._services, method, parameters))


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
        refusal: SeglakeError | None = None
        with uncollected(), open_for_writing(context) as store:
            reads = ReadHere(store.metadata, store.segments.files)
            services = services_of(
                settings,
                metadata=store.metadata,
                committer=store.committer,
                box=open_box(settings, context.randomness, create=False),
                clock=context.clock,
                randomness=context.randomness,
                maintenance=MaintenanceMode(
                    store.metadata, store.committer, context.clock, log, asyncio.sleep, WriteGate()
                ),
                jobs=Jobs(context.offload, context.clock, log, stages),
                upkeep=StoreUpkeep(
                    context,
                    store.metadata,
                    store.segments,
                    reads,
                    serving=False,
                    garbage=offline_garbage(context, store.metadata, store.committer, store.segments),
                ),
                checks=ServedChecks(context, reads, store.committer, store.segments.store.verify, at_once),
            )
            try:
                yield Offline(services)
            except StoreFailed:
                raise
            except SeglakeError as error:
                refusal = error  # it is no reason to leave the store as after a crash
        if refusal is not None:
            raise refusal


@dataclass(frozen=True, slots=True)
class Untouched:
    """Without a server: a directory that was locked and not opened, so that a check sees what the last process left."""

    jobs: Jobs
    checks: Checks

    def call(self, method: str, parameters: Mapping[str, Any], /) -> Result:
        """One of the checks, as the server would answer."""
        operation = CHECK_OPERATIONS[method]
        with interruptible():
            return asyncio.run(_awaited(operation.run(self, **operation.arguments(parameters))))


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
        else:
            yield Untouched(Jobs(context.offload, context.clock, log, stages), OfflineChecks(context))


def _locked_unless_served(
    stack: ExitStack, client: AdminClient, settings: Settings, log: Log, patience_s: float
) -> AdapterContext | None:
    """The directory, locked; None when a server has it and listens."""
    clock = SystemClock()
    end = clock.steady_s() + patience_s
    while not client.is_there():
        try:
            return stack.enter_context(locked(settings, log))
        except DataDirLocked:
            if clock.steady_s() >= end:
                raise
        asyncio.run(asyncio.sleep(_LOOK_AGAIN_S))
    return None
