"""One long piece of work in a process of its own: it takes nothing from those who are served, and can be ended at once.

It only reads, so that its end leaves nothing behind. It is spawned, not forked: threads, locks and database connections
of this process have no twin there.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from seglake.adapters.system.processes import HelperGone, portable
from seglake.domain.ports.progress import Progress, Stages

T = TypeVar("T")

_TELL_S = 0.05
"""How often at most the other process says how far it is."""
_LOOK_S = 0.2
"""How often the one that waits asks itself whether somebody wants the work to end."""
_NICENESS = 10
"""Whoever is served comes first."""


def run_apart(work: Callable[[Stages], T], stages: Stages, /) -> T:
    """Runs ``work`` in a new process; its stages are begun and advanced here. Blocking.

    ``work``, its result and its errors can be pickled. What it raises is raised here, and so is what a stage raises:
    the process ends then. HelperGone when it died.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    # Not as a daemon: it may have a helper of its own. It ends with its pipe.
    process = context.Process(target=_serve, args=(theirs, pickle.dumps(work)), name="seglake-apart")
    process.start()
    theirs.close()
    try:
        result: T = _follow(ours, stages)
        return result
    finally:
        ours.close()
        process.terminate()
        process.join()
        process.close()


def _follow(pipe: Connection, stages: Stages) -> Any:
    progress: Progress | None = None
    while True:
        if not pipe.poll(_LOOK_S):
            if progress is not None:
                progress.advance(0)
            continue
        try:
            verb, value = pickle.loads(pipe.recv_bytes())  # noqa: S301 - from our own process
        except (EOFError, OSError):
            raise HelperGone("the process that did the work ended in the middle of it") from None
        if verb == "stage":
            progress = stages(*value)
        elif verb == "result":
            return value
        elif verb == "error":
            raise value
        elif progress is not None:
            (progress.total if verb == "total" else progress.advance)(value)


class _Told(Progress):
    """One stage's progress on its way to the other process."""

    __slots__ = ("_done", "_next", "_tell")

    def __init__(self, tell: Callable[[str, Any], None]) -> None:
        self._tell = tell
        self._done = 0
        self._next = 0.0

    def total(self, units: int, /) -> None:
        self._tell("total", units)

    def advance(self, units: int = 1, /) -> None:
        self._done += units
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _TELL_S
            self.flush()

    def flush(self) -> None:
        """Tells what was not told yet."""
        done, self._done = self._done, 0
        self._tell("advance", done)


def _serve(pipe: Connection, pickled: bytes) -> None:
    """The life of the other process; it ends with the one that began it, whatever happens to that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the other one decides
    try:
        os.nice(_NICENESS)
    except OSError:
        pass  # a sandbox may forbid it; the work is the same
    gc.disable()  # the work is streams of small values; looking for cycles in them costs a sixth of the time
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    begun: list[_Told] = []

    def tell(verb: str, value: Any) -> None:
        pipe.send_bytes(pickle.dumps((verb, value), pickle.HIGHEST_PROTOCOL))

    def begin(name: str, unit: str, /) -> Progress:
        for progress in begun:
            progress.flush()
        tell("stage", (name, unit))
        begun[:] = [_Told(tell)]
        return begun[0]

    try:
        result = pickle.loads(pickled)(begin)  # noqa: S301 - from the process that began this one
    except Exception as error:  # noqa: BLE001 - raised again where the work was asked for
        tell("error", portable(error))
    else:
        for progress in begun:
            progress.flush()
        tell("result", result)


def _end_with(pipe: Connection) -> None:
    """Nothing is ever sent here: the pipe ends with the process at its other end."""
    try:
        pipe.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)
