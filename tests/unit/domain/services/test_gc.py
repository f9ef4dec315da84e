"""What is garbage, what is not, and what becomes of it: on the memory adapters, each danger by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.errors import Busy, LimitReached, MetadataDamaged, SegmentGone, StorageFull, UnderMaintenance
from seglake.domain.model.limits import Limits as StoreLimits
from seglake.domain.model.maintenance import MAINTENANCE_NOTE, Maintenance, MaintenanceState, to_text
from seglake.domain.model.segment import SegmentState
from seglake.domain.ports.journal import NoRecords
from seglake.domain.ports.long_reads import LongRead
from seglake.domain.ports.progress import Stages
from seglake.domain.services.copying import CopyObject, CopySource
from seglake.domain.services.findings import Severity
from seglake.domain.services.fsck import Fsck
from seglake.domain.services.gc import Doom
from seglake.domain.services.gc_plan import Limits, Plan
from seglake.domain.services.ingest import Payload
from seglake.domain.services.liveness import TakeCensus
from seglake.domain.services.multipart import CreateUpload
from seglake.domain.services.object_reads import ReadObject
from seglake.domain.services.object_writes import (
    DeleteObject,
    ObjectAttributes,
    PutObject,
    PutVersion,
)
from seglake.entrypoints.apart import ReadHere
from seglake.entrypoints.collecting import at_once
from tests.unit.fixtures import Pieces, Store

LARGE = bytes(range(256)) * 1200


@pytest.fixture
async def store() -> Store:
    made = Store(StoreLimits(part_bytes_min=1), segment_size=200_000)
    await made.bucket()
    return made


async def place(store: Store, key: str, version: str | None = None) -> bytes:
    """The segment of an object's first chunk."""
    return store.reads.open(ReadObject("bucket", key, version)).manifest.chunks[0].segment


async def plan(store: Store, limits: Limits | None = None) -> Plan:
    await store.collector.turn()
    return await store.collector.plan(limits or Limits())


async def dead(store: Store) -> list[bytes]:
    return [use.row.id for use in (await plan(store)).dead]


async def collect(store: Store) -> Plan:
    done = await store.collector.run(turn=True)
    await store.collector.sweep(0)
    return done


def state(store: Store, segment: bytes) -> SegmentState | None:
    row = store.metadata.read(lambda view: view.segments.get(segment))
    return None if row is None else row.state


async def test_what_is_written_and_sealed_meanwhile_is_no_garbage(store: Store) -> None:
    """The segments of a plan are those of the moment of its census: what is alive in later ones was not counted."""

    class Busy(ReadHere):
        def run(self, work: LongRead[Any], stages: Stages, /) -> Any:
            found = super().run(work, stages)
            if isinstance(work, TakeCensus):
                at_once(store.put("new", LARGE))
                at_once(store.collector.turn())
            return found

    await store.put("gone", LARGE)
    await store.writes.delete("bucket", DeleteObject("gone"))
    store.collector.reads = Busy(store.metadata, store.files)
    done = await store.collector.run(turn=True)
    assert len(done.dead) == 1
    await store.collector.sweep(0)
    assert await store.get("new") == LARGE


async def test_a_removal_stays_while_a_segment_that_cannot_be_read_may_hold_what_it_removed(store: Store) -> None:
    await store.buckets.set_versioning("bucket", Versioning.ENABLED)
    stored = await store.put("key", b"x")
    await store.put("anchor", b"x")
    await store.collector.turn()
    (first,) = store.files.list()
    await store.writes.delete("bucket", DeleteObject("key", stored.version))
    await store.collector.turn()
    (second,) = set(store.files.list()) - {first}
    await store.put("newest", b"x")
    read = store.files.events

    def broken(segment: bytes, limit: int | None = None, /) -> Any:
        if segment == first:
            raise OSError("no")
        return read(segment, limit)

    store.files.events = broken  # type: ignore[method-assign]
    assert second not in await dead(store)


async def test_what_is_deleted_is_garbage_and_goes(store: Store) -> None:
    await store.put("gone", LARGE)
    await store.put("stays", LARGE)
    segment = await place(store, "gone")
    assert await dead(store) == []
    await store.writes.delete("bucket", DeleteObject("gone"))
    done = await collect(store)
    assert [use.row.id for use in done.dead] == [segment]
    assert done.reclaimable_bytes == done.dead[0].bytes >= len(LARGE)
    assert segment not in store.files.list()
    assert state(store, segment) is None
    assert await store.get("stays") == LARGE
    assert Fsck(store.metadata, store.files).run(deep=True).sound


