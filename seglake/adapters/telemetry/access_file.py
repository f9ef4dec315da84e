"""Lines of the access log are written by a thread of their own: a slow disk delays no request, and costs lines only
beyond a bound, which are counted."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import BinaryIO, Final, Generic, TypeVar

from seglake.domain.ports.log import Log

T = TypeVar("T")

WAITING_MAX = 100_000
"""Lines that wait for the disk at the most."""
_AT_ONCE = 500


class _Order:
    """What is asked of the thread beside lines."""


_REOPEN: Final = _Order()
_STOP: Final = _Order()


class AccessLogFile(Generic[T]):
    """Appends one line for each record; ``render`` makes it, in the thread. ``path`` None is standard output.

    ``reopen`` begins the file anew under its name, after somebody renamed it. What cannot be written is counted as
    dropped and logged once until it works again.
    """

    def __init__(self, path: Path | None, render: Callable[[T], str], log: Log) -> None:
        self._path = path
        self._render = render
        self._log = log
        self._queue: SimpleQueue[T | _Order] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._failing = False
        self.dropped = 0

    def open(self) -> None:
        """Opens the file (made with mode 0600 under the server's umask) and starts. OSError."""
        file = self._opened()
        self._thread = threading.Thread(target=self._run, args=(file,), name="seglake-access-log", daemon=True)
        self._thread.start()

    def write(self, record: T) -> None:
        """Has a line written soon. Cheap; any thread."""
        if self._queue.qsize() >= WAITING_MAX:
            self.dropped += 1
            return
        self._queue.put(record)

    def reopen(self) -> None:
        """Continues in a new file of the same name."""
        self._queue.put(_REOPEN)

    def close(self) -> None:
        """Writes what waits and ends. Blocking; idempotent."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(_STOP)
            thread.join()

    def _opened(self) -> BinaryIO:
        return sys.stdout.buffer if self._path is None else self._path.open("ab", buffering=0)

    def _run(self, file: BinaryIO) -> None:
        order: _Order | None = None
        while order is not _STOP:
            records: list[T] = []
            order = self._gather(records)
            if records:
                self._append(file, records)
            if order is _REOPEN:
                file = self._reopened(file)
        if self._path is not None:
            file.close()

    def _gather(self, records: list[T]) -> _Order | None:
        """Waits for one, then takes what else is there up to an order."""
        item = self._queue.get()
        while not isinstance(item, _Order):
            records.append(item)
            if len(records) == _AT_ONCE:
                return None
            try:
                item = self._queue.get_nowait()
            except Empty:
                return None
        return item

    def _append(self, file: BinaryIO, records: list[T]) -> None:
        try:
            left = memoryview("".join([f"{self._render(record)}\n" for record in records]).encode())
            while left:
                left = left[file.write(left) :]
            file.flush()
        except OSError as error:
            self.dropped += len(records)
            if not self._failing:
                self._failing = True
                self._log.error("access_log_not_written", reason=str(error), lines=len(records))
        else:
            self._failing = False

    def _reopened(self, file: BinaryIO) -> BinaryIO:
        """The new file; the old one when it cannot be opened."""
        if self._path is None:
            return file
        try:
            fresh = self._opened()
        except OSError as error:
            self._log.error("access_log_not_reopened", reason=str(error))
            return file
        file.close()
        return fresh
