from __future__ import annotations

import asyncio
import hashlib

import pytest

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.conditions import WriteConditions
from seglake.domain.model.digest import Checksum, ChecksumAlgorithm, Expectations
from seglake.domain.model.errors import (
    BadDigest,
    EntityTooLarge,
    IncompleteBody,
    InvalidKey,
    IsDeleteMarker,
    MetadataTooLarge,
    NoSuchBucket,
    NoSuchKey,
    NoSuchVersion,
    PayloadHashMismatch,
    PreconditionFailed,
    PreconditionRequired,
    SeglakeError,
)
from seglake.domain.model.limits import Limits
from seglake.domain.model.segment import CHUNK_BYTES
from seglake.domain.services.object_reads import ReadObject
from seglake.domain.services.object_writes import DeleteObject, ObjectAttributes, PutObject
from tests.unit.fixtures import Pieces, Store

LARGE = bytes(range(256)) * 4096 * 9  # 9 MiB: three chunks, the last one smaller
PUT = PutObject("bucket", "key", ObjectAttributes())


@pytest.fixture
async def store() -> Store:
    made = Store()
    await made.bucket()
    return made


async def _put(store: Store, data: bytes, conditions: WriteConditions) -> None:
    await store.writes.put(PutObject("bucket", "key", ObjectAttributes(), conditions), Pieces([data]))


@pytest.mark.parametrize("data", [b"", b"x", b"y" * 70_000, b"z" * (256 << 10), b"l" * ((256 << 10) + 1), LARGE])
async def test_what_was_put_is_read_back(store: Store, data: bytes) -> None:
    stored = await store.put("key", data, headers=(("content-type", "text/plain"),), metadata=(("a", "b"),))
    assert await store.get("key") == data
    assert stored.etag == hashlib.md5(data).hexdigest()
    manifest = store.reads.open(ReadObject("bucket", "key")).manifest
    assert (manifest.size, manifest.etag) == (len(data), stored.etag)
    assert manifest.headers == (("content-type", "text/plain"),)
    assert manifest.metadata == (("a", "b"),)
    assert manifest.modified_ms == store.clock.ms


async def test_a_body_without_a_length_is_stored_too(store: Store) -> None:
    await store.writes.put(PUT, Pieces([b"ab", b"cd"], length=None))
    assert await store.get("key") == b"abcd"


async def test_pieces_of_any_size_make_chunks_of_one_size(store: Store) -> None:
    pieces = [LARGE[at : at + 700_001] for at in range(0, len(LARGE), 700_001)]
    await store.writes.put(PUT, Pieces(pieces))
    chunks = store.reads.open(ReadObject("bucket", "key")).manifest.chunks
    assert [chunk.length for chunk in chunks] == [CHUNK_BYTES, CHUNK_BYTES, len(LARGE) - 2 * CHUNK_BYTES]
    assert await store.get("key") == LARGE


def _wrong(kind: str) -> Expectations:
    crc = Checksum(ChecksumAlgorithm.CRC32C, bytes(4))
    return {
        "md5": Expectations(md5=bytes(16)),
        "sha256": Expectations(sha256=bytes(32)),
        "checksum": Expectations(checksum=crc, algorithm=ChecksumAlgorithm.CRC32C),
    }[kind]


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    ("kind", "error"), [("md5", BadDigest), ("sha256", PayloadHashMismatch), ("checksum", BadDigest)]
)
async def test_a_wrong_digest_is_refused_and_leaves_nothing(
    store: Store, data: bytes, kind: str, error: type[SeglakeError]
) -> None:
    before = store.dump()
    with pytest.raises(error):
        await store.writes.put(PUT, Pieces([data], _wrong(kind)))
    assert store.dump() == before


@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
async def test_a_wrong_trailer_is_refused_although_it_comes_last(store: Store, data: bytes) -> None:
    announced = Expectations(algorithm=ChecksumAlgorithm.SHA256)
    late = Expectations(checksum=Checksum(ChecksumAlgorithm.SHA256, bytes(32)), algorithm=ChecksumAlgorithm.SHA256)
    before = store.dump()
    with pytest.raises(BadDigest):
        await store.writes.put(PUT, Pieces([data], announced, late=late))
    assert store.dump() == before
    right = Checksum(ChecksumAlgorithm.SHA256, hashlib.sha256(data).digest())
    good = Expectations(checksum=right, algorithm=ChecksumAlgorithm.SHA256)
    stored = await store.writes.put(PUT, Pieces([data], announced, late=good))
    assert stored.checksum == right


@pytest.mark.parametrize(("sent", "announced"), [(b"abc", 4), (b"abc", 2), (LARGE, len(LARGE) + 1)])
async def test_a_body_of_another_length_is_refused(store: Store, sent: bytes, announced: int) -> None:
    before = store.dump()
    with pytest.raises(IncompleteBody):
        await store.writes.put(PUT, Pieces([sent], length=announced))
    assert store.dump() == before


