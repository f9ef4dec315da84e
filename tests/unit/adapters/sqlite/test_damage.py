"""A row that is not what was written is never served, and a check finds it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from seglake.adapters.sqlite.store import SqliteMetadataStore
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.credential import Credential
from seglake.domain.model.encryption import RingKey
from seglake.domain.model.errors import DataDirUnusable, MetadataDamaged
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, VersionKind, VersionState
from seglake.domain.model.multipart import Part, Upload
from seglake.domain.model.object_lock import Lock
from seglake.domain.model.segment import RecordRef, Segment, SegmentState
from seglake.domain.model.user import User, UserState
from seglake.domain.ports.metadata import MetadataTx, MetadataView
from seglake.testing.contracts.doubles import ManualClock, ScriptedJournal, SeededRandomness

BUCKET = Bucket("bucket", HLC(10, 1))
STAMPS = itertools.count(14)
REF = RecordRef(b"s" * 16, 4096, 77)

TABLES = {
    "buckets": lambda view: [view.buckets.get("bucket"), view.buckets.by_id(10), list(view.buckets.scan())],
    "versions": lambda view: list(view.versions.scan_current(10, "")),
    "manifests": lambda view: view.versions.current(10, "key"),
    "multipart_uploads": lambda view: [view.uploads.get("upload"), list(view.uploads.scan_running(10, ""))],
    "multipart_parts": lambda view: [view.uploads.part("upload", 1), list(view.uploads.parts("upload"))],
    "api_keys": lambda view: [view.credentials.get("AKIA"), list(view.credentials.scan())],
    # Texts are remembered by the stamp of the bucket's newest change: only another stamp asks the table again.
    "bucket_configs": lambda view: dict(view.configs.of(replace(BUCKET, configured=next(STAMPS)))),
    "users": lambda view: [view.users.get("mia"), list(view.users.scan())],
    "ring_keys": lambda view: [view.ring_keys.get("wrap"), list(view.ring_keys.scan())],
    "segments": lambda view: [view.segments.get(b"g" * 16), list(view.segments.scan())],
    "site": lambda view: [view.settings.site(), view.settings.last_ticks()],
}

OUT_OF_SIGHT = (
    ("multipart_parts", "upload"),
    ("multipart_parts", "number"),
    ("versions", "bucket_id"),
    ("bucket_configs", "bucket_id"),
)
"""Columns that every lookup of the row begins with."""

MANIFEST = "manifest, tags, segment, offset, length, row_sum, locked, acl"


def fill(tx: MetadataTx) -> None:
    tx.buckets.insert(BUCKET)
    tx.versions.insert(Manifest(10, "bucket", "key", HLC(11, 1), VersionKind.OBJECT, True, etag="e"), REF)
    tx.versions.set_tags(10, "key", HLC(11, 1), (("a", "b"),))
    tx.versions.insert(Manifest(10, "bucket", "other", HLC(12, 1), VersionKind.OBJECT, True, etag="e"), REF)
    tx.uploads.insert(Upload("upload", 10, "key", HLC(13, 1)))
    tx.uploads.put_part(Part("upload", 1, HLC(14, 1), 0, "e", 5, None, ()), REF)
    tx.configs.put(10, ConfigKind.CORS, "rules")
    tx.buckets.set_configured(10, next(STAMPS))
    tx.users.put(User("mia", UserState.DISABLED, 5))
    tx.ring_keys.put(RingKey("wrap", (b"sealed",), True, 5))
    tx.credentials.put(Credential("AKIA", b"sealed"))
    tx.segments.put(Segment(b"g" * 16, SegmentState.OPEN, 5, 6))
    tx.tick()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "meta.db")


@pytest.fixture
def store(path: str) -> Iterator[SqliteMetadataStore]:
    store = SqliteMetadataStore(path, clock=ManualClock(), randomness=SeededRandomness())
    store.open()
    assert store.apply((fill,), ScriptedJournal()) == [None]
    assert store.check() == []
    yield store
    store.close()


def alter(path: str, sql: str, *values: object) -> None:
    """Changes rows behind the store's back."""
    connection = apsw.Connection(path)
    connection.execute(sql, values)
    connection.close()


def columns(path: str) -> list[tuple[str, str, str]]:
    """Every column of every table: (table, column, type)."""
    connection = apsw.Connection(path)
    try:
        return [
            (table, column, kind)
            for table in TABLES
            for column, kind in list(connection.execute("SELECT name, type FROM pragma_table_info(?)", (table,)))
        ]
    finally:
        connection.close()


def changed(value: Any) -> Any:
    """The value with one bit flipped, or something instead of nothing."""
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, str):
        return value[:-1] + chr(ord(value[-1]) ^ 1) if value else "x"
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1]) if value else b"x"
    return "[]"


def test_a_changed_bit_in_any_column_is_found_and_never_served(store: SqliteMetadataStore, path: str) -> None:
    seen = 0
    for table, column, _kind in columns(path):
        if (table, column) in (("site", "one"), ("manifests", "id")):
            continue  # what is looked up by these is then missing, which the last tests here are about
        connection = apsw.Connection(path)
        where = "rowid = 1" if table == "manifests" else "key = x'6b6579'" if table == "versions" else "1"
        ((old,),) = list(connection.execute(f"SELECT {column} FROM {table} WHERE {where}"))
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (changed(old),))
        connection.close()
        assert any(line.startswith((table, "versions", "manifests")) for line in store.check()), (table, column)
        reader = TABLES[table]
        try:
            result = store.read(reader)
        except MetadataDamaged:
            pass
        else:  # only a row that moved out of sight may fail to be noticed by a lookup
            assert (table, column) in OUT_OF_SIGHT, (table, column)
            assert "'key'" not in repr(result)
            assert "rules" not in repr(result)
        back = f"UPDATE {table} SET {column} = ? WHERE {column} IS ?"
        alter(path, back, old, changed(old))
        assert store.check() == [], (table, column)
        seen += 1
    assert seen > 60


