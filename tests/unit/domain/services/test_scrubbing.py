"""The scrub of a running store: what it marks, what it leaves alone, where it goes on and how fast it reads."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seglake.adapters.memory.metadata import MemoryMetadataStore
from seglake.domain.model.bucket import Versioning
from seglake.domain.model.errors import StoreFailed, VersionDamaged
from seglake.domain.model.hlc import HLC
from seglake.domain.model.segment import ChunkSlice
from seglake.domain.services import scrubbing
from seglake.domain.services.copying import CopyObject, CopySource
from seglake.domain.services.dump import logical_dump
from seglake.domain.services.marking import MarkDamaged, MarkRepaired, Suspect
from seglake.domain.services.multipart import CreateUpload
from seglake.domain.services.object_reads import ReadObject
from seglake.domain.services.object_writes import DeleteObject, ObjectAttributes
from seglake.domain.services.rebuild import Rebuild
from seglake.domain.services.repair import restored
from seglake.domain.services.scrubbing import ScrubRunner, Standing, parse_standing
from tests.unit.fixtures import Pieces, Store

KEYS = [f"k{number:02}" for number in range(20)]


@pytest.fixture
async def store() -> Store:
    made = Store()
    await made.bucket(versioning=Versioning.ENABLED)
    await made.bucket("other")
    for key in KEYS:
        await made.put(key, key.encode() * 100)
    await made.put("elsewhere", b"x" * 500, bucket="other")
    return made


class Pauses:
    """Remembers how long was waited; ``stop_after`` ends the run in the middle, as the end of the process does."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.waited = 0.0
        self.count = 0
        self.stop_after = stop_after

    async def __call__(self, seconds: float) -> None:
        self.waited += seconds
        self.count += 1
        if self.stop_after is not None and self.count > self.stop_after:
            raise KeyboardInterrupt


def _runner(store: Store, pauses: Pauses | None = None, *, rate: int = 1 << 40) -> ScrubRunner:
    return ScrubRunner(
        store.metadata,
        store.committer,
        store.segment_store,
        store.offload,
        store.clock,
        store.log,
        pauses or Pauses(),
        bytes_per_s=rate,
    )


def _chunk(store: Store, key: str, bucket: str = "bucket") -> ChunkSlice:
    return store.reads.open(ReadObject(bucket, key)).manifest.chunks[0]


def _suspect(store: Store, key: str) -> Suspect:
    bucket = store.metadata.read(lambda view: view.buckets.get("bucket"))
    assert bucket is not None
    version = store.metadata.read(lambda view: view.versions.current(bucket.id, key))
    assert version is not None
    return Suspect.of(version)


def _refused(store: Store) -> list[str]:
    out = []
    for key in KEYS:
        try:
            store.reads.open(ReadObject("bucket", key))
        except VersionDamaged:
            out.append(key)
    return out


async def test_a_sound_store_gets_no_mark(store: Store) -> None:
    before = store.dump()
    tally = await _runner(store).run()
    assert tally is not None
    assert (tally.versions, tally.chunks, tally.damaged, tally.marked) == (21, 21, 0, 0)
    assert tally.bytes == 20 * 300 + 500
    assert store.dump() == before


async def test_a_damaged_version_is_marked_logged_and_refused_others_are_served(store: Store) -> None:
    store.segments.damage(_chunk(store, "k07"))
    tally = await _runner(store).run()
    assert tally is not None
    assert (tally.damaged, tally.marked) == (1, 1)
    assert _refused(store) == ["k07"]
    assert await store.get("k08") == b"k08" * 100
    (line,) = [fields for level, event, fields in store.log.lines if event == "scrub_found_damage"]
    assert line["where"].startswith("bucket/k07?versionId=")
    assert line["marked"]


async def test_every_version_that_shares_the_chunk_is_marked(store: Store) -> None:
    await store.copying.copy(CopyObject(CopySource("bucket", "k03"), "bucket", "copy", "root"))
    store.segments.damage(_chunk(store, "k03"))
    tally = await _runner(store).run()
    assert tally is not None
    assert tally.marked == 2


async def test_a_mark_outlives_a_rebuild(store: Store) -> None:
    store.segments.damage(_chunk(store, "k07"))
    await _runner(store).run()
    fresh = MemoryMetadataStore(store.clock, store.randomness)
    store.segment_store.close()
    Rebuild(fresh, store.files).run()
    assert fresh.read(lambda view: list(logical_dump(view))) == store.dump()


async def test_a_marked_version_is_not_marked_again(store: Store) -> None:
    store.segments.damage(_chunk(store, "k07"))
    await _runner(store).run()
    ticks = store.metadata.read(lambda view: view.settings.last_ticks())
    tally = await _runner(store).run()
    assert tally is not None
    assert (tally.damaged, tally.marked) == (1, 0)
    assert store.metadata.read(lambda view: view.settings.last_ticks()) == ticks


async def test_a_segment_that_is_gone_is_damage_too(store: Store) -> None:
    del store.segments.by_id[_chunk(store, "k00").segment]
    tally = await _runner(store).run()
    assert tally is not None
    assert tally.marked == 21


