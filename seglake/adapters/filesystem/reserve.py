"""Room for what must still work on a full disk: deletes, the index, recovery, collecting garbage.

A file of ``size`` bytes, the ballast, takes room that can be given back, and payload is refused while less than half of
``size`` is free besides it, so that events find room long after payload has stopped. When less than that is free - for
others fill disks too - the ballast is cut to nothing before the next batch, so that neither its events nor the index
behind them, which cannot take a commit back, meet the end of the disk. A start does the same before it recovers
(``relieve``). Payload is then refused until ``restore`` finds room for the ballast and the limit above it.
"""

from __future__ import annotations

import threading

from seglake.adapters.filesystem.layout import RESERVE_FILE
from seglake.domain.model.errors import StorageFull
from seglake.domain.ports.files import File, FileSystem
from seglake.domain.ports.log import Log
from seglake.domain.ports.system import Clock

FREE_CACHE_S = 0.05
"""How long one look at the free space serves; what is appended meanwhile is subtracted."""


class Reserve:
    """The ballast and the payload limit of one data directory (``size`` in bytes, 0 for none)."""

    __slots__ = ("_clock", "_file", "_files", "_held", "_lock", "_log", "_looked_s", "_room", "_size")

    def __init__(self, files: FileSystem, clock: Clock, size: int, log: Log) -> None:
        self._files = files
        self._clock = clock
        self._size = size
        self._log = log
        self._lock = threading.Lock()
        self._file: File | None = None
        self._held = False
        self._room = 0
        self._looked_s = float("-inf")

    def open(self) -> None:
        """Takes the ballast; without room for it the store still opens, and says so."""
        if self._size:
            create = not self._files.exists(RESERVE_FILE)
            self._file = self._files.open(RESERVE_FILE, write=True, create=create)
            self._held = self._file.size() >= self._size
            if not self._held and self.restore():
                # A ballast that a power failure takes away could not be given back at the next start.
                self._file.sync()
                self._files.sync_dir(".")

    def take(self, size: int) -> None:
        """Counts ``size`` payload bytes about to be written; StorageFull when they would eat into the reserve."""
        with self._lock:
            self._look()
            if size > self._room:
                raise StorageFull(f"the disk has no room for {size} more bytes; delete something or add space")
            self._room -= size

    def prepare(self) -> None:
        """Before every batch: gives the ballast up when the disk is about to be full without it."""
        if not self._held:
            return
        with self._lock:
            self._look()
            short = self._room < 0
        if short:
            self.release()

    def _look(self) -> None:
        now = self._clock.steady_s()
        if now - self._looked_s > FREE_CACHE_S:
            # Room that the ballast gave back is not for payload.
            kept = self._size // 2 if self._held else self._size + self._size // 2
            self._room = self._free() - kept
            self._looked_s = now

    def release(self) -> bool:
        """Gives the ballast's room back to the disk; False when there was none to give."""
        with self._lock:
            if self._file is None or not self._held:
                return False
            try:
                self._file.truncate(0)
            except OSError as error:
                self._log.warning("reserve_stuck", error=str(error), bytes=self._size)
                return False
            self._held = False
            self._looked_s = float("-inf")
        self._log.warning("reserve_released", bytes=self._size)
        return True

    def restore(self) -> bool:
        """Takes the ballast again when there is room for it; True when it was taken."""
        if self._file is None or self._held or self._free() < self._size + self._size // 2:
            return False
        with self._lock:
            try:
                self._file.allocate(self._size)
                self._held = True
                self._looked_s = float("-inf")
            except OSError as error:
                self._log.warning("reserve_missing", error=str(error), bytes=self._size)
                self._give_back(self._file)
            return self._held

    def close(self) -> None:
        """Closes the file; the ballast stays on the disk."""
        file, self._file = self._file, None
        try:
            if file is not None:
                file.close()
        except OSError as error:
            self._log.warning("reserve_close_failed", error=str(error))

    def _give_back(self, file: File) -> None:
        """Half a ballast helps nobody: what an allocation took before it failed is returned."""
        try:
            file.truncate(0)
        except OSError as error:
            self._log.warning("reserve_stuck", error=str(error), bytes=self._size)

    def _free(self) -> int:
        try:
            return self._files.free_bytes()
        except OSError as error:
            # Whoever cannot say how much is free must not stop writing; the write itself will tell.
            self._log.warning("free_space_unknown", error=str(error))
            return 1 << 62


def relieve(files: FileSystem) -> None:
    """Gives the ballast's room back when the disk is about to be full; at a start, before anything else is written."""
    if not files.exists(RESERVE_FILE):
        return
    file = files.open(RESERVE_FILE, write=True)
    try:
        if files.free_bytes() < file.size() // 2:
            file.truncate(0)
    finally:
        file.close()
