from __future__ import annotations

from dataclasses import replace

import pytest

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.conditions import ReadConditions
from seglake.domain.model.errors import (
    ChunkCorrupt,
    InvalidArgument,
    InvalidRequest,
    IsDeleteMarker,
    NoSuchBucket,
    NoSuchKey,
    NoSuchPart,
    NoSuchVersion,
    NotModified,
    RangeNotSatisfiable,
    SegmentGone,
    VersionDamaged,
)
from seglake.domain.model.events import VersionDamaged as DamageEvent
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import VersionState
from seglake.domain.model.names import version_id
from seglake.domain.model.ranges import ByteRange, From, FromTo, Suffix
from seglake.domain.model.segment import CHUNK_BYTES, RecordRef
from seglake.domain.model.version import Version
from seglake.domain.services.object_reads import ObjectReads, Opened, ReadObject
from seglake.domain.services.object_writes import DeleteObject
from tests.unit.fixtures import Store

LARGE = bytes(range(256)) * 4096 * 9


@pytest.fixture
async def store() -> Store:
    made = Store()
    await made.bucket()
    return made


async def _read(store: Store, key: str, first: int, length: int) -> bytes:
    opened = store.reads.open(ReadObject("bucket", key))
    return b"".join([bytes(view) async for view in store.reads.stream(opened, first, length)])


async def test_what_is_not_there_is_said_to_be_missing(store: Store) -> None:
    await store.put("key", b"1")
    with pytest.raises(NoSuchBucket):
        store.reads.open(ReadObject("other", "key"))
    with pytest.raises(NoSuchKey):
        store.reads.open(ReadObject("bucket", "other"))
    for version in ("0" * 20, "nonsense", ""):
        with pytest.raises(NoSuchVersion):
            store.reads.open(ReadObject("bucket", "key", version))


async def test_a_null_version_is_only_found_as_null(store: Store) -> None:
    await store.put("key", b"1")
    stamp = store.reads.open(ReadObject("bucket", "key")).manifest.stamp
    assert await store.get("key", "null") == b"1"
    with pytest.raises(NoSuchVersion):
        store.reads.open(ReadObject("bucket", "key", version_id(stamp)))


async def test_a_delete_marker_has_nothing_to_read() -> None:
    store = Store()
    await store.bucket(versioning=Versioning.ENABLED)
    marker = await store.writes.delete("bucket", DeleteObject("key"))
    with pytest.raises(IsDeleteMarker):
        store.reads.open(ReadObject("bucket", "key", marker.version))


@pytest.mark.parametrize(
    ("first", "length"), [(0, 1), (5, 10), (CHUNK_BYTES - 1, 2), (CHUNK_BYTES, CHUNK_BYTES), (0, len(LARGE))]
)
async def test_any_bytes_of_an_object_are_read(store: Store, first: int, length: int) -> None:
    await store.put("key", LARGE)
    assert await _read(store, "key", first, length) == LARGE[first : first + length]


async def test_ranges_are_resolved_against_the_size(store: Store) -> None:
    await store.put("key", b"0123456789")
    opened = store.reads.open(ReadObject("bucket", "key", ranges=(FromTo(2, 3), Suffix(1), From(9))))
    assert opened.ranges == (ByteRange(2, 2), ByteRange(9, 1), ByteRange(9, 1))
    with pytest.raises(RangeNotSatisfiable):
        store.reads.open(ReadObject("bucket", "key", ranges=(From(10),)))
    with pytest.raises(InvalidRequest):
        store.reads.open(ReadObject("bucket", "key", ranges=(From(1),), part=1))


async def test_a_plain_object_is_its_own_first_part(store: Store) -> None:
    await store.put("key", b"0123")
    await store.put("empty", b"")
    assert store.reads.open(ReadObject("bucket", "key", part=1)).ranges == (ByteRange(0, 4),)
    assert store.reads.open(ReadObject("bucket", "empty", part=1)).ranges == ()
    with pytest.raises(NoSuchPart) as absent:
        store.reads.open(ReadObject("bucket", "key", part=2))
    assert (absent.value.number, absent.value.count) == (2, 1)
    with pytest.raises(InvalidArgument):
        store.reads.open(ReadObject("bucket", "key", part=0))


async def test_conditions_are_decided_before_anything_is_read(store: Store) -> None:
    stored = await store.put("key", b"1")
    with pytest.raises(NotModified):
        store.reads.open(ReadObject("bucket", "key", conditions=ReadConditions(if_none_match=(stored.etag,))))


@pytest.mark.parametrize("data", [b"small", LARGE])
async def test_damaged_bytes_are_never_given_out(store: Store, data: bytes) -> None:
    await store.put("key", data)
    manifest = store.reads.open(ReadObject("bucket", "key")).manifest
    store.segments.damage(manifest.chunks[-1])
    sound = sum(chunk.length for chunk in manifest.chunks[:-1])
    got = b""
    opened = store.reads.open(ReadObject("bucket", "key"))
    stream = store.reads.stream(opened, 0, len(data))
    while len(got) < sound:
        got += bytes(await anext(stream))
    with pytest.raises(ChunkCorrupt):
        await anext(stream)
    assert got == data[:sound]


async def test_a_version_marked_as_damaged_is_not_opened(store: Store) -> None:
    await store.put("key", b"1")
    stamp = store.reads.open(ReadObject("bucket", "key")).manifest.stamp
    bucket = store.buckets.get("bucket")
    ref = RecordRef(bytes(16), 0, 0)
    store.metadata.replay([(DamageEvent(HLC(stamp.ticks + 1, 1), bucket.id, "key", stamp), ref)], [])
    with pytest.raises(VersionDamaged):
        store.reads.open(ReadObject("bucket", "key"))


async def test_reading_goes_on_when_a_rewrite_moves_the_chunks(store: Store) -> None:
    await store.put("key", LARGE)
    opened = store.reads.open(ReadObject("bucket", "key"))
    moved = bytes(15) + b"m"
    there = opened.manifest.chunks[0].segment

    class Moving(ObjectReads):
        def _look_again(self, opened: Opened) -> Version:
            chunks = tuple(chunk._replace(segment=moved) for chunk in manifest.chunks)
            return Version(replace(manifest, chunks=chunks), VersionState.ACTIVE, ())

    manifest = opened.manifest
    reads = Moving(store.metadata, store.segment_store, store.encrypting)
    got, looked = b"", False
    async for view in reads.stream(opened, 0, len(LARGE)):
        got += bytes(view)
        if not looked:
            looked = True
            store.segments.by_id[moved] = store.segments.by_id.pop(there)
    assert got == LARGE


async def test_a_lost_segment_is_an_error_and_not_a_loop(store: Store) -> None:
    await store.put("key", b"1")
    store.segments.by_id.clear()
    with pytest.raises(SegmentGone):
        await store.get("key")
