"""Encrypted objects: their bytes come back to who may have them, nothing of them lies on the disk, and every check of
the store works without their keys."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import pytest

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.bucket_encryption import BucketEncryption, to_text
from seglake.domain.model.digest import Expectations
from seglake.domain.model.encryption import (
    KMS_KEY,
    PLAIN_CHUNK_BYTES,
    SEALING_BYTES,
    SSE_S3,
    EncryptionKind,
    Protection,
)
from seglake.domain.model.errors import (
    AccessDenied,
    BadDigest,
    ChunkCorrupt,
    InvalidRequest,
    RingKeyDisabled,
    RingKeyUnknown,
)
from seglake.domain.model.limits import Limits
from seglake.domain.model.multipart import PartClaim
from seglake.domain.model.ranges import ByteRange, FromTo
from seglake.domain.model.segment import CHUNK_BYTES
from seglake.domain.services.copying import CopyObject, CopyPart, CopySource
from seglake.domain.services.fsck import Fsck
from seglake.domain.services.multipart import CompleteUpload, CreateUpload
from seglake.domain.services.object_reads import ReadObject
from seglake.domain.services.object_writes import ObjectAttributes, PutObject, Stored
from seglake.domain.services.rebuild import Rebuild
from seglake.domain.services.scrub import Scrub
from tests.unit.fixtures import Pieces, Store

KEY, OTHER = b"C" * 32, b"D" * 32
KMS = Protection(EncryptionKind.KMS, KMS_KEY)
CUSTOMER = Protection(EncryptionKind.CUSTOMER, customer=KEY)
EVERY = [SSE_S3, KMS, CUSTOMER]
TEXT = b"plaintext that must not be found " * 9
SMALL = Limits(part_bytes_min=5, inline_bytes_max=100)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _name(protection: Protection | None) -> str:
    return "plain" if protection is None else protection.kind.name


async def _put(
    store: Store, key: str, data: bytes, protection: Protection | None, *, expected: Expectations | None = None
) -> Stored:
    pieces = [data[i : i + 70_001] for i in range(0, len(data), 70_001)]
    command = PutObject("bucket", key, ObjectAttributes(), protection=protection)
    return await store.writes.put(command, Pieces(pieces, expected))


async def _get(store: Store, key: str, customer: bytes = b"", *, span: FromTo | None = None) -> bytes:
    opened = store.reads.open(ReadObject("bucket", key, ranges=(span,) if span else (), customer=customer))
    chosen = opened.ranges[0] if opened.ranges else ByteRange(0, opened.manifest.size)
    views = store.reads.stream(opened, chosen.first, chosen.length)
    return b"".join([bytes(view) async for view in views])


def _stored_bytes(store: Store) -> bytes:
    return b"".join([chunk for one in store.segments.by_id.values() for chunk, _ in one.chunks.values()])


def _key_of(protection: Protection | None) -> bytes:
    return b"" if protection is None else protection.customer


@pytest.mark.parametrize("protection", EVERY, ids=_name)
@pytest.mark.parametrize("size", [0, 1, 100, 101, PLAIN_CHUNK_BYTES, PLAIN_CHUNK_BYTES + 1, 2 * CHUNK_BYTES + 5])
async def test_bytes_come_back_and_lie_nowhere_in_clear(protection: Protection, size: int) -> None:
    store = Store(SMALL)
    await store.bucket()
    data = (TEXT * (size // len(TEXT) + 1))[:size]
    stored = await _put(store, "key", data, protection)
    assert await _get(store, "key", protection.customer) == data
    manifest = store.reads.open(ReadObject("bucket", "key", customer=protection.customer)).manifest
    assert manifest.size == size
    assert manifest.encryption == stored.encryption
    assert [chunk.length - chunk.take for chunk in manifest.chunks] == [SEALING_BYTES] * len(manifest.chunks)
    assert all(chunk.length <= CHUNK_BYTES for chunk in manifest.chunks)
    assert TEXT[:20] not in _stored_bytes(store) or size < 20


@pytest.mark.parametrize("inline", [0, 1 << 20])
@pytest.mark.parametrize("span", [(0, 0), (5, 40), (199, 199), (0, 199), (100, 500)])
async def test_a_range_is_cut_from_the_plaintext(inline: int, span: tuple[int, int]) -> None:
    store = Store(Limits(inline_bytes_max=inline))
    await store.bucket()
    data = bytes(range(200))
    await _put(store, "key", data, SSE_S3)
    assert await _get(store, "key", span=FromTo(*span)) == data[span[0] : span[1] + 1]


async def test_a_range_across_chunks_is_whole() -> None:
    store = Store()
    await store.bucket()
    data = bytes(range(256)) * ((2 * CHUNK_BYTES + 4096) // 256)
    await _put(store, "key", data, SSE_S3)
    for at in (PLAIN_CHUNK_BYTES, 2 * PLAIN_CHUNK_BYTES):
        assert await _get(store, "key", span=FromTo(at - 3, at + 3)) == data[at - 3 : at + 4]


@pytest.mark.parametrize("protection", EVERY, ids=_name)
async def test_only_sse_s3_shows_the_md5(protection: Protection) -> None:
    store = Store()
    await store.bucket()
    etags = {(await _put(store, f"key{number}", TEXT, protection)).etag for number in range(2)}
    if protection is SSE_S3:
        assert etags == {_md5(TEXT)}
    else:
        assert len(etags) == 2, "it does not tell that two objects are equal"
        assert _md5(TEXT) not in etags
    assert {len(etag) for etag in etags} == {32}


@pytest.mark.parametrize("protection", [None, *EVERY], ids=_name)
async def test_digests_are_of_the_plaintext(protection: Protection | None) -> None:
    store = Store()
    await store.bucket()
    right = Expectations(md5=bytes.fromhex(_md5(TEXT)), sha256=hashlib.sha256(TEXT).digest())
    stored = await _put(store, "key", TEXT, protection, expected=right)
    plain = await _put(store, "plain", TEXT, None)
    assert stored.checksum == plain.checksum
    for wrong in (Expectations(md5=bytes(16)), Expectations(sha256=bytes(32))):
        before = store.dump()
        with pytest.raises(BadDigest):
            await _put(store, "key", TEXT, SSE_S3, expected=wrong)
        after = [line for line in store.dump() if not line.startswith("ring-key")]
        assert after == [line for line in before if not line.startswith("ring-key")]


async def test_a_wrong_or_missing_customers_key_yields_nothing() -> None:
    store = Store()
    await store.bucket()
    await _put(store, "key", TEXT, CUSTOMER)
    with pytest.raises(AccessDenied):
        store.reads.open(ReadObject("bucket", "key", customer=OTHER))
    with pytest.raises(InvalidRequest, match="stored using a form of Server Side Encryption"):
        store.reads.open(ReadObject("bucket", "key"))
    await _put(store, "plain", TEXT, None)
    await _put(store, "ring", TEXT, SSE_S3)
    for key in ("plain", "ring"):
        with pytest.raises(InvalidRequest, match="not applicable"):
            store.reads.open(ReadObject("bucket", key, customer=KEY))


async def test_a_ring_key_that_may_not_be_used_yields_nothing() -> None:
    store = Store()
    await store.bucket()
    await store.key_ring.create("mine")
    mine = Protection(EncryptionKind.KMS, "mine")
    for key, data in (("key", TEXT), ("empty", b"")):
        await _put(store, key, data, mine)
    await store.key_ring.set_enabled("mine", False)
    with pytest.raises(RingKeyDisabled):
        await _put(store, "more", TEXT, mine)
    for key in ("key", "empty"):
        opened = store.reads.open(ReadObject("bucket", key))
        with pytest.raises(RingKeyDisabled):
            store.reads.stream(opened, 0, opened.manifest.size)
    with pytest.raises(RingKeyDisabled):
        await store.copying.copy(CopyObject(CopySource("bucket", "key"), "bucket", "copy", "root", protection=mine))
    await store.key_ring.set_enabled("mine", True)
    assert await _get(store, "key") == TEXT
    with pytest.raises(RingKeyUnknown):
        await _put(store, "more", TEXT, Protection(EncryptionKind.KMS, "other"))


async def test_objects_of_an_older_key_version_stay_readable() -> None:
    store = Store()
    await store.bucket()
    await store.key_ring.create("mine")
    mine = Protection(EncryptionKind.KMS, "mine")
    first = await _put(store, "first", TEXT, mine)
    await store.key_ring.rotate("mine")
    second = await _put(store, "second", TEXT, mine)
    assert [one.encryption and one.encryption.key_version for one in (first, second)] == [1, 2]
    assert await _get(store, "first") == await _get(store, "second") == TEXT


async def _default(store: Store, protection: Protection | None, *, blocks: bool = False) -> None:
    config = BucketEncryption(protection, blocks_customer_keys=blocks)
    await store.settings.put("bucket", ConfigKind.ENCRYPTION, to_text(config))


@pytest.mark.parametrize("prechecked", [True, False])
async def test_a_buckets_default_encrypts_what_asks_for_nothing(prechecked: bool) -> None:
    store = Store()
    await store.bucket()
    await _default(store, Protection(EncryptionKind.KMS, KMS_KEY, bucket_key=True))
    command = PutObject("bucket", "key", ObjectAttributes())
    if prechecked:
        stored = await store.writes.put(command, Pieces([TEXT]), store.writes.precheck(command))
    else:
        stored = await store.writes.put(command, Pieces([TEXT]))
    assert stored.encryption is not None
    assert (stored.encryption.kind, stored.encryption.bucket_key) == (EncryptionKind.KMS, True)
    upload = await store.multipart.create(CreateUpload("bucket", "big", ObjectAttributes()))
    assert upload.encryption is not None
    copied = await store.copying.copy(CopyObject(CopySource("bucket", "key"), "bucket", "copy", "root"))
    assert copied.stored.encryption is not None
    asked = await _put(store, "other", TEXT, SSE_S3)
    assert asked.encryption is not None
    assert asked.encryption.kind is EncryptionKind.S3
    asked = await _put(store, "bucket-key", TEXT, KMS)
    assert asked.encryption is not None
    assert asked.encryption.bucket_key, "the choice of the bucket holds where the request makes none"
    await store.settings.remove("bucket", ConfigKind.ENCRYPTION)
    assert (await _put(store, "key", TEXT, None)).encryption is None


async def test_the_stores_default_holds_where_a_bucket_has_none() -> None:
    store = Store(default_encryption=SSE_S3)
    await store.bucket()
    stored = await store.put("key", TEXT)
    assert stored.encryption is not None
    await _default(store, None, blocks=True)
    assert (await store.put("key", TEXT)).encryption is not None
    assert await store.get("key") == TEXT


async def test_a_bucket_can_refuse_customers_keys() -> None:
    store = Store()
    await store.bucket()
    await _put(store, "before", TEXT, CUSTOMER)
    await _default(store, SSE_S3, blocks=True)
    with pytest.raises(AccessDenied):
        await _put(store, "key", TEXT, CUSTOMER)
    assert await _get(store, "before", KEY) == TEXT


async def _copy(store: Store, source: str, key: str, protection: Protection | None, **more: Any) -> Stored:
    customer = more.pop("customer", b"")
    named = CopySource("bucket", source, customer=customer)
    return (await store.copying.copy(CopyObject(named, "bucket", key, "root", protection=protection, **more))).stored


@pytest.mark.parametrize("target", [None, *EVERY], ids=_name)
@pytest.mark.parametrize("source", [None, *EVERY], ids=_name)
async def test_a_copy_is_encrypted_as_its_request_says(source: Protection | None, target: Protection | None) -> None:
    store = Store(SMALL)
    await store.bucket()
    for number, data in enumerate((b"", b"short", TEXT)):
        made = await _put(store, f"source{number}", data, source)
        copied = await _copy(store, f"source{number}", f"copy{number}", target, customer=_key_of(source))
        assert await _get(store, f"copy{number}", _key_of(target)) == data
        assert _name(target) == ("plain" if copied.encryption is None else copied.encryption.kind.name)
        opened = store.reads.open(ReadObject("bucket", f"copy{number}", customer=_key_of(target)))
        original = store.reads.open(ReadObject("bucket", f"source{number}", customer=_key_of(source)))
        shared = source is target and target is not CUSTOMER
        if data:
            assert (opened.manifest.chunks == original.manifest.chunks) is shared
        assert opened.manifest.checksum == original.manifest.checksum
        if target in (None, SSE_S3):
            assert copied.etag == _md5(data)
        elif not shared:
            assert copied.etag not in (made.etag, _md5(data))


async def test_a_copy_between_ring_keys_is_under_the_new_one() -> None:
    store = Store()
    await store.bucket()
    await store.key_ring.create("mine")
    first = await _put(store, "source", TEXT, KMS)
    copied = await _copy(store, "source", "copy", Protection(EncryptionKind.KMS, "mine"))
    assert first.encryption is not None
    assert copied.encryption is not None
    assert (copied.encryption.key, copied.encryption.wrapped == first.encryption.wrapped) == ("mine", False)
    await store.key_ring.set_enabled("mine", False)
    opened = store.reads.open(ReadObject("bucket", "copy"))
    with pytest.raises(RingKeyDisabled):
        store.reads.stream(opened, 0, 1)


async def test_a_copy_needs_its_sources_key() -> None:
    store = Store()
    await store.bucket()
    await _put(store, "source", TEXT, CUSTOMER)
    before = store.dump()
    with pytest.raises(InvalidRequest):
        await _copy(store, "source", "copy", None)
    with pytest.raises(AccessDenied):
        await _copy(store, "source", "copy", None, customer=OTHER)
    with pytest.raises(InvalidRequest):
        await _copy(store, "source", "copy", CUSTOMER)
    assert store.dump() == before


async def test_a_copy_onto_itself_may_change_the_encryption() -> None:
    store = Store()
    await store.bucket(versioning=Versioning.ENABLED)
    await _put(store, "key", TEXT, CUSTOMER)
    copied = await _copy(store, "key", "key", Protection(EncryptionKind.CUSTOMER, customer=OTHER), customer=KEY)
    assert copied.encryption is not None
    assert await _get(store, "key", OTHER) == TEXT
    with pytest.raises(AccessDenied):
        await _get(store, "key", KEY)


async def _upload(store: Store, protection: Protection | None, parts: Sequence[bytes]) -> Stored:
    upload = await store.multipart.create(CreateUpload("bucket", "big", ObjectAttributes(), protection=protection))
    key, claims = _key_of(protection), []
    for number, data in enumerate(parts, start=1):
        part = await store.multipart.upload_part("bucket", "big", upload.id, number, Pieces([data]), customer=key)
        claims.append(PartClaim(number, part.etag))
    return await store.multipart.complete(CompleteUpload("bucket", "big", upload.id, tuple(claims), customer=key))


@pytest.mark.parametrize("protection", EVERY, ids=_name)
async def test_all_parts_of_an_upload_are_under_one_data_key(protection: Protection) -> None:
    store = Store(SMALL)
    await store.bucket()
    parts = [TEXT, b"second", TEXT[:50]]
    stored = await _upload(store, protection, parts)
    assert await _get(store, "big", protection.customer) == b"".join(parts)
    assert TEXT[:20] not in _stored_bytes(store)
    opened = store.reads.open(ReadObject("bucket", "big", part=2, customer=protection.customer))
    assert opened.ranges == (ByteRange(len(TEXT), 6),)
    assert await _get(store, "big", protection.customer, span=FromTo(len(TEXT) - 2, len(TEXT) + 7)) == (
        TEXT[-2:] + b"second" + TEXT[:2]
    )
    expected = _md5(b"".join([bytes.fromhex(_md5(part)) for part in parts])) + "-3"
    assert stored.etag.endswith("-3")
    assert (stored.etag == expected) is (protection is SSE_S3)


async def test_a_part_brings_exactly_the_key_of_its_upload() -> None:
    store = Store(SMALL)
    await store.bucket()
    customers = await store.multipart.create(CreateUpload("bucket", "a", ObjectAttributes(), protection=CUSTOMER))
    plain = await store.multipart.create(CreateUpload("bucket", "b", ObjectAttributes()))
    ring = await store.multipart.create(CreateUpload("bucket", "c", ObjectAttributes(), protection=SSE_S3))
    await _put(store, "source", TEXT, None)
    before = store.dump()
    for key, upload, customer in (("a", customers, b""), ("a", customers, OTHER), ("b", plain, KEY), ("c", ring, KEY)):
        with pytest.raises(InvalidRequest):
            await store.multipart.upload_part("bucket", key, upload.id, 1, Pieces([TEXT]), customer=customer)
        source = CopySource("bucket", "source")
        with pytest.raises(InvalidRequest):
            await store.copying.copy_part(CopyPart(source, "bucket", key, upload.id, 1, customer=customer))
        if customer:
            with pytest.raises(InvalidRequest):
                store.multipart.check_customer("bucket", key, upload.id, customer)
    assert store.dump() == before
    store.multipart.check_customer("bucket", "a", customers.id, KEY)


@pytest.mark.parametrize("target", [None, *EVERY], ids=_name)
@pytest.mark.parametrize("source", [None, *EVERY], ids=_name)
async def test_a_copied_part_is_under_its_uploads_key(source: Protection | None, target: Protection | None) -> None:
    store = Store(SMALL)
    await store.bucket()
    await _put(store, "source", TEXT, source)
    upload = await store.multipart.create(CreateUpload("bucket", "big", ObjectAttributes(), protection=target))
    claims = []
    for number, span in enumerate((None, ByteRange(30, 100)), start=1):
        named = CopySource("bucket", "source", customer=_key_of(source))
        command = CopyPart(named, "bucket", "big", upload.id, number, span, _key_of(target))
        copied = await store.copying.copy_part(command)
        assert copied.encryption == upload.encryption
        claims.append(PartClaim(number, copied.part.etag))
    await store.multipart.complete(CompleteUpload("bucket", "big", upload.id, tuple(claims)))
    assert await _get(store, "big", _key_of(target)) == TEXT + TEXT[30:130]


async def test_changed_ciphertext_is_damage_and_not_an_answer() -> None:
    store = Store()
    await store.bucket()
    await _put(store, "key", TEXT, SSE_S3)
    manifest = store.reads.open(ReadObject("bucket", "key")).manifest
    (chunk,) = manifest.chunks
    segment = store.segments.find(chunk.segment)
    payload = bytearray(segment.chunks[chunk.offset][0])
    payload[20] ^= 1
    forged = chunk._replace(digest=store.digests.content(payload))
    segment.chunks[chunk.offset] = (bytes(payload), forged.digest)
    cipher = store.encrypting.open(manifest.encryption) if manifest.encryption else None
    assert cipher is not None
    with pytest.raises(ChunkCorrupt, match="does not decrypt"):
        _ = [view async for view in store.encrypting.stream(store.segment_store, (forged,), cipher)]


async def test_every_check_works_without_any_key() -> None:
    store = Store(SMALL)
    await store.bucket()
    for protection in EVERY:
        await _put(store, f"small-{protection.kind}", b"tiny", protection)
        await _put(store, f"large-{protection.kind}", TEXT, protection)
    await _upload(store, CUSTOMER, [TEXT, b"tail"])
    store.box = None  # type: ignore[assignment] # nobody can open a ring key
    report = Fsck(store.metadata, store.files).run(deep=True)
    assert report.findings == () or report.sound
    assert Scrub(store.metadata, store.files, store.clock).run().damaged == 0
    opened = store.reads.open(ReadObject("bucket", "large-SSE-C", customer=KEY))
    store.segments.damage(opened.manifest.chunks[0])
    assert Scrub(store.metadata, store.files, store.clock).run().damaged == 1


async def test_a_rebuilt_index_opens_what_the_old_one_did() -> None:
    store = Store(SMALL)
    await store.bucket()
    for protection in EVERY:
        await _put(store, f"key-{protection.kind}", TEXT, protection)
    await store.key_ring.create("mine")
    await store.key_ring.rotate("mine")
    before = store.dump()
    store.segment_store.close()
    again = Store(SMALL)
    again.segments, again.files = store.segments, store.files
    assert Rebuild(again.metadata, again.files).run().findings == ()
    again.open_segments()
    assert again.dump() == before
    for protection in EVERY:
        assert await _get(again, f"key-{protection.kind}", protection.customer) == TEXT


def test_no_repr_shows_a_key() -> None:
    values = (
        CUSTOMER,
        ReadObject("bucket", "key", customer=KEY),
        CopySource("bucket", "key", customer=KEY),
        CompleteUpload("bucket", "key", "upload", (), customer=KEY),
        CopyPart(CopySource("bucket", "key", customer=KEY), "bucket", "key", "upload", 1, None, KEY),
        PutObject("bucket", "key", ObjectAttributes(), protection=CUSTOMER),
    )
    for value in values:
        assert "CCCC" not in repr(value)
