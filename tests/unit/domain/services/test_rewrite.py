"""Moving what is alive out of a segment: every version and part afterwards, and after the index was made anew."""

from __future__ import annotations

import pytest

from seglake.adapters.memory.metadata import MemoryMetadataStore
from seglake.domain.model.bucket import Versioning
from seglake.domain.model.encryption import SSE_S3
from seglake.domain.model.errors import LimitReached
from seglake.domain.model.limits import Limits as StoreLimits
from seglake.domain.model.multipart import PartClaim
from seglake.domain.model.segment import SegmentState
from seglake.domain.services.copying import CopyObject, CopySource
from seglake.domain.services.dump import logical_dump
from seglake.domain.services.fsck import Fsck
from seglake.domain.services.gc_plan import Limits
from seglake.domain.services.multipart import CompleteUpload, CreateUpload
from seglake.domain.services.object_reads import ReadObject
from seglake.domain.services.object_writes import DeleteObject, ObjectAttributes, PutObject
from seglake.domain.services.rebuild import Rebuild
from seglake.domain.services.rewrite import Rewriter, Rewritten
from seglake.domain.services.scrub import Scrub
from tests.unit.fixtures import Pieces, Store

SMALL = b"small payload "
LARGE = bytes(range(256)) * 1200


@pytest.fixture
async def store() -> Store:
    made = Store(StoreLimits(part_bytes_min=1), segment_size=1 << 20)
    await made.bucket()
    return made


async def rewrite(store: Store, threshold: float = 1.0) -> Rewritten:
    done = await store.rewriter.run(threshold, turn=True)
    assert done.left == []
    await store.collector.sweep(0)
    return done


def check(store: Store) -> None:
    """Sound, and the same when the index is made anew."""
    dump = store.dump()
    store.segment_store.close()
    store.recovery.run()
    assert Fsck(store.metadata, store.files).run(deep=True).findings == ()
    assert Scrub(store.metadata, store.files, store.clock).run().damaged == 0
    fresh = MemoryMetadataStore(store.clock, store.randomness)
    assert Rebuild(fresh, store.files).run().findings == ()
    assert fresh.read(lambda view: list(logical_dump(view))) == dump
    store.open_segments()


async def test_what_is_alive_moves_and_the_rest_goes(store: Store) -> None:
    for number in range(3):
        await store.put(f"k{number}", LARGE)
    for number in range(2):
        await store.writes.delete("bucket", DeleteObject(f"k{number}"))
    before = store.reads.open(ReadObject("bucket", "k2")).manifest
    planned = await store.rewriter.plan(0.5, turn=True)
    assert len(planned.rewrites) == 1
    assert planned.copied_bytes < len(LARGE) + 1000
    done = await rewrite(store, 0.5)
    assert [one.use.row.id for one in planned.rewrites] == done.doomed
    assert (done.moved_versions, done.moved_bytes) == (1, len(LARGE))
    after = store.reads.open(ReadObject("bucket", "k2")).manifest
    assert after.chunks[0].segment != before.chunks[0].segment
    assert before.chunks[0].segment not in store.files.list()
    assert await store.get("k2") == LARGE
    check(store)


async def test_nothing_is_rewritten_that_is_full_enough(store: Store) -> None:
    await store.put("a", LARGE)
    await store.put("b", LARGE)
    await store.writes.delete("bucket", DeleteObject("a"))
    assert (await rewrite(store, 0.3)).doomed == []


async def test_rewriting_again_finds_nothing(store: Store) -> None:
    for number in range(40):
        await store.put(f"k{number}", SMALL * 100)
    for number in range(38):
        await store.writes.delete("bucket", DeleteObject(f"k{number}"))
    await rewrite(store)
    await rewrite(store)
    files = store.files.list()
    assert (await rewrite(store, 0.9)).doomed == []
    assert store.files.list() == files
    check(store)


