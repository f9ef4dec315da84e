"""Blocking work leaves the event loop here and nowhere else.

What was started is never taken back: a waiter that goes away changes nothing about the work (port `Offload`).
This is why asyncio's own executor bridge is not used: it cancels work that has not begun yet.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar, cast

from seglake.domain.ports.system import Offload

T = TypeVar("T")

_THREADS_MIN = 4
_THREADS_MAX = 32


def default_threads() -> int:
    """Threads for this machine: disk waits overlap, hashing gets every core."""
    return max(_THREADS_MIN, min(_THREADS_MAX, 2 * (os.cpu_count() or 1)))


class ThreadOffload(Offload):
    """A bounded set of threads with one queue; must be started from a running event loop.

    The queue itself is not bounded: callers bound what they start (bytes in flight, one batch at a time).
    """

    __slots__ = ("_pool",)

    def __init__(self, threads: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads or default_threads(), thread_name_prefix="seglake")

    def start(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Queues ``work``; RuntimeError after `close`."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()
        self._pool.submit(_run, work, outcome, loop)
        return outcome

    def close(self) -> None:
        """Waits for all that was started, then ends the threads. Blocks; may be called twice."""
        self._pool.shutdown(wait=True)


class InlineOffload(Offload):
    """Runs the work at once in the caller's thread: simulations and unit tests, where order must be reproducible."""

    __slots__ = ()

    def start(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Runs ``work`` before it returns; the outcome is delivered by awaiting."""
        try:
            return _Outcome(work(), None)
        except Exception as error:  # noqa: BLE001 - kept for whoever awaits, as the port says
            return _Outcome(None, error)

    def close(self) -> None:
        """Nothing to wait for."""


class _Outcome(Generic[T]):
    """An awaitable that is ready: it never gives control to the loop. (PEP 492, "Await Expression")"""

    __slots__ = ("_error", "_value")

    def __init__(self, value: T | None, error: Exception | None) -> None:
        self._value = value
        self._error = error

    def __await__(self) -> Generator[Any, Any, T]:
        if self._error is not None:
            raise self._error
        yield from ()
        return cast("T", self._value)


def _run(work: Callable[[], T], outcome: asyncio.Future[T], loop: asyncio.AbstractEventLoop) -> None:
    try:
        value = work()
    except BaseException as error:  # noqa: BLE001 - the waiter gets it, whatever it is
        _post(loop, _fail, outcome, error)
    else:
        _post(loop, _deliver, outcome, value)


def _post(loop: asyncio.AbstractEventLoop, step: Callable[..., None], outcome: asyncio.Future[T], what: object) -> None:
    # A closed loop has no waiters left; the work itself is done either way.
    if not loop.is_closed():
        loop.call_soon_threadsafe(step, outcome, what)


def _deliver(outcome: asyncio.Future[T], value: T) -> None:
    if not outcome.done():
        outcome.set_result(value)


def _fail(outcome: asyncio.Future[T], error: BaseException) -> None:
    if outcome.done():
        return
    if isinstance(error, StopIteration):
        # A future refuses StopIteration, which would leave the waiter waiting for ever.
        wrapped = RuntimeError("offloaded work raised StopIteration")
        wrapped.__cause__ = error
        error = wrapped
    outcome.set_exception(error)
