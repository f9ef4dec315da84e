"""What keeps chunks alive is read leanly, but nothing unreadable passes for garbage."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from seglake.adapters.sqlite.store import SqliteMetadataStore
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.errors import MetadataDamaged
from seglake.domain.model.events import BucketCreated, Event, TagsSet, VersionPut
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, VersionKind
from seglake.domain.model.segment import ChunkSlice, Held, RecordRef
from seglake.domain.ports.journal import NoRecords
from seglake.domain.services.liveness import tally
from seglake.testing.contracts.doubles import ManualClock, SeededRandomness

BUCKET = Bucket("bucket", HLC(10, 1))
REF = RecordRef(b"r" * 16, 4096, 77)


def manifest(number: int) -> Manifest:
    chunks = tuple(
        ChunkSlice(bytes([place]) * 16, 5000 * number, 4000, bytes(32), 1, 3000) for place in range(number % 3)
    )
    kind = VersionKind.OBJECT
    size = 3000 * len(chunks)
    return Manifest(BUCKET.id, "bucket", f"key-{number:09}", HLC(100 + number, 1), kind, True, size, chunks=chunks)


@pytest.fixture
def store(tmp_path: Path) -> SqliteMetadataStore:
    made = SqliteMetadataStore(str(tmp_path / "meta.db"), clock=ManualClock(), randomness=SeededRandomness())
    made.open()
    events = [VersionPut(manifest(number)) for number in range(9)]
    tagged = TagsSet(HLC(900, 1), BUCKET.id, manifest(4).key, manifest(4).stamp, (("a", "b"),))
    history: list[Event] = [BucketCreated(BUCKET), *events, tagged]
    made.replay([(event, REF) for event in history], ())
    return made


def held(store: SqliteMetadataStore) -> list[Held]:
    return store.read(lambda view: sorted(view.versions.scan_chunks()))


def execute(store: SqliteMetadataStore, sql: str) -> None:
    assert store._writer is not None
    store._writer.session.execute(sql)


def test_it_says_what_every_manifest_says(store: SqliteMetadataStore) -> None:
    expected = [
        Held(BUCKET.id, one.key, one.stamp, [chunk[:3] for chunk in one.chunks], REF)
        for one in [manifest(number) for number in range(9)]
    ]
    assert held(store) == expected
    store.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE manifests SET manifest = x'a0' WHERE id = 3",
        "UPDATE manifests SET offset = offset + 1 WHERE id = 3",
        "UPDATE manifests SET tags = '[]' WHERE tags IS NOT NULL",
        "DELETE FROM manifests WHERE id = 3",
        "DELETE FROM versions WHERE ticks = 104",
    ],
)
def test_whatever_is_damaged_ends_the_count(store: SqliteMetadataStore, damage: str) -> None:
    execute(store, damage)
    with pytest.raises(MetadataDamaged):
        held(store)
    with pytest.raises(MetadataDamaged):
        store.read(tally)
    store.close()


def test_moved_chunks_and_records_are_told_from_then_on(store: SqliteMetadataStore) -> None:
    one = manifest(2)
    moved = tuple([chunk._replace(segment=b"m" * 16) for chunk in one.chunks])

    def move(tx: object) -> None:
        assert store._writer is not None
        versions = store._writer.tx.versions
        assert versions.set_chunks(BUCKET.id, one.key, one.stamp, moved)
        assert versions.set_place(BUCKET.id, one.key, one.stamp, REF._replace(segment=b"n" * 16))
        assert not versions.set_chunks(BUCKET.id, "none", one.stamp, moved)
        assert not versions.set_place(BUCKET.id, "none", one.stamp, REF)

    assert store.apply([move], NoRecords()) == [None]
    (found,) = [one_held for one_held in held(store) if one_held.key == one.key]
    assert {chunk[0] for chunk in found.chunks} == {b"m" * 16}
    assert found.ref.segment == b"n" * 16
    version = store.read(lambda view: view.versions.find(BUCKET.id, one.key, one.stamp))
    assert version is not None
    assert version.manifest.chunks == moved
    assert store.check() == []
    store.close()


def test_counting_is_quick(store: SqliteMetadataStore) -> None:
    """A million versions within 5 s is 5 us each; three times that is allowed on a machine that does other things."""
    count = 20_000
    store.replay([(VersionPut(manifest(number)), REF) for number in range(9, count)], ())
    begun = time.perf_counter()
    found = store.read(tally)
    assert time.perf_counter() - begun < count * 15e-6
    assert found.buckets[BUCKET.id].versions == count
    store.close()
