"""SQLite on the file-system port: the database has the same disk as the segments, so one power failure meets both.

For simulations. There is no shared memory, so a database on this VFS is opened by one connection in exclusive mode.
As on any Unix, a journal or WAL that was created is made safe under its name by its first sync; the database's own
name is made safe when a file beside it is.
"""

from __future__ import annotations

import ctypes
import errno
import itertools

import apsw

from seglake.domain.ports.files import File, FileSystem
from seglake.domain.ports.system import Clock, Randomness

_NUMBERS = itertools.count(1)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_SYNCED_WITH_NAME = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL
_SECTOR_BYTES = 4096


def _failure(error: OSError, extended: int) -> apsw.Error:
    """The result that SQLite gives for the same error of its own VFS."""
    if error.errno in _NO_ROOM:
        return apsw.FullError(str(error))
    failure = apsw.IOError(str(error))
    failure.extendedresult = extended  # type: ignore[attr-defined]  # read by apsw
    failure.result = apsw.SQLITE_IOERR  # type: ignore[attr-defined]
    return failure


class PortVfs(apsw.VFS):
    """One registered VFS, named by ``vfs_name``, until ``unregister``. File names are those of the port."""

    def __init__(self, files: FileSystem, clock: Clock, randomness: Randomness) -> None:
        self.vfs_name = f"seglake-port-{next(_NUMBERS)}"
        self._files = files
        self._clock = clock
        self._randomness = randomness
        super().__init__(self.vfs_name, base="", iVersion=2)

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802 - SQLite's name
        """See https://sqlite.org/c3ref/vfs.html, as for every method here."""
        return self._files.exists(pathname)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        """Removes a file; with ``syncdir`` its absence is safe on return."""
        try:
            self._files.remove(filename)
        except FileNotFoundError as error:
            missing = apsw.IOError(str(error))
            missing.extendedresult = apsw.SQLITE_IOERR_DELETE_NOENT  # type: ignore[attr-defined]
            raise missing from error
        except OSError as error:
            raise _failure(error, apsw.SQLITE_IOERR_DELETE) from error
        if syncdir:
            try:
                self._files.sync_dir(_directory(filename))
            except OSError as error:
                raise _failure(error, apsw.SQLITE_IOERR_DIR_FSYNC) from error

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        """Names are complete."""
        return name

    def xOpen(  # type: ignore[override]  # noqa: N802 - any object with the methods will do
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> PortVfsFile:
        """Opens, and creates where SQLite asks for it."""
        assert name is not None, "temporary tables are kept in memory"
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        flags[1] = flags[0]
        create = bool(flags[0] & apsw.SQLITE_OPEN_CREATE) and not self._files.exists(path)
        try:
            file = self._files.open(path, write=True, create=create)
        except FileNotFoundError as error:
            raise apsw.CantOpenError(str(error)) from error
        except OSError as error:
            raise _failure(error, apsw.SQLITE_IOERR_ACCESS) from error
        unnamed = create and bool(flags[0] & _SYNCED_WITH_NAME)
        return PortVfsFile(self._files, file, _directory(path) if unnamed else None)

    def xRandomness(self, numbytes: int) -> bytes:  # noqa: N802
        """Salts of the WAL."""
        return self._randomness.bytes(numbytes)

    def xSleep(self, microseconds: int) -> int:  # noqa: N802
        """Nobody else is there to wait for."""
        return microseconds

    def xCurrentTimeInt64(self) -> int:  # noqa: N802
        """Milliseconds since the Julian epoch."""
        return self._clock.now_ms() + 210866760000000

    def xGetLastError(self) -> tuple[int, str]:  # noqa: N802
        """Errors are told when they happen."""
        return 0, ""


class PortVfsFile:
    """One open file; ``unnamed`` is the directory whose sync its name still waits for."""

    def __init__(self, files: FileSystem, file: File, unnamed: str | None) -> None:
        self._files = files
        self._file = file
        self._unnamed = unnamed

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        """Fewer bytes at the end, where SQLite fills with zeros."""
        try:
            return self._file.pread(amount, offset)
        except OSError as error:
            raise _failure(error, apsw.SQLITE_IOERR_READ) from error

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        """All or an error."""
        try:
            self._file.pwritev((data,), offset)
        except OSError as error:
            raise _failure(error, apsw.SQLITE_IOERR_WRITE) from error

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        """Cuts the file."""
        try:
            self._file.truncate(newsize)
        except OSError as error:
            raise _failure(error, apsw.SQLITE_IOERR_TRUNCATE) from error

    def xSync(self, flags: int) -> None:  # noqa: N802
        """Content and length, and once the name of a new journal."""
        try:
            self._file.sync()
        except OSError as error:
            raise _failure(error, apsw.SQLITE_IOERR_FSYNC) from error
        if self._unnamed is not None:
            try:
                self._files.sync_dir(self._unnamed)
            except OSError as error:
                raise _failure(error, apsw.SQLITE_IOERR_DIR_FSYNC) from error
            self._unnamed = None

    def xFileSize(self) -> int:  # noqa: N802
        """Bytes."""
        try:
            return self._file.size()
        except OSError as error:
            raise _failure(error, apsw.SQLITE_IOERR_FSTAT) from error

    def xLock(self, level: int) -> None:  # noqa: N802
        """The data directory's lock keeps others out."""

    def xUnlock(self, level: int) -> None:  # noqa: N802
        """As above."""

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        """Nobody else."""
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:  # noqa: N802
        """Answers how much may be mapped into memory: nothing, since the port has no mappings."""
        if op != apsw.SQLITE_FCNTL_MMAP_SIZE:
            return False
        ctypes.c_int64.from_address(ptr).value = 0
        return True

    def xSectorSize(self) -> int:  # noqa: N802
        """What SQLite's own VFS says of every disk."""
        return _SECTOR_BYTES

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        """A write that is cut off by a power failure harms no byte outside of it: what Unix assumes, and no more."""
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def xClose(self) -> None:  # noqa: N802
        """Errors of closing change nothing: what had to be safe was synced."""
        try:
            self._file.close()
        except OSError as error:
            raise _failure(error, apsw.SQLITE_IOERR_CLOSE) from error


def _directory(name: str) -> str:
    return name.rpartition("/")[0] or "."
