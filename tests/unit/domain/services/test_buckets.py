from __future__ import annotations

import pytest

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.errors import (
    BucketAlreadyOwned,
    BucketNotEmpty,
    BucketTaken,
    InvalidBucketName,
    NoSuchBucket,
    NoSuchKey,
)
from seglake.domain.services.buckets import CreateBucket
from seglake.domain.services.multipart import CreateUpload
from seglake.domain.services.object_writes import DeleteObject, ObjectAttributes
from tests.unit.fixtures import Store


@pytest.fixture
def store() -> Store:
    return Store()


async def test_a_bucket_is_found_by_its_name(store: Store) -> None:
    made = await store.buckets.create(CreateBucket("bucket", region="eu-west-1"))
    assert store.buckets.get("bucket") == made
    with pytest.raises(NoSuchBucket):
        store.buckets.get("other")


async def test_a_name_is_given_once(store: Store) -> None:
    await store.buckets.create(CreateBucket("bucket"))
    with pytest.raises(BucketAlreadyOwned):
        await store.buckets.create(CreateBucket("bucket"))
    with pytest.raises(BucketTaken):
        await store.buckets.create(CreateBucket("bucket", owner="somebody"))


async def test_a_wrong_name_is_refused(store: Store) -> None:
    with pytest.raises(InvalidBucketName):
        await store.buckets.create(CreateBucket("No"))


async def test_only_an_empty_bucket_is_removed(store: Store) -> None:
    await store.bucket()
    await store.put("key", b"1")
    with pytest.raises(BucketNotEmpty):
        await store.buckets.delete("bucket")
    await store.writes.delete("bucket", DeleteObject("key"))
    upload = await store.multipart.create(CreateUpload("bucket", "key", ObjectAttributes()))
    with pytest.raises(BucketNotEmpty):
        await store.buckets.delete("bucket")
    await store.multipart.abort("bucket", "key", upload.id)
    await store.buckets.delete("bucket")
    with pytest.raises(NoSuchBucket):
        await store.buckets.delete("bucket")


async def test_a_delete_marker_keeps_its_bucket(store: Store) -> None:
    await store.bucket(versioning=Versioning.ENABLED)
    await store.writes.delete("bucket", DeleteObject("key"))
    with pytest.raises(BucketNotEmpty):
        await store.buckets.delete("bucket")


async def test_a_new_bucket_of_an_old_name_is_another(store: Store) -> None:
    await store.bucket()
    upload = await store.multipart.create(CreateUpload("bucket", "key", ObjectAttributes()))
    await store.multipart.abort("bucket", "key", upload.id)
    old = store.buckets.get("bucket").id
    await store.buckets.delete("bucket")
    await store.bucket()
    assert store.buckets.get("bucket").id != old
    with pytest.raises(NoSuchKey):
        await store.get("key")


async def test_versioning_is_enabled_and_suspended(store: Store) -> None:
    await store.bucket()
    for versioning in (Versioning.ENABLED, Versioning.SUSPENDED, Versioning.SUSPENDED, Versioning.ENABLED):
        await store.buckets.set_versioning("bucket", versioning)
        assert store.buckets.get("bucket").versioning is versioning


async def test_buckets_are_listed_by_name_in_pages(store: Store) -> None:
    for name in ("ccc", "aaa", "bbb", "abc"):
        await store.bucket(name)
    first = store.buckets.list(limit=2)
    assert [bucket.name for bucket in first.buckets] == ["aaa", "abc"]
    assert first.next_after == "abc"
    rest = store.buckets.list(after="abc", limit=2)
    assert [bucket.name for bucket in rest.buckets] == ["bbb", "ccc"]
    assert rest.next_after is None
    assert [bucket.name for bucket in store.buckets.list("a").buckets] == ["aaa", "abc"]
