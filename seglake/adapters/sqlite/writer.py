"""A batch commits after its journal was synced, or leaves nothing; after a failure nothing commits ever again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import apsw

from seglake.adapters.sqlite.rows import Session
from seglake.adapters.sqlite.tables.filing import file_puts
from seglake.adapters.sqlite.view import SqliteTx
from seglake.domain.model.errors import StorageFull, StoreFailed
from seglake.domain.model.replayed import PlainPut, Replayed
from seglake.domain.model.segment import RecordRef, Segment
from seglake.domain.ports.journal import Journal
from seglake.domain.ports.metadata import Outcome, Script
from seglake.domain.services.apply import apply_event, apply_marks

REPLAY_EVENTS_MAX = 50_000
"""Events applied in one transaction of a rebuild: bounds the WAL at some 100 MiB."""
_REPLAY_CACHE_KIB = 128 << 10


class Writer:
    """The connection that writes. One thread at a time; the store sees to that.

    ``failure`` is sticky. After one failed sync SQLite itself would go on accepting commits, although the kernel may
    have dropped the pages that the sync should have saved (R2): so the end of all writing must be decided here.
    """

    def __init__(self, session: Session, *, checkpoint_pages: int) -> None:
        self.session = session
        self.tx = SqliteTx(session)
        self.failure: StoreFailed | None = None
        self._checkpoint_pages = checkpoint_pages
        self._checkpoint_at = checkpoint_pages
        self._wal_pages = 0
        session.connection.set_wal_hook(self._committed)

    def _committed(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        """SQLite calls this after a commit with the WAL's length in pages."""
        if pages < self._wal_pages:  # the WAL began anew
            self._checkpoint_at = self._checkpoint_pages
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def check_alive(self) -> None:
        """Raises StoreFailed once anything has failed."""
        if self.failure is not None:
            raise StoreFailed(self.failure.hint)

    def fail(self, doing: str, error: BaseException) -> StoreFailed:
        """Notes the failure for ever, gives the transaction up and returns what to raise."""
        self.failure = StoreFailed(f"{doing} failed: {error}; restart the server, it recovers by itself")
        try:
            self._roll_back()
            # The last connection to close would checkpoint, and so sync again what could not be synced.
            self.session.connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        except Exception as second:  # noqa: BLE001 - the first error is told, with this one as a note
            self.failure.add_note(f"rolling back failed as well: {second}")
        return self.failure

    def _roll_back(self) -> None:
        self.session.end_scans()
        if not self.session.connection.get_autocommit():
            self.session.execute("ROLLBACK")

    def batch(self, scripts: Sequence[Script[Any]], journal: Journal, now_ms: int) -> list[Outcome]:
        """Runs, flushes, commits. StorageFull leaves everything as it was; StoreFailed is for ever."""
        try:
            self.check_alive()
            return self._batch(scripts, journal, now_ms)
        except StorageFull:
            journal.abandon()
            self._undo_batch()
            raise
        except Exception as error:
            journal.abandon()
            failure = self.failure or self.fail("committing to the index", error)
            raise StoreFailed(failure.hint) from error
        except BaseException as error:
            journal.abandon()
            self.fail("committing to the index", error)
            raise

    def _undo_batch(self) -> None:
        try:
            self._roll_back()
        except apsw.Error as error:
            raise self.fail("rolling back in the index", error) from error

    def _batch(self, scripts: Sequence[Script[Any]], journal: Journal, now_ms: int) -> list[Outcome]:
        execute, tx = self.session.execute, self.tx
        execute("BEGIN IMMEDIATE")
        tx.begin(journal, now_ms)
        outcomes: list[Outcome] = []
        done = 0
        for script in scripts:
            outcome, succeeded = self._run(script, journal)
            outcomes.append(outcome)
            done += succeeded
        if not done:
            journal.abandon()
            self._roll_back()
            return outcomes
        apply_marks(tx, journal.flush(), now_ms)
        tx.settings.save()
        execute("COMMIT")
        return outcomes

    def _run(self, script: Script[Any], journal: Journal) -> tuple[Outcome, bool]:
        """One script in its savepoint: (result, True), or (its error, False) with nothing left of it."""
        session = self.session
        mark = journal.mark()
        session.execute("SAVEPOINT script")
        try:
            result = script(self.tx)
        except (MemoryError, StoreFailed):
            raise
        except Exception as error:
            if isinstance(error, apsw.Error) and not isinstance(error, apsw.ConstraintError):
                raise
            session.end_scans()
            session.execute("ROLLBACK TO script")
            session.execute("RELEASE script")
            journal.rollback(mark)
            self.tx.settings.reload_site()
            return error, False
        if session.cursors:
            session.end_scans()
        session.execute("RELEASE script")
        return result, True

    def replay(self, events: Sequence[tuple[Replayed, RecordRef]], segments: Sequence[Segment]) -> None:
        """Applies everything in few, large transactions. Any failure is final: what was committed before it stays."""
        self.check_alive()
        cache: int = self.session.execute("PRAGMA cache_size").get
        try:
            self.session.execute(f"PRAGMA cache_size = -{_REPLAY_CACHE_KIB}")
            for first in range(0, len(events), REPLAY_EVENTS_MAX):
                self._transaction(lambda first=first: self._apply(events[first : first + REPLAY_EVENTS_MAX]))  # type: ignore[misc]
                self.session.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._transaction(lambda: self._put_segments(segments))
            self.session.execute(f"PRAGMA cache_size = {cache}")
        except BaseException as error:
            raise self.fail("rebuilding the index", error) from error

    def _transaction(self, work: Callable[[], None]) -> None:
        self.session.execute("BEGIN IMMEDIATE")
        self.tx.settings.load()
        work()
        self.tx.settings.save()
        self.session.execute("COMMIT")

    def _apply(self, events: Sequence[tuple[Replayed, RecordRef]]) -> None:
        """In order; puts that follow one another are filed together."""
        tx, newest = self.tx, 0
        puts: list[tuple[PlainPut, RecordRef]] = []
        for event, ref in events:
            if isinstance(event, PlainPut):
                puts.append((event, ref))
                newest = max(newest, event.ticks)
                continue
            if puts:
                file_puts(self.session, puts)
                puts = []
            apply_event(tx, event, ref)
            newest = max(newest, event.stamp.ticks)
        if puts:
            file_puts(self.session, puts)
        tx.settings.set_last_ticks(newest)

    def _put_segments(self, segments: Sequence[Segment]) -> None:
        for segment in segments:
            self.tx.segments.put(segment)

    def reindex(self) -> None:
        """REINDEX; all or nothing. Any failure is final."""
        self.check_alive()
        try:
            self.session.execute("REINDEX")
            self.session.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except Exception as error:
            raise self.fail("reindexing the index", error) from error

    def maintain(self) -> None:
        """Copies the WAL into the database when it has grown; never waits for readers."""
        self.check_alive()
        if self._wal_pages < self._checkpoint_at:
            return
        try:
            self.session.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except Exception as error:
            raise self.fail("checkpointing the index", error) from error
        # If a reader keeps the WAL from beginning anew, the next try comes only when it has grown as much again.
        self._checkpoint_at = self._wal_pages + self._checkpoint_pages

    def close(self) -> None:
        """Checkpoints completely, unless the writer has failed, and closes. StoreFailed when either fails."""
        connection = self.session.connection
        self.session.end_scans()
        try:
            if self.failure is None:
                self._checkpoint_all()
            connection.close(True)
        except Exception as error:
            failure = self.failure or self.fail("checkpointing or closing the index", error)
            connection.close(True)
            raise StoreFailed(failure.hint) from error

    def _checkpoint_all(self) -> None:
        try:
            self.session.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.BusyError:
            pass  # another process still reads; its snapshot needs the WAL, and the next opening finds it
