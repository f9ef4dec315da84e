"""The key-encryption key in a file: 32 random bytes that appear whole or not at all and that nobody else can read."""

from __future__ import annotations

import os
import stat

from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.adapters.filesystem.publish import publish
from seglake.domain.model.errors import DataDirUnusable
from seglake.domain.ports.system import Randomness

MASTER_KEY_BYTES = 32


def load_master_key(path: str | os.PathLike[str], randomness: Randomness, *, create: bool) -> bytes:
    """The 32 bytes in the file at ``path`` (64 hex digits); made there, mode 0600, when it is missing and ``create``.

    DataDirUnusable when it is missing, no regular file, another user's, open to others, or not a key.
    """
    full = os.path.abspath(os.fspath(path))
    try:
        if create and not os.path.lexists(full):
            key = randomness.bytes(MASTER_KEY_BYTES)
            publish(OsFileSystem(os.path.dirname(full)), os.path.basename(full), [key.hex().encode() + b"\n"])
        _check(full)
        files = OsFileSystem(os.path.dirname(full))
        file = files.open(os.path.basename(full))
        try:
            text = file.pread(MASTER_KEY_BYTES * 2 + 2, 0)
        finally:
            file.close()
    except OSError as error:
        raise DataDirUnusable(f"the master key file {full} cannot be used: {error.strerror or error}") from error
    return _parse(text, full)


def _check(full: str) -> None:
    info = os.lstat(full)
    if not stat.S_ISREG(info.st_mode):
        raise DataDirUnusable(f"the master key file {full} is not a regular file")
    if info.st_uid != os.geteuid():
        raise DataDirUnusable(f"the master key file {full} belongs to another user ({info.st_uid})")
    if info.st_mode & 0o077:
        raise DataDirUnusable(f"the master key file {full} is open to other users: chmod 600 {full}")


def _parse(text: bytes, full: str) -> bytes:
    digits = text.removesuffix(b"\n")
    try:
        key = bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        key = b""
    if len(digits) != MASTER_KEY_BYTES * 2 or len(key) != MASTER_KEY_BYTES:
        raise DataDirUnusable(f"the master key file {full} does not hold 64 hex digits")
    return key