async def test_a_plan_says_what_the_run_does_and_changes_nothing(store: Store) -> None:
    for number in range(4):
        await store.put(f"k{number}", LARGE)
    for number in (0, 2):
        await store.writes.delete("bucket", DeleteObject(f"k{number}"))
    planned = await plan(store)
    files, dump = store.files.list(), store.dump()
    assert (await store.collector.plan()) == planned
    assert (store.files.list(), store.dump()) == (files, dump)
    done = await store.collector.run()
    assert done.dead == planned.dead
    assert len(done.dead) == 2


async def test_a_plan_counts_segments_that_are_written_to_as_the_run_leaves_them(store: Store) -> None:
    await store.put("gone", LARGE[:100_000] + b"x" * 170_000)
    await store.writes.delete("bucket", DeleteObject("gone"))
    assert (await store.collector.plan()).dead == ()
    planned = await store.collector.plan(turn=True)
    assert len(planned.dead) == 1
    assert [use.row.id for use in (await store.collector.run(turn=True)).dead] == [use.row.id for use in planned.dead]


async def test_buckets_say_what_they_need(store: Store) -> None:
    await store.bucket("other")
    await store.put("a", LARGE)
    await store.put("b", b"small")
    await store.copying.copy(CopyObject(CopySource("bucket", "a"), "other", "copy", "root"))
    lines = {one.name: one for one in (await plan(store)).buckets}
    assert (lines["bucket"].versions, lines["bucket"].bytes) == (2, len(LARGE) + 5)
    assert (lines["other"].versions, lines["other"].bytes) == (1, len(LARGE))
    whole = await plan(store)
    assert len(LARGE) + 5 < whole.live_bytes < len(LARGE) + 5 + 2000, "a shared chunk counts once"


async def test_noncurrent_versions_are_alive(store: Store) -> None:
    await store.buckets.set_versioning("bucket", Versioning.ENABLED)
    await store.put("key", LARGE)
    old = await place(store, "key")
    await store.put("key", LARGE[::-1])
    await store.writes.delete("bucket", DeleteObject("key"))
    assert old not in await dead(store)
    await collect(store)
    assert old in store.files.list()


async def test_parts_of_running_uploads_are_alive(store: Store) -> None:
    upload = await store.multipart.create(CreateUpload("bucket", "key", ObjectAttributes()))
    part = await store.multipart.upload_part("bucket", "key", upload.id, 1, Pieces([LARGE]))
    assert await dead(store) == []
    replaced = await store.multipart.upload_part("bucket", "key", upload.id, 1, Pieces([LARGE[::-1]]))
    assert await dead(store) == [part.chunks[0].segment]
    await store.multipart.abort("bucket", "key", upload.id)
    assert replaced.chunks[0].segment in await dead(store)


async def test_a_copy_keeps_the_bytes_of_its_source(store: Store) -> None:
    await store.put("source", LARGE)
    segment = await place(store, "source")
    await store.copying.copy(CopyObject(CopySource("bucket", "source"), "bucket", "copy", "root"))
    await store.writes.delete("bucket", DeleteObject("source"))
    assert await dead(store) == []
    await store.writes.delete("bucket", DeleteObject("copy"))
    assert await dead(store) == [segment]


async def received(store: Store) -> Payload:
    """A large payload that was received and is not yet committed."""
    return await store.ingest.receive(Pieces([LARGE]), maximum=1 << 30)


async def test_a_payload_under_way_is_alive(store: Store) -> None:
    payload = await received(store)
    await store.put("fills", LARGE)
    segment = payload.chunks[0].segment
    await store.collector.turn()
    # Its row came with another commit's marks; only the pin says that somebody needs it.
    row = replace(store.segments.by_id[segment].row())
    store.metadata.replay([], [row])
    assert row.state is SegmentState.SEALED
    assert segment not in await dead(store)
    script = PutVersion(PutObject("bucket", "key", ObjectAttributes()), payload, StoreLimits())
    await store.committer.commit(script, after=payload.marks)
    payload.release()
    assert segment not in await dead(store)
    assert await store.get("key") == LARGE


async def test_a_payload_in_a_doomed_segment_is_refused(store: Store) -> None:
    payload = await received(store)
    segment = payload.chunks[0].segment
    await store.collector.turn()
    store.metadata.replay([], [store.segments.by_id[segment].row()])
    assert await store.committer.commit(Doom((segment,))) == (segment,)
    script = PutVersion(PutObject("bucket", "key", ObjectAttributes()), payload, StoreLimits())
    with pytest.raises(Busy):
        await store.committer.commit(script, after=payload.marks)
    assert store.keys() == []


