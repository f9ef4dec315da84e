"""A whole Seglake inside a test: real HTTP and real signatures on a free port, gone when the block ends."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from seglake.entrypoints.lifespan import lifespan
from seglake.entrypoints.settings import load_settings

ACCESS_KEY = "test"
SECRET_KEY = "testsecret"

_DEFAULTS: dict[str, Any] = {"addr": "127.0.0.1:0", "ops_addr": "off", "shutdown_timeout": 1.0}


@dataclass(frozen=True, slots=True)
class ServerHandle:
    """What a client needs to reach the server."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str

    @property
    def boto3(self) -> dict[str, str]:
        """Arguments for ``boto3.client("s3", **handle.boto3)``."""
        return {
            "endpoint_url": self.endpoint,
            "aws_access_key_id": self.access_key,
            "aws_secret_access_key": self.secret_key,
            "region_name": self.region,
        }


class StandardLog:
    """Warnings and errors go to the standard library's logger ``seglake``, where test runners look."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("seglake")

    def info(self, event: str, /, **fields: Any) -> None:
        """Not told."""

    def warning(self, event: str, /, **fields: Any) -> None:
        """Told at WARNING."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: Any) -> None:
        """Told at ERROR, with the traceback if there is one."""
        self._write(logging.ERROR, event, fields)

    def _write(self, level: int, event: str, fields: dict[str, Any]) -> None:
        exc_info = fields.pop("exc_info", None)
        self._logger.log(level, "%s %s", event, fields, exc_info=exc_info)


@asynccontextmanager
async def server(**settings: Any) -> AsyncIterator[ServerHandle]:
    """Runs a server in the present event loop: ``async with seglake.testing.server() as s: ...``.

    Keeps everything in memory unless ``data_dir`` is given. ``settings`` are those of `seglake server`, with
    underscores (``default_versioning="enabled"``, ``max_object_size="1MiB"``). SettingsInvalid for a wrong one.
    """
    given = {"ephemeral": "data_dir" not in settings, **_DEFAULTS, **settings}
    given.setdefault("access_key", ACCESS_KEY)
    given.setdefault("secret_key", SECRET_KEY)
    known = load_settings(**given)
    assert known.access_key is not None, "a pair was given or defaulted"
    assert known.secret_key is not None, "a pair was given or defaulted"
    async with lifespan(known, StandardLog()) as running:
        yield ServerHandle(running.endpoint, known.access_key, known.secret_key.get_secret_value(), known.region)


@contextmanager
def running_server(**settings: Any) -> Iterator[ServerHandle]:
    """The same for synchronous tests: ``with seglake.testing.running_server() as s: ...``; it runs in a thread."""
    background = _Background(settings)
    background.start()
    try:
        yield background.wait()
    finally:
        background.stop()


class _Background:
    """A thread with an event loop of its own that serves until it is told to stop."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._ready = threading.Event()
        self._handle: ServerHandle | None = None
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="seglake-server", daemon=True)

    def start(self) -> None:
        """Begins; ``wait`` tells when it serves."""
        self._thread.start()

    def wait(self) -> ServerHandle:
        """Blocks until it serves; raises what kept it from doing so."""
        self._ready.wait()
        if self._handle is None:
            assert self._error is not None, "either it serves or it says why not"
            raise self._error
        return self._handle

    def stop(self) -> None:
        """Ends it and waits for that; raises what went wrong meanwhile, unless ``wait`` has."""
        if self._loop is not None and self._stop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._handle is not None and self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with server(**self._settings) as handle:
            self._handle = handle
            self._ready.set()
            await self._stop.wait()
