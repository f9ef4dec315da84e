"""A connection that SQLite did not set up as told is refused."""

from __future__ import annotations

import stat
from pathlib import Path

import apsw
import pytest

from seglake.adapters.sqlite import connection as module
from seglake.adapters.sqlite.connection import Disk, open_reader, open_writer
from seglake.domain.model.errors import DataDirUnusable


def pragma(connection: apsw.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").get


def test_a_writer_syncs_every_commit_and_never_checkpoints_by_itself(tmp_path: Path) -> None:
    connection = open_writer(Disk(str(tmp_path / "meta.db")))
    settings = {
        name: pragma(connection, name) for name in ("synchronous", "journal_mode", "wal_autocheckpoint", "page_size")
    }
    assert settings == {"synchronous": 2, "journal_mode": "wal", "wal_autocheckpoint": 0, "page_size": 4096}
    assert {
        name: pragma(connection, name) for name in ("trusted_schema", "cell_size_check", "temp_store", "mmap_size")
    } == {
        "trusted_schema": 0,
        "cell_size_check": 1,
        "temp_store": 2,
        "mmap_size": 0,
    }
    connection.close()


@pytest.mark.parametrize(
    ("name", "weaker"),
    [("synchronous", "NORMAL"), ("journal_mode", "DELETE"), ("cell_size_check", "OFF"), ("fullfsync", "OFF")],
)
def test_a_weaker_setting_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, weaker: str) -> None:
    weakened = tuple((n, weaker if n == name else value, expected) for n, value, expected in module._WRITER)
    monkeypatch.setattr(module, "_WRITER", weakened)
    with pytest.raises(DataDirUnusable, match=name):
        open_writer(Disk(str(tmp_path / "meta.db")))


def test_a_database_with_another_page_size_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "meta.db")
    other = apsw.Connection(path)
    other.execute("PRAGMA page_size = 8192; CREATE TABLE t(x)")
    other.close()
    with pytest.raises(DataDirUnusable, match="page_size"):
        open_writer(Disk(path))


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    disk = Disk(str(tmp_path / "meta.db"))
    writer = open_writer(disk)
    writer.execute("CREATE TABLE t(x)")
    reader = open_reader(disk)
    with pytest.raises(apsw.ReadOnlyError):
        reader.execute("INSERT INTO t VALUES(1)")
    reader.close()
    writer.close()


def test_an_exclusive_connection_keeps_everybody_else_out(tmp_path: Path) -> None:
    disk = Disk(str(tmp_path / "meta.db"), exclusive=True)
    writer = open_writer(disk)
    assert pragma(writer, "locking_mode") == "exclusive"
    writer.execute("CREATE TABLE t(x)")
    other = apsw.Connection(disk.path)
    with pytest.raises(apsw.BusyError):
        other.execute("SELECT * FROM t").fetchall()
    other.close()
    writer.close()
    assert not (tmp_path / "meta.db-shm").exists()


def test_all_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    writer = open_writer(Disk(str(tmp_path / "meta.db")))
    writer.execute("CREATE TABLE t(x)")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"meta.db": 0o600, "meta.db-wal": 0o600, "meta.db-shm": 0o600}
    writer.close()


def test_a_statement_keeps_its_plan_whatever_is_bound(tmp_path: Path) -> None:
    writer = open_writer(Disk(str(tmp_path / "meta.db")))
    assert writer.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) == 1
    assert writer.config(apsw.SQLITE_DBCONFIG_DQS_DML, -1) == 0
    writer.close()
