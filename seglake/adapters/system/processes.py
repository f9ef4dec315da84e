"""A helper process computes beside this one; it is begun with the first work and ends with its owner, whatever happens.

It is spawned, not forked: threads, locks and database connections of this process have no twin there. It answers one
question after another, so nothing waits for anything but the next answer.
"""

from __future__ import annotations

import gc
import pickle
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from seglake.domain.model.errors import SeglakeError
from seglake.domain.ports.system import Helper

T = TypeVar("T")

BATCH = 2000
"""Items in one answer; one answer is computed while the last one is used."""

_Answer = tuple[list[Any], bool, Exception | None]
"""Items, whether there are more, and what the work raised."""


class HelperGone(SeglakeError):
    """The helper process ended in the middle of its work; its own words are on standard error."""


class ProcessHelper(Helper):
    """One process; one thread at a time uses it."""

    def __init__(self) -> None:
        self._pipe: Connection | None = None
        self._process: Any = None
        self._asked: deque[int] = deque()
        self._answers: dict[int, deque[_Answer]] = {}
        self._count = 0

    def iterate(self, work: Callable[[], Iterator[T]], /) -> Iterator[T]:
        """See the port. HelperGone."""
        self._count += 1
        number = self._count
        self._answers[number] = deque()
        self._send(("open", number, work))
        self._ask(number)
        return self._items(number)

    def _items(self, number: int) -> Iterator[Any]:
        more = True
        try:
            while more:
                items, more, error = self._answer(number)
                if more:
                    self._ask(number)
                yield from items
                if error is not None:
                    raise error
        finally:
            if more and self._pipe is not None:
                self._send(("close", number, None))
            self._answers.pop(number, None)

    def _ask(self, number: int) -> None:
        self._send(("next", number, None))
        self._asked.append(number)

    def _answer(self, number: int) -> _Answer:
        """The next answer to ``number``; those to others are kept for them."""
        mine = self._answers[number]
        while not mine:
            assert self._pipe is not None, "an answer was asked for"
            try:
                answer = pickle.loads(self._pipe.recv_bytes())  # noqa: S301 - from our own process
            except EOFError:
                raise HelperGone("the helper process ended in the middle of its work") from None
            kept = self._answers.get(self._asked.popleft())
            if kept is not None:
                kept.append(answer)
        return mine.popleft()

    def _send(self, message: tuple[str, int, Any]) -> None:
        if self._pipe is None:
            context = get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs,), daemon=True, name="seglake-helper")
            self._process.start()
            theirs.close()
        try:
            self._pipe.send_bytes(pickle.dumps(message))
        except OSError as error:
            raise HelperGone(f"the helper process is gone: {error}") from error

    def close(self) -> None:
        """Ends the process, in the middle of its work if need be. Idempotent."""
        if self._pipe is not None:
            self._pipe.close()
            self._process.terminate()
            self._process.join()
            self._pipe = self._process = None


def _serve(pipe: Connection) -> None:
    """The helper's life: until its owner closes the pipe or dies."""
    gc.disable()  # the work is streams of small values; looking for cycles in them costs a sixth of the time
    running: dict[int, Iterator[Any]] = {}
    try:
        while True:
            verb, number, work = pickle.loads(pipe.recv_bytes())  # noqa: S301 - from the process that began this one
            if verb == "open":
                running[number] = _Begun(work)
            elif verb == "close":
                running.pop(number, None)
            else:
                pipe.send_bytes(pickle.dumps(_next(running, number), pickle.HIGHEST_PROTOCOL))
    except (EOFError, OSError, KeyboardInterrupt):
        return  # the owner is gone, or is going: Ctrl-C reaches both


class _Begun(Iterator[Any]):
    """Calls the work with the first item, so that its error has an answer to be in."""

    def __init__(self, work: Callable[[], Iterator[Any]]) -> None:
        self._work = work
        self._items: Iterator[Any] | None = None

    def __next__(self) -> Any:
        if self._items is None:
            self._items = self._work()
        return next(self._items)


def _next(running: dict[int, Iterator[Any]], number: int) -> _Answer:
    items: list[Any] = []
    try:
        items.extend(islice(running[number], BATCH))
    except Exception as error:  # noqa: BLE001 - raised again where the work was asked for
        running.pop(number, None)
        return items, False, portable(error)
    if len(items) == BATCH:
        return items, True, None
    running.pop(number, None)
    return items, False, None


def portable(error: Exception) -> Exception:
    """The error, if it survives the way; else what it says."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - a round trip of our own
    except Exception:  # noqa: BLE001 - whatever stands in its way, the text gets through
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
