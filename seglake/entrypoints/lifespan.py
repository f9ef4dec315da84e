"""Opens everything in order and closes it in reverse; nothing listens before recovery, nothing is acknowledged after a
failure."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from seglake.domain.model.errors import SeglakeError, StorageFull, StoreFailed, UnderMaintenance
from seglake.domain.ports.files import FileSystem
from seglake.domain.ports.journal import NoRecords
from seglake.domain.ports.log import Log
from seglake.domain.ports.secrets import SecretBox
from seglake.domain.ports.system import Clock, Randomness
from seglake.domain.services.access import KeyPair
from seglake.domain.services.recovery import refuse_lost_index
from seglake.domain.services.sealing import NoteSegments

from .administration import given_root
from .container import Container
from .data_dir import open_box, open_locked, random_box
from .gc_schedule import collect_again_and_again
from .noting import noting
from .places import CannotListen, why_not
from .scrub_schedule import scrub_again_and_again
from .selection import INDEX_FILE, open_metadata
from .settings import Settings
from .tls import Certificate, CertificateUnusable, keep_renewed
from .watching import open_access_log, open_ops

_SEALING_PERIOD_S = 5.0
_FIRST_LIFECYCLE_RUN_S = 30.0
_ANYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


@dataclass(slots=True)
class Running:
    """A store that answers requests."""

    settings: Settings
    host: str
    port: int
    access_key: str
    generated: KeyPair | None
    """The root pair that this start made, to be shown once; None when there was one."""
    failure: asyncio.Future[StoreFailed]
    """Done when the store failed: it refuses every write from then on, and the process should end."""
    renew: asyncio.Event = field(default_factory=asyncio.Event)
    """Set to have the certificate read again now; without TLS nobody listens."""
    reopen: Callable[[], None] | None = None
    """Has the access log continue in a new file of its name; None when it has none."""
    ops_port: int | None = None
    """Where metrics and health are; None when they are nowhere."""

    def refresh(self) -> None:
        """What SIGHUP asks for: everything that came from a file that may have been replaced is opened anew."""
        self.renew.set()
        if self.reopen is not None:
            self.reopen()

    @property
    def endpoint(self) -> str:
        """The URL for clients on this machine."""
        host = "127.0.0.1" if self.host in _ANYWHERE else self.host
        scheme = "https" if self.settings.tls else "http"
        return f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"


@asynccontextmanager
async def lifespan(settings: Settings, log: Log) -> AsyncIterator[Running]:
    """A running store, from the lock to the listener. Must be entered in the event loop that serves.

    Raises SettingsInvalid, DataDirLocked, DataDirUnusable, MetadataDamaged, CannotListen, each with what to do.
    """
    loop = asyncio.get_running_loop()
    failure: asyncio.Future[StoreFailed] = loop.create_future()
    container = Container(settings=settings, log=log)
    container.on_failure.override(_reporter(loop, failure, log))
    renew = asyncio.Event()
    async with AsyncExitStack() as stack:
        certificate = _certificate(container, settings, log)
        found = _open_files(stack, container, settings)
        ops_port = await open_ops(stack, container, failure)
        reopen = open_access_log(stack, container)
        await _open_store(stack, container, failure, found)
        generated = None if given_root(settings) else await container.root_key().ensure()
        access_key = settings.access_key or container.root_key().stored()
        assert access_key is not None, "a store is never open: it has a root key now"
        await _open_admin_channel(stack, container, settings, log)
        stack.callback(container.jobs().stop)
        port = await _listen(stack, container, settings, None if certificate is None else certificate.in_force)
        stack.push_async_callback(_stop, asyncio.create_task(_keep_house(container, failure, log)))
        stack.push_async_callback(_stop, asyncio.create_task(_apply_lifecycles(container, failure, log)))
        collecting = collect_again_and_again(
            container.collector(),
            container.garbage(),
            settings,
            container.on_failure(),
            log,
            note=noting(container.meters().tasks, container.clock(), "gc"),
        )
        stack.push_async_callback(_stop, asyncio.create_task(collecting))
        if settings.scrub_interval:
            scrubbing = scrub_again_and_again(
                container.scrubbing(),
                settings.scrub_interval,
                container.on_failure(),
                log,
                note=noting(container.meters().tasks, container.clock(), "scrub"),
            )
            stack.push_async_callback(_stop, asyncio.create_task(scrubbing))
        if certificate is not None:
            renewing = keep_renewed(
                certificate, container.listener().renew, renew, offload=container.offload(), log=log
            )
            stack.push_async_callback(_stop, asyncio.create_task(renewing))
        place = settings.listen.host
        running = Running(settings, place, port, access_key, generated, failure, renew, reopen, ops_port)
        container.health().started = True
        log.info("listening", endpoint=running.endpoint, data_dir=_place(settings), region=settings.region)
        yield running
        log.info("stopping")


def _place(settings: Settings) -> str:
    return "memory" if settings.ephemeral else str(settings.data_dir)


def _reporter(
    loop: asyncio.AbstractEventLoop, failure: asyncio.Future[StoreFailed], log: Log
) -> Callable[[StoreFailed], None]:
    """Called from any thread, perhaps more than once; the first failure counts."""

    def settle(error: StoreFailed) -> None:
        if not failure.done():
            log.error("store_failed", reason=error.hint)
            failure.set_result(error)

    def report(error: StoreFailed) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, error)

    return report


@dataclass(frozen=True, slots=True)
class _Found:
    """What the last process left: no index at all, or one that was not closed."""

    index_is_new: bool = False
    unclean: bool = False


def _open_files(stack: AsyncExitStack, container: Container, settings: Settings) -> _Found:
    """Data directory, its lock and the key-encryption key."""
    clock: Clock = container.clock()
    randomness: Randomness = container.randomness()
    files: FileSystem | None = None
    box: SecretBox
    found = _Found()
    if settings.ephemeral:
        box = random_box(randomness)
    else:
        started = datetime.fromtimestamp(clock.now_ms() / 1000, UTC).isoformat(timespec="seconds")
        files, lock = open_locked(settings.data_dir, create=True, pid=os.getpid(), started=started)
        stack.callback(lock.release)
        box = open_box(settings, randomness, create=True)
        if settings.metadata_adapter == "sqlite":
            found = _Found(index_is_new=not files.exists(INDEX_FILE), unclean=_has_bytes(files, f"{INDEX_FILE}-wal"))
    container.files.override(files)
    container.box.override(box)
    return found


def _has_bytes(files: FileSystem, name: str) -> bool:
    """A clean stop leaves no write-ahead log, a reader of the closed index an empty one."""
    if not files.exists(name):
        return False
    file = files.open(name)
    try:
        return file.size() > 0
    finally:
        file.close()


async def _open_store(
    stack: AsyncExitStack, container: Container, failure: asyncio.Future[StoreFailed], found: _Found
) -> None:
    """Index, recovery, segments, committer."""
    offload = container.offload()
    stack.callback(offload.close)
    metadata = container.metadata()
    stack.push_async_callback(_close_metadata, container, failure)
    if found.index_is_new:
        await _blocking(container, lambda: refuse_lost_index(container.segments().files))
    await _blocking(container, lambda: open_metadata(metadata, unclean=found.unclean))
    await _blocking(container, lambda: container.recovery().run(index_is_new=found.index_is_new))
    await _blocking(container, container.segments().open)
    stack.push_async_callback(_close_segments, container, failure)
    stack.push_async_callback(container.group_committer().close)
    await container.maintenance().resume()


async def _blocking(container: Container, work: Callable[[], object]) -> None:
    await container.offload().start(work)


async def _close_metadata(container: Container, failure: asyncio.Future[StoreFailed]) -> None:
    """A checkpoint that fails is a failure like any other; what was acknowledged is safe in the write-ahead log."""
    log: Log = container.log()
    try:
        await _blocking(container, container.metadata().close)
    except StoreFailed as error:
        log.error("index_close_failed", reason=error.hint)
        if not failure.done():
            failure.set_result(error)


async def _close_segments(container: Container, failure: asyncio.Future[StoreFailed]) -> None:
    """Seals what was written. After a failure nothing is sealed: the next start decides what was acknowledged."""
    if failure.done():
        return
    log: Log = container.log()
    try:
        rows = await container.offload().start(container.segment_store().close)
        script = NoteSegments(tuple(rows))
        await container.offload().start(lambda: container.metadata().apply([script], NoRecords()))
    except SeglakeError as error:
        # Everything acknowledged is durable already; the next start recovers what is left open.
        log.error("segments_left_open", reason=error.hint)


def _certificate(container: Container, settings: Settings, log: Log) -> Certificate | None:
    """What --tls needs, read before anything is opened. CannotListen."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    certificate = Certificate(settings.tls_cert, settings.tls_key, clock=container.clock(), log=log)
    try:
        certificate.load()
    except CertificateUnusable as error:
        raise CannotListen(str(error)) from error
    return certificate


