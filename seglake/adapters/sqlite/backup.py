"""A copy of the database is one read transaction's state, page for page, however long the copying takes.

SQLite's backup API begins anew when the source changes between two steps, unless the source connection has a
transaction open all the while: then every step reads the same snapshot (in WAL mode writers do not wait for it; only
the WAL cannot begin anew until the copy is done). The target has no journal and is not synced here: it becomes
something only when its owner has synced it and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import apsw

from seglake.adapters.sqlite.connection import PAGE_BYTES, Disk
from seglake.adapters.sqlite.rows import Session
from seglake.adapters.sqlite.view import SqliteView
from seglake.domain.model.errors import MetadataDamaged, StorageFull, StoreFailed
from seglake.domain.ports.metadata import MetadataView
from seglake.domain.ports.snapshots import IndexCopy

T = TypeVar("T")


class SqliteIndexCopy(IndexCopy):
    """See the port. ``source`` is idle, and nobody else's until ``close``; it is closed then if ``owned``."""

    def __init__(self, source: apsw.Connection, target: Disk, *, owned: bool) -> None:
        self._source: apsw.Connection | None = source
        self._owned = owned
        self._session = Session(source)
        self._pages = 0
        try:
            source.execute("BEGIN")
            self._pages = int(source.execute("PRAGMA page_count").get)
            # The first read fixes the state.
            source.execute("SELECT one FROM site").fetchall()
            self._target = _open_target(target)
            self._backup = self._target.backup("main", source, "main")
        except apsw.Error as error:
            self._let_go()
            raise _failure(error) from error

    def total(self) -> int:
        """See the port."""
        return self._pages * PAGE_BYTES

    def step(self, size: int, /) -> int:
        """See the port."""
        if self._backup.done:
            return 0
        left = self._backup.remaining or self._pages
        try:
            self._backup.step(max(1, size // PAGE_BYTES))
        except apsw.Error as error:
            raise _failure(error) from error
        return max(1, left - self._backup.remaining) * PAGE_BYTES

    def read(self, query: Callable[[MetadataView], T], /) -> T:
        """See the port."""
        try:
            return query(SqliteView(self._session))
        except apsw.Error as error:
            raise _failure(error) from error
        finally:
            self._session.end_scans()

    def close(self) -> None:
        """See the port."""
        if self._source is None:
            return
        try:
            self._backup.close(True)
            self._target.close(True)
        except apsw.Error as error:
            raise _failure(error) from error
        finally:
            self._let_go()

    def _let_go(self) -> None:
        source, self._source = self._source, None
        if source is None:
            return
        self._session.end_scans()
        if not source.get_autocommit():
            source.execute("COMMIT")
        if self._owned:
            source.close(True)


def _open_target(disk: Disk) -> apsw.Connection:
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(disk.path, flags=flags, vfs=disk.vfs)
    for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = OFF", "synchronous = OFF", "cache_size = -1024"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


def _failure(error: apsw.Error) -> StorageFull | MetadataDamaged | StoreFailed:
    if isinstance(error, apsw.FullError):
        return StorageFull(f"there is no room for a copy of the index: {error}")
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return MetadataDamaged(f"the index is damaged: {error}; run `seglake rebuild-index`")
    return StoreFailed(f"the index cannot be copied: {error}")