async def test_a_commit_whose_caller_was_cancelled_still_counts(store: Store) -> None:
    """The pin goes with the caller, the commit is still in the queue: it is waited for."""
    payload = await received(store)
    await store.put("fills", LARGE)
    segment = payload.chunks[0].segment
    await store.collector.turn()
    store.metadata.replay([], [store.segments.by_id[segment].row()])
    payload.release()
    script = PutVersion(PutObject("bucket", "key", ObjectAttributes()), payload, StoreLimits())
    committer: Any = store.committer
    direct = committer.call

    async def call(work: Any) -> Any:
        # What was queued before is over when this is.
        await committer.commit(script, after=payload.marks)
        return await direct(work)

    committer.call = call
    try:
        found = [use.row.id for use in (await store.collector.plan()).dead]
    finally:
        committer.call = direct
    assert segment not in found
    assert await store.get("key") == LARGE


async def test_a_reader_keeps_its_segment_where_it_is(store: Store) -> None:
    await store.put("key", LARGE * 20)
    opened = store.reads.open(ReadObject("bucket", "key"))
    stream = store.reads.stream(opened, 0, opened.manifest.size)
    pieces = [bytes(await anext(stream))]
    await store.writes.delete("bucket", DeleteObject("key"))
    done = await store.collector.run(turn=True)
    assert done.dead
    swept = await store.collector.sweep(0)
    assert (swept.quarantined, swept.removed) == ([], [])
    assert swept.waiting == len(done.dead)
    pieces += [bytes(piece) async for piece in stream]
    assert b"".join(pieces) == LARGE * 20
    swept = await store.collector.sweep(0)
    assert sorted(swept.removed) == sorted(use.row.id for use in done.dead)


async def test_graces_pass_one_after_the_other(store: Store) -> None:
    await store.put("gone", LARGE)
    segment = await place(store, "gone")
    await store.writes.delete("bucket", DeleteObject("gone"))
    await store.collector.run(turn=True)
    assert (await store.collector.sweep(10)).waiting == 1
    store.clock.ms += 9_000
    assert (await store.collector.sweep(10)).quarantined == []
    store.clock.ms += 1_000
    assert (await store.collector.sweep(10)).quarantined == [segment]
    assert segment in store.segments.quarantined
    with pytest.raises(SegmentGone):
        store.files.size(segment)
    store.clock.ms += 9_000
    assert (await store.collector.sweep(10)).removed == []
    store.clock.ms += 1_000
    swept = await store.collector.sweep(10)
    assert swept.removed == [segment]
    assert swept.freed_bytes >= len(LARGE)
    assert segment not in store.segments.quarantined
    assert (await store.collector.sweep(10)).waiting == 0


async def test_another_process_goes_on_where_one_stopped(store: Store) -> None:
    await store.put("gone", LARGE)
    await store.writes.delete("bucket", DeleteObject("gone"))
    await store.collector.run(turn=True)
    store.segment_store.close()
    report = store.recovery.run()
    assert (report.missing, report.sealed) == ((), ())
    store.open_segments()
    swept = await store.collector.sweep(0)
    assert len(swept.removed) == 1


async def test_what_turns_out_alive_after_all_is_spared(store: Store) -> None:
    """It cannot happen; if it does, nothing is lost."""
    await store.put("key", LARGE)
    segment = await place(store, "key")
    await store.collector.turn()
    await store.committer.commit(Doom((segment,)))
    assert [f.text for f in Fsck(store.metadata, store.files).run().findings if f.severity is Severity.ERROR]
    swept = await store.collector.sweep(0)
    assert swept.spared == [segment]
    assert state(store, segment) is SegmentState.SEALED
    assert await store.get("key") == LARGE
    assert "doomed_segments_alive" in store.log.events("error")
    assert Fsck(store.metadata, store.files).run().sound


async def test_only_sealed_segments_are_doomed(store: Store) -> None:
    await store.put("key", LARGE[:100_000] + LARGE)
    rows = store.metadata.read(lambda view: [row.id for row in view.segments.scan()])
    assert rows
    assert await store.committer.commit(Doom((*rows, b"?" * 16))) == ()


