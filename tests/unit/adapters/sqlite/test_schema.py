"""Migrations run once, in order, whole or not at all; what this program does not know it leaves alone."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from seglake.adapters.sqlite.connection import Disk, open_writer
from seglake.adapters.sqlite.schema import APPLICATION_ID, MIGRATIONS, Migration, migrate
from seglake.domain.model.errors import DataDirUnusable

NEXT = len(MIGRATIONS) + 1


@pytest.fixture
def connection(tmp_path: Path) -> apsw.Connection:
    return open_writer(Disk(str(tmp_path / "meta.db")))


def tables(connection: apsw.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def numbers() -> list[int]:
    return [migration.number for migration in MIGRATIONS]


def test_a_new_database_gets_every_migration_once(connection: apsw.Connection) -> None:
    assert migrate(connection, 5) == numbers()
    assert migrate(connection, 6) == []
    kept = list(connection.execute("SELECT * FROM schema_migrations ORDER BY number"))
    assert kept == [(migration.number, migration.name, 5) for migration in MIGRATIONS]
    assert connection.execute("PRAGMA application_id").get == APPLICATION_ID
    names = "site buckets versions manifests multipart_uploads multipart_parts api_keys segments schema_migrations"
    assert tables(connection) == {*names.split(), "bucket_configs", "users", "ring_keys", "notes"}


@pytest.mark.parametrize("known", range(len(MIGRATIONS)))
def test_an_older_database_gets_what_it_lacks(connection: apsw.Connection, known: int) -> None:
    newest = Migration(NEXT, "x", ("CREATE TABLE extra(x INTEGER) STRICT",))
    assert migrate(connection, 5, MIGRATIONS[: known + 1]) == numbers()[: known + 1]
    assert migrate(connection, 6, (*MIGRATIONS, newest)) == [*numbers()[known + 1 :], NEXT]
    assert {"extra", "notes"} <= tables(connection)


def test_a_failed_migration_leaves_nothing(connection: apsw.Connection) -> None:
    broken = Migration(NEXT, "broken", ("CREATE TABLE extra(x INTEGER) STRICT", "CREATE TABLE extra(x INTEGER) STRICT"))
    migrate(connection, 5)
    with pytest.raises(apsw.SQLError):
        migrate(connection, 6, (*MIGRATIONS, broken))
    assert "extra" not in tables(connection)
    assert connection.get_autocommit()
    assert migrate(connection, 7) == []


def test_a_failed_first_migration_can_be_tried_again(connection: apsw.Connection) -> None:
    with pytest.raises(apsw.SQLError):
        migrate(connection, 5, (Migration(1, "core tables", ("CREATE NONSENSE",)),))
    assert migrate(connection, 6) == numbers()


def test_a_newer_database_is_refused(connection: apsw.Connection) -> None:
    migrate(connection, 5)
    connection.execute("INSERT INTO schema_migrations VALUES(?, 'from the future', 6)", (NEXT,))
    with pytest.raises(DataDirUnusable, match=f"schema {NEXT}"):
        migrate(connection, 7)


def test_a_foreign_database_is_refused(connection: apsw.Connection) -> None:
    connection.execute("CREATE TABLE theirs(x)")
    with pytest.raises(DataDirUnusable, match="another program"):
        migrate(connection, 5)
    assert tables(connection) == {"theirs"}


def test_a_schema_with_other_steps_is_refused(connection: apsw.Connection) -> None:
    migrate(connection, 5)
    connection.execute("UPDATE schema_migrations SET name = 'renamed' WHERE number = 1")
    with pytest.raises(DataDirUnusable, match="no release"):
        migrate(connection, 6)


def test_migrations_are_numbered_from_one() -> None:
    assert numbers() == list(range(1, len(MIGRATIONS) + 1))
