"""The store is counted page by page, and what comes out is what it holds."""

from __future__ import annotations

import pytest

from seglake.domain.model.bucket import Versioning
from seglake.domain.services import stocktaking
from seglake.domain.services.multipart import CreateUpload
from seglake.domain.services.object_writes import DeleteObject, ObjectAttributes
from seglake.domain.services.stocktaking import BUCKETS_SHOWN, COST, FRESH_S, Stocktaking
from tests.unit.fixtures import Pieces, Store


@pytest.fixture
async def store() -> Store:
    built = Store()
    await built.bucket("alpha", Versioning.ENABLED)
    await built.bucket("beta")
    for number in range(25):
        await built.put(f"k{number:02d}", b"12345", bucket="alpha")
    for _ in range(10):
        await built.put("k03", b"1234567", bucket="alpha")
    for key in ("k04", "k05"):
        await built.writes.delete("alpha", DeleteObject(key))
    await built.put("only", b"x", bucket="beta")
    return built


@pytest.mark.parametrize("page", [1, 3, 7, 500])
async def test_the_count_is_right_however_small_the_pages(
    store: Store, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stocktaking, "PAGE_ROWS", page)
    found = await store.stocktaking.carry_on(3600)
    assert found is not None
    assert (found.buckets, found.objects, found.versions, found.markers) == (2, 24, 36, 2)
    assert found.version_bytes == 25 * 5 + 10 * 7 + 1 == found.live_bytes
    assert found.largest["alpha"].objects == 23
    assert found.taken_ms == store.clock.ms


async def test_a_caller_goes_on_where_the_last_one_stopped(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stocktaking, "PAGE_ROWS", 5)
    calls = 0
    while await store.stocktaking.carry_on(0.0) is None:
        calls += 1
        assert calls < 30
    assert calls > 5
    assert store.stocktaking.last is not None
    assert store.stocktaking.last.objects == 24


async def test_a_fresh_count_is_not_made_again(store: Store) -> None:
    first = await store.stocktaking.carry_on(1)
    await store.put("more", b"x", bucket="beta")
    assert await store.stocktaking.carry_on(1) is first
    store.clock.ms += int(FRESH_S * 1000)
    again = await store.stocktaking.carry_on(1)
    assert again is not None
    assert again.objects == 25


async def test_a_dear_count_is_made_rarely(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page takes a second here."""
    slow = Stocktaking(store.metadata, store.clock, store.clock.pause)
    real = store.metadata.read

    def read(query: object) -> object:
        store.clock.ms += 1000
        return real(query)  # type: ignore[arg-type]

    monkeypatch.setattr(store.metadata, "read", read)
    first = await slow.carry_on(3600)
    pages = slow._worked_s
    assert pages >= 3
    store.clock.ms += int(pages * COST * 1000) - 1
    assert await slow.carry_on(3600) is first
    store.clock.ms += 1
    assert await slow.carry_on(3600) is not first


async def test_parts_of_running_uploads_count(store: Store) -> None:
    await store.bucket("gamma")
    before = await store.stocktaking.carry_on(1)
    assert before is not None
    assert (before.uploads, before.parts) == (0, 0)
    upload = await store.multipart.create(CreateUpload("gamma", "big", ObjectAttributes()))
    await store.multipart.upload_part("gamma", "big", upload.id, 1, Pieces([b"123"]))
    store.clock.ms += int(FRESH_S * 1000)
    found = await store.stocktaking.carry_on(1)
    assert found is not None
    assert (found.uploads, found.parts, found.part_bytes) == (1, 1, 3)
    assert found.live_bytes == found.version_bytes + 3


async def test_only_the_largest_buckets_are_told() -> None:
    store = Store()
    for number in range(BUCKETS_SHOWN + 5):
        await store.bucket(f"bucket{number:03d}")
        await store.put("k", b"x" * number, bucket=f"bucket{number:03d}")
    found = await store.stocktaking.carry_on(3600)
    assert found is not None
    assert found.buckets == BUCKETS_SHOWN + 5
    assert sorted(found.largest) == [f"bucket{number:03d}" for number in range(5, BUCKETS_SHOWN + 5)]


async def test_a_count_that_broke_begins_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = store.metadata.read

    def broken(_query: object) -> object:
        raise OSError("broken")

    monkeypatch.setattr(store.metadata, "read", broken)
    with pytest.raises(OSError, match="broken"):
        await store.stocktaking.carry_on(1)
    monkeypatch.setattr(store.metadata, "read", real)
    found = await store.stocktaking.carry_on(3600)
    assert found is not None
    assert found.objects == 24
