"""One process at a time owns a data directory: an flock for the life of the process, which no dead process keeps."""

from __future__ import annotations

from seglake.adapters.filesystem.layout import LOCK_FILE
from seglake.domain.model.errors import DataDirLocked
from seglake.domain.ports.files import File, FileSystem

_TEXT_MAX = 200


class DataDirLock:
    """The lock of one data directory, held from ``acquire`` to ``release`` or the end of the process."""

    __slots__ = ("_file", "_files")

    def __init__(self, files: FileSystem) -> None:
        self._files = files
        self._file: File | None = None

    def acquire(self, *, pid: int, started: str) -> None:
        """Takes the lock and writes who has it; DataDirLocked, naming the owner, when another process has it."""
        assert self._file is None, "a lock is taken once"
        file = self._open()
        if not file.try_lock():
            owner = file.pread(_TEXT_MAX, 0).decode("utf-8", "replace").strip() or "an unnamed process"
            file.close()
            raise DataDirLocked(f"the data directory is in use by {owner}; stop it first, or ask the running server")
        file.truncate(0)
        file.pwritev([f"pid {pid}, started {started}\n".encode()[:_TEXT_MAX]], 0)
        self._file = file

    def release(self) -> None:
        """Lets go. Idempotent. The file stays: removing it would let two processes lock two files of one name."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> File:
        try:
            return self._files.open(LOCK_FILE, create=True)
        except FileExistsError:
            return self._files.open(LOCK_FILE, write=True)
