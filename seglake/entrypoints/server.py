"""`seglake server`: one process, one event loop, ended by a signal or by the first failure of the store.

Exit codes: 0 after a signal, 2 when it could not start (one line says why), 70 when the store failed (a sync or commit
error: start again, recovery decides), 128 + signal when a second signal did not want to wait. SIGHUP has the
certificate read again and the access log continue in a new file.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

import structlog

from seglake.adapters.system.service_manager import ServiceManager
from seglake.domain.model.errors import SeglakeError, StoreFailed

from .banner import banner
from .descriptors import raise_limit
from .lifespan import Running, lifespan
from .logging import configure_logging
from .places import CannotListen
from .settings import Settings, SettingsInvalid
from .supervision import supervised

EXIT_OK = 0
EXIT_CANNOT_START = 2
EXIT_STORE_FAILED = 70

SWITCH_INTERVAL_S = 0.001
"""How long a thread may keep the interpreter while another waits: the committer's thread is woken for every batch."""

_GC_YOUNG = 10_000
"""Requests make few cycles; collecting after every 700 objects would cost more than it frees."""


def serve(settings: Settings) -> int:
    """Runs the server until it is told to stop; the exit code."""
    hidden = (settings.secret_key.get_secret_value(),) if settings.secret_key else ()
    configure_logging(level=settings.log_level, log_format=settings.log_format, hidden=hidden)
    os.umask(0o077)
    raise_limit(settings.max_connections)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        return _run(_serve(settings))
    except SettingsInvalid as error:
        return _refuse(*error.problems)
    except StoreFailed as error:
        _tell(f"the store failed while it was opened: {error.hint}")
        return EXIT_STORE_FAILED
    except (SeglakeError, CannotListen) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"the server could not start: {error}")


def _refuse(*problems: str) -> int:
    _tell(*problems)
    return EXIT_CANNOT_START


def _tell(*lines: str) -> None:
    for line in lines:
        sys.stderr.write(f"seglake: {line}\n")
    sys.stderr.flush()


def _run(main: Coroutine[Any, Any, int]) -> int:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


async def _serve(settings: Settings) -> int:
    stop = asyncio.Event()
    _on_signals(stop)
    log = structlog.get_logger()
    async with lifespan(settings, log) as running:
        if settings.tls or running.reopen is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, running.refresh)
        _settle_memory()
        sys.stdout.write(banner(running, terminal=sys.stdout.isatty()) + "\n")
        sys.stdout.flush()
        async with supervised(ServiceManager.of(os.environ, pid=os.getpid()), f"serving {running.endpoint}", log):
            await _until_stopped_or_failed(running, stop)
    if running.failure.done():
        _tell(
            f"the store failed: {running.failure.result().hint}",
            "nothing after it was acknowledged; start the server again, it recovers by itself",
        )
        return EXIT_STORE_FAILED
    return EXIT_OK


async def _until_stopped_or_failed(running: Running, stop: asyncio.Event) -> None:
    running.failure.add_done_callback(lambda _failure: stop.set())
    await stop.wait()


def _on_signals(stop: asyncio.Event) -> None:
    """The first signal stops gracefully, the second at once - which loses nothing that was acknowledged."""
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, int(number))


def _settle_memory() -> None:
    """What was built by now lives as long as the process; the collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_YOUNG, 20, 50)