async def test_limits_refuse_before_anything_is_done(store: Store) -> None:
    for number in range(3):
        await store.put(f"k{number}", LARGE)
        await store.writes.delete("bucket", DeleteObject(f"k{number}"))
    files = store.files.list()
    for limits in (Limits(max_segments=2), Limits(max_bytes=len(LARGE))):
        with pytest.raises(LimitReached):
            await store.collector.run(limits, turn=True)
    assert [row.state for row in store.metadata.read(lambda v: list(v.segments.scan()))].count(SegmentState.DOOMED) == 0
    assert store.files.list() == files
    done = await store.collector.run(Limits(warn_segments=2, warn_bytes=10, max_segments=3), turn=True)
    assert len(done.dead) == 3
    assert [found.severity for found in done.findings] == [Severity.WARNING] * 2


async def test_young_segments_are_left_alone(store: Store) -> None:
    await store.put("k", LARGE)
    await store.writes.delete("bucket", DeleteObject("k"))
    assert (await plan(store, Limits(age_s=60))).dead == ()
    store.clock.ms += 61_000
    assert len((await plan(store, Limits(age_s=60))).dead) == 1


async def test_one_run_at_a_time_and_none_in_maintenance(store: Store) -> None:
    with store.collector.exclusive():
        for run in (store.collector.run, store.collector.sweep):
            with pytest.raises(Busy):
                await run()
    note = to_text(Maintenance(MaintenanceState.QUIESCED, 1, ""))
    store.metadata.apply([lambda tx: tx.notes.put(MAINTENANCE_NOTE, note)], NoRecords())
    for run in (store.collector.run, store.collector.sweep):
        with pytest.raises(UnderMaintenance):
            await run()
    with pytest.raises(UnderMaintenance):
        await store.committer.commit(Doom(()))


async def test_events_that_cannot_be_read_keep_their_segment(store: Store) -> None:
    await store.put("anchor", b"x")
    await store.collector.turn()
    await store.put("later", b"x")

    def broken(segment: bytes, limit: int | None = None, /) -> Any:
        raise OSError("no")

    store.files.events = broken  # type: ignore[method-assign]
    await store.writes.delete("bucket", DeleteObject("anchor"))
    found = await plan(store)
    assert found.dead == ()
    assert all("cannot be judged" in one.text for one in found.findings)


async def test_a_tombstone_stays_as_long_as_a_doomed_file_may_hold_its_version(store: Store) -> None:
    await store.buckets.set_versioning("bucket", Versioning.ENABLED)
    stored = await store.put("key", b"x")
    await store.collector.turn()
    (first,) = store.files.list()
    await store.writes.delete("bucket", DeleteObject("key", stored.version))
    await store.collector.turn()
    (second,) = set(store.files.list()) - {first}
    await store.put("anchor", b"x")
    await store.collector.turn()

    def kept() -> int:
        judged = store.metadata.read(lambda view: store.collector.judge(view, second))
        assert judged.keeping is not None
        return len(judged.keeping.kept)

    assert kept() == 1
    store.collector.elsewhere.known.clear()
    await store.committer.commit(Doom((first,)))
    assert kept() == 1, "the file is still there"
    store.files.quarantine(first)
    store.files.discard(first)
    store.metadata.apply([lambda tx: tx.segments.delete(first)], NoRecords())
    assert kept() == 0


async def test_a_damaged_row_ends_the_run(store: Store) -> None:
    await store.put("gone", LARGE)
    await store.writes.delete("bucket", DeleteObject("gone"))
    await store.collector.turn()
    versions = store.metadata._tables.versions

    def broken() -> Any:
        raise MetadataDamaged("a row is damaged")

    versions.scan_chunks = broken  # type: ignore[method-assign]
    with pytest.raises(MetadataDamaged):
        await store.collector.run()
    assert SegmentState.DOOMED not in {row.state for row in store.metadata.read(lambda v: list(v.segments.scan()))}


async def test_a_file_that_cannot_be_removed_keeps_its_row(store: Store) -> None:
    await store.put("gone", LARGE)
    segment = await place(store, "gone")
    await store.writes.delete("bucket", DeleteObject("gone"))
    await store.collector.run(turn=True)
    discard = store.files.discard

    def full(_segment: bytes, /) -> None:
        raise StorageFull("no room")

    store.files.discard = full  # type: ignore[method-assign]
    with pytest.raises(StorageFull):
        await store.collector.sweep(0)
    assert state(store, segment) is SegmentState.DOOMED
    store.files.discard = discard  # type: ignore[method-assign]
    assert (await store.collector.sweep(0)).removed == [segment]
