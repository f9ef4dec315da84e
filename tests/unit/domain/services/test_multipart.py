from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.conditions import WriteConditions
from seglake.domain.model.digest import Checksum, ChecksumAlgorithm, ChecksumType, Expectations
from seglake.domain.model.errors import (
    BadDigest,
    EntityTooLarge,
    EntityTooSmall,
    InvalidArgument,
    InvalidPart,
    InvalidPartOrder,
    InvalidRequest,
    NoSuchKey,
    NoSuchUpload,
    PreconditionFailed,
    SeglakeError,
)
from seglake.domain.model.limits import Limits
from seglake.domain.model.multipart import Part, PartClaim, Upload
from seglake.domain.model.ranges import ByteRange
from seglake.domain.services.multipart import CompleteUpload, CreateUpload
from seglake.domain.services.object_reads import ReadObject
from seglake.domain.services.object_writes import ObjectAttributes, PutObject
from tests.unit.fixtures import Pieces, Store

PARTS = (b"a" * 1000, b"b" * 700_000, b"c")


@pytest.fixture
async def store() -> Store:
    made = Store(Limits(part_bytes_min=1000))
    await made.bucket()
    return made


async def _begin(store: Store, **options: Any) -> Upload:
    attributes = ObjectAttributes(headers=(("content-type", "x/y"),), metadata=(("m", "v"),), tags=(("t", "1"),))
    return await store.multipart.create(CreateUpload("bucket", "key", attributes, **options))


async def _part(store: Store, upload: Upload, number: int, data: bytes) -> Part:
    return await store.multipart.upload_part("bucket", "key", upload.id, number, Pieces([data]))


async def _upload(store: Store, upload: Upload) -> tuple[PartClaim, ...]:
    stored = [await _part(store, upload, number, data) for number, data in enumerate(PARTS, start=1)]
    return tuple([PartClaim(part.number, part.etag) for part in stored])


def _complete(upload: Upload, claims: tuple[PartClaim, ...], **options: Any) -> CompleteUpload:
    return CompleteUpload("bucket", "key", upload.id, claims, **options)


async def test_parts_become_one_object(store: Store) -> None:
    upload = await _begin(store)
    claims = await _upload(store, upload)
    stored = await store.multipart.complete(_complete(upload, claims))
    md5s = b"".join([hashlib.md5(data).digest() for data in PARTS])
    assert stored.etag == f"{hashlib.md5(md5s).hexdigest()}-3"
    assert await store.get("key") == b"".join(PARTS)
    opened = store.reads.open(ReadObject("bucket", "key"))
    assert opened.manifest.headers == (("content-type", "x/y"),)
    assert opened.manifest.metadata == (("m", "v"),)
    assert opened.version.tags == (("t", "1"),)
    assert [part.size for part in opened.manifest.parts] == [1000, 700_000, 1]
    assert store.reads.open(ReadObject("bucket", "key", part=2)).ranges == (ByteRange(1000, 700_000),)


async def test_completing_copies_no_payload(store: Store) -> None:
    upload = await _begin(store)
    claims = await _upload(store, upload)
    before = sum(segment.tail for segment in store.segments.by_id.values())
    await store.multipart.complete(_complete(upload, claims))
    after = sum(segment.tail for segment in store.segments.by_id.values())
    assert after - before < 1000


async def test_an_upload_is_not_an_object_until_it_is_completed(store: Store) -> None:
    upload = await _begin(store)
    await _upload(store, upload)
    with pytest.raises(NoSuchKey):
        await store.get("key")
    assert store.keys() == []


async def test_a_completed_upload_takes_and_gives_nothing_more(store: Store) -> None:
    upload = await _begin(store)
    claims = await _upload(store, upload)
    await store.multipart.complete(_complete(upload, claims))
    with pytest.raises(NoSuchUpload):
        await _part(store, upload, 4, b"x")
    with pytest.raises(NoSuchUpload):
        await store.multipart.abort("bucket", "key", upload.id)
    with pytest.raises(NoSuchUpload):
        store.listings.parts("bucket", "key", upload.id)


