"""A connection is used only after every setting that durability rests on was read back from SQLite."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import apsw

from seglake.domain.model.errors import DataDirUnusable

PAGE_BYTES = 4096
CACHE_KIB = 16 << 10
"""Page cache of one connection; the operating system's cache does the rest."""
BUSY_MS = 30_000
"""How long a writer waits for another process's transaction before it gives up."""

Pragma = tuple[str, str, object]
"""Name, what to set, and what must be read back."""

_EVERY: tuple[Pragma, ...] = (
    ("trusted_schema", "OFF", 0),
    ("cell_size_check", "ON", 1),
    ("foreign_keys", "OFF", 0),
    ("temp_store", "MEMORY", 2),
    ("mmap_size", "0", 0),
    ("cache_size", f"-{CACHE_KIB}", -CACHE_KIB),
    ("synchronous", "FULL", 2),
    # On macOS fsync does not reach the platter; these do. Elsewhere they change nothing.
    ("fullfsync", "ON", 1),
    ("checkpoint_fullfsync", "ON", 1),
)
_WRITER: tuple[Pragma, ...] = (
    ("page_size", str(PAGE_BYTES), PAGE_BYTES),
    ("journal_mode", "WAL", "wal"),
    *_EVERY,
    ("wal_autocheckpoint", "0", 0),
)
_READER: tuple[Pragma, ...] = (*_EVERY, ("query_only", "ON", 1), ("journal_mode", "", "wal"))
_EXCLUSIVE: tuple[Pragma, ...] = (("locking_mode", "EXCLUSIVE", "exclusive"),)

_OPTIONS = (
    (apsw.SQLITE_DBCONFIG_DQS_DML, 0),
    (apsw.SQLITE_DBCONFIG_DQS_DDL, 0),
    # One plan for a statement, whatever is bound: without it a statement with ORDER BY is planned anew for every
    # execution (10 us instead of 2 for a point lookup), and a plan could change with the data.
    (apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1),
)

# Releases before this one may corrupt a WAL that is reset while another connection checkpoints.
_SQLITE_MIN = 3_051_003


@dataclass(frozen=True, slots=True)
class Disk:
    """Where the database lives: its path, the VFS that reaches it (None = SQLite's own), and whether nobody else may.

    ``exclusive`` means one connection for everything and no shared memory, which a VFS written in Python has not got.
    """

    path: str
    vfs: str | None = None
    exclusive: bool = False


def open_writer(disk: Disk) -> apsw.Connection:
    """The connection that alone writes and checkpoints; makes the database (mode 0600) when there is none."""
    if apsw.SQLITE_VERSION_NUMBER < _SQLITE_MIN or int(apsw.sqlite_lib_version().split(".")[1]) < 51:
        raise DataDirUnusable(f"SQLite {apsw.sqlite_lib_version()} can corrupt its WAL; install apsw 3.51.3 or newer")
    if disk.vfs is None:
        Path(disk.path).touch(mode=0o600, exist_ok=True)
    connection = _open(disk)
    try:
        connection.set_busy_timeout(BUSY_MS)
        _settle(connection, (*_EXCLUSIVE, *_WRITER) if disk.exclusive else _WRITER)
    except BaseException:
        connection.close(True)
        raise
    return connection


def open_reader(disk: Disk) -> apsw.Connection:
    """A connection that cannot write and never checkpoints."""
    connection = _open(disk)
    try:
        connection.set_busy_timeout(BUSY_MS)
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        _settle(connection, _READER)
    except BaseException:
        connection.close(True)
        raise
    return connection


def _open(disk: Disk) -> apsw.Connection:
    flags = apsw.SQLITE_OPEN_READWRITE
    if disk.vfs is not None:
        flags |= apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(disk.path, flags=flags, vfs=disk.vfs)
    for option, value in _OPTIONS:
        connection.config(option, value)
    return connection


def _settle(connection: apsw.Connection, pragmas: tuple[Pragma, ...]) -> None:
    """Sets each pragma and reads it back; SQLite ignores what it does not know, so only the answer counts."""
    for name, value, _expected in pragmas:
        if value:
            connection.execute(f"PRAGMA {name} = {value}").fetchall()
    for name, _value, expected in pragmas:
        row = connection.execute(f"PRAGMA {name}").fetchone()
        got = row[0] if row else None
        if got != expected:
            raise DataDirUnusable(f"SQLite's {name} is {got!r} and not {expected!r}; refusing to store without it")