async def test_every_holder_of_a_shared_chunk_is_moved(store: Store) -> None:
    await store.put("source", LARGE)
    await store.put("gone", LARGE * 2)
    await store.copying.copy(CopyObject(CopySource("bucket", "source"), "bucket", "copy", "root"))
    await store.writes.delete("bucket", DeleteObject("gone"))
    done = await rewrite(store)
    assert done.moved_versions == 2
    assert done.moved_bytes == len(LARGE), "and the chunk is written once"
    assert await store.get("copy") == await store.get("source") == LARGE
    check(store)


async def test_parts_move_and_are_completed_from_there(store: Store) -> None:
    await store.put("gone", LARGE * 2)
    upload = await store.multipart.create(CreateUpload("bucket", "key", ObjectAttributes()))
    parts = [
        await store.multipart.upload_part("bucket", "key", upload.id, number, Pieces([body]))
        for number, body in ((1, LARGE), (2, SMALL))
    ]
    await store.writes.delete("bucket", DeleteObject("gone"))
    done = await rewrite(store, 100.0)
    assert done.moved_versions == 2
    check(store)
    claims = tuple(PartClaim(part.number, part.etag) for part in parts)
    await store.multipart.complete(CompleteUpload("bucket", "key", upload.id, claims))
    assert await store.get("key") == LARGE + SMALL
    check(store)


async def test_a_reader_finds_the_moved_bytes(store: Store) -> None:
    await store.put("gone", LARGE)
    await store.put("key", LARGE)
    await store.writes.delete("bucket", DeleteObject("gone"))
    opened = store.reads.open(ReadObject("bucket", "key"))
    await rewrite(store)
    pieces = [bytes(piece) async for piece in store.reads.stream(opened, 0, opened.manifest.size)]
    assert b"".join(pieces) == LARGE


async def test_ciphertext_moves_as_it_is(store: Store) -> None:
    await store.put("gone", LARGE)
    command = PutObject("bucket", "key", ObjectAttributes(), protection=SSE_S3)
    await store.writes.put(command, Pieces([LARGE]))
    await store.writes.delete("bucket", DeleteObject("gone"))
    assert (await rewrite(store)).moved_versions == 1
    assert await store.get("key") == LARGE
    check(store)


async def test_a_segment_with_a_corrupt_chunk_is_left_whole(store: Store) -> None:
    await store.put("gone", LARGE)
    await store.put("key", LARGE)
    await store.put("other", LARGE)
    await store.writes.delete("bucket", DeleteObject("gone"))
    manifest = store.reads.open(ReadObject("bucket", "key")).manifest
    store.segments.damage(manifest.chunks[0])
    done = await store.rewriter.run(1.0, turn=True)
    assert manifest.chunks[0].segment in done.left
    assert any("not rewritten" in found.text for found in done.findings)
    assert store.metadata.read(lambda view: view.segments.get(manifest.chunks[0].segment)).state is SegmentState.SEALED  # type: ignore[union-attr]
    assert await store.get("other") == LARGE
    assert store.reads.open(ReadObject("bucket", "key")).manifest == manifest


async def test_a_null_version_that_was_replaced_stays_away(store: Store) -> None:
    """The put that replaced it goes first; an index made anew must not show the older one."""
    await store.put("key", b"first")
    await store.put("anchor", LARGE)
    store.clock.ms += 1
    await store.collector.turn()
    await store.put("key", b"second")
    await store.put("filler", b"x")
    await store.collector.turn()
    store.clock.ms += 1
    await store.writes.delete("bucket", DeleteObject("key"))
    await store.collector.turn()
    store.clock.ms += 1
    await store.put("newest", b"x")
    for _ in range(4):
        await rewrite(store)
        check(store)
        assert store.keys() == ["anchor", "filler", "newest"]


