"""The index in SQLite against its contract, and what only a database on a disk can get wrong."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from seglake.adapters.sqlite.rows import Session
from seglake.adapters.sqlite.store import SqliteMetadataStore
from seglake.adapters.sqlite.tables import uploads, versions
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.errors import MetadataDamaged, SeglakeError, StoreFailed
from seglake.domain.model.events import BucketCreated
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, VersionKind
from seglake.domain.model.segment import RecordRef, Segment, SegmentState
from seglake.domain.ports.metadata import MetadataStore, MetadataTx
from seglake.domain.ports.system import Clock, Randomness
from seglake.testing.contracts.doubles import ManualClock, ScriptedJournal, SeededRandomness
from seglake.testing.contracts.metadata import MakeStore, MetadataContract, change, dump


class Stores:
    """Makes stores in one directory and closes them at the end."""

    def __init__(self, directory: Path, *, exclusive: bool = False) -> None:
        self._directory = directory
        self._exclusive = exclusive
        self._made: list[SqliteMetadataStore] = []

    def __call__(self, clock: Clock, randomness: Randomness) -> MetadataStore:
        path = str(self._directory / f"meta-{len(self._made)}.db")
        store = SqliteMetadataStore(
            path, clock=clock, randomness=randomness, exclusive=self._exclusive, checkpoint_pages=20
        )
        store.open()
        self._made.append(store)
        return store

    def close(self) -> None:
        for store in self._made:
            store.close()


class TestSqliteMetadataStore(MetadataContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> Iterator[MakeStore]:
        stores = Stores(tmp_path)
        yield stores
        stores.close()


class TestExclusiveSqliteMetadataStore(MetadataContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> Iterator[MakeStore]:
        stores = Stores(tmp_path, exclusive=True)
        yield stores
        stores.close()


def opened(path: Path, clock: Clock | None = None, seed: int = 1, **options: Any) -> SqliteMetadataStore:
    store = SqliteMetadataStore(str(path), clock=clock or ManualClock(), randomness=SeededRandomness(seed), **options)
    store.open()
    return store


def bucket(name: str) -> Callable[[MetadataTx], str]:
    def script(tx: MetadataTx) -> str:
        tx.record(BucketCreated(Bucket(name, tx.tick())))
        return name

    return script


def names(store: MetadataStore) -> list[str]:
    return store.read(lambda view: [found.name for found in view.buckets.scan()])


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "meta.db"
    first = opened(path)
    first.apply([bucket("one"), bucket("two")], ScriptedJournal())
    before = dump(first)
    first.close()
    assert [file.name for file in tmp_path.iterdir()] == ["meta.db"]
    second = opened(path, seed=2)
    assert dump(second) == before
    second.close()


def test_everything_committed_is_there_after_a_kill(tmp_path: Path) -> None:
    """The files as they are after a commit, copied from under the store, are what a killed process leaves."""
    store = opened(tmp_path / "meta.db")
    store.apply([bucket("one")], ScriptedJournal())
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("meta.db", "meta.db-wal"):
        shutil.copy(tmp_path / name, copy / name)
    found = SqliteMetadataStore(str(copy / "meta.db"), clock=ManualClock(), randomness=SeededRandomness(3))
    found.open(unclean=True)
    assert dump(found) == dump(store)
    assert found.check() == []
    found.close()
    store.close()


def test_stamps_go_on_above_the_last_after_reopening_with_a_slow_clock(tmp_path: Path) -> None:
    clock = ManualClock()
    first = opened(tmp_path / "meta.db", clock)
    (last,) = change(first, lambda tx: tx.tick())
    first.close()
    clock.ms -= 3_600_000
    second = opened(tmp_path / "meta.db", clock, seed=9)
    (stamp,) = change(second, lambda tx: tx.tick())
    assert stamp == last._replace(ticks=last.ticks + 1)
    second.close()


def test_stamps_of_a_batch_that_was_only_counted_are_kept_too(tmp_path: Path) -> None:
    """Two stores on one database, as two processes would have it: neither gives out the other's stamps."""
    one, two = opened(tmp_path / "meta.db"), opened(tmp_path / "meta.db")
    ticks = [change(store, lambda tx: tx.tick())[0].ticks for store in (one, two, one, two)]
    assert ticks == sorted(set(ticks))
    two.close()
    one.close()


def test_readers_in_other_threads_see_committed_state_only(tmp_path: Path) -> None:
    store = opened(tmp_path / "meta.db")
    seen: list[list[str]] = []

    def look() -> None:
        thread = threading.Thread(target=lambda: seen.append(names(store)))
        thread.start()
        thread.join()

    store.apply([bucket("one")], ScriptedJournal(on_flush=look))
    look()
    assert seen == [[], ["one"]]
    store.close()


def test_readers_of_ended_threads_are_closed(tmp_path: Path) -> None:
    store = opened(tmp_path / "meta.db")
    for _ in range(5):
        thread = threading.Thread(target=lambda: names(store))
        thread.start()
        thread.join()
    assert store._pool is not None
    assert len(store._pool._readers) == 0
    names(store)
    assert len(store._pool._readers) == 1
    store.close()


