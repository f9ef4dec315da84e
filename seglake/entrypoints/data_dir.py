"""A data directory is opened in one way only: checked, locked for the life of the process, and with its key."""

from __future__ import annotations

from pathlib import Path

from seglake.adapters.filesystem.layout import open_data_dir
from seglake.adapters.filesystem.locks import DataDirLock
from seglake.adapters.filesystem.master_key import load_master_keys
from seglake.adapters.filesystem.reserve import relieve
from seglake.adapters.secret_box import AesGcmSecretBox
from seglake.domain.model.errors import DataDirUnusable
from seglake.domain.ports.files import FileSystem
from seglake.domain.ports.secrets import SecretBox
from seglake.domain.ports.system import Randomness

from .settings import Settings


def open_locked(path: Path, *, create: bool, pid: int, started: str) -> tuple[FileSystem, DataDirLock]:
    """The directory's files and its lock, held. DataDirUnusable, DataDirLocked."""
    files = open_data_dir(path, create=create)
    lock = DataDirLock(files)
    lock.acquire(pid=pid, started=started)
    try:
        relieve(files)
    except OSError as error:
        lock.release()
        raise DataDirUnusable(f"the data directory {path} cannot be used: {error.strerror or error}") from error
    return files, lock


def open_box(settings: Settings, randomness: Randomness, *, create: bool) -> SecretBox:
    """The box of the store's key-encryption key. DataDirUnusable."""
    newest, *older = load_master_keys(settings.master_key_path, randomness, create=create)
    return AesGcmSecretBox(newest, randomness, older=tuple(older))


def random_box(randomness: Randomness) -> SecretBox:
    """A box whose key nobody keeps: for a store in memory."""
    return AesGcmSecretBox(randomness.bytes(32), randomness)