async def _open_admin_channel(stack: AsyncExitStack, container: Container, settings: Settings, log: Log) -> None:
    """Whoever cannot be administered can still serve: what keeps the channel closed is logged, and no more."""
    files: FileSystem | None = container.files()
    if files is None:
        return
    admin = container.admin()
    stack.push_async_callback(admin.close)
    try:
        await admin.start(files, settings.data_dir)
    except OSError as error:
        log.error("admin_channel_closed", reason=str(error), remedy="remove what is in the way and start again")


async def _listen(stack: AsyncExitStack, container: Container, settings: Settings, tls: ssl.SSLContext | None) -> int:
    address = settings.listen
    listener = container.listener()
    possible = container.application().config.connections_max
    if possible < settings.max_connections:
        log: Log = container.log()
        log.warning("connections_limited", wanted=settings.max_connections, possible=possible, raise_with="ulimit -n")
    stack.push_async_callback(listener.close, settings.shutdown_timeout)
    # Every interface and any port: the families would get different ports, so one family has to do.
    host = address.host or (None if address.port else "0.0.0.0")  # noqa: S104 - the operator asked for it
    try:
        return await listener.start(host, address.port, tls=tls)
    except OSError as error:
        raise CannotListen(why_not(settings.addr, error, "--addr")) from error


