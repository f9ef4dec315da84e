"""A read is one snapshot on a connection of its own thread; it ends with the query, whatever the query left open."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import TypeVar

import apsw

from seglake.adapters.sqlite.connection import Disk, open_reader
from seglake.adapters.sqlite.rows import Session
from seglake.adapters.sqlite.view import SqliteView
from seglake.domain.model.errors import MetadataDamaged, StoreClosed, StoreFailed
from seglake.domain.ports.metadata import MetadataView

T = TypeVar("T")


class Reader:
    """One connection's snapshots, one at a time."""

    __slots__ = ("__weakref__", "_execute", "_session", "_view", "busy")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._execute = session.execute
        self._view: MetadataView = SqliteView(session)
        self.busy = False

    def read(self, query: Callable[[MetadataView], T]) -> T:
        """Runs ``query``. MetadataDamaged when SQLite finds its pages damaged, StoreFailed when it cannot read them."""
        assert not self.busy, "a read inside a read would see another snapshot"
        self.busy = True
        execute = self._execute
        try:
            execute("BEGIN")
            try:
                return query(self._view)
            finally:
                if self._session.cursors:
                    self._session.end_scans()
                execute("COMMIT")
        except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError) as error:
            raise MetadataDamaged(f"the index is damaged: {error}; run `seglake rebuild-index`") from error
        except apsw.Error as error:
            raise StoreFailed(f"the index cannot be read: {error}") from error
        finally:
            self.busy = False

    @property
    def in_transaction(self) -> bool:
        """Whether the connection is in the midst of something."""
        return not self._session.connection.get_autocommit()

    def close(self) -> None:
        """Closes the connection."""
        self._session.connection.close(True)


class ReaderPool:
    """A reader for every thread that asks, opened at its first read and closed with the thread or the pool."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._local = threading.local()
        self._lock = threading.Lock()
        self._readers: weakref.WeakSet[Reader] = weakref.WeakSet()
        self._closed = False

    def reader(self) -> Reader:
        """This thread's reader. StoreClosed."""
        if self._closed:
            raise StoreClosed("the index is closed")
        try:
            reader: Reader = self._local.reader
        except AttributeError:
            reader = self._open()
        return reader

    def _open(self) -> Reader:
        reader = Reader(Session(open_reader(self._disk)))
        with self._lock:
            if self._closed:
                reader.close()
                raise StoreClosed("the index is closed")
            self._readers.add(reader)
        self._local.reader = reader
        return reader

    def close(self) -> None:
        """Closes all readers; no read may be under way."""
        with self._lock:
            self._closed = True
            readers = list(self._readers)
        for reader in readers:
            reader.close()