class _SomeoneElse(ScrubRunner):
    """Lets something happen right after the first chunk was found unreadable."""

    meanwhile: Callable[[], object]

    def _read(self, chunk: ChunkSlice) -> str | None:
        fault = super()._read(chunk)
        if fault is not None:
            self.meanwhile()
        return fault


async def test_a_version_that_can_be_read_at_the_second_look_is_not_marked(store: Store) -> None:
    chunk = _chunk(store, "k07")
    store.segments.damage(chunk)
    runner = _runner(store)
    runner.__class__ = _SomeoneElse
    assert isinstance(runner, _SomeoneElse)
    runner.meanwhile = lambda: store.segments.damage(chunk)  # the same bit again
    tally = await runner.run()
    assert tally is not None
    assert (tally.damaged, tally.marked) == (0, 0)
    assert _refused(store) == []


async def test_a_version_that_changed_meanwhile_is_left_alone(store: Store) -> None:
    suspect = _suspect(store, "k07")
    moved = Suspect(suspect.bucket_id, suspect.key, suspect.stamp, (suspect.chunks[0]._replace(offset=1),), "")
    assert await store.committer.commit(MarkDamaged((moved,))) == ()
    await store.writes.delete(
        "bucket", DeleteObject("k07", store.reads.open(ReadObject("bucket", "k07")).manifest.version)
    )
    assert await store.committer.commit(MarkDamaged((suspect,))) == ()


async def test_parts_of_running_uploads_are_read_and_told(store: Store) -> None:
    upload = await store.multipart.create(CreateUpload("bucket", "part", ObjectAttributes()))
    await store.multipart.upload_part("bucket", "part", upload.id, 1, Pieces([b"part"]))
    part = store.metadata.read(lambda view: next(view.uploads.parts(upload.id)))
    store.segments.damage(part.chunks[0])
    tally = await _runner(store).run()
    assert tally is not None
    assert (tally.damaged, tally.marked) == (1, 0)
    assert "part 1" in store.log.lines[-2][2]["where"]


async def test_only_one_run_at_a_time(store: Store) -> None:
    second: list[object] = []
    runner = _runner(store)

    async def pause(_seconds: float) -> None:
        second.append(await runner.run())

    runner._pause = pause
    store.clock.ms += 1
    runner._rate = 1
    assert await runner.run() is not None
    assert second
    assert set(second) == {None}


async def test_reading_is_slowed_to_its_rate(store: Store) -> None:
    pauses = Pauses()
    await _runner(store, pauses, rate=1000).run()
    assert pauses.waited == pytest.approx(6.5, abs=0.1)


async def test_a_run_that_was_cut_off_goes_on_where_it_was(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrubbing, "PAGE_ROWS", 4)
    monkeypatch.setattr(scrubbing, "NOTED_BYTES", 1)
    with pytest.raises(KeyboardInterrupt):
        await _runner(store, Pauses(stop_after=2)).run()
    again = _runner(store)
    standing = again.standing()
    assert standing.place is not None
    assert again.due_in_s(3600) == 0
    tally = await again.run()
    assert tally is not None
    assert 0 < tally.versions < 21
    assert tally.versions == 21 - 4 * 3
    assert again.standing().place is None


async def test_the_next_run_is_due_an_interval_after_the_last(store: Store) -> None:
    runner = _runner(store)
    assert runner.due_in_s(3600) == 0
    await runner.run()
    store.clock.ms += 600_000
    assert runner.due_in_s(3600) == 3000
    store.clock.ms += 3_600_000
    assert runner.due_in_s(3600) == 0


@pytest.mark.parametrize("text", ["", "x", "[]", "[1, 2, 3]", '[["a"], 1, 2]', "null", '[[1, "k", "no stamp"], 1, 2]'])
def test_a_note_that_means_nothing_is_the_beginning(text: str) -> None:
    assert parse_standing(text) == Standing()


def test_a_standing_survives_its_note() -> None:
    standing = Standing((7, "kä\0y", HLC(5, 6)), 1000, 3)
    assert parse_standing(standing.text()) == standing


async def test_what_can_be_read_again_is_served_again(store: Store) -> None:
    for key in ("k07", "k08"):
        store.segments.damage(_chunk(store, key))
    await _runner(store).run()
    assert restored(store.metadata, store.files) == ()
    suspect = _suspect(store, "k07")
    store.segments.damage(suspect.chunks[0])  # the same bit again
    assert restored(store.metadata, store.files) == (suspect,)
    assert await store.committer.commit(MarkRepaired((suspect,))) == (suspect,)
    assert _refused(store) == ["k08"]
    assert await store.committer.commit(MarkRepaired((suspect,))) == (), "it is served already"


async def test_a_failing_store_ends_the_run(store: Store) -> None:
    store.segments.damage(_chunk(store, "k07"))
    store.segment_store.close()

    async def commit(*_args: object, **_more: object) -> None:
        raise StoreFailed("a sync failed")

    store.committer.commit = commit  # type: ignore[assignment, method-assign]
    with pytest.raises(StoreFailed):
        await _runner(store).run()
