from __future__ import annotations

import hashlib
from typing import Any

import pytest

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.conditions import ReadConditions, WriteConditions
from seglake.domain.model.digest import ChecksumAlgorithm
from seglake.domain.model.errors import (
    Busy,
    ChunkCorrupt,
    EntityTooLarge,
    InvalidArgument,
    InvalidRequest,
    NoSuchBucket,
    NoSuchKey,
    NoSuchUpload,
    PreconditionFailed,
)
from seglake.domain.model.limits import Limits
from seglake.domain.model.multipart import PartClaim
from seglake.domain.model.ranges import ByteRange
from seglake.domain.services.copying import CopyObject, CopyPart, CopySource, PutCopy
from seglake.domain.services.listing import Window
from seglake.domain.services.multipart import CompleteUpload, CreateUpload
from seglake.domain.services.object_reads import ReadObject
from seglake.domain.services.object_writes import DeleteObject, ObjectAttributes
from tests.unit.fixtures import Store

LARGE = bytes(range(256)) * 4096 * 9


@pytest.fixture
async def store() -> Store:
    made = Store()
    await made.bucket()
    await made.put("key", b"payload", headers=(("content-type", "a/b"),), metadata=(("m", "1"),), tags=(("t", "1"),))
    return made


def _copy(key: str, source: str = "key", **options: Any) -> CopyObject:
    given = options.pop("source_options", {})
    return CopyObject(CopySource("bucket", source, **given), "bucket", key, "root", **options)


def _bytes_stored(store: Store) -> int:
    return sum(segment.tail for segment in store.segments.by_id.values())


async def test_a_copy_has_the_bytes_and_attributes_of_its_source(store: Store) -> None:
    copied = await store.copying.copy(_copy("copy"))
    assert await store.get("copy") == b"payload"
    opened = store.reads.open(ReadObject("bucket", "copy"))
    assert opened.manifest.headers == (("content-type", "a/b"),)
    assert opened.manifest.metadata == (("m", "1"),)
    assert opened.version.tags == (("t", "1"),)
    assert copied.stored.etag == hashlib.md5(b"payload").hexdigest()


async def test_a_copy_shares_the_chunks(store: Store) -> None:
    await store.put("large", LARGE)
    before = _bytes_stored(store)
    await store.copying.copy(_copy("copy", "large"))
    assert _bytes_stored(store) - before < 1000
    await store.writes.delete("bucket", DeleteObject("large"))
    assert await store.get("copy") == LARGE


async def test_attributes_and_tags_are_replaced_when_asked(store: Store) -> None:
    command = _copy("copy", attributes=ObjectAttributes(metadata=(("n", "2"),)), tags=())
    await store.copying.copy(command)
    opened = store.reads.open(ReadObject("bucket", "copy"))
    assert opened.manifest.metadata == (("n", "2"),)
    assert opened.manifest.headers == ()
    assert opened.version.tags == ()


async def test_the_storage_class_is_the_requests(store: Store) -> None:
    await store.put("rare", b"x", headers=(("x-amz-storage-class", "GLACIER"),))
    await store.copying.copy(_copy("copy", "rare"))
    assert store.reads.open(ReadObject("bucket", "copy")).manifest.headers == ()
    await store.copying.copy(_copy("copy", "rare", storage_class="STANDARD_IA"))
    assert store.listings.objects("bucket", Window()).entries[0].storage_class == "STANDARD_IA"


async def test_a_copy_onto_itself_must_change_something(store: Store) -> None:
    with pytest.raises(InvalidRequest):
        await store.copying.copy(_copy("key"))
    await store.copying.copy(_copy("key", attributes=ObjectAttributes()))
    assert await store.get("key") == b"payload"


async def test_an_older_version_is_restored_by_a_copy_onto_itself() -> None:
    store = Store()
    await store.bucket(versioning=Versioning.ENABLED)
    old = await store.put("key", b"old")
    await store.put("key", b"new")
    copied = await store.copying.copy(_copy("key", source_options={"version": old.version}))
    assert copied.source_version == old.version
    assert await store.get("key") == b"old"


async def test_sources_that_cannot_be_copied(store: Store) -> None:
    with pytest.raises(NoSuchKey):
        await store.copying.copy(_copy("copy", "missing"))
    with pytest.raises(NoSuchBucket):
        await store.copying.copy(CopyObject(CopySource("none", "key"), "bucket", "copy", "root"))
    with pytest.raises(NoSuchBucket):
        await store.copying.copy(CopyObject(CopySource("bucket", "key"), "none", "copy", "root"))
    await store.buckets.set_versioning("bucket", Versioning.ENABLED)
    marker = await store.writes.delete("bucket", DeleteObject("key"))
    with pytest.raises(NoSuchKey):
        await store.copying.copy(_copy("copy"))
    with pytest.raises(InvalidRequest):
        await store.copying.copy(_copy("copy", source_options={"version": marker.version}))


