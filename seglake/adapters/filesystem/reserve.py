"""Room for what must still work on a full disk: deletes, the index, collecting garbage.

Two limits do it. A file of ``size`` bytes, the ballast, takes room that can be given back; and payload is refused while
less than half of ``size`` is free, so that events find room long after payload has stopped. When even a batch of events
meets a full disk, the ballast is cut to nothing and the batch is written once more. ``restore`` makes it again when the
disk has room for it and the limit above it.
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
            if not self._held:
                self.restore()

    def take(self, size: int) -> None:
        """Counts ``size`` payload bytes about to be written; StorageFull when they would eat into the reserve."""
        now = self._clock.steady_s()
        with self._lock:
            if now - self._looked_s > FREE_CACHE_S:
                self._room = self._free() - self._size // 2
                self._looked_s = now
            if size > self._room:
                raise StorageFull(f"the disk has no room for {size} more bytes; delete something or add space")
            self._room -= size

    def release(self) -> bool:
        """Gives the ballast's room back to the disk; False when there was none to give."""
        with self._lock:
            if self._file is None or not self._held:
                return False
            self._held = False
            self._file.truncate(0)
        self._log.warning("reserve_released", bytes=self._size)
        return True

    def restore(self) -> None:
        """Takes the ballast again when there is room for it."""
        if self._file is None or self._held or self._free() < self._size + self._size // 2:
            return
        with self._lock:
            try:
                self._file.allocate(self._size)
                self._held = True
            except OSError as error:
                self._log.warning("reserve_missing", error=str(error), bytes=self._size)

    def close(self) -> None:
        """Closes the file; the ballast stays on the disk."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _free(self) -> int:
        try:
            return self._files.free_bytes()
        except OSError as error:
            # Whoever cannot say how much is free must not stop writing; the write itself will tell.
            self._log.warning("free_space_unknown", error=str(error))
            return 1 << 62