async def test_a_repeated_completion_answers_as_the_first(store: Store) -> None:
    upload = await _begin(store)
    claims = await _upload(store, upload)
    first = await store.multipart.complete(_complete(upload, claims))
    before = store.dump()
    quoted = tuple([claim._replace(etag=f'"{claim.etag}"') for claim in claims])
    assert await store.multipart.complete(_complete(upload, quoted)) == first
    assert store.dump() == before
    with pytest.raises(NoSuchUpload):
        await store.multipart.complete(_complete(upload, claims[:2]))


async def test_a_repeat_after_the_object_is_gone_is_no_success(store: Store) -> None:
    upload = await _begin(store)
    claims = await _upload(store, upload)
    await store.multipart.complete(_complete(upload, claims))
    await store.put("key", b"newer")
    with pytest.raises(NoSuchUpload):
        await store.multipart.complete(_complete(upload, claims))


async def test_a_part_sent_again_replaces_the_earlier_one(store: Store) -> None:
    upload = await _begin(store)
    old = await _part(store, upload, 1, b"old")
    new = await _part(store, upload, 1, b"new")
    with pytest.raises(InvalidPart):
        await store.multipart.complete(_complete(upload, (PartClaim(1, old.etag),)))
    await store.multipart.complete(_complete(upload, (PartClaim(1, new.etag),)))
    assert await store.get("key") == b"new"


async def test_parts_that_are_not_named_are_left_out(store: Store) -> None:
    upload = await _begin(store)
    claims = await _upload(store, upload)
    await store.multipart.complete(_complete(upload, (claims[0], claims[2])))
    assert await store.get("key") == PARTS[0] + PARTS[2]


async def test_an_abort_drops_everything(store: Store) -> None:
    upload = await _begin(store)
    await _upload(store, upload)
    await store.multipart.abort("bucket", "key", upload.id)
    for again in (store.multipart.abort("bucket", "key", upload.id), _part(store, upload, 1, b"x")):
        with pytest.raises(NoSuchUpload):
            await again


@pytest.mark.parametrize(("bucket", "key"), [("bucket", "other"), ("second", "key")])
async def test_an_upload_belongs_to_its_bucket_and_key(store: Store, bucket: str, key: str) -> None:
    await store.bucket("second")
    upload = await _begin(store)
    claims = await _upload(store, upload)
    with pytest.raises(NoSuchUpload):
        store.multipart.precheck(bucket, key, upload.id)
    with pytest.raises(NoSuchUpload):
        await store.multipart.upload_part(bucket, key, upload.id, 1, Pieces([b"x"]))
    with pytest.raises(NoSuchUpload):
        await store.multipart.complete(CompleteUpload(bucket, key, upload.id, claims))
    with pytest.raises(NoSuchUpload):
        await store.multipart.abort(bucket, key, upload.id)


@pytest.mark.parametrize("number", [0, -1, 10_001])
async def test_part_numbers_have_bounds(store: Store, number: int) -> None:
    upload = await _begin(store)
    with pytest.raises(InvalidArgument):
        await _part(store, upload, number, b"x")


async def _refused(store: Store, command: CompleteUpload, error: type[SeglakeError]) -> None:
    before = store.dump()
    with pytest.raises(error):
        await store.multipart.complete(command)
    assert store.dump() == before


async def test_completions_that_do_not_fit_are_refused_and_change_nothing(store: Store) -> None:
    upload = await _begin(store)
    one, two, three = await _upload(store, upload)
    await _refused(store, _complete(upload, ()), InvalidRequest)
    await _refused(store, _complete(upload, (two, one)), InvalidPartOrder)
    await _refused(store, _complete(upload, (one, one)), InvalidPartOrder)
    await _refused(store, _complete(upload, (one, PartClaim(9, one.etag))), InvalidPart)
    await _refused(store, _complete(upload, (one, PartClaim(2, one.etag))), InvalidPart)
    await _refused(store, _complete(upload, (one, two, three), size=5), InvalidRequest)
    await _refused(store, _complete(upload, (one,), conditions=WriteConditions(if_match="x")), NoSuchKey)
    small = await _part(store, upload, 4, b"last")
    await _refused(store, _complete(upload, (one, three, PartClaim(4, small.etag))), EntityTooSmall)


