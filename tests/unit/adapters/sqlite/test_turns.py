"""Snapshots in an event loop: one for each turn, and never one that lacks what this process committed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from seglake.adapters.sqlite.store import SqliteMetadataStore
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.events import BucketCreated
from seglake.domain.ports.metadata import MetadataTx
from seglake.testing.contracts.doubles import ManualClock, ScriptedJournal, SeededRandomness


def opened(path: Path) -> SqliteMetadataStore:
    store = SqliteMetadataStore(str(path / "meta.db"), clock=ManualClock(), randomness=SeededRandomness())
    store.open(unclean=False)
    return store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteMetadataStore]:
    made = opened(tmp_path)
    yield made
    made.close()


def create(store: SqliteMetadataStore, name: str) -> None:
    def script(tx: MetadataTx) -> None:
        tx.record(BucketCreated(Bucket(name, tx.tick())))

    assert store.apply([script], ScriptedJournal()) == [None]


def names(store: SqliteMetadataStore) -> list[str]:
    return store.read(lambda view: [bucket.name for bucket in view.buckets.scan()])


async def test_a_turn_sees_what_it_committed(store: SqliteMetadataStore) -> None:
    assert names(store) == []
    create(store, "one")
    assert names(store) == ["one"]
    create(store, "two")
    assert names(store) == ["one", "two"]
    await asyncio.sleep(0)
    assert names(store) == ["one", "two"]


async def test_what_a_thread_committed_is_seen_at_once(store: SqliteMetadataStore) -> None:
    assert names(store) == []
    await asyncio.get_running_loop().run_in_executor(None, create, store, "one")
    assert names(store) == ["one"]


async def test_reads_of_one_turn_are_one_snapshot_and_the_next_turn_has_another(
    store: SqliteMetadataStore, tmp_path: Path
) -> None:
    assert names(store) == []
    stranger = apsw.Connection(str(tmp_path / "meta.db"))
    stranger.execute("INSERT INTO users VALUES('x', 'active', 0, 0)")
    stranger.close()

    def count(_view: object) -> int:
        reader = store._pool
        assert reader is not None
        found = reader.reader()._session.one("SELECT count(*) FROM users", ())
        assert found is not None
        return int(found[0])

    assert store.read(count) == 0, "the same turn"
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert store.read(count) == 1


def test_without_a_loop_every_read_ends_with_itself(store: SqliteMetadataStore) -> None:
    assert names(store) == []
    assert store._pool is not None
    assert not store._pool.reader().in_transaction


async def test_a_turn_that_ended_leaves_no_transaction_open(store: SqliteMetadataStore) -> None:
    names(store)
    assert store._pool is not None
    assert store._pool.reader().in_transaction
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not store._pool.reader().in_transaction


def test_another_loop_on_the_same_thread_ends_its_own_turns(store: SqliteMetadataStore) -> None:
    async def leave_open() -> None:
        names(store)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave_open())
    loop.close()

    async def again() -> bool:
        names(store)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert store._pool is not None
        return store._pool.reader().in_transaction

    assert asyncio.run(again()) is False