async def test_conditions_on_source_and_target(store: Store) -> None:
    etag = hashlib.md5(b"payload").hexdigest()
    for wrong in (ReadConditions(if_match=("x",)), ReadConditions(if_none_match=(etag,))):
        with pytest.raises(PreconditionFailed):
            await store.copying.copy(_copy("copy", source_options={"conditions": wrong}))
    await store.copying.copy(_copy("copy", conditions=WriteConditions(if_none_match=True)))
    with pytest.raises(PreconditionFailed):
        await store.copying.copy(_copy("copy", conditions=WriteConditions(if_none_match=True)))


async def test_another_checksum_is_computed_from_verified_bytes(store: Store) -> None:
    copied = await store.copying.copy(_copy("copy", algorithm=ChecksumAlgorithm.SHA256))
    assert copied.stored.checksum is not None
    assert copied.stored.checksum.digest == hashlib.sha256(b"payload").digest()
    store.segments.damage(store.reads.open(ReadObject("bucket", "key")).manifest.chunks[0])
    with pytest.raises(ChunkCorrupt):
        await store.copying.copy(_copy("other", algorithm=ChecksumAlgorithm.SHA1))


async def test_a_source_that_changed_meanwhile_is_not_copied_half(store: Store) -> None:
    seen = store.reads.open(ReadObject("bucket", "key")).manifest.stamp
    await store.put("key", b"changed")
    with pytest.raises(Busy):
        await store.committer.commit(PutCopy(_copy("copy"), Limits(), seen))


async def test_parts_are_copied_from_ranges(store: Store) -> None:
    store = Store(Limits(part_bytes_min=1))
    await store.bucket()
    await store.put("key", LARGE)
    upload = await store.multipart.create(CreateUpload("bucket", "target", ObjectAttributes()))
    claims = []
    for number, chosen in enumerate((ByteRange(4 << 20, 100), ByteRange(0, 5 << 20), None), start=1):
        command = CopyPart(CopySource("bucket", "key"), "bucket", "target", upload.id, number, chosen)
        part = (await store.copying.copy_part(command)).part
        claims.append(PartClaim(number, part.etag))
    await store.multipart.complete(CompleteUpload("bucket", "target", upload.id, tuple(claims)))
    expected = LARGE[4 << 20 :][:100] + LARGE[: 5 << 20] + LARGE
    assert await store.get("target") == expected
    assert claims[0].etag == hashlib.md5(LARGE[4 << 20 :][:100]).hexdigest()


async def test_part_copies_that_cannot_be(store: Store) -> None:
    upload = await store.multipart.create(CreateUpload("bucket", "target", ObjectAttributes()))
    source = CopySource("bucket", "key")
    with pytest.raises(InvalidArgument):
        await store.copying.copy_part(CopyPart(source, "bucket", "target", upload.id, 1, ByteRange(0, 8)))
    with pytest.raises(InvalidArgument):
        await store.copying.copy_part(CopyPart(source, "bucket", "target", upload.id, 0))
    with pytest.raises(NoSuchUpload):
        await store.copying.copy_part(CopyPart(source, "bucket", "other", upload.id, 1))
    with pytest.raises(NoSuchKey):
        await store.copying.copy_part(CopyPart(CopySource("bucket", "no"), "bucket", "target", upload.id, 1))


async def test_a_part_copy_has_the_limit_of_a_part() -> None:
    store = Store(Limits(object_bytes_max=10))
    await store.bucket()
    await store.put("key", b"0123456789")
    store.limits = Limits(object_bytes_max=9)
    store.open_segments()
    upload = await store.multipart.create(CreateUpload("bucket", "target", ObjectAttributes()))
    with pytest.raises(EntityTooLarge):
        await store.copying.copy_part(CopyPart(CopySource("bucket", "key"), "bucket", "target", upload.id, 1))


async def test_a_copy_of_an_empty_object_is_empty(store: Store) -> None:
    await store.put("empty", b"")
    await store.copying.copy(_copy("copy", "empty", algorithm=ChecksumAlgorithm.CRC32))
    assert await store.get("copy") == b""
