"""A whole file appears under its name, durably, or not at all: temporary file, sync, rename, directory sync."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from seglake.domain.ports.files import File, FileSystem, ReadBuffer

TEMPORARY_SUFFIX = ".tmp"


class SyncFailed(OSError):
    """A sync that did not succeed, whatever its number: never "disk full, try again", always final."""

    def __init__(self, error: OSError) -> None:
        super().__init__(errno.EIO, f"a sync failed: {error}")


def sync_file(file: File) -> None:
    """Syncs; SyncFailed is not to be followed by another sync of this file."""
    try:
        file.sync()
    except OSError as error:
        raise SyncFailed(error) from error


def sync_directory(files: FileSystem, directory: str) -> None:
    """Syncs the names in ``directory``; SyncFailed when that did not succeed."""
    try:
        files.sync_dir(directory)
    except OSError as error:
        raise SyncFailed(error) from error


def publish(files: FileSystem, name: str, pieces: Iterable[ReadBuffer]) -> None:
    """Writes ``pieces`` as the file ``name``, replacing an older one. OSError leaves the old one as it was.

    A temporary file that a crash left behind is thrown away first. One caller at a time for one name.
    """
    temporary = name + TEMPORARY_SUFFIX
    if files.exists(temporary):
        files.remove(temporary)
    file = files.open(temporary, create=True)
    try:
        _write(file, pieces)
        sync_file(file)
    except BaseException:
        _discard(files, file, temporary)
        raise
    file.close()
    files.rename(temporary, name)
    sync_directory(files, directory_of(name))


def _write(file: File, pieces: Iterable[ReadBuffer]) -> None:
    offset = 0
    for piece in pieces:
        if piece:
            file.pwritev([piece], offset)
            offset += len(piece)


def _discard(files: FileSystem, file: File, temporary: str) -> None:
    """Gives the space back; the error that led here is the one to tell, so this one's own are not."""
    try:
        file.close()
        files.remove(temporary)
    except OSError:
        pass


def directory_of(name: str) -> str:
    """The directory part of a name; ``.`` for the root itself."""
    return name.rpartition("/")[0] or "."
