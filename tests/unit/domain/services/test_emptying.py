"""Emptying a bucket: in batches, everything, and nothing that object lock protects."""

from __future__ import annotations

import pytest

from seglake.domain.model.admin_errors import BucketHoldsLocked
from seglake.domain.model.bucket import Versioning
from seglake.domain.model.errors import InvalidArgument, NoSuchBucket
from seglake.domain.model.object_lock import Lock, Retention, RetentionMode
from seglake.domain.services import emptying as module
from seglake.domain.services.buckets import CreateBucket
from seglake.domain.services.emptying import Emptied, EmptyBucket
from seglake.domain.services.multipart import CreateUpload
from seglake.domain.services.object_writes import DeleteObject, ObjectAttributes
from tests.unit.fixtures import Store

DAY_MS = 86_400_000


async def _all(store: Store, limit: int, bucket: str = "bucket") -> list[Emptied]:
    steps = [await store.committer.commit(EmptyBucket(bucket, limit))]
    while not steps[-1].done:
        steps.append(await store.committer.commit(EmptyBucket(bucket, limit)))
    return steps


async def _filled() -> Store:
    store = Store()
    await store.bucket("bucket", Versioning.ENABLED)
    await store.bucket("other")
    await store.put("key", b"x", bucket="other")
    for number in range(5):
        await store.put(f"k{number % 3}", b"x")
    await store.writes.delete("bucket", DeleteObject("k0"))
    for number in range(3):
        await store.multipart.create(CreateUpload("bucket", f"u{number}", ObjectAttributes()))
    return store


@pytest.mark.parametrize("limit", [1, 2, 4, 9, 10, 200])
async def test_versions_markers_and_uploads_go_in_batches(limit: int) -> None:
    store = await _filled()
    steps = await _all(store, limit)
    assert all(step.versions + step.uploads <= limit for step in steps)
    assert (sum(step.versions for step in steps), sum(step.uploads for step in steps)) == (6, 3)
    await store.buckets.delete("bucket")
    assert store.keys("other") == ["key"]


async def test_an_empty_bucket_is_done_at_once() -> None:
    store = Store()
    await store.bucket()
    assert await store.emptying.step("bucket") == Emptied(0, 0, True)
    with pytest.raises(NoSuchBucket):
        await store.emptying.step("nobody")


async def _locked(count: int) -> Store:
    store = Store()
    await store.buckets.create(CreateBucket("bucket", versioning=Versioning.ENABLED, locks=True))
    for number in range(6):
        await store.put(f"k{number}", b"x")
    for number in range(count):
        kept = Retention(RetentionMode.GOVERNANCE, store.clock.ms + DAY_MS)
        await store.put(f"l{number}", b"x", lock=Lock(retention=kept) if number % 2 else Lock(hold=True))
    return store


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
async def test_locked_versions_are_counted_page_by_page(page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOKED_AT", page)
    store = await _locked(3)
    examined = locked = 0
    cursor: str | None = None
    for _ in range(20):
        found = store.emptying.locked("bucket", cursor, store.clock.ms)
        examined, locked, cursor = examined + found.examined, locked + found.locked, found.cursor
        if cursor is None:
            break
    assert (examined, locked) == (9, 3)


async def test_several_versions_of_a_key_are_each_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOKED_AT", 2)
    store = await _locked(0)
    for _ in range(5):
        await store.put("a key", b"x", lock=Lock(hold=True))
    counts: list[int] = []
    cursor: str | None = None
    while not counts or cursor is not None:
        found = store.emptying.locked("bucket", cursor, store.clock.ms)
        counts.append(found.locked)
        cursor = found.cursor
    assert sum(counts) == 5


async def test_a_bucket_without_object_lock_is_not_looked_through() -> None:
    store = await _filled()
    found = store.emptying.locked("bucket", None, store.clock.ms)
    assert (found.examined, found.locked, found.cursor) == (0, 0, None)


@pytest.mark.parametrize("limit", [2, 200])
async def test_a_locked_version_stays_with_all_of_its_batch(limit: int) -> None:
    store = await _locked(2)
    with pytest.raises(BucketHoldsLocked) as refused:
        await _all(store, limit)
    assert refused.value.count == 2
    assert {"l0", "l1"} <= set(store.keys())
    if limit == 200:
        assert len(store.keys()) == 8


async def test_a_retention_that_is_over_is_no_obstacle() -> None:
    store = await _locked(0)
    await store.put("kept", b"x", lock=Lock(retention=Retention(RetentionMode.COMPLIANCE, store.clock.ms + DAY_MS)))
    store.clock.ms += DAY_MS - 1
    with pytest.raises(BucketHoldsLocked, match="1 version in"):
        await store.emptying.step("bucket")
    store.clock.ms += 1
    assert (await store.emptying.step("bucket")).done


@pytest.mark.parametrize("cursor", ["", "x", "0 key", "ffffffffffffffff.00000000 key", "\ud800"])
async def test_a_cursor_of_nobody_is_refused(cursor: str) -> None:
    store = await _locked(0)
    with pytest.raises(InvalidArgument):
        store.emptying.locked("bucket", cursor, 0)
