"""SQLite on the file-system port: the database has the same disk as the segments, so one power failure meets both.

For simulations. There is no shared memory, so a database on this VFS is opened by one connection in exclusive mode.
As on any Unix, a journal or WAL that was created is made safe under its name by its first sync; the database's own
name is made safe when a file beside it is. Nothing here is ever a temporary file: connections set temp_store=MEMORY.
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
_TORN_BYTES = 512


def _failure(error: OSError, extended: int) -> apsw.Error:
    """The result that SQLite gives for the same error of its own VFS."""
    failure = apsw.exception_for(apsw.SQLITE_FULL if error.errno in _NO_ROOM else extended)
    assert isinstance(failure, apsw.Error)
    failure.args = (str(error),)
    return failure


class PortVfs(apsw.VFS):
    """One registered VFS, named by ``vfs_name``, until ``unregister``. File names are those of the port.

    With ``powersafe_overwrite`` it claims what SQLite's own VFS claims on Unix (a write that a power failure cuts off
    harms no byte outside of it, sectors of 4 KiB), so that a simulation meets the very writes of production. Without,
    it claims nothing but that 512 bytes are whole, and SQLite pads its WAL so that no commit shares a sector.
    """

    def __init__(
        self, files: FileSystem, clock: Clock, randomness: Randomness, *, powersafe_overwrite: bool = True
    ) -> None:
        self.vfs_name = f"seglake-port-{next(_NUMBERS)}"
        self._files = files
        self._clock = clock
        self._randomness = randomness
        self._powersafe = powersafe_overwrite
        super().__init__(self.vfs_name, base="", iVersion=2)

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802 - SQLite's name
        """See https://sqlite.org/c3ref/vfs.html, as for every method here."""
        return self._files.exists(pathname)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        """Removes a file; with ``syncdir`` its absence is safe on return."""
        try:
            self._files.remove(filename)
        except FileNotFoundError as error:
            raise _failure(error, apsw.SQLITE_IOERR_DELETE_NOENT) from error
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
        # As SQLite's own VFS: asked to create it, not whether it was there, since its name may be unsafe all the same.
        unnamed = bool(flags[0] & apsw.SQLITE_OPEN_CREATE) and bool(flags[0] & _SYNCED_WITH_NAME)
        return PortVfsFile(self._files, file, _directory(path) if unnamed else None, powersafe=self._powersafe)

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

    def __init__(self, files: FileSystem, file: File, unnamed: str | None, *, powersafe: bool) -> None:
        self._files = files
        self._file = file
        self._unnamed = unnamed
        self._powersafe = powersafe

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
        """Bytes; see PortVfs."""
        return _SECTOR_BYTES if self._powersafe else _TORN_BYTES

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        """See PortVfs."""
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE if self._powersafe else 0

    def xClose(self) -> None:  # noqa: N802
        """Errors of closing change nothing: what had to be safe was synced."""
        try:
            self._file.close()
        except OSError as error:
            raise _failure(error, apsw.SQLITE_IOERR_CLOSE) from error


def _directory(name: str) -> str:
    return name.rpartition("/")[0] or "."
