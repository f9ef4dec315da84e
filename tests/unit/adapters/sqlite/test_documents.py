"""docs/formats/metadata.md names every table, every column and what each row's checksum covers."""

from __future__ import annotations

import re
from pathlib import Path

import apsw
import pytest

from seglake.adapters.sqlite.schema import MIGRATIONS, migrate

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "formats" / "metadata.md").read_text(encoding="utf-8")
SUMS = PAGE.partition("## Row checksums")[2].partition("## Downsides")[0]
UNCHECKED = {"schema_migrations", "notes"}


def columns() -> dict[str, list[str]]:
    connection = apsw.Connection(":memory:")
    migrate(connection, 5)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {
        table: [name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]
        for table in tables
    }


TABLES = columns()


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_described_with_all_its_columns(table: str) -> None:
    section = re.search(rf"^### {table}\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert section, "there is no section"
    words = set(re.findall(r"[a-z_]+", section[1]))
    assert [name for name in TABLES[table] if name not in words and name != "row_sum"] == []


def test_no_table_is_described_that_does_not_exist() -> None:
    assert set(re.findall(r"^### (\w+)$", PAGE, re.MULTILINE)) == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_a_rows_checksum_is_described_with_all_its_columns(table: str) -> None:
    row = re.search(rf"^\| {table} \|(.*)\|$", SUMS, re.MULTILINE)
    assert ("row_sum" in TABLES[table]) == (table not in UNCHECKED) == bool(row)
    if row is None:
        return
    words = set(re.findall(r"[a-z_]+", row[1]))
    beside = {"row_sum", "one"} | ({"id"} if table == "manifests" else set())
    assert [name for name in TABLES[table] if name not in words | beside] == []


def test_every_migration_is_listed() -> None:
    steps = PAGE.partition("The steps so far:")[2].partition("###")[0]
    assert re.findall(r"^([0-9]+)\.", steps, re.MULTILINE) == [str(migration.number) for migration in MIGRATIONS]
