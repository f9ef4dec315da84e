"""A file system on which one chosen call goes wrong, once or from then on; all others reach the real one.

Calls are counted in the order they are made, over all files together, so a programme that is deterministic can be run
once to learn how many there are and then once for each of them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from seglake.domain.ports.files import File, FileSystem, ReadBuffer


class Fault(Enum):
    """What goes wrong: an errno, or a write that gets half of its bytes onto the disk before the disk is full."""

    EIO = errno.EIO
    ENOSPC = errno.ENOSPC
    EINTR = errno.EINTR
    EMFILE = errno.EMFILE
    SHORT_WRITE = -1

    def error(self) -> OSError:
        """The error to raise."""
        number = errno.ENOSPC if self is Fault.SHORT_WRITE else int(self.value)
        return OSError(number, f"{os.strerror(number)} (injected)")


@dataclass(frozen=True, slots=True)
class Plan:
    """Call number ``nth`` (from 1) fails with ``fault``; with ``for_ever`` every later call of that name fails too.

    With an ``operation`` only calls of that name are counted.
    """

    nth: int
    fault: Fault
    for_ever: bool = False
    operation: str | None = None


class Faults:
    """Counts calls and decides which fail. ``calls`` names all calls so far, ``failed`` those that failed."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = plan
        self.calls: list[str] = []
        self.failed: list[str] = []

    def meet(self, name: str) -> Fault | None:
        """Counts one call; the fault it meets, if any."""
        self.calls.append(name)
        plan = self.plan
        if plan is None or plan.operation not in (None, name):
            return None
        count = len(self.calls) if plan.operation is None else self.calls.count(name)
        if count < plan.nth:
            return None
        if count == plan.nth or (plan.for_ever and (plan.operation or self.calls[plan.nth - 1]) == name):
            self.failed.append(name)
            return plan.fault
        return None

    def pass_or_raise(self, name: str) -> None:
        """Counts one call; OSError when it is to fail."""
        fault = self.meet(name)
        if fault is not None:
            raise fault.error()


class FaultyFile(File):
    """One open file; ``on_failed_sync`` is told the real one whose sync was not even tried."""

    __slots__ = ("_faults", "_inner", "_on_failed_sync")

    def __init__(self, inner: File, faults: Faults, on_failed_sync: Callable[[File], object] | None) -> None:
        self._inner = inner
        self._faults = faults
        self._on_failed_sync = on_failed_sync

    def pread(self, size: int, offset: int, /) -> bytes:
        """See the port."""
        self._faults.pass_or_raise("pread")
        return self._inner.pread(size, offset)

    def pread_into(self, buffer: bytearray | memoryview, offset: int, /) -> int:
        """See the port."""
        self._faults.pass_or_raise("pread")
        return self._inner.pread_into(buffer, offset)

    def pread_cached(self, size: int, offset: int, /) -> bytes | bytearray | None:
        """See the port."""
        self._faults.pass_or_raise("pread")
        return self._inner.pread_cached(size, offset)

    def pwritev(self, buffers: Sequence[ReadBuffer], offset: int, /) -> None:
        """See the port."""
        fault = self._faults.meet("pwritev")
        if fault is None:
            self._inner.pwritev(buffers, offset)
            return
        if fault is Fault.SHORT_WRITE:
            data = b"".join(buffers)
            self._inner.pwritev([data[: len(data) // 2]], offset)
        raise fault.error()

    def sync(self) -> None:
        """See the port."""
        fault = self._faults.meet("sync")
        if fault is None:
            self._inner.sync()
            return
        if self._on_failed_sync is not None:
            self._on_failed_sync(self._inner)
        raise fault.error()

    def start_writeback(self, offset: int, length: int, /) -> None:
        """See the port: a hint cannot fail."""
        self._inner.start_writeback(offset, length)

    def truncate(self, size: int, /) -> None:
        """See the port."""
        self._faults.pass_or_raise("truncate")
        self._inner.truncate(size)

    def allocate(self, size: int, /) -> None:
        """See the port."""
        self._faults.pass_or_raise("allocate")
        self._inner.allocate(size)

    def size(self) -> int:
        """See the port."""
        self._faults.pass_or_raise("size")
        return self._inner.size()

    def try_lock(self) -> bool:
        """See the port."""
        self._faults.pass_or_raise("lock")
        return self._inner.try_lock()

    def close(self) -> None:
        """See the port. The descriptor is gone even when an error is reported, as with close(2)."""
        self._inner.close()
        self._faults.pass_or_raise("close")


class FaultyFileSystem(FileSystem):
    """``inner`` with ``faults``. ``on_failed_sync`` is told the inner file of a sync that was made to fail."""

    def __init__(
        self, inner: FileSystem, faults: Faults, *, on_failed_sync: Callable[[File], object] | None = None
    ) -> None:
        self._inner = inner
        self._faults = faults
        self._on_failed_sync = on_failed_sync

    @property
    def inner(self) -> FileSystem:
        """What the faults stand in front of."""
        return self._inner

    def open(self, name: str, /, *, write: bool = False, create: bool = False) -> FaultyFile:
        """See the port."""
        self._faults.pass_or_raise("open")
        return FaultyFile(self._inner.open(name, write=write, create=create), self._faults, self._on_failed_sync)

    def exists(self, name: str, /) -> bool:
        """See the port: it has no errors to report."""
        return self._inner.exists(name)

    def list(self, directory: str, /) -> list[str]:
        """See the port."""
        self._faults.pass_or_raise("list")
        return self._inner.list(directory)

    def make_dir(self, directory: str, /) -> None:
        """See the port."""
        self._faults.pass_or_raise("make_dir")
        self._inner.make_dir(directory)

    def rename(self, old: str, new: str, /) -> None:
        """See the port."""
        self._faults.pass_or_raise("rename")
        self._inner.rename(old, new)

    def remove(self, name: str, /) -> None:
        """See the port."""
        self._faults.pass_or_raise("remove")
        self._inner.remove(name)

    def link(self, source: FileSystem, old: str, new: str, /) -> bool:
        """See the port."""
        self._faults.pass_or_raise("link")
        return self._inner.link(_within(source), old, new)

    def share(self, source: FileSystem, old: str, new: str, /) -> bool:
        """See the port."""
        self._faults.pass_or_raise("share")
        return self._inner.share(_within(source), old, new)

    def sync_dir(self, directory: str, /) -> None:
        """See the port."""
        self._faults.pass_or_raise("sync_dir")
        self._inner.sync_dir(directory)

    def free_bytes(self) -> int:
        """See the port."""
        self._faults.pass_or_raise("free_bytes")
        return self._inner.free_bytes()


def _within(files: FileSystem) -> FileSystem:
    return files.inner if isinstance(files, FaultyFileSystem) else files
