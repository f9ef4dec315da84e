"""The index in a SQLite database: many readers beside one writer, every commit synced before it returns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import apsw

from seglake.adapters.sqlite.check import findings
from seglake.adapters.sqlite.connection import Disk, open_reader, open_writer
from seglake.adapters.sqlite.readers import Reader, ReaderPool
from seglake.adapters.sqlite.rows import Session
from seglake.adapters.sqlite.schema import migrate
from seglake.adapters.sqlite.tables.settings import write_site
from seglake.adapters.sqlite.writer import Writer
from seglake.domain.model.errors import DataDirUnusable, MetadataDamaged, StorageFull, StoreClosed, StoreFailed
from seglake.domain.model.events import Event
from seglake.domain.model.segment import RecordRef, Segment
from seglake.domain.ports.journal import Journal
from seglake.domain.ports.metadata import MetadataStore, MetadataView, Outcome, Script
from seglake.domain.ports.system import Clock, Randomness

T = TypeVar("T")

CHECKPOINT_PAGES = 1000
"""The WAL is copied into the database when it has grown by so many pages (4 KiB each)."""


class SqliteMetadataStore(MetadataStore):
    """A MetadataStore on one SQLite file; ``open`` comes first.

    With ``vfs`` SQLite reaches its files through a VFS of that name. With ``exclusive`` one connection does everything,
    one call at a time: for a VFS without shared memory, and for offline tools.
    """

    def __init__(
        self,
        path: str,
        *,
        clock: Clock,
        randomness: Randomness,
        vfs: str | None = None,
        exclusive: bool = False,
        checkpoint_pages: int = CHECKPOINT_PAGES,
    ) -> None:
        self._disk = Disk(path, vfs, exclusive)
        self._clock = clock
        self._randomness = randomness
        self._checkpoint_pages = checkpoint_pages
        self._lock = threading.RLock()
        self._writer: Writer | None = None
        self._pool: ReaderPool | None = None
        self._sole: Reader | None = None

    def open(self, *, unclean: bool = False) -> None:
        """Opens or makes the database, migrates it and, after an ``unclean`` stop, checks its pages.

        DataDirUnusable (newer or foreign database, a setting that SQLite refuses, no permission), MetadataDamaged,
        StorageFull.
        """
        try:
            connection = open_writer(self._disk)
        except (apsw.Error, OSError) as error:
            raise _unopened(self._disk.path, error) from error
        try:
            session = Session(connection)
            if unclean:
                _quick_check(session)
                _make_safe(connection)
            self._settle(session)
        except apsw.Error as error:
            _give_up(connection)
            raise _unopened(self._disk.path, error) from error
        except BaseException:
            _give_up(connection)
            raise
        if self._disk.exclusive:
            self._sole = Reader(session)
        else:
            self._pool = ReaderPool(self._disk)
        self._writer = Writer(session, checkpoint_pages=self._checkpoint_pages)

    def _settle(self, session: Session) -> None:
        """Schema, and at the very first opening a site id. Both end in one state, however often a crash interrupts."""
        migrate(session.connection, self._clock.now_ms())
        if session.one("SELECT 1 FROM site", ()) is None:
            session.execute("BEGIN IMMEDIATE")
            write_site(session, int.from_bytes(self._randomness.bytes(4), "little") or 1, 0)
            session.execute("COMMIT")

    def read(self, query: Callable[[MetadataView], T], /) -> T:
        """One snapshot. A query runs once."""
        if self._pool is not None:
            return self._pool.reader().read(query)
        with self._lock:
            if self._sole is None:
                raise StoreClosed("the index is closed")
            assert not self._sole.in_transaction, "a read of the only connection inside a commit or another read"
            return self._sole.read(query)

    def apply(self, scripts: Sequence[Script[Any]], journal: Journal, /) -> list[Outcome]:
        """One batch; see the port."""
        with self._lock:
            if self._writer is None:
                journal.abandon()
                raise StoreClosed("the index is closed")
            assert self._sole is None or not self._sole.in_transaction, "a commit inside a read of the only connection"
            return self._writer.batch(scripts, journal, self._clock.now_ms())

    def replay(self, events: Sequence[tuple[Event, RecordRef]], segments: Sequence[Segment], /) -> None:
        """Bulk load, in transactions of ``REPLAY_EVENTS_MAX`` events."""
        with self._lock:
            self._open_writer().replay(events, segments)

    def maintain(self) -> None:
        """A checkpoint when one is due."""
        with self._lock:
            self._open_writer().maintain()

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise StoreClosed("the index is closed")
        return self._writer

    def check(self) -> list[str]:
        """integrity_check, every row's checksum, and what rows say about one another."""
        with self._lock:
            writer = self._open_writer()
            if self._disk.exclusive:
                return findings(writer.session)
        connection = open_reader(self._disk)
        try:
            return findings(Session(connection))
        finally:
            connection.close(True)

    def close(self) -> None:
        """Checkpoints and closes; no read may be under way. Idempotent. StoreFailed when the checkpoint failed."""
        with self._lock:
            writer, self._writer, self._sole = self._writer, None, None
            if self._pool is not None:
                self._pool.close()
            if writer is not None:
                writer.close()


def _give_up(connection: apsw.Connection) -> None:
    """Closes what could not be opened properly; the error that led here is the one to tell."""
    try:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.close(True)
    except apsw.Error:
        pass


def _make_safe(connection: apsw.Connection) -> None:
    """Syncs the last process's write-ahead log and empties it.

    A killed process may leave a commit in the page cache only. SQLite reads it there and shows it, but whoever acts
    on it - recovery seals segments as far as the index says - must not see it vanish in the next power failure.
    """
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def _quick_check(session: Session) -> None:
    found = [text for (text,) in session.execute("PRAGMA quick_check(5)")]
    if found != ["ok"]:
        raise MetadataDamaged(f"meta.db is damaged ({'; '.join(found)}); run `seglake rebuild-index`")


def _unopened(path: str, error: Exception) -> MetadataDamaged | DataDirUnusable | StorageFull | StoreFailed:
    """What a failure to open means to whoever started the server."""
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return MetadataDamaged(f"{path} is damaged: {error}; run `seglake rebuild-index`")
    if isinstance(error, apsw.FullError):
        return StorageFull(f"there is no room to open {path}: {error}")
    if isinstance(error, apsw.IOError):
        return StoreFailed(f"{path} cannot be read or written: {error}")
    return DataDirUnusable(f"{path} cannot be opened: {error}")
