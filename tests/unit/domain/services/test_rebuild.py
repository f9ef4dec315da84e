from __future__ import annotations

from collections.abc import Iterator

import pytest

from seglake.adapters.memory.metadata import MemoryMetadataStore
from seglake.adapters.memory.segments import MemorySegmentFiles
from seglake.domain.model.bucket import Versioning
from seglake.domain.model.errors import FormatDamaged
from seglake.domain.model.events import Event
from seglake.domain.model.limits import Limits
from seglake.domain.model.multipart import PartClaim
from seglake.domain.model.segment import RecordRef, SegmentState
from seglake.domain.services.dump import logical_dump
from seglake.domain.services.multipart import CompleteUpload, CreateUpload
from seglake.domain.services.object_writes import DeleteObject, ObjectAttributes
from seglake.domain.services.rebuild import Rebuild, RebuildReport
from tests.unit.fixtures import Pieces, Store


async def _history(store: Store) -> None:
    """Something of everything, spread over many segments and two lives of the process."""
    await store.root_key.ensure()
    await store.bucket("plain")
    await store.bucket("versions", Versioning.ENABLED)
    await store.bucket("gone")
    await store.buckets.delete("gone")
    for number in range(6):
        store.clock.ms += 1
        await store.put("key", b"%d" % number, bucket="plain")
        await store.put(f"k{number}", bytes(300_000), bucket="versions", tags=(("t", "1"),))
    await store.writes.delete("versions", DeleteObject("k1"))
    removed = await store.put("k2", b"x", bucket="versions")
    await store.writes.delete("versions", DeleteObject("k2", removed.version))
    await store.tagging.tag_object("versions", "k3", None, (("t", "2"),))
    store.segment_store.close()
    store.open_segments()
    await store.buckets.set_versioning("versions", Versioning.SUSPENDED)
    await store.put("k4", b"null", bucket="versions")
    await store.put("k4", b"null again", bucket="versions")
    for key in ("done", "running", "aborted"):
        upload = await store.multipart.create(CreateUpload("plain", key, ObjectAttributes()))
        part = await store.multipart.upload_part("plain", key, upload.id, 1, Pieces([b"part"]))
        if key == "done":
            claims = (PartClaim(1, part.etag),)
            await store.multipart.complete(CompleteUpload("plain", key, upload.id, claims))
        if key == "aborted":
            await store.multipart.abort("plain", key, upload.id)


@pytest.fixture
async def store() -> Store:
    made = Store(Limits(part_bytes_min=1), segment_size=2000)
    await _history(made)
    return made


def _rebuilt(store: Store, files: MemorySegmentFiles | None = None) -> tuple[MemoryMetadataStore, RebuildReport]:
    fresh = MemoryMetadataStore(store.clock, store.randomness)
    return fresh, Rebuild(fresh, files or store.files).run()


def _dump(metadata: MemoryMetadataStore) -> list[str]:
    return metadata.read(lambda view: list(logical_dump(view)))


async def test_a_rebuilt_index_is_the_same(store: Store) -> None:
    assert len(store.files.list()) > 5
    fresh, report = _rebuilt(store)
    assert _dump(fresh) == store.dump()
    assert report.findings == ()
    assert report.duplicates == 0


async def test_stamps_and_site_go_on_where_they_were(store: Store) -> None:
    fresh, report = _rebuilt(store)
    assert report.newest is not None
    ticks, site = fresh.read(lambda view: (view.settings.last_ticks(), view.settings.site()))
    assert (ticks, site) == (report.newest.ticks, store.metadata.read(lambda view: view.settings.site()))


async def test_every_segment_is_known_and_sealed(store: Store) -> None:
    fresh, _ = _rebuilt(store)
    rows = fresh.read(lambda view: list(view.segments.scan()))
    assert [row.id for row in rows] == store.files.list()
    assert {row.state for row in rows} == {SegmentState.SEALED}


async def test_it_may_be_run_again(store: Store) -> None:
    first, _ = _rebuilt(store)
    second, _ = _rebuilt(store)
    assert _dump(first) == _dump(second) == store.dump()


async def test_nothing_deleted_comes_back(store: Store) -> None:
    fresh, _ = _rebuilt(store)
    names = fresh.read(lambda view: [bucket.name for bucket in view.buckets.scan()])
    assert names == ["plain", "versions"]


async def test_a_record_that_lies_in_two_segments_counts_once(store: Store) -> None:
    whole = sorted(store.segments.by_id.values(), key=lambda segment: segment.id)
    source = next(segment for segment in whole if segment.events)
    twin = next(segment for segment in whole if segment is not source)
    twin.events = sorted([*twin.events, *source.events], key=lambda entry: entry[0].stamp)
    fresh, report = _rebuilt(store)
    assert report.duplicates == len(source.events)
    assert _dump(fresh) == store.dump()


async def test_segments_that_interleave_are_merged(store: Store) -> None:
    events = sorted(
        [entry for segment in store.segments.by_id.values() for entry in segment.events],
        key=lambda entry: entry[0].stamp,
    )
    holders = [segment for segment in store.segments.by_id.values() if segment.events]
    for number, segment in enumerate(holders):
        segment.events = events[number :: len(holders)]
        segment.tail = 1 << 40
    fresh, report = _rebuilt(store)
    assert report.findings == ()
    assert _dump(fresh) == store.dump()


async def test_an_old_record_among_newer_ones_is_told(store: Store) -> None:
    holder = next(segment for segment in store.segments.by_id.values() if len(segment.events) > 1)
    holder.events = holder.events[::-1]
    _, report = _rebuilt(store)
    assert any("older than the one before" in found.text for found in report.findings)


class _Damaged(MemorySegmentFiles):
    """Loses the last event of each segment, and says so at the end, as the port has it."""

    def events(self, segment: bytes, limit: int | None = None, /) -> Iterator[tuple[Event, RecordRef]]:
        entries = list(super().events(segment, limit))
        yield from entries[:-1]
        raise FormatDamaged("an event does not match its BLAKE3", entries[-1][1].offset)


async def test_damage_is_told_and_what_is_intact_is_kept() -> None:
    store = Store()
    await store.bucket()
    for number in range(5):
        await store.put(f"k{number}", b"x")
    fresh, report = _rebuilt(store, _Damaged(store.segments))
    assert len(report.findings) == 1
    assert "BLAKE3" in report.findings[0].text
    assert fresh.read(lambda view: view.versions.count()) == 4


async def test_an_empty_store_rebuilds_to_an_empty_index() -> None:
    fresh, report = _rebuilt(Store())
    assert (report.events, report.segments, report.newest) == (0, 0, None)
    assert fresh.read(lambda view: list(view.buckets.scan())) == []


async def test_small_batches_give_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seglake.domain.services.rebuild.EVENTS_PER_REPLAY", 3)
    fresh, _ = _rebuilt(store)
    assert _dump(fresh) == store.dump()