async def test_versions_markers_tags_and_uploads_stay_what_they_are(store: Store) -> None:
    await store.buckets.set_versioning("bucket", Versioning.ENABLED)
    for number in range(4):
        await store.put("key", SMALL * (number + 1), tags=(("n", str(number)),))
    await store.tagging.tag_object("bucket", "key", None, (("n", "changed"),))
    await store.writes.delete("bucket", DeleteObject("key"))
    running = await store.multipart.create(CreateUpload("bucket", "running", ObjectAttributes()))
    done = await store.multipart.create(CreateUpload("bucket", "done", ObjectAttributes()))
    part = await store.multipart.upload_part("bucket", "done", done.id, 1, Pieces([SMALL]))
    stored = await store.multipart.complete(CompleteUpload("bucket", "done", done.id, (PartClaim(1, part.etag),)))
    before = store.metadata.read(lambda view: list(logical_dump(view, places=False)))
    await rewrite(store, 100.0)
    assert store.metadata.read(lambda view: list(logical_dump(view, places=False))) == before
    check(store)
    await store.writes.delete("bucket", DeleteObject("done", stored.version))
    await rewrite(store, 100.0)
    uploads = store.metadata.read(lambda view: [upload.id for upload in view.uploads.scan_all()])
    assert uploads == [running.id], "what was completed and is gone is forgotten"
    check(store)


async def test_limits_and_age_are_obeyed(store: Store) -> None:
    for number in range(2):
        await store.put(f"k{number}", LARGE)
    await store.writes.delete("bucket", DeleteObject("k0"))
    with pytest.raises(LimitReached):
        await store.rewriter.run(1.0, Limits(max_bytes=1), turn=True)
    assert (await store.rewriter.run(1.0, Limits(age_s=60))).doomed == []


async def test_a_rate_and_a_pause_are_kept(store: Store) -> None:
    for number in range(4):
        await store.put(f"k{number}", LARGE)
    await store.writes.delete("bucket", DeleteObject("k0"))
    looks = iter([True, True, True, False, *[False] * 100])
    rewriter = Rewriter(store.collector, store.clock.pause, bytes_per_s=len(LARGE), paused=lambda: next(looks))
    begun = store.clock.ms
    done = await rewriter.run(1.0, turn=True)
    assert done.moved_bytes == 3 * len(LARGE)
    assert 5_900 <= store.clock.ms - begun <= 6_500, "three seconds held up, three seconds of bytes"


async def test_a_copy_made_meanwhile_is_moved_in_another_round(store: Store) -> None:
    await store.put("gone", LARGE)
    await store.put("key", LARGE)
    await store.writes.delete("bucket", DeleteObject("gone"))
    copied = False

    async def pause(seconds: float) -> None:
        nonlocal copied
        if not copied:
            copied = True
            await store.copying.copy(CopyObject(CopySource("bucket", "key"), "bucket", "copy", "root"))

    done = await Rewriter(store.collector, pause, bytes_per_s=1e9).run(1.0, turn=True)
    assert copied
    assert (done.moved_versions, done.left) == (2, [])
    await store.collector.sweep(0)
    assert await store.get("copy") == LARGE
    check(store)


async def test_a_version_deleted_meanwhile_stays_deleted(store: Store) -> None:
    await store.put("gone", LARGE)
    await store.put("key", LARGE)
    await store.writes.delete("bucket", DeleteObject("gone"))

    async def pause(seconds: float) -> None:
        await store.writes.delete("bucket", DeleteObject("key"))

    done = await Rewriter(store.collector, pause, bytes_per_s=1e9).run(1.0, turn=True)
    assert done.moved_versions == 0
    await store.collector.sweep(0)
    assert store.keys() == []
    check(store)


async def test_the_newest_event_stays_whatever_it_is(store: Store) -> None:
    """From it a rebuilt index knows the site, and above which stamps to go on."""
    for _ in range(3):
        await store.put("key", LARGE)
    await store.writes.delete("bucket", DeleteObject("key"))
    await store.buckets.delete("bucket")
    ticks, site = store.metadata.read(lambda view: (view.settings.last_ticks(), view.settings.site()))
    for _ in range(3):
        await store.collector.run(turn=True)
        await store.collector.sweep(0)
        await rewrite(store, 100.0)
    assert len([segment for segment in store.segments.by_id.values() if segment.events]) == 1
    fresh = MemoryMetadataStore(store.clock, store.randomness)
    Rebuild(fresh, store.files).run()
    assert fresh.read(lambda view: (view.settings.last_ticks(), view.settings.site())) == (ticks, site)
