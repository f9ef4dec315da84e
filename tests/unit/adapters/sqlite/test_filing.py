"""Versions filed by the thousand are, row for row, what filing them one by one gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import apsw
import pytest

from seglake.adapters.disk_format.events import encode_event
from seglake.adapters.disk_format.plain import plain_put
from seglake.adapters.sqlite import store as store_module
from seglake.adapters.sqlite.store import SqliteMetadataStore
from seglake.adapters.system.processes import ProcessHelper
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.events import BucketCreated, Event, TagsSet, VersionDamaged, VersionPut, VersionRemoved
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, VersionKind
from seglake.domain.model.replayed import Replayed
from seglake.domain.model.segment import ChunkSlice, RecordRef
from seglake.domain.model.version import Filed
from seglake.domain.ports.metadata import MetadataView
from seglake.testing.contracts.doubles import ManualClock, ScriptedJournal, SeededRandomness

BUCKETS = (Bucket("one", HLC(1, 1)), Bucket("two", HLC(2, 1)))


def _history(seed: int) -> list[tuple[Event, RecordRef]]:
    """Puts of few keys in two buckets, null and not, with other changes among them."""
    random = Random(seed)
    out: list[Event] = [BucketCreated(bucket) for bucket in BUCKETS]
    puts: list[Manifest] = []
    for ticks in range(10, 400):
        stamp, bucket = HLC(ticks, 1), random.choice(BUCKETS)
        kind = random.randrange(12)
        if puts and kind < 3:
            old = random.choice(puts)
            place = (stamp, old.bucket_id, old.key, old.stamp)
            changes: list[Event] = [VersionRemoved(*place), VersionDamaged(*place), TagsSet(*place, (("a", "b"),))]
            out.append(changes[kind])
            continue
        key, null, size = f"k{random.randrange(9)}", random.random() < 0.5, random.randrange(3)
        chunk = ChunkSlice(b"s" * 16, ticks * 100, size, b"d" * 32, 0, size)
        chunks = (chunk,) if size else ()
        puts.append(Manifest(bucket.id, bucket.name, key, stamp, VersionKind.OBJECT, null, size, "e", chunks=chunks))
        out.append(VersionPut(puts[-1]))
    return [(event, RecordRef(b"s" * 16, 4096 + number, 5)) for number, event in enumerate(out)]


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[list[SqliteMetadataStore]]:
    made = [
        SqliteMetadataStore(str(tmp_path / name), clock=ManualClock(), randomness=SeededRandomness())
        for name in ("slow.db", "fast.db")
    ]
    for store in made:
        store.open()
    yield made
    for store in made:
        store.close()


def _rows(path: Path) -> list[tuple[object, ...]]:
    """All version rows with their manifests, but for what numbers them."""
    connection = apsw.Connection(str(path))
    try:
        columns = "bucket_id, key, ticks, site, kind, is_null, state, size, etag, modified_ms, owner, storage_class"
        more = "checksum, manifest, tags, segment, offset, length, manifests.row_sum, locked, acl"
        joined = "versions LEFT JOIN manifests ON id = manifest_id ORDER BY 1, 2, 3, 4"
        return list(connection.execute(f"SELECT {columns}, {more} FROM {joined}"))
    finally:
        connection.close()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("batch", [20, 1000])
def test_plain_puts_end_as_events_do(stores: list[SqliteMetadataStore], tmp_path: Path, seed: int, batch: int) -> None:
    slow, fast = stores
    history = _history(seed)
    slow.replay(history, ())
    plain: list[tuple[Replayed, RecordRef]] = [(plain_put(encode_event(event)) or event, ref) for event, ref in history]
    assert sum(not isinstance(event, VersionPut) for event, _ in plain) == len(plain)
    for first in range(0, len(plain), batch):
        fast.replay(plain[first : first + batch], ())
    assert _rows(tmp_path / "fast.db") == _rows(tmp_path / "slow.db")
    assert fast.check() == slow.check() == []
    assert fast.read(lambda view: view.settings.last_ticks()) == slow.read(lambda view: view.settings.last_ticks())


def test_an_inspection_sees_every_version_from_any_place_on(stores: list[SqliteMetadataStore]) -> None:
    store = stores[0]
    store.replay(_history(1), ())
    whole = store.read(lambda view: list(view.versions.scan_all()))
    found = store.read(lambda view: list(view.versions.inspect()))
    assert all(isinstance(one, Filed) for one in found)
    assert [one[:3] for one in found] == [(v.manifest.bucket_id, v.manifest.key, v.manifest.stamp) for v, _ in whole]
    assert [one.ref for one in found if isinstance(one, Filed)] == [ref for _, ref in whole]
    for number in range(0, len(found), 5):
        place = found[number][:3]
        assert store.read(lambda view, p=place: list(view.versions.inspect(p))) == found[number + 1 :]  # type: ignore[misc]


def _count(view: MetadataView) -> int:
    return len(list(view.versions.inspect()))


def test_a_read_beside_sees_the_same_in_another_process(
    stores: list[SqliteMetadataStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "HELPED_VERSIONS_MIN", 1)
    store, helper = stores[0], ProcessHelper()
    store.replay(_history(1), ())
    here = store.read_beside(_count)()
    store._helper = helper
    try:
        assert store.read_beside(_count)() == here > 50
    finally:
        helper.close()


def test_a_discarded_row_may_be_any_rubbish(stores: list[SqliteMetadataStore], tmp_path: Path) -> None:
    store = stores[0]
    store.replay(_history(1), ())
    first = store.read(lambda view: next(view.versions.inspect()))
    connection = apsw.Connection(str(tmp_path / "slow.db"))
    connection.execute("UPDATE versions SET row_sum = 0")
    connection.close()
    (done,) = store.apply([lambda tx: tx.versions.discard(*first[:3])], ScriptedJournal())
    assert done is True
    assert store.apply([lambda tx: tx.versions.discard(*first[:3])], ScriptedJournal()) == [False]
    assert store.read(lambda view: list(view.versions.orphans())) == []