async def test_a_completion_looks_at_its_conditions(store: Store) -> None:
    await store.put("key", b"there")
    upload = await _begin(store)
    claims = await _upload(store, upload)
    await _refused(store, _complete(upload, claims, conditions=WriteConditions(if_none_match=True)), PreconditionFailed)
    assert await store.get("key") == b"there"


async def test_the_whole_object_has_the_limit_too() -> None:
    store = Store(Limits(part_bytes_min=1, object_bytes_max=5))
    await store.bucket()
    upload = await _begin(store)
    parts = [await _part(store, upload, number, b"abc") for number in (1, 2)]
    claims = tuple([PartClaim(part.number, part.etag) for part in parts])
    await _refused(store, _complete(upload, claims), EntityTooLarge)


async def test_full_object_crcs_are_combined(store: Store) -> None:
    upload = await _begin(store, algorithm=ChecksumAlgorithm.CRC32C, checksum_type=ChecksumType.FULL_OBJECT)
    claims = await _upload(store, upload)
    hasher = store.digests.checksum(ChecksumAlgorithm.CRC32C)
    hasher.update(b"".join(PARTS))
    whole = Checksum(ChecksumAlgorithm.CRC32C, hasher.digest())
    wrong = Checksum(ChecksumAlgorithm.CRC32C, bytes(4))
    await _refused(store, _complete(upload, claims, checksum=wrong), BadDigest)
    stored = await store.multipart.complete(_complete(upload, claims, checksum=whole))
    assert stored.checksum == whole


async def test_composite_checksums_are_over_the_parts_digests(store: Store) -> None:
    upload = await _begin(store, algorithm=ChecksumAlgorithm.SHA256)
    claims = await _upload(store, upload)
    composed = hashlib.sha256(b"".join([hashlib.sha256(data).digest() for data in PARTS])).digest()
    text = base64.b64encode(composed).decode()
    kind = ChecksumType.FULL_OBJECT
    await _refused(store, _complete(upload, claims, checksum_type=kind), InvalidRequest)
    named = tuple(
        [c._replace(checksum=(ChecksumAlgorithm.SHA256, base64.b64encode(bytes(32)).decode())) for c in claims]
    )
    await _refused(store, _complete(upload, named), InvalidPart)
    stored = await store.multipart.complete(
        _complete(upload, claims, checksum=Checksum(ChecksumAlgorithm.SHA256, composed))
    )
    assert stored.checksum is not None
    assert stored.checksum.text == f"{text}-3"


async def test_a_part_with_another_algorithm_is_refused(store: Store) -> None:
    upload = await _begin(store, algorithm=ChecksumAlgorithm.SHA256)
    body = Pieces([b"x"], Expectations(algorithm=ChecksumAlgorithm.CRC32))
    with pytest.raises(InvalidRequest):
        await store.multipart.upload_part("bucket", "key", upload.id, 1, body)


async def test_a_versioned_bucket_gets_a_version() -> None:
    store = Store(Limits(part_bytes_min=1))
    await store.bucket(versioning=Versioning.ENABLED)
    await store.put("key", b"before")
    upload = await _begin(store)
    claims = await _upload(store, upload)
    stored = await store.multipart.complete(_complete(upload, claims))
    assert await store.get("key", stored.version) == b"".join(PARTS)
    assert store.metadata.read(lambda view: view.versions.count()) == 2


async def test_parts_are_listed_in_pages(store: Store) -> None:
    upload = await _begin(store)
    await _upload(store, upload)
    first = store.listings.parts("bucket", "key", upload.id, limit=2)
    assert [part.number for part in first.parts] == [1, 2]
    assert first.next_number == 2
    rest = store.listings.parts("bucket", "key", upload.id, after=2)
    assert [part.number for part in rest.parts] == [3]
    assert rest.next_number is None


async def test_upload_ids_do_not_follow_from_one_another(store: Store) -> None:
    ids = {(await _begin(store)).id for _ in range(20)}
    assert len(ids) == 20
    assert all(len(bytes.fromhex(upload)) == 16 for upload in ids)


async def test_a_failed_condition_of_a_put_does_not_touch_uploads(store: Store) -> None:
    upload = await _begin(store)
    await store.writes.put(PutObject("bucket", "key", ObjectAttributes()), Pieces([b"x"]))
    assert store.multipart.precheck("bucket", "key", upload.id) == upload
