"""The index in SQLite against its contract, and what only a database on a disk can get wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seglake.adapters.sqlite.store import SqliteMetadataStore
from seglake.domain.ports.metadata import MetadataStore
from seglake.domain.ports.system import Clock, Randomness
from seglake.testing.contracts.metadata import MakeStore, MetadataContract


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