@pytest.mark.parametrize(
    "query",
    [
        lambda view: view.versions.current_entry(10, "key"),
        lambda view: view.versions.current(10, "key"),
        lambda view: view.versions.find(10, "key", HLC(11, 1)),
        lambda view: view.versions.null(10, "key"),
        lambda view: view.versions.null_entry(10, "key"),
        lambda view: list(view.versions.scan_current(10, "")),
        lambda view: list(view.versions.scan_versions(10, "")),
        lambda view: list(view.versions.scan_versions(10, "key", HLC(20, 1))),
        lambda view: list(view.versions.scan_all()),
    ],
)
def test_every_way_to_a_version_checks_its_row(
    store: SqliteMetadataStore, path: str, query: Callable[[MetadataView], object]
) -> None:
    store.read(query)
    alter(path, "UPDATE versions SET size = 5 WHERE key = x'6b6579'")
    with pytest.raises(MetadataDamaged):
        store.read(query)


@pytest.mark.parametrize(
    "change",
    [
        lambda tx: tx.versions.delete(10, "key", HLC(11, 1)),
        lambda tx: tx.versions.set_state(10, "key", HLC(11, 1), VersionState.DAMAGED),
        lambda tx: tx.versions.set_tags(10, "key", HLC(11, 1), ()),
        lambda tx: tx.versions.set_lock(10, "key", HLC(11, 1), Lock(hold=True)),
        lambda tx: tx.versions.set_acl(10, "key", HLC(11, 1), "grants"),
    ],
)
def test_a_damaged_row_is_not_built_upon(
    store: SqliteMetadataStore, path: str, change: Callable[[MetadataTx], object]
) -> None:
    alter(path, "UPDATE versions SET manifest_id = 2 WHERE key = x'6b6579'")
    (outcome,) = store.apply((change,), ScriptedJournal())
    assert isinstance(outcome, MetadataDamaged)
    found = store.read(lambda view: view.versions.current(10, "other"))
    assert found is not None


def test_swapped_manifests_are_found(store: SqliteMetadataStore, path: str) -> None:
    alter(path, "UPDATE manifests SET id = CASE id WHEN 1 THEN -2 ELSE -1 END")
    alter(path, "UPDATE manifests SET id = -id")
    with pytest.raises(MetadataDamaged, match="is not of"):
        store.read(lambda view: view.versions.current(10, "key"))
    assert len(store.check()) == 2


def test_a_missing_manifest_is_damage_and_no_missing_object(store: SqliteMetadataStore, path: str) -> None:
    alter(path, "DELETE FROM manifests WHERE id = 1")
    for query in (lambda v: v.versions.current(10, "key"), lambda v: v.versions.find(10, "key", HLC(11, 1))):
        with pytest.raises(MetadataDamaged):
            store.read(query)
    assert any("none for 'key'" in line for line in store.check())


@pytest.mark.parametrize(
    ("sql", "finding"),
    [
        (f"INSERT INTO manifests SELECT id + 8, {MANIFEST} FROM manifests LIMIT 1", "no version"),
        ("DELETE FROM buckets; DELETE FROM versions; DELETE FROM manifests", "bucket_configs: of the bucket 10"),
        ("DELETE FROM buckets; DELETE FROM bucket_configs", "versions: of the bucket 10"),
        ("DELETE FROM multipart_uploads", "upload 'upload'"),
        ("DELETE FROM site", "site"),
    ],
)
def test_rows_that_lack_their_partners_are_found(store: SqliteMetadataStore, path: str, sql: str, finding: str) -> None:
    alter(path, sql)
    lines = store.check()
    assert len(lines) == 1
    assert finding in lines[0]
    if "site" in sql:
        alter(path, "INSERT INTO site VALUES(1, 1, 1, 1)")


def test_damaged_pages_are_found_by_the_check(store: SqliteMetadataStore, path: str) -> None:
    store.close()
    _overwrite_leaf(path)
    opened = SqliteMetadataStore(path, clock=ManualClock(), randomness=SeededRandomness())
    opened.open()
    assert opened.check() != []
    with pytest.raises(MetadataDamaged):
        opened.read(lambda view: list(view.versions.scan_current(10, "")))
    opened.close()


def test_damaged_pages_are_found_at_the_opening_after_an_unclean_stop(store: SqliteMetadataStore, path: str) -> None:
    store.close()
    _overwrite_leaf(path)
    opened = SqliteMetadataStore(path, clock=ManualClock(), randomness=SeededRandomness())
    with pytest.raises(MetadataDamaged, match="rebuild-index"):
        opened.open(unclean=True)


def _overwrite_leaf(path: str) -> None:
    """Zeros the root page of ``versions``."""
    connection = apsw.Connection(path)
    page: int = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'versions'").get
    connection.close()
    with Path(path).open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(bytes(4096))


def test_a_file_that_is_no_database_is_refused_with_a_way_out(path: str) -> None:
    Path(path).write_bytes(b"not a database, but long enough to be looked at as one" * 100)
    with pytest.raises(MetadataDamaged, match="rebuild-index"):
        SqliteMetadataStore(path, clock=ManualClock(), randomness=SeededRandomness()).open()


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    store = SqliteMetadataStore(str(tmp_path / "none" / "meta.db"), clock=ManualClock(), randomness=SeededRandomness())
    with pytest.raises(DataDirUnusable):
        store.open()
