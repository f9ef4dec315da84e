"""A database whose header or schema is not what was made is not used: rows cannot tell."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from seglake.adapters.sqlite.store import SqliteMetadataStore
from seglake.domain.model.errors import MetadataDamaged
from seglake.testing.contracts.doubles import ManualClock, SeededRandomness


def _store(path: Path) -> SqliteMetadataStore:
    return SqliteMetadataStore(str(path), clock=ManualClock(), randomness=SeededRandomness())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = _store(tmp_path / "meta.db")
    store.open()
    store.close()
    return tmp_path / "meta.db"


def _write(path: Path, offset: int, value: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] = value
    path.write_bytes(data)


def test_a_sound_database_opens_again(path: Path) -> None:
    store = _store(path)
    store.open()
    store.close()


@pytest.mark.parametrize(("offset", "value"), [(47, 0), (47, 1), (59, 2), (67, 1), (55, 1)])
def test_a_setting_in_the_header_that_is_not_ours_is_damage(path: Path, offset: int, value: int) -> None:
    """With schema format 1 SQLite would read ``ticks DESC`` as ascending, and show old versions as current."""
    _write(path, offset, value)
    with pytest.raises(MetadataDamaged, match="rebuild-index"):
        _store(path).open()


@pytest.mark.parametrize(
    ("old", "new"),
    [("ticks DESC", "ticks  ASC"), ("WHERE running = 1", "WHERE running = 3"), ("etag TEXT", "etag BLOB")],
)
def test_a_changed_schema_is_damage(path: Path, old: str, new: str) -> None:
    connection = apsw.Connection(str(path))
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ?, ?)", (old, new))
    assert connection.changes() > 0
    connection.close()
    with pytest.raises(MetadataDamaged, match="schema"):
        _store(path).open()
