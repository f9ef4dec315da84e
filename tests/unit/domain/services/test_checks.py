"""fsck, scrub and status against stores that are sound and stores that are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.segment import Segment, SegmentState
from seglake.domain.ports.progress import Progress
from seglake.domain.services.copying import CopyObject, CopySource
from seglake.domain.services.findings import Severity
from seglake.domain.services.fsck import Fsck, FsckReport
from seglake.domain.services.listing import Window
from seglake.domain.services.multipart import CreateUpload
from seglake.domain.services.object_reads import ReadObject
from seglake.domain.services.object_writes import DeleteObject, ObjectAttributes
from seglake.domain.services.scrub import Scrub
from seglake.domain.services.status import Status
from tests.unit.fixtures import Pieces, Store


@pytest.fixture
async def store() -> Store:
    """A closed store with a shared chunk, noncurrent versions and a running upload."""
    made = Store()
    await made.bucket(versioning=Versioning.ENABLED)
    await made.put("a", b"one")
    await made.put("a", b"two, newer")
    await made.put("large", bytes(300_000))
    await made.copying.copy(CopyObject(CopySource("bucket", "large"), "bucket", "copy", "root"))
    await made.writes.delete("bucket", DeleteObject("gone"))
    upload = await made.multipart.create(CreateUpload("bucket", "part", ObjectAttributes()))
    await made.multipart.upload_part("bucket", "part", upload.id, 1, Pieces([b"part"]))
    made.segment_store.close()
    made.recovery.run()
    return made


def _fsck(store: Store, *, deep: bool = False) -> FsckReport:
    return Fsck(store.metadata, store.files).run(deep=deep)


def _errors(report: FsckReport) -> list[str]:
    return [f"{found.where}: {found.text}" for found in report.findings if found.severity is Severity.ERROR]


async def test_a_sound_store_has_no_findings(store: Store) -> None:
    report = _fsck(store, deep=True)
    assert report.sound
    assert report.findings == ()
    assert (report.versions, report.parts, report.segments) == (5, 1, 2)


async def test_a_missing_segment_is_an_error(store: Store) -> None:
    segment = store.reads.open(ReadObject("bucket", "large")).manifest.chunks[0].segment
    del store.segments.by_id[segment]
    errors = _errors(_fsck(store))
    assert any("there is no file" in line for line in errors)


async def test_a_file_that_is_too_short_is_an_error(store: Store) -> None:
    for segment in store.segments.by_id.values():
        segment.tail -= 1
    assert sum("were acknowledged" in line for line in _errors(_fsck(store))) == 2


async def test_a_segment_that_was_left_open_is_no_error(store: Store) -> None:
    row = store.metadata.read(lambda view: next(view.segments.scan()))
    store.metadata.replay([], [replace(row, state=SegmentState.OPEN, footer=b"")])
    report = _fsck(store)
    assert report.sound
    assert [found.severity for found in report.findings] == [Severity.WARNING]


async def test_a_lost_footer_is_an_error(store: Store) -> None:
    next(iter(store.segments.by_id.values())).sealed = False
    assert any("footer" in line for line in _errors(_fsck(store)))


async def test_a_file_that_the_index_does_not_know_is_a_warning(store: Store) -> None:
    store.open_segments()
    store.segment_store.bulk().append(b"x", bytes(32))
    report = _fsck(store)
    assert report.sound
    assert len(report.findings) == 1


async def test_chunks_beyond_the_acknowledged_length_are_errors(store: Store) -> None:
    chunk = store.reads.open(ReadObject("bucket", "large")).manifest.chunks[0]
    row = store.metadata.read(lambda view: view.segments.get(chunk.segment))
    assert row is not None
    store.metadata.replay([], [replace(row, committed=chunk.offset + chunk.length - 1)])
    errors = _errors(_fsck(store))
    assert sum("beyond the acknowledged length" in line for line in errors) == 2
    assert any("bucket/copy?versionId=" in line for line in errors)


async def test_a_record_that_says_something_else_is_an_error(store: Store) -> None:
    (holder,) = [segment for segment in store.segments.by_id.values() if segment.events]
    puts = [number for number, (event, _) in enumerate(holder.events) if getattr(event, "manifest", None)]
    first, second = puts[0], puts[1]
    (one, place), (two, other) = holder.events[first], holder.events[second]
    holder.events[first], holder.events[second] = (two, place), (one, other)
    assert sum("says something else" in line for line in _errors(_fsck(store))) == 2


async def test_a_lost_record_is_an_error(store: Store) -> None:
    (holder,) = [segment for segment in store.segments.by_id.values() if segment.events]
    holder.events = [entry for entry in holder.events if not getattr(entry[0], "manifest", None)]
    assert sum("cannot be read" in line for line in _errors(_fsck(store))) == 5


async def test_damaged_payload_is_found_by_the_deep_check_only(store: Store) -> None:
    store.segments.damage(store.reads.open(ReadObject("bucket", "large")).manifest.chunks[0])
    assert _fsck(store).sound
    assert not _fsck(store, deep=True).sound


async def test_a_scrub_reads_each_live_chunk_once(store: Store) -> None:
    report = Scrub(store.metadata, store.files, store.clock).run()
    assert (report.chunks, report.bytes) == (4, len(b"one") + len(b"two, newer") + 300_000 + len(b"part"))
    assert (report.damaged, report.findings) == (0, ())


async def test_a_scrub_names_every_version_that_damage_reaches(store: Store) -> None:
    store.segments.damage(store.reads.open(ReadObject("bucket", "large")).manifest.chunks[0])
    report = Scrub(store.metadata, store.files, store.clock).run()
    assert report.damaged == 1
    assert report.chunks == 4
    assert [found.where.partition("?")[0] for found in report.findings] == ["bucket/copy", "bucket/large"]


async def test_a_scrub_looks_at_noncurrent_versions_and_parts_too(store: Store) -> None:
    view = store.listings.versions("bucket", Window())
    old = next(entry for entry, latest in zip(view.entries, view.latest, strict=True) if not latest)
    chunk = store.reads.open(ReadObject("bucket", "a", old.version)).manifest.chunks[0]
    store.segments.damage(chunk)
    upload = store.listings.uploads("bucket", Window()).uploads[0]
    part = store.listings.parts("bucket", "part", upload.id).parts[0]
    store.segments.damage(part.chunks[0])
    report = Scrub(store.metadata, store.files, store.clock).run()
    assert [found.where for found in report.findings] == [
        f"bucket/a?versionId={old.version}",
        f"upload {upload.id} of part, part 1",
    ]


async def test_a_lost_segment_does_not_end_a_scrub(store: Store) -> None:
    segment = store.reads.open(ReadObject("bucket", "large")).manifest.chunks[0].segment
    del store.segments.by_id[segment]
    report = Scrub(store.metadata, store.files, store.clock).run()
    assert (report.chunks, report.damaged) == (4, 1)
    assert all("is gone" in found.text for found in report.findings)


async def test_progress_ends_at_its_total(store: Store) -> None:
    class Counting:
        def __init__(self) -> None:
            self.size = self.done = 0

        def total(self, units: int, /) -> None:
            self.size = units

        def advance(self, units: int = 1, /) -> None:
            self.done += units

    begun: dict[str, Counting] = {}

    def stages(name: str, _unit: str) -> Progress:
        return begun.setdefault(name, Counting())

    Fsck(store.metadata, store.files, stages).run(deep=True)
    Scrub(store.metadata, store.files, store.clock, stages).run()
    assert len(begun) == 5
    assert all(progress.done == progress.size > 0 for progress in begun.values())


async def test_status_counts_what_is_there(store: Store) -> None:
    found = Status(store.metadata, store.files).run(live=True)
    assert (found.buckets, found.objects, found.versions, found.markers, found.uploads) == (1, 3, 4, 1, 1)
    assert found.object_bytes == 3 + 10 + 600_000
    assert found.live_bytes == 3 + 10 + 300_000 + 4
    assert (found.segments_open, found.segments_sealed) == (0, 2)
    assert found.segment_bytes == sum(store.files.size(segment) for segment in store.files.list())
    assert found.newest.ticks == store.metadata.read(lambda view: view.settings.last_ticks())
    assert Status(store.metadata, store.files).run().live_bytes is None


async def test_a_key_below_a_delete_marker_is_no_object(store: Store) -> None:
    await _deleted(store)
    assert Status(store.metadata, store.files).run().objects == 2


async def _deleted(store: Store) -> None:
    store.open_segments()
    await store.writes.delete("bucket", DeleteObject("a"))


def test_a_segment_row_is_never_half_sealed() -> None:
    with pytest.raises(AssertionError):
        Segment(bytes(16), SegmentState.SEALED, 1, 0)
