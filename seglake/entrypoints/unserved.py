"""Administration of a store that nobody serves: the same operations, carried out in the process of the command."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from seglake.adapters.admin_socket.checks import CHECK_OPERATIONS
from seglake.adapters.admin_socket.operation import AdminServices, Checks, Result
from seglake.adapters.admin_socket.operations import call
from seglake.domain.model.errors import SeglakeError, StoreFailed
from seglake.domain.ports.log import Log
from seglake.domain.ports.progress import Stages
from seglake.domain.services.jobs import Jobs
from seglake.domain.services.maintenance import MaintenanceMode, WriteGate

from .administration import services_of
from .apart import ReadHere
from .checking import OfflineChecks, ServedChecks
from .collecting import at_once, offline_garbage
from .data_dir import open_box
from .offline import open_for_writing, uncollected
from .selection import AdapterContext
from .upkeep import StoreUpkeep


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
def open_unserved(context: AdapterContext, stages: Stages) -> Iterator[Offline]:
    """A locked store, opened as its server would; what is refused leaves it as a clean stop would.

    DataDirUnusable, MetadataDamaged, StoreFailed.
    """
    settings, log = context.settings, context.log
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


def untouched(context: AdapterContext, log: Log, stages: Stages) -> Untouched:
    """The checks of a locked directory."""
    return Untouched(Jobs(context.offload, context.clock, log, stages), OfflineChecks(context))