class Failing:
    """Stands in for the writer's ``execute``: the statement that begins with ``prefix`` fails."""

    def __init__(self, store: SqliteMetadataStore, prefix: str, error: Exception) -> None:
        assert store._writer is not None
        self._session = store._writer.session
        self._inner = self._session.execute
        self._prefix = prefix
        self._error = error
        self._session.execute = self

    def __call__(self, sql: str, *values: Any) -> apsw.Cursor:
        if sql.startswith(self._prefix):
            raise self._error
        return self._inner(sql, *values)

    def heal(self) -> None:
        self._session.execute = self._inner


@pytest.mark.parametrize(
    ("prefix", "error"),
    [
        ("COMMIT", apsw.IOError("fsync")),
        ("COMMIT", apsw.FullError("disk")),
        ("COMMIT", apsw.BusyError("locked")),
        ("BEGIN", apsw.IOError("read")),
        ("INSERT INTO buckets", apsw.CorruptError("page")),
        ("INSERT INTO buckets", apsw.FullError("disk")),
        ("INSERT INTO buckets", apsw.NotADBError("page")),
        ("RELEASE", apsw.IOError("write")),
        ("REPLACE INTO site", apsw.IOError("write")),
    ],
)
def test_an_error_of_sqlite_is_final_and_shows_nothing(tmp_path: Path, prefix: str, error: Exception) -> None:
    store = opened(tmp_path / "meta.db")
    store.apply([bucket("before")], ScriptedJournal())
    failing, journal = Failing(store, prefix, error), ScriptedJournal()
    with pytest.raises(StoreFailed):
        store.apply([bucket("lost")], journal)
    failing.heal()
    assert names(store) == ["before"]
    later = ScriptedJournal()
    with pytest.raises(StoreFailed):
        store.apply([bucket("later")], later)
    assert later.abandoned
    with pytest.raises(StoreFailed):
        store.maintain()
    store.close()
    again = opened(tmp_path / "meta.db")
    assert names(again) == ["before"]
    again.close()


def test_a_failed_store_does_not_checkpoint_when_it_closes(tmp_path: Path) -> None:
    store = opened(tmp_path / "meta.db")
    with pytest.raises(StoreFailed):
        store.apply([bucket("lost")], ScriptedJournal(error=StoreFailed("sync")))
    store.close()
    assert (tmp_path / "meta.db-wal").stat().st_size > 0


def test_an_interrupt_in_a_script_passes_through_and_is_final(tmp_path: Path) -> None:
    def interrupted(tx: MetadataTx) -> None:
        bucket("lost")(tx)
        raise KeyboardInterrupt

    store, journal = opened(tmp_path / "meta.db"), ScriptedJournal()
    with pytest.raises(KeyboardInterrupt):
        store.apply([interrupted], journal)
    assert journal.abandoned
    with pytest.raises(StoreFailed):
        store.apply([bucket("later")], ScriptedJournal())
    assert names(store) == []
    store.close()


def test_the_wal_is_checkpointed_when_it_has_grown_and_not_before(tmp_path: Path) -> None:
    store = opened(tmp_path / "meta.db", checkpoint_pages=50)
    database = tmp_path / "meta.db"
    before = database.read_bytes()
    store.maintain()
    assert database.read_bytes() == before
    for number in range(60):
        store.apply([bucket(f"b{number:03d}")], ScriptedJournal())
    store.maintain()
    assert database.read_bytes() != before
    wal = (tmp_path / "meta.db-wal").stat().st_size
    for number in range(200):
        store.apply([bucket(f"c{number:03d}")], ScriptedJournal())
        store.maintain()
    assert (tmp_path / "meta.db-wal").stat().st_size <= wal + 50 * 4120, "the WAL begins anew instead of growing"
    store.close()


def test_a_reader_that_holds_the_wal_does_not_make_every_commit_checkpoint(tmp_path: Path) -> None:
    store = opened(tmp_path / "meta.db", checkpoint_pages=20)
    holder = opened_reader(tmp_path / "meta.db")
    calls = []
    assert store._writer is not None
    for number in range(100):
        store.apply([bucket(f"b{number:03d}")], ScriptedJournal())
        at = store._writer._checkpoint_at
        store.maintain()
        calls.append(store._writer._checkpoint_at != at)
    assert 1 <= sum(calls) <= 30
    holder.close()
    store.close()


