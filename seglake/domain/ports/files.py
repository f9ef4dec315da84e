"""Files of one data directory: the engine never touches the operating system directly, so a test can be the disk.

Names are relative, ``/``-separated and made by the adapters, never from an object key (R12).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

ReadBuffer = bytes | bytearray | memoryview


class File(Protocol):
    """One open file. Methods block; OSError as the system gives it; any thread, but one writer at a time."""

    def pread(self, size: int, offset: int, /) -> bytes:
        """Up to ``size`` bytes; fewer only at the end of the file."""
        ...

    def pread_into(self, buffer: bytearray | memoryview, offset: int, /) -> int:
        """Fills ``buffer`` from ``offset``; returns the bytes read, fewer only at the end of the file."""
        ...

    def pread_cached(self, size: int, offset: int, /) -> bytes | bytearray | None:
        """The bytes if all of them can be had without waiting for the disk, else None."""
        ...

    def pwritev(self, buffers: Sequence[ReadBuffer], offset: int, /) -> None:
        """Writes all of all buffers one after another (a short write is continued; its error is raised)."""
        ...

    def sync(self) -> None:
        """fdatasync: content and length survive power loss on return. Never called again on this file after an
        error."""
        ...

    def start_writeback(self, offset: int, length: int, /) -> None:
        """A hint that these bytes may go to the disk now; promises nothing."""
        ...

    def truncate(self, size: int, /) -> None: ...
    def allocate(self, size: int, /) -> None:
        """Makes the file at least ``size`` bytes long and takes the disk space for all of them now."""
        ...

    def size(self) -> int: ...
    def try_lock(self) -> bool:
        """Takes an exclusive advisory lock for as long as the file is open; False when another process has it."""
        ...

    def close(self) -> None: ...


class FileSystem(Protocol):
    """One directory tree. A name created, renamed or removed survives power loss after ``sync_dir`` of its
    directory."""

    def open(self, name: str, /, *, write: bool = False, create: bool = False) -> File:
        """Opens a file; ``create`` demands that it did not exist. Mode 0600. FileNotFoundError, FileExistsError."""
        ...

    def exists(self, name: str, /) -> bool: ...
    def list(self, directory: str, /) -> list[str]:
        """The names in a directory, sorted; empty when there is none."""
        ...

    def make_dir(self, directory: str, /) -> None:
        """Makes a directory (0700) unless it is there; its parents exist."""
        ...

    def rename(self, old: str, new: str, /) -> None:
        """Replaces ``new`` if it exists."""
        ...

    def remove(self, name: str, /) -> None: ...
    def link(self, source: FileSystem, old: str, new: str, /) -> bool:
        """Gives the file ``old`` of ``source`` the name ``new`` here too: one file, two names, wherever it is changed.

        False, and nothing done, where that is impossible (another disk, no hard links). FileNotFoundError,
        FileExistsError.
        """
        ...

    def share(self, source: FileSystem, old: str, new: str, /) -> bool:
        """Makes ``new`` a file with the content of ``old`` of ``source`` without writing it: the blocks are one until
        either file is written (a reflink). It is as durable as a written file: after its sync.

        False, and nothing done, where that is impossible. FileNotFoundError, FileExistsError.
        """
        ...

    def sync_dir(self, directory: str, /) -> None: ...
    def free_bytes(self) -> int:
        """Bytes that the file system would still give to this process."""
        ...