async def _keep_house(container: Container, failure: asyncio.Future[StoreFailed], log: Log) -> None:
    """Seals full and idle segments while the store runs."""
    sealing = container.sealing()
    period = max(0.05, min(_SEALING_PERIOD_S, container.settings().segment_idle / 2))
    while not failure.done():
        await asyncio.sleep(period)
        try:
            container.maintenance().refresh()
            await sealing.tick()
        except StorageFull as error:
            log.warning("sealing_waits", reason=error.hint)
        except StoreFailed as error:
            container.on_failure()(error)
            return
        except Exception as bug:
            log.error("housekeeping_failed", exc_info=bug)


async def _apply_lifecycles(container: Container, failure: asyncio.Future[StoreFailed], log: Log) -> None:
    """Carries out the lifecycle rules of all buckets again and again: soon after the start, then at intervals."""
    runner, settings = container.lifecycle(), container.settings()
    note = noting(container.meters().tasks, container.clock(), "lifecycle")
    period = min(settings.lifecycle_interval, settings.lifecycle_day)
    delay = min(period, _FIRST_LIFECYCLE_RUN_S)
    while not failure.done():
        await asyncio.sleep(delay)
        delay = period
        try:
            await note(runner.run)
        except (StorageFull, UnderMaintenance) as error:
            log.warning("lifecycle_waits", reason=error.hint)
        except StoreFailed as error:
            container.on_failure()(error)
            return
        except Exception as bug:
            log.error("lifecycle_failed", exc_info=bug)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