def opened_reader(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.execute("BEGIN")
    connection.execute("SELECT * FROM site").fetchall()
    return connection


def test_no_listing_sorts_or_scans_more_than_it_gives(tmp_path: Path) -> None:
    store = opened(tmp_path / "meta.db")
    assert store._writer is not None
    execute = store._writer.session.connection.execute
    for name, sql in vars(versions).items():
        if not isinstance(sql, str) or not sql.startswith("SELECT") or name in ("_FROM", "_BOTH", "_HELD", "_UNHELD"):
            continue
        plan = [row[3] for row in execute(f"EXPLAIN QUERY PLAN {sql}", (1,) * sql.count("?"))]
        assert not any("TEMP B-TREE" in step for step in plan), (name, plan)
        if name != "_SCAN_ALL":
            assert plan[0].startswith("SEARCH versions USING PRIMARY KEY (bucket_id=? AND key"), (name, plan)
    running = uploads._RUNNING + " AND key >= ? AND (key, ticks, site) > (?, ?, ?) " + uploads._ORDER
    plan = [row[3] for row in execute(f"EXPLAIN QUERY PLAN {running}", (1,) * 5)]
    assert plan[0].startswith("SEARCH multipart_uploads USING INDEX multipart_running")
    assert len(plan) == 1
    store.close()


def test_a_large_script_needs_no_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A savepoint's old pages stay in memory: a full /tmp must not end the store."""
    nowhere = tmp_path / "nowhere"
    monkeypatch.setenv("SQLITE_TMPDIR", str(nowhere))
    store = opened(tmp_path / "meta.db")
    manifests = [
        Manifest(1, "bucket", f"{n:06d}", HLC(n + 1, 1), VersionKind.OBJECT, True, etag="e" * 200) for n in range(3000)
    ]

    def insert(tx: MetadataTx) -> None:
        for manifest in manifests:
            tx.versions.insert(manifest, RecordRef(b"s" * 16, 1, 1))

    def remove_and_refuse(tx: MetadataTx) -> None:
        for manifest in manifests:
            tx.versions.delete(1, manifest.key, manifest.stamp)
        raise SeglakeError("refused")

    tx_outcomes = store.apply([lambda tx: tx.buckets.insert(Bucket("bucket", HLC(1, 1))), insert], ScriptedJournal())
    assert tx_outcomes == [None, None]
    (outcome,) = store.apply([remove_and_refuse], ScriptedJournal())
    assert isinstance(outcome, SeglakeError)
    assert store.read(lambda view: view.versions.count()) == 3000
    assert store.check() == []
    store.close()


def test_a_rebuild_in_several_transactions_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seglake.adapters.sqlite.writer.REPLAY_EVENTS_MAX", 7)
    events = [(BucketCreated(Bucket(f"b{n:02d}", HLC(n + 1, 1))), RecordRef(b"s" * 16, n, 1)) for n in range(30)]
    store = opened(tmp_path / "meta.db")
    store.replay(events, [Segment(b"s" * 16, SegmentState.OPEN, 30, 5)])
    assert names(store) == [f"b{n:02d}" for n in range(30)]
    assert store.read(lambda view: view.settings.last_ticks()) == 30
    assert store.check() == []
    store.close()


def test_a_rebuild_that_breaks_leaves_the_store_failed(tmp_path: Path) -> None:
    event = BucketCreated(Bucket("twice", HLC(1, 1)))
    ref = RecordRef(b"s" * 16, 1, 1)
    store = opened(tmp_path / "meta.db")
    with pytest.raises(StoreFailed):
        store.replay([(event, ref), (event, ref)], [])
    with pytest.raises(StoreFailed):
        store.apply([bucket("later")], ScriptedJournal())
    store.close()


def test_a_listing_seeks_past_a_key_with_many_versions(tmp_path: Path) -> None:
    store = opened(tmp_path / "meta.db")

    def insert(tx: MetadataTx) -> None:
        for key in ("a", "b", "c"):
            for n in range(500):
                manifest = Manifest(1, "bucket", key, HLC(n + 1, 1), VersionKind.OBJECT, False)
                tx.versions.insert(manifest, RecordRef(b"s" * 16, 1, 1))

    store.apply([insert], ScriptedJournal())
    assert store._writer is not None
    session = store._writer.session
    stepped = []

    class Counting(Session):
        def scan(self, sql: str, values: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
            for row in super().scan(sql, values):
                stepped.append(row)
                yield row

    found = versions.SqliteVersions(Counting(session.connection)).scan_current(1, "")
    assert [(entry.key, entry.stamp.ticks) for entry in found] == [("a", 500), ("b", 500), ("c", 500)]
    assert len(stepped) <= 40, "of 1,500"
    store.close()


def test_a_row_that_was_verified_once_is_looked_at_again_when_it_changes(tmp_path: Path) -> None:
    store = opened(tmp_path / "meta.db")
    manifest = Manifest(1, "bucket", "key", HLC(1, 1), VersionKind.OBJECT, False)
    store.apply([lambda tx: tx.versions.insert(manifest, RecordRef(b"s" * 16, 1, 1))], ScriptedJournal())
    for _ in range(2):
        assert store.read(lambda view: view.versions.current(1, "key")) is not None
    other = apsw.Connection(str(tmp_path / "meta.db"))
    other.execute("UPDATE manifests SET length = 2")
    other.close()
    with pytest.raises(MetadataDamaged):
        store.read(lambda view: view.versions.current(1, "key"))
    store.close()
