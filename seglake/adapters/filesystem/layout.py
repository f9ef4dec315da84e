"""Where things lie in a data directory, and what must be true of it before anything is opened.

The directory and all below it belong to the server's user alone (0700, 0600): objects, keys and secrets are in it.
"""

from __future__ import annotations

import os
import stat

from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.adapters.filesystem.publish import publish
from seglake.domain.model.errors import DataDirUnusable
from seglake.domain.ports.files import FileSystem

FORMAT_FILE = "FORMAT"
FORMAT_VERSION = 1
FORMAT_TEXT = "seglake data directory, format {}\n"
OBJECTS_DIR = "objects"
SEGMENTS_DIR = "objects/segments"
MANIFESTS_DIR = "objects/manifests"
QUARANTINE_DIR = "objects/quarantine"
SEGMENT_SUFFIX = ".seg"
PACK_SUFFIX = ".mfp"
SNAPSHOT_FILE = "manifest.json"
"""Its presence makes a directory a snapshot: not a store, but what a store is restored from."""
RESTORING_FILE = ".seglake-restoring"
"""Its presence marks a store whose restore did not end."""
RESERVE_FILE = ".seglake.reserve"
LOCK_FILE = ".seglake.lock"
MASTER_KEY_FILE = ".seglake-master.key"


def segment_name(segment: bytes) -> str:
    """The file of a segment (16-byte id)."""
    return f"{SEGMENTS_DIR}/{segment.hex()}{SEGMENT_SUFFIX}"


def quarantine_name(segment: bytes) -> str:
    """The file of a segment that was moved out of the way."""
    return f"{QUARANTINE_DIR}/{segment.hex()}{SEGMENT_SUFFIX}"


def pack_name(segment: bytes) -> str:
    """The manifest pack of a segment."""
    return f"{MANIFESTS_DIR}/{segment.hex()}{PACK_SUFFIX}"


def segment_ids(files: FileSystem) -> list[bytes]:
    """The ids of all segment files, sorted; other names are not ours to touch."""
    out = []
    for name in files.list(SEGMENTS_DIR):
        stem, suffix = name[:32], name[32:]
        if suffix == SEGMENT_SUFFIX and len(stem) == 32 and all(letter in "0123456789abcdef" for letter in stem):
            out.append(bytes.fromhex(stem))
    return out


def open_data_dir(path: str | os.PathLike[str], *, create: bool = True) -> OsFileSystem:
    """The data directory at ``path``, made when it is missing and ``create``, with its sub-directories.

    DataDirUnusable, with what to do about it, when it is no directory, another user's, open to others, or newer.
    """
    root = os.path.abspath(os.fspath(path))
    try:
        if create:
            _make_root(root)
        _check_root(root)
        files = OsFileSystem(root)
        refuse_unfinished(files)
        prepare(files, create=create)
    except OSError as error:
        raise DataDirUnusable(f"the data directory {root} cannot be used: {error.strerror or error}") from error
    return files


def new_directory(path: str | os.PathLike[str]) -> OsFileSystem:
    """An empty directory at ``path``, made (0700) when it is missing, safe under its name. Its parent exists.

    DataDirUnusable when it is no directory, another user's, open to others, or not empty.
    """
    root = os.path.abspath(os.fspath(path))
    try:
        if not os.path.isdir(os.path.dirname(root)):
            raise DataDirUnusable(f"there is no directory {os.path.dirname(root)} to make {root} in")
        _make_root(root)
        _check_root(root)
        files = OsFileSystem(root)
        if files.list("."):
            raise DataDirUnusable(f"{root} is not empty: name a new or an empty directory")
    except OSError as error:
        raise DataDirUnusable(f"the directory {root} cannot be used: {error.strerror or error}") from error
    return files


def refuse_unfinished(files: FileSystem) -> None:
    """DataDirUnusable for a directory that a restore left half done, and for a snapshot."""
    if files.exists(RESTORING_FILE):
        raise DataDirUnusable("the restore into this directory did not end: remove the directory and restore again")
    if files.exists(SNAPSHOT_FILE):
        raise DataDirUnusable("this directory is a snapshot, not a store: `seglake restore` makes a store of it")


def prepare(files: FileSystem, *, create: bool = True) -> None:
    """Makes the directories and the format marker if they are missing, durably; DataDirUnusable for a newer format."""
    if files.exists(FORMAT_FILE):
        _check_format(files)
    elif not create:
        raise DataDirUnusable("this is not a Seglake data directory: the file FORMAT is missing")
    for directory in (OBJECTS_DIR, SEGMENTS_DIR, MANIFESTS_DIR):
        files.make_dir(directory)
    files.sync_dir(OBJECTS_DIR)
    if not files.exists(FORMAT_FILE):
        publish(files, FORMAT_FILE, [FORMAT_TEXT.format(FORMAT_VERSION).encode()])
    else:
        files.sync_dir(".")


def _check_format(files: FileSystem) -> None:
    file = files.open(FORMAT_FILE)
    try:
        text = file.pread(200, 0).decode("ascii", "replace")
    finally:
        file.close()
    head, _, number = text.rstrip("\n").rpartition(" ")
    if f"{head} " != FORMAT_TEXT.format("")[:-1] or not number.isdigit():
        raise DataDirUnusable(f"the file {FORMAT_FILE} does not belong to a Seglake data directory: {text[:60]!r}")
    if int(number) > FORMAT_VERSION:
        raise DataDirUnusable(
            f"the data directory has format {number}, this program knows {FORMAT_VERSION}: use a newer Seglake"
        )


def _make_root(root: str) -> None:
    if os.path.isdir(root):
        return
    os.makedirs(root, 0o700, exist_ok=True)
    # The new name lives in its parent, which no FileSystem below the root can reach.
    OsFileSystem(os.path.dirname(root)).sync_dir(".")


def _check_root(root: str) -> None:
    try:
        info = os.stat(root)
    except FileNotFoundError:
        raise DataDirUnusable(f"there is no data directory at {root}") from None
    if not stat.S_ISDIR(info.st_mode):
        raise DataDirUnusable(f"{root} is not a directory")
    if info.st_uid != os.geteuid():
        raise DataDirUnusable(f"{root} belongs to the user {info.st_uid}, the server runs as {os.geteuid()}: chown it")
    if info.st_mode & 0o077:
        raise DataDirUnusable(f"{root} is open to other users: chmod 700 {root}")