@pytest.mark.parametrize("length", [-1, None])
async def test_an_object_above_the_limit_is_refused(length: int | None) -> None:
    store = Store(Limits(object_bytes_max=1000, inline_bytes_max=100))
    await store.bucket()
    await store.writes.put(PUT, Pieces([bytes(1000)], length=length))
    with pytest.raises(EntityTooLarge):
        await store.writes.put(PUT, Pieces([bytes(600), bytes(401)], length=length))


async def test_the_checksum_is_crc64nvme_when_the_client_names_none(store: Store) -> None:
    stored = await store.put("key", b"123456789")
    assert stored.checksum is not None
    assert stored.checksum.algorithm is ChecksumAlgorithm.CRC64NVME
    assert stored.checksum.digest.hex() == "ae8b14860a799888"


async def test_user_metadata_has_a_limit(store: Store) -> None:
    store.writes.precheck(PutObject("bucket", "key", ObjectAttributes(metadata=(("n", "v" * 2047),))))
    with pytest.raises(MetadataTooLarge):
        store.writes.precheck(PutObject("bucket", "key", ObjectAttributes(metadata=(("n", "v" * 2048),))))
    with pytest.raises(InvalidKey):
        store.writes.precheck(PutObject("bucket", "", ObjectAttributes()))


async def test_a_put_into_no_bucket_is_refused_early_and_in_the_commit(store: Store) -> None:
    with pytest.raises(NoSuchBucket):
        store.writes.precheck(PutObject("other", "key", ObjectAttributes()))
    with pytest.raises(NoSuchBucket):
        await store.put("key", b"x", bucket="other")


async def test_an_unversioned_bucket_keeps_the_last_object_only(store: Store) -> None:
    first = await store.put("key", b"1")
    await store.put("key", b"2")
    assert first.version is None
    assert await store.get("key") == b"2"
    assert store.metadata.read(lambda view: view.versions.count()) == 1


async def test_a_versioned_bucket_keeps_every_object() -> None:
    store = Store()
    await store.bucket(versioning=Versioning.ENABLED)
    one, two = await store.put("key", b"1"), await store.put("key", b"2")
    assert one.version is not None
    assert two.version is not None
    assert one.version < two.version
    assert [await store.get("key", version) for version in (one.version, two.version, None)] == [b"1", b"2", b"2"]


async def test_a_suspended_bucket_replaces_only_its_null_version() -> None:
    store = Store()
    await store.bucket()
    await store.put("key", b"before")
    await store.buckets.set_versioning("bucket", Versioning.ENABLED)
    kept = await store.put("key", b"kept")
    assert await store.get("key", "null") == b"before"
    await store.buckets.set_versioning("bucket", Versioning.SUSPENDED)
    after = await store.put("key", b"after")
    assert after.version == "null"
    assert await store.get("key", "null") == await store.get("key") == b"after"
    assert await store.get("key", kept.version) == b"kept"
    assert store.metadata.read(lambda view: view.versions.count()) == 2


@pytest.mark.parametrize("conditions", [WriteConditions(if_none_match=True), WriteConditions(if_match="0" * 32)])
async def test_a_failed_condition_writes_nothing(store: Store, conditions: WriteConditions) -> None:
    await store.put("key", b"1")
    before = store.dump()
    with pytest.raises(PreconditionFailed):
        store.writes.precheck(PutObject("bucket", "key", ObjectAttributes(), conditions))
    with pytest.raises(PreconditionFailed):
        await _put(store, b"2", conditions)
    assert store.dump() == before


async def test_if_match_needs_the_present_etag(store: Store) -> None:
    with pytest.raises(NoSuchKey):
        await _put(store, b"1", WriteConditions(if_match="*"))
    stored = await store.put("key", b"1")
    await _put(store, b"2", WriteConditions(if_match=stored.etag))
    with pytest.raises(PreconditionFailed):
        await _put(store, b"3", WriteConditions(if_match=stored.etag))
    assert await store.get("key") == b"2"


async def test_a_condition_is_decided_in_the_commit_and_not_before_the_body(store: Store) -> None:
    only_once = WriteConditions(if_none_match=True)
    outcomes = await asyncio.gather(*[_put(store, b"%d" % n, only_once) for n in range(5)], return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, PreconditionFailed) for outcome in outcomes) == 4


async def test_a_delete_marker_counts_as_no_object_for_conditions() -> None:
    store = Store()
    await store.bucket(versioning=Versioning.ENABLED)
    await store.put("key", b"1")
    await store.writes.delete("bucket", DeleteObject("key"))
    await _put(store, b"2", WriteConditions(if_none_match=True))
    assert await store.get("key") == b"2"


@pytest.mark.parametrize("names", [frozenset({"bucket"}), frozenset({"*"})])
async def test_a_guarded_bucket_takes_overwrites_only_with_if_match(names: frozenset[str]) -> None:
    store = Store(Limits(require_if_match=names))
    await store.bucket()
    stored = await store.put("key", b"1")
    with pytest.raises(PreconditionRequired):
        await store.put("key", b"2")
    with pytest.raises(PreconditionRequired):
        await store.writes.delete("bucket", DeleteObject("key"))
    await _put(store, b"2", WriteConditions(if_match=stored.etag))
    assert await store.get("key") == b"2"


