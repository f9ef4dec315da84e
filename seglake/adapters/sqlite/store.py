"""The index in a SQLite database: many readers beside one writer, every commit synced before it returns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import apsw

from seglake.adapters.sqlite.backup import SqliteIndexCopy
from seglake.adapters.sqlite.check import findings
from seglake.adapters.sqlite.connection import Disk, open_reader, open_writer
from seglake.adapters.sqlite.readers import Commits, Reader, ReaderPool
from seglake.adapters.sqlite.rows import Session
from seglake.adapters.sqlite.schema import migrate
from seglake.adapters.sqlite.shape import check_header, check_schema
from seglake.adapters.sqlite.tables.settings import write_site
from seglake.adapters.sqlite.writer import Writer
from seglake.domain.model.errors import DataDirUnusable, MetadataDamaged, StorageFull, StoreClosed, StoreFailed
from seglake.domain.model.replayed import Replayed
from seglake.domain.model.segment import RecordRef, Segment
from seglake.domain.ports.journal import Journal
from seglake.domain.ports.metadata import MetadataStore, MetadataView, Outcome, Script
from seglake.domain.ports.system import Clock, Helper, Randomness

T = TypeVar("T")

HELPED_VERSIONS_MIN = 50_000
"""Fewer are read here before a process has even begun."""
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
        helper: Helper | None = None,
    ) -> None:
        self._disk = Disk(path, vfs, exclusive)
        self._clock = clock
        self._randomness = randomness
        self._checkpoint_pages = checkpoint_pages
        self._helper = helper
        self._lock = threading.RLock()
        self._writer: Writer | None = None
        self._pool: ReaderPool | None = None
        self._commits = Commits()
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
            check_header(connection)
            self._settle(session)
            check_schema(connection)
        except (apsw.Error, UnicodeDecodeError) as error:
            _give_up(connection)
            raise _unopened(self._disk.path, error) from error
        except BaseException:
            _give_up(connection)
            raise
        if self._disk.exclusive:
            self._sole = Reader(session)
        else:
            self._pool = ReaderPool(self._disk, self._commits)
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

    def read_beside(self, query: Callable[[MetadataView], T], /) -> Callable[[], T]:
        """In the helper, with a connection of its own, when there is one and enough to read."""
        helper = self._helper
        if helper is None or self._disk.exclusive or not self._holds_many():
            return lambda: self.read(query)
        answer = helper.iterate(ReadBeside(self._disk, query))
        return lambda: next(answer)

    def _holds_many(self) -> bool:
        try:
            return self.read(_versions) >= HELPED_VERSIONS_MIN
        except MetadataDamaged:
            return False  # the query itself says so

    def apply(self, scripts: Sequence[Script[Any]], journal: Journal, /) -> list[Outcome]:
        """One batch; see the port."""
        with self._lock:
            if self._writer is None:
                journal.abandon()
                raise StoreClosed("the index is closed")
            assert self._sole is None or not self._sole.in_transaction, "a commit inside a read of the only connection"
            try:
                return self._writer.batch(scripts, journal, self._clock.now_ms())
            finally:
                self._commits.count += 1

    def replay(self, events: Sequence[tuple[Replayed, RecordRef]], segments: Sequence[Segment], /) -> None:
        """Bulk load, in transactions of ``REPLAY_EVENTS_MAX`` events."""
        with self._lock:
            try:
                self._open_writer().replay(events, segments)
            finally:
                self._commits.count += 1

    def maintain(self) -> None:
        """A checkpoint when one is due."""
        with self._lock:
            self._open_writer().maintain()

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise StoreClosed("the index is closed")
        return self._writer

    def check(self, *, versions: bool = True) -> list[str]:
        """integrity_check, every row's checksum, and what rows say about one another."""
        with self._lock:
            writer = self._open_writer()
            if self._disk.exclusive:
                return findings(writer.session, versions=versions)
        connection = open_reader(self._disk)
        try:
            return findings(Session(connection), versions=versions)
        finally:
            connection.close(True)

    def reindex(self) -> None:
        """Builds every index of the database anew, in one transaction; commits wait meanwhile. StoreFailed.

        Statistics (ANALYZE) are not gathered: plans are fixed by the indexes, and no data may change them.
        """
        with self._lock:
            self._open_writer().reindex()

    def copy_to(self, path: str, *, vfs: str | None = None) -> SqliteIndexCopy:
        """Begins a copy of the database as it is now, into the new file ``path``. StoreClosed, StoreFailed.

        Beside running commits; an ``exclusive`` store does nothing else until the copy is closed.
        """
        with self._lock:
            writer = self._open_writer()
            target = Disk(path, vfs)
            if self._disk.exclusive:
                return SqliteIndexCopy(writer.session.connection, target, owned=False)
            return SqliteIndexCopy(open_reader(self._disk), target, owned=True)

    def close(self) -> None:
        """Checkpoints and closes; no read may be under way. Idempotent. StoreFailed when the checkpoint failed."""
        with self._lock:
            writer, self._writer, self._sole = self._writer, None, None
            if self._pool is not None:
                self._pool.close()
            if writer is not None:
                writer.close()


def _versions(view: MetadataView) -> int:
    return view.versions.count()


@dataclass(frozen=True, slots=True)
class ReadBeside(Generic[T]):
    """A query for another process: one item, its result."""

    disk: Disk
    query: Callable[[MetadataView], T]

    def __call__(self) -> Iterator[T]:
        """Opens a connection for this one read. MetadataDamaged."""
        pool = ReaderPool(self.disk)
        try:
            yield pool.reader().read(self.query)
        finally:
            pool.close()


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
    if isinstance(error, apsw.CorruptError | apsw.NotADBError | UnicodeDecodeError):
        return MetadataDamaged(f"{path} is damaged: {error}; run `seglake rebuild-index`")
    if isinstance(error, apsw.FullError) or getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHMSIZE:
        return StorageFull(f"there is no room to open {path}, which takes 100 KiB; remove something else: {error}")
    if isinstance(error, apsw.IOError):
        return StoreFailed(f"{path} cannot be read or written: {error}")
    return DataDirUnusable(f"{path} cannot be opened: {error}")
