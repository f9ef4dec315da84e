"""How long the disk takes to make bytes safe: every file that is written to is timed when it is synced."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from seglake.adapters.telemetry.requests import latencies_ms
from seglake.adapters.telemetry.spread import Spread
from seglake.domain.ports.files import File, FileSystem, ReadBuffer


class SyncCounts:
    """Syncs of files since the start. Any thread."""

    __slots__ = ("_lock", "failed", "latency_us")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.latency_us = Spread()
        self.failed = 0

    def note(self, seconds: float, *, ok: bool) -> None:
        """One has ended."""
        with self._lock:
            self.latency_us.add(int(seconds * 1e6))
            self.failed += not ok

    def figures(self) -> Mapping[str, object]:
        """What /v1/meta/stats shows of them."""
        counts = self.latency_us.copy()
        return {"count": sum(counts), "failed": self.failed, "latency_ms": latencies_ms(counts)}


class MeteredFiles(FileSystem):
    """Times the syncs of what is opened to be written; what is opened to be read is handed out as it is."""

    def __init__(self, files: FileSystem, counts: SyncCounts, steady_s: Callable[[], float]) -> None:
        self.timed = files
        self._counts = counts
        self._steady_s = steady_s

    def open(self, name: str, /, *, write: bool = False, create: bool = False) -> File:
        """As the other."""
        file = self.timed.open(name, write=write, create=create)
        return MeteredFile(file, self._counts, self._steady_s) if write or create else file

    def exists(self, name: str, /) -> bool:
        """As the other."""
        return self.timed.exists(name)

    def list(self, directory: str, /) -> list[str]:
        """As the other."""
        return self.timed.list(directory)

    def make_dir(self, directory: str, /) -> None:
        """As the other."""
        self.timed.make_dir(directory)

    def rename(self, old: str, new: str, /) -> None:
        """As the other."""
        self.timed.rename(old, new)

    def remove(self, name: str, /) -> None:
        """As the other."""
        self.timed.remove(name)

    def link(self, source: FileSystem, old: str, new: str, /) -> bool:
        """As the other."""
        return self.timed.link(_inner(source), old, new)

    def share(self, source: FileSystem, old: str, new: str, /) -> bool:
        """As the other."""
        return self.timed.share(_inner(source), old, new)

    def sync_dir(self, directory: str, /) -> None:
        """As the other."""
        self.timed.sync_dir(directory)

    def free_bytes(self) -> int:
        """As the other."""
        return self.timed.free_bytes()


def _inner(files: FileSystem) -> FileSystem:
    """Two names of one file are a matter between the file systems themselves."""
    return files.timed if isinstance(files, MeteredFiles) else files


class MeteredFile(File):
    """A file that is written to."""

    __slots__ = ("_counts", "_file", "_steady_s")

    def __init__(self, file: File, counts: SyncCounts, steady_s: Callable[[], float]) -> None:
        self._file = file
        self._counts = counts
        self._steady_s = steady_s

    def sync(self) -> None:
        """As the other, timed."""
        begun = self._steady_s()
        try:
            self._file.sync()
        except BaseException:
            self._counts.note(self._steady_s() - begun, ok=False)
            raise
        self._counts.note(self._steady_s() - begun, ok=True)

    def pread(self, size: int, offset: int, /) -> bytes:
        """As the other."""
        return self._file.pread(size, offset)

    def pread_into(self, buffer: bytearray | memoryview, offset: int, /) -> int:
        """As the other."""
        return self._file.pread_into(buffer, offset)

    def pread_cached(self, size: int, offset: int, /) -> bytes | bytearray | None:
        """As the other."""
        return self._file.pread_cached(size, offset)

    def pwritev(self, buffers: Sequence[ReadBuffer], offset: int, /) -> None:
        """As the other."""
        self._file.pwritev(buffers, offset)

    def start_writeback(self, offset: int, length: int, /) -> None:
        """As the other."""
        self._file.start_writeback(offset, length)

    def truncate(self, size: int, /) -> None:
        """As the other."""
        self._file.truncate(size)

    def allocate(self, size: int, /) -> None:
        """As the other."""
        self._file.allocate(size)

    def size(self) -> int:
        """As the other."""
        return self._file.size()

    def try_lock(self) -> bool:
        """As the other."""
        return self._file.try_lock()

    def close(self) -> None:
        """As the other."""
        self._file.close()
