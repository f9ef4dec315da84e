"""A read is one snapshot on a connection of its own thread; it ends with the query, whatever the query left open.

In an event loop it ends with the loop's turn instead, or when this process commits: within a turn the loop answers
nobody, so no client can know of a write that the snapshot lacks. A request's reads then cost one snapshot, which takes
two file locks, and so do the requests that arrived together.
"""

from __future__ import annotations

import threading
import weakref
from asyncio import AbstractEventLoop, _get_running_loop
from collections.abc import Callable
from typing import TypeVar

import apsw

from seglake.adapters.sqlite.connection import Disk, open_reader
from seglake.adapters.sqlite.rows import Session
from seglake.adapters.sqlite.view import SqliteView
from seglake.domain.model.errors import MetadataDamaged, StoreClosed, StoreFailed
from seglake.domain.ports.metadata import MetadataView

T = TypeVar("T")


class Commits:
    """How many commits this process has made: a snapshot from before the last one is not used again."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class Reader:
    """One connection's snapshots, one at a time."""

    __slots__ = ("__weakref__", "_commits", "_ending", "_execute", "_open", "_seen", "_session", "_view", "busy")

    def __init__(self, session: Session, commits: Commits | None = None) -> None:
        self._session = session
        self._execute = session.execute
        self._view: MetadataView = SqliteView(session)
        self._commits = commits
        """None: every read has a snapshot of its own."""
        self._open = False
        self._seen = 0
        self._ending: AbstractEventLoop | None = None
        self.busy = False

    def read(self, query: Callable[[MetadataView], T]) -> T:
        """Runs ``query``. MetadataDamaged when SQLite finds its pages damaged, StoreFailed when it cannot read them."""
        assert not self.busy, "a read inside a read would see another snapshot"
        self.busy = True
        try:
            self._begin()
            try:
                return query(self._view)
            finally:
                if self._session.cursors:
                    self._session.end_scans()
                if not self._lasts():
                    self._end()
        except (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError) as error:
            raise MetadataDamaged(f"the index is damaged: {error}; run `seglake rebuild-index`") from error
        except apsw.Error as error:
            raise StoreFailed(f"the index cannot be read: {error}") from error
        finally:
            self.busy = False

    def _begin(self) -> None:
        """A snapshot that has every commit of this process: the one of this turn of the loop, or a new one."""
        commits = self._commits
        if commits is None:
            self._execute("BEGIN")
            return
        if self._open:
            if self._seen == commits.count:
                return
            self._end()
        # Counted before the snapshot is taken: a commit in between is in it and only looks as if it were not.
        self._seen = commits.count
        self._execute("BEGIN")
        self._open = True

    def _lasts(self) -> bool:
        """Whether the snapshot may be used again in this turn of the loop, which then ends it."""
        if not self._open:
            return False
        loop = _get_running_loop()
        if loop is None:
            return False
        if self._ending is not loop:
            self._ending = loop
            loop.call_soon(self._end_of_turn)
        return True

    def _end_of_turn(self) -> None:
        self._ending = None
        if self._open:
            self._end()

    def _end(self) -> None:
        self._open = False
        self._execute("COMMIT")

    @property
    def in_transaction(self) -> bool:
        """Whether the connection is in the midst of something."""
        return not self._session.connection.get_autocommit()

    def close(self) -> None:
        """Closes the connection."""
        self._open = False
        self._session.connection.close(True)


class ReaderPool:
    """A reader for every thread that asks, opened at its first read and closed with the thread or the pool."""

    def __init__(self, disk: Disk, commits: Commits | None = None) -> None:
        self._disk = disk
        self._commits = commits
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
        reader = Reader(Session(open_reader(self._disk)), self._commits)
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
