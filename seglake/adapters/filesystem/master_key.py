"""The key-encryption key in a file: 32 random bytes that appear whole or not at all and that nobody else can read.

While the key is being replaced the file holds two, one on each line, the new one first.
"""

from __future__ import annotations

import os
import re
import stat

from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.adapters.filesystem.publish import publish
from seglake.domain.model.errors import DataDirUnusable
from seglake.domain.ports.system import Randomness

MASTER_KEY_BYTES = 32
KEYS_MAX = 2
_LINE_BYTES = MASTER_KEY_BYTES * 2 + 1
_HEX = re.compile(rb"[0-9A-Fa-f]{64}")


def load_master_keys(path: str | os.PathLike[str], randomness: Randomness, *, create: bool) -> tuple[bytes, ...]:
    """The key in the file at ``path`` (64 hex digits), made there, mode 0600, when it is missing and ``create``; behind
    it the older one, if a replacement was interrupted.

    DataDirUnusable when it is missing, no regular file, another user's, open to others, or not a key.
    """
    full = os.path.abspath(os.fspath(path))
    try:
        if create and not os.path.lexists(full):
            key = randomness.bytes(MASTER_KEY_BYTES)
            store_master_keys(full, (key,))
        _check(full)
        files = OsFileSystem(os.path.dirname(full))
        file = files.open(os.path.basename(full))
        try:
            text = file.pread(_LINE_BYTES * KEYS_MAX + 1, 0)
        finally:
            file.close()
    except OSError as error:
        raise DataDirUnusable(f"the master key file {full} cannot be used: {error.strerror or error}") from error
    return _parse(text, full)


def store_master_keys(path: str | os.PathLike[str], keys: tuple[bytes, ...]) -> None:
    """Replaces what the file holds by these keys, durably and all at once. OSError leaves it as it was."""
    assert 1 <= len(keys) <= KEYS_MAX, "there is a key, and while it is replaced an older one"
    full = os.path.abspath(os.fspath(path))
    files = OsFileSystem(os.path.dirname(full))
    publish(files, os.path.basename(full), [key.hex().encode() + b"\n" for key in keys])


def _check(full: str) -> None:
    info = os.lstat(full)
    if not stat.S_ISREG(info.st_mode):
        raise DataDirUnusable(f"the master key file {full} is not a regular file")
    if info.st_uid != os.geteuid():
        raise DataDirUnusable(f"the master key file {full} belongs to another user ({info.st_uid})")
    if info.st_mode & 0o077:
        raise DataDirUnusable(f"the master key file {full} is open to other users: chmod 600 {full}")


def _parse(text: bytes, full: str) -> tuple[bytes, ...]:
    lines = text.removesuffix(b"\n").split(b"\n")
    if len(lines) > KEYS_MAX or not all(_HEX.fullmatch(line) for line in lines):
        raise DataDirUnusable(f"the master key file {full} does not hold 64 hex digits")
    return tuple([bytes.fromhex(line.decode("ascii")) for line in lines])
