"""The operating system's files: the only module that opens, syncs, renames or truncates anything.

Errors come out as the OSError they are; what they mean is decided by the callers. Modes are 0600 and 0700 whatever the
umask says, and every descriptor closes on exec.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import sys
from collections.abc import Callable, Sequence

from seglake.domain.ports.files import File, FileSystem, ReadBuffer

_BUFFERS_MAX = min(os.sysconf("SC_IOV_MAX") if "SC_IOV_MAX" in os.sysconf_names else 16, 1024)
_NO_WAIT = getattr(os, "RWF_NOWAIT", 0)
_FULLFSYNC = getattr(fcntl, "F_FULLFSYNC", None)
_WRITE_NOW = 2  # SYNC_FILE_RANGE_WRITE (linux/fs.h): start writing, wait for nothing
_FICLONE = 0x40049409  # linux/fs.h
_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS)
_NO_CLONES = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENOTTY, errno.ETXTBSY)
_NOT_THERE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


def _writeback_call() -> Callable[[int, int, int, int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        call = ctypes.CDLL(None, use_errno=True).sync_file_range
    except (OSError, AttributeError):
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    call.restype = ctypes.c_int
    start: Callable[[int, int, int, int], int] = call
    return start


_START_WRITEBACK = _writeback_call()


class OsFile(File):
    """One descriptor."""

    __slots__ = ("_cached_reads", "_fd")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._cached_reads = bool(_NO_WAIT)

    def pread(self, size: int, offset: int, /) -> bytes:
        """See the port."""
        data = os.pread(self._fd, size, offset)
        if len(data) == size or not data:
            return data
        pieces = [data]
        got = len(data)
        while got < size:  # a signal or the 2 GiB limit of one call may cut a read short
            data = os.pread(self._fd, size - got, offset + got)
            if not data:
                break
            pieces.append(data)
            got += len(data)
        return b"".join(pieces)

    def pread_into(self, buffer: bytearray | memoryview, offset: int, /) -> int:
        """See the port."""
        view = memoryview(buffer)
        got = 0
        while got < len(view):
            count = os.preadv(self._fd, [view[got:]], offset + got)
            if not count:
                break
            got += count
        return got

    def pread_cached(self, size: int, offset: int, /) -> bytearray | None:
        """See the port (preadv2 with RWF_NOWAIT; None for ever where the kernel or the file system has none)."""
        if not self._cached_reads:
            return None
        buffer = bytearray(size)
        try:
            return buffer if os.preadv(self._fd, [buffer], offset, _NO_WAIT) == size else None
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise
            self._cached_reads = False
            return None

    def pwritev(self, buffers: Sequence[ReadBuffer], offset: int, /) -> None:
        """See the port."""
        for first in range(0, len(buffers), _BUFFERS_MAX):
            group = buffers[first : first + _BUFFERS_MAX]
            size = sum(map(len, group))
            done = os.pwritev(self._fd, group, offset)
            if done < size:
                self._write_rest(b"".join(group), done, offset)
            offset += size

    def _write_rest(self, data: bytes, done: int, offset: int) -> None:
        view = memoryview(data)
        while done < len(data):
            count = os.pwrite(self._fd, view[done:], offset + done)
            if not count:
                raise OSError(errno.ENOSPC, "a write made no progress")
            done += count

    def sync(self) -> None:
        """See the port (F_FULLFSYNC on macOS, where fsync does not reach the platter)."""
        if _FULLFSYNC is not None:
            fcntl.fcntl(self._fd, _FULLFSYNC)
        else:
            os.fdatasync(self._fd)

    def start_writeback(self, offset: int, length: int, /) -> None:
        """See the port (sync_file_range; nothing elsewhere). Its result does not matter: the sync tells."""
        if _START_WRITEBACK is not None:
            _START_WRITEBACK(self._fd, offset, length, _WRITE_NOW)

    def truncate(self, size: int, /) -> None:
        """See the port."""
        os.ftruncate(self._fd, size)

    def allocate(self, size: int, /) -> None:
        """See the port."""
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._fd, 0, size)
            return
        block = bytes(1 << 20)
        for offset in range(self.size(), size, len(block)):
            self.pwritev([block[: size - offset]], offset)

    def size(self) -> int:
        """See the port."""
        return os.fstat(self._fd).st_size

    def try_lock(self) -> bool:
        """See the port (flock: the kernel lets go of it when the process dies, however it dies)."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Closes once; later calls do nothing, so a number given to another file is never closed."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class OsFileSystem(FileSystem):
    """The tree below ``root`` (an existing directory)."""

    __slots__ = ("_prefix", "root")

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = os.fspath(root)
        self._prefix = os.path.join(self.root, "")

    def open(self, name: str, /, *, write: bool = False, create: bool = False) -> OsFile:
        """See the port."""
        flags = os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_RDWR if write or create else os.O_RDONLY)
        if create:
            flags |= os.O_CREAT | os.O_EXCL
        return OsFile(os.open(self._prefix + name, flags, 0o600))

    def exists(self, name: str, /) -> bool:
        """See the port."""
        return os.path.lexists(self._prefix + name)

    def list(self, directory: str, /) -> list[str]:
        """See the port."""
        try:
            return sorted(os.listdir(self._prefix + directory))
        except FileNotFoundError:
            return []

    def make_dir(self, directory: str, /) -> None:
        """See the port."""
        try:
            os.mkdir(self._prefix + directory, 0o700)
        except FileExistsError:
            if not os.path.isdir(self._prefix + directory):
                raise

    def rename(self, old: str, new: str, /) -> None:
        """See the port."""
        os.replace(self._prefix + old, self._prefix + new)

    def remove(self, name: str, /) -> None:
        """See the port."""
        os.unlink(self._prefix + name)

    def link(self, source: FileSystem, old: str, new: str, /) -> bool:
        """See the port (link(2))."""
        if not isinstance(source, OsFileSystem):
            return False
        try:
            os.link(os.path.join(source.root, old), self._prefix + new, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return False
        return True

    def share(self, source: FileSystem, old: str, new: str, /) -> bool:
        """See the port (ioctl FICLONE, ioctl_ficlonerange(2); Linux)."""
        if not isinstance(source, OsFileSystem) or not sys.platform.startswith("linux"):
            return False
        origin = os.open(os.path.join(source.root, old), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            copy = os.open(self._prefix + new, flags, 0o600)
            try:
                fcntl.ioctl(copy, _FICLONE, origin)
            except OSError as error:
                os.unlink(self._prefix + new)
                if error.errno not in _NO_CLONES:
                    raise
                return False
            finally:
                os.close(copy)
        finally:
            os.close(origin)
        return True

    def sync_dir(self, directory: str, /) -> None:
        """See the port."""
        fd = os.open(self._prefix + directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if _FULLFSYNC is not None:
                fcntl.fcntl(fd, _FULLFSYNC)
            else:
                os.fsync(fd)
        finally:
            os.close(fd)

    def free_bytes(self) -> int:
        """See the port."""
        stat = os.statvfs(self.root)
        return stat.f_bavail * stat.f_frsize
