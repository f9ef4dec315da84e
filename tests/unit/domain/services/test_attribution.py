"""Whose dead bytes are: exact where events still tell it, nobody's where they do not, and never counted twice."""

from __future__ import annotations

import pytest

from seglake.domain.model.bucket import Versioning
from seglake.domain.services.copying import CopyObject, CopySource
from seglake.domain.services.gc_plan import BucketLine, Plan
from seglake.domain.services.multipart import CreateUpload
from seglake.domain.services.object_writes import DeleteObject, ObjectAttributes
from tests.unit.fixtures import Pieces, Store

SIZE = 300_000


@pytest.fixture
async def store() -> Store:
    """Two buckets; each payload of ``SIZE`` has a segment of its own."""
    made = Store(segment_size=200_000)
    await made.bucket("first")
    await made.bucket("second")
    return made


async def lines(store: Store) -> dict[str, BucketLine]:
    plan = await attributed(store)
    return {line.name: line for line in plan.buckets}


async def attributed(store: Store) -> Plan:
    """The plan; its sums hold whatever was done."""
    plan = await store.collector.plan(turn=True, by_bucket=True)
    dead = [line.dead for line in plan.buckets]
    assert None not in dead
    assert plan.unattributed_bytes is not None
    assert sum([size or 0 for size in dead]) + plan.unattributed_bytes == plan.dead_bytes
    for line in plan.buckets:
        assert line.dead is not None
        assert line.reclaimable is not None
        assert line.reclaimable <= line.dead
    return plan


def sizes(line: BucketLine) -> tuple[int, int | None, int | None]:
    return line.bytes, line.dead, line.reclaimable


async def test_a_plan_that_was_not_asked_says_nothing_of_it(store: Store) -> None:
    await store.put("a", bytes(SIZE), bucket="first")
    plan = await store.collector.plan()
    assert [sizes(line) for line in plan.buckets] == [(SIZE, None, None), (0, None, None)]
    assert plan.unattributed_bytes is None


async def test_what_was_deleted_and_overwritten_is_its_buckets(store: Store) -> None:
    for key in ("gone", "again", "stays"):
        await store.put(key, bytes(SIZE), bucket="first")
    await store.put("small", b"x" * 50, bucket="first")
    await store.put("other", bytes(SIZE), bucket="second")
    await store.writes.delete("first", DeleteObject("gone"))
    await store.writes.delete("first", DeleteObject("small"))
    await store.put("again", bytes(SIZE), bucket="first")
    found = await lines(store)
    assert sizes(found["first"]) == (2 * SIZE, 2 * SIZE + 50, 2 * SIZE)
    assert sizes(found["second"]) == (SIZE, 0, 0)


async def test_a_noncurrent_version_is_alive(store: Store) -> None:
    await store.buckets.set_versioning("first", Versioning.ENABLED)
    await store.put("key", bytes(SIZE), bucket="first")
    await store.put("key", bytes(SIZE), bucket="first")
    await store.writes.delete("first", DeleteObject("key"))
    assert sizes((await lines(store))["first"]) == (2 * SIZE, 0, 0)


async def test_a_shared_chunk_is_dead_when_nobody_has_it_and_counts_once_for_whom_it_was_put(store: Store) -> None:
    await store.put("key", bytes(SIZE), bucket="first")
    await store.collector.turn()
    await store.copying.copy(CopyObject(CopySource("first", "key"), "second", "copy", "root"))
    await store.writes.delete("first", DeleteObject("key"))
    found = await lines(store)
    assert (sizes(found["first"]), sizes(found["second"])) == ((0, 0, 0), (SIZE, 0, 0))
    await store.writes.delete("second", DeleteObject("copy"))
    found = await lines(store)
    assert (sizes(found["first"]), sizes(found["second"])) == ((0, SIZE, SIZE), (0, 0, 0))


async def test_parts_are_their_buckets_alive_or_given_up(store: Store) -> None:
    upload = await store.multipart.create(CreateUpload("second", "key", ObjectAttributes()))
    await store.multipart.upload_part("second", "key", upload.id, 1, Pieces([bytes(SIZE)]))
    assert sizes((await lines(store))["second"]) == (SIZE, 0, 0)
    await store.multipart.upload_part("second", "key", upload.id, 1, Pieces([bytes(SIZE)]))
    assert sizes((await lines(store))["second"]) == (SIZE, SIZE, SIZE)
    await store.multipart.abort("second", "key", upload.id)
    assert sizes((await lines(store))["second"]) == (0, 2 * SIZE, 2 * SIZE)


async def test_a_bucket_that_is_gone_keeps_its_name_and_its_dead_bytes(store: Store) -> None:
    await store.put("key", bytes(SIZE), bucket="first")
    await store.writes.delete("first", DeleteObject("key"))
    await store.buckets.delete("first")
    line = (await lines(store))["first"]
    assert line.gone
    assert sizes(line) == (0, SIZE, SIZE)


async def test_payload_that_was_never_committed_is_nobodys(store: Store) -> None:
    writer = store.segment_store.bulk()
    writer.append(bytes(SIZE), store.digests.content(bytes(SIZE)))
    await store.put("key", bytes(SIZE), bucket="first")
    writer.release()
    plan = await attributed(store)
    assert [line.dead for line in plan.buckets] == [0, 0]


async def test_collecting_takes_from_the_lines_what_it_frees(store: Store) -> None:
    for key in ("gone", "stays"):
        await store.put(key, bytes(SIZE), bucket="first")
    await store.writes.delete("first", DeleteObject("gone"))
    assert sizes((await lines(store))["first"]) == (SIZE, SIZE, SIZE)
    await store.collector.run(turn=True)
    await store.collector.sweep(0)
    assert sizes((await lines(store))["first"]) == (SIZE, 0, 0)


async def test_moved_chunks_are_alive_where_they_are_now(store: Store) -> None:
    await store.put("gone", b"x" * 100_000, bucket="first")
    await store.put("stays", b"y" * 500, bucket="first")
    await store.writes.delete("first", DeleteObject("gone"))
    await store.rewriter.run(0.9, turn=True)
    await store.collector.sweep(0)
    line = (await lines(store))["first"]
    assert sizes(line)[:2] == (500, 0)
    await store.writes.delete("first", DeleteObject("stays"))
    assert sizes((await lines(store))["first"])[:2] == (0, 500)


async def test_events_that_cannot_be_read_leave_bytes_to_nobody(store: Store) -> None:
    await store.put("key", bytes(SIZE), bucket="first")
    await store.writes.delete("first", DeleteObject("key"))

    def broken(segment: bytes, limit: int | None = None, /) -> object:
        raise OSError("no")

    store.files.events = broken  # type: ignore[method-assign, assignment]
    plan = await attributed(store)
    assert [line.dead for line in plan.buckets] == [0, 0]
    assert plan.findings