async def test_deleting_in_an_unversioned_bucket_removes_for_good(store: Store) -> None:
    await store.put("key", b"1")
    assert not (await store.writes.delete("bucket", DeleteObject("key"))).marker
    with pytest.raises(NoSuchKey):
        await store.get("key")
    assert store.metadata.read(lambda view: view.versions.count()) == 0


async def test_deleting_what_is_not_there_succeeds_and_writes_nothing(store: Store) -> None:
    before = store.dump()
    await store.writes.delete("bucket", DeleteObject("key"))
    await store.writes.delete("bucket", DeleteObject("key", "null"))
    await store.writes.delete("bucket", DeleteObject("key", "0" * 20))
    await store.writes.delete("bucket", DeleteObject("key", "no version id"))
    assert store.dump() == before


async def test_a_delete_marker_hides_the_object_until_it_is_removed() -> None:
    store = Store()
    await store.bucket(versioning=Versioning.ENABLED)
    stored = await store.put("key", b"1")
    marker = await store.writes.delete("bucket", DeleteObject("key"))
    assert marker.marker
    with pytest.raises(NoSuchKey) as caught:
        await store.get("key")
    assert caught.value.marker == marker.version
    assert await store.get("key", stored.version) == b"1"
    removed = await store.writes.delete("bucket", DeleteObject("key", marker.version))
    assert removed.marker
    assert await store.get("key") == b"1"


async def test_removing_the_current_version_uncovers_the_one_before() -> None:
    store = Store()
    await store.bucket(versioning=Versioning.ENABLED)
    await store.put("key", b"1")
    second = await store.put("key", b"2")
    removed = await store.writes.delete("bucket", DeleteObject("key", second.version))
    assert (removed.version, removed.marker) == (second.version, False)
    assert await store.get("key") == b"1"
    with pytest.raises(NoSuchVersion):
        await store.get("key", second.version)


async def test_a_marker_of_a_suspended_bucket_replaces_the_null_version() -> None:
    store = Store()
    await store.bucket()
    await store.put("key", b"1")
    await store.buckets.set_versioning("bucket", Versioning.SUSPENDED)
    marker = await store.writes.delete("bucket", DeleteObject("key"))
    assert (marker.version, marker.marker) == ("null", True)
    assert store.metadata.read(lambda view: view.versions.count()) == 1


async def test_a_delete_looks_at_its_conditions(store: Store) -> None:
    stored = await store.put("key", b"1")
    for wrong in (WriteConditions(if_match="0" * 32), WriteConditions(if_size=2), WriteConditions(if_modified=1)):
        with pytest.raises(PreconditionFailed):
            await store.writes.delete("bucket", DeleteObject("key", conditions=wrong))
        with pytest.raises(PreconditionFailed):
            await store.writes.delete("bucket", DeleteObject("key", "null", conditions=wrong))
    right = WriteConditions(if_match=stored.etag, if_size=1, if_modified=store.clock.ms // 1000)
    await store.writes.delete("bucket", DeleteObject("key", conditions=right))
    assert store.keys() == []


async def test_many_deletes_have_an_outcome_each(store: Store) -> None:
    await store.put("a", b"1")
    await store.put("b", b"2")
    wrong = WriteConditions(if_match="0" * 32)
    outcomes = await store.writes.delete_many(
        "bucket", (DeleteObject("a", conditions=wrong), DeleteObject("b"), DeleteObject("c"))
    )
    assert isinstance(outcomes[0], PreconditionFailed)
    assert [getattr(outcome, "key", None) for outcome in outcomes[1:]] == ["b", "c"]
    assert store.keys() == ["a"]


async def test_tags_belong_to_one_version() -> None:
    store = Store()
    await store.bucket(versioning=Versioning.ENABLED)
    one = await store.put("key", b"1", tags=(("t", "1"),))
    await store.put("key", b"2")
    assert await store.tagging.tag_object("bucket", "key", one.version, (("t", "x"),)) == one.version
    assert store.reads.open(ReadObject("bucket", "key", one.version)).version.tags == (("t", "x"),)
    assert store.reads.open(ReadObject("bucket", "key")).version.tags == ()
    with pytest.raises(NoSuchKey):
        await store.tagging.tag_object("bucket", "other", None, ())


async def test_a_delete_marker_takes_no_tags() -> None:
    store = Store()
    await store.bucket(versioning=Versioning.ENABLED)
    await store.put("key", b"1")
    marker = await store.writes.delete("bucket", DeleteObject("key"))
    with pytest.raises(NoSuchKey):
        await store.tagging.tag_object("bucket", "key", None, (("t", "1"),))
    with pytest.raises(IsDeleteMarker):
        await store.tagging.tag_object("bucket", "key", marker.version, (("t", "1"),))
