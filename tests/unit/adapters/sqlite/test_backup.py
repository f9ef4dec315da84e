"""A copy is one moment's database, whatever is written while it is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from seglake.adapters.sqlite.store import SqliteMetadataStore
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.errors import StoreFailed
from seglake.domain.model.events import BucketCreated, VersionPut
from seglake.domain.model.hlc import HLC
from seglake.domain.services.dump import logical_dump
from seglake.testing.contracts.doubles import ManualClock, ScriptedJournal, SeededRandomness
from seglake.testing.contracts.metadata_case import BUCKET, change, dump, version


def opened(path: Path) -> SqliteMetadataStore:
    store = SqliteMetadataStore(str(path), clock=ManualClock(), randomness=SeededRandomness(), checkpoint_pages=20)
    store.open()
    return store


def fill(store: SqliteMetadataStore, first: int, count: int) -> None:
    for number in range(first, first + count, 50):
        scripts = [
            lambda tx, n=n: tx.record(VersionPut(version(f"key{n:05}", 100 + n)))
            for n in range(number, min(number + 50, first + count))
        ]
        change(store, *scripts)
        store.maintain()


@pytest.fixture
def store(tmp_path: Path) -> SqliteMetadataStore:
    made = opened(tmp_path / "meta.db")
    change(made, lambda tx: tx.record(BucketCreated(BUCKET)))
    fill(made, 0, 1000)
    return made


def test_a_copy_has_what_was_committed_when_it_began_and_nothing_later(
    store: SqliteMetadataStore, tmp_path: Path
) -> None:
    before = dump(store)
    copy = store.copy_to(str(tmp_path / "copy.db"))
    copied = steps = 0
    while size := copy.step(8192):
        copied += size
        steps += 1
        fill(store, 1000 + 10 * steps, 10)
    assert steps > 10, "it was copied in slices"
    assert copied == copy.total() == (tmp_path / "copy.db").stat().st_size
    assert copy.read(lambda view: list(logical_dump(view))) == before
    copy.close()
    copy.close()
    store.close()
    again = opened(tmp_path / "copy.db")
    assert dump(again) == before
    assert again.check() == []
    again.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "meta.db"]


def test_commits_and_checkpoints_do_not_wait_for_a_copy(store: SqliteMetadataStore, tmp_path: Path) -> None:
    copy = store.copy_to(str(tmp_path / "copy.db"))
    copy.step(4096)
    fill(store, 2000, 100)
    assert len([line for line in dump(store) if line.startswith("version")]) == 1100
    copy.close()
    store.close()


def test_a_copy_that_cannot_be_made_harms_nothing(store: SqliteMetadataStore, tmp_path: Path) -> None:
    with pytest.raises(StoreFailed):
        store.copy_to(str(tmp_path / "missing" / "copy.db"))
    change(store, lambda tx: tx.record(BucketCreated(Bucket("other", HLC(7, 1)))))
    store.close()


def test_reindexing_changes_nothing_that_is_kept(store: SqliteMetadataStore) -> None:
    before = dump(store)
    store.reindex()
    assert dump(store) == before
    assert store.check() == []
    assert change(store, lambda tx: tx.notes.put("a", "b"), journal=ScriptedJournal()) == [None]
    store.close()
