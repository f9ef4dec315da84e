from __future__ import annotations

import pytest

from seglake.adapters.memory.metadata import MemoryMetadataStore
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.errors import DataDirUnusable, FormatDamaged, NoSuchKey
from seglake.domain.model.events import BucketCreated
from seglake.domain.model.hlc import COUNTER_BITS, HLC
from seglake.domain.model.segment import Segment, SegmentState
from seglake.domain.services.recovery import Recovery, RecoveryReport, refuse_lost_index
from tests.unit.fixtures import Store


@pytest.fixture
async def store() -> Store:
    """A store that was killed after some acknowledged writes: its segments are open."""
    made = Store()
    await made.bucket()
    made.clock.ms += 5
    await made.put("small", b"1")
    made.clock.ms += 5
    await made.put("large", bytes(300_000))
    made.clock.ms += 5
    return made


def _rows(store: Store) -> dict[bytes, Segment]:
    return store.metadata.read(lambda view: {row.id: row for row in view.segments.scan()})


def _unacknowledged(store: Store, *ms: int, segment: bytes | None = None) -> None:
    """Events in a segment (a new one, if none is given) that no commit followed, at these times after now."""
    journal = store.segment_store.journal(())
    if segment is not None:
        journal._segment = store.segments.find(segment)
        journal._tail = journal._segment.tail
    for number, at in enumerate(ms):
        stamp = HLC((store.clock.ms + at << COUNTER_BITS) + number, 1)
        journal.append_event(BucketCreated(Bucket(f"ghost-{at}-{number}", stamp)))
    journal.flush()


def _commit_segment(store: Store) -> bytes:
    (found,) = [segment.id for segment in store.segments.by_id.values() if segment.events]
    return found


def _restart(store: Store) -> RecoveryReport:
    report = store.recovery.run()
    store.open_segments()
    return report


async def test_open_segments_are_sealed_and_nothing_acknowledged_is_lost(store: Store) -> None:
    before = store.dump()
    report = _restart(store)
    assert len(report.sealed) == 2
    assert {row.state for row in _rows(store).values()} == {SegmentState.SEALED}
    assert store.dump() == before
    assert await store.get("small") == b"1"
    assert await store.get("large") == bytes(300_000)
    assert store.log.events("info") == ["recovered"]


async def test_a_second_recovery_changes_nothing(store: Store) -> None:
    _restart(store)
    rows = _rows(store)
    assert store.recovery.run() == RecoveryReport()
    assert _rows(store) == rows


async def test_a_batch_that_was_never_acknowledged_is_dropped(store: Store) -> None:
    segment = _commit_segment(store)
    committed = _rows(store)[segment].committed
    _unacknowledged(store, 0, 0, 0, segment=segment)
    report = _restart(store)
    assert report.events_dropped == 3
    assert store.files.size(segment) == committed
    assert list(store.files.tail(segment, committed)) == []


async def test_one_large_batch_is_still_one_batch(store: Store) -> None:
    _unacknowledged(store, *[0] * 5000, segment=_commit_segment(store))
    assert _restart(store).events_dropped == 5000


async def test_several_acknowledged_batches_beyond_the_index_are_never_dropped(store: Store) -> None:
    segment = _commit_segment(store)
    _unacknowledged(store, 0, 1, segment=segment)
    size, rows = store.files.size(segment), _rows(store)
    with pytest.raises(DataDirUnusable, match="rebuild-index"):
        store.recovery.run()
    assert store.files.size(segment) == size
    assert _rows(store) == rows
    assert store.segments.quarantined == {}


async def test_unacknowledged_events_in_two_segments_are_no_single_batch(store: Store) -> None:
    _unacknowledged(store, 0, segment=_commit_segment(store))
    store.open_segments()
    _unacknowledged(store, 0)
    with pytest.raises(DataDirUnusable):
        store.recovery.run()


async def test_events_beyond_the_index_in_a_sealed_segment_were_acknowledged(store: Store) -> None:
    segment = _commit_segment(store)
    _unacknowledged(store, 0, segment=segment)
    store.segments.find(segment).sealed = True
    with pytest.raises(DataDirUnusable):
        store.recovery.run()


async def test_an_unknown_segment_with_one_batch_is_quarantined(store: Store) -> None:
    known = set(_rows(store))
    store.open_segments()
    _unacknowledged(store, 0)
    report = _restart(store)
    assert set(report.quarantined) == set(store.segments.quarantined)
    assert len(report.quarantined) == 1
    assert set(store.files.list()) == known
    assert store.log.events("warning") == ["segment_quarantined"]


async def test_an_unknown_segment_without_events_is_removed(store: Store) -> None:
    known = set(_rows(store))
    store.open_segments()
    store.segment_store.bulk().append(b"never named", bytes(32))
    report = _restart(store)
    assert len(report.dropped) == 1
    assert set(store.files.list()) == known


async def test_a_segment_sealed_just_before_the_crash_is_adopted(store: Store) -> None:
    store.open_segments()
    store.segment_store.bulk().append(b"never named", bytes(32))
    (row,) = store.segment_store.close()
    report = _restart(store)
    assert report.adopted == (row.id,)
    assert _rows(store)[row.id].state is SegmentState.SEALED


async def test_segments_sealed_at_the_end_are_recognised(store: Store) -> None:
    store.segment_store.close()
    report = _restart(store)
    assert len(report.sealed) == 2
    assert {row.state for row in _rows(store).values()} == {SegmentState.SEALED}


@pytest.mark.parametrize("index_is_new", [True, False])
async def test_an_empty_index_beside_full_segments_is_refused(store: Store, *, index_is_new: bool) -> None:
    files = set(store.files.list())
    empty = MemoryMetadataStore(store.clock, store.randomness)
    with pytest.raises(DataDirUnusable, match="rebuild-index"):
        Recovery(empty, store.files, store.log).run(index_is_new=index_is_new)
    assert set(store.files.list()) == files


async def test_a_new_index_refuses_even_a_single_batch() -> None:
    store = Store()
    await store.bucket()
    empty = MemoryMetadataStore(store.clock, store.randomness)
    with pytest.raises(DataDirUnusable):
        Recovery(empty, store.files, store.log).run(index_is_new=True)


async def test_a_crash_in_the_very_first_commit_does_not_need_a_human() -> None:
    store = Store()
    _unacknowledged(store, 0)
    assert len(_restart(store).quarantined) == 1
    await store.bucket()
    assert store.keys() == []


async def test_a_missing_segment_is_reported_at_every_start_and_kept_in_the_index(store: Store) -> None:
    segment = _commit_segment(store)
    del store.segments.by_id[segment]
    for _ in range(2):
        assert store.recovery.run().missing == (segment,)
    assert segment in _rows(store)
    assert store.log.events("error") == ["segment_missing"] * 2


async def test_a_row_whose_empty_file_was_removed_before_the_crash_goes_too(store: Store) -> None:
    empty = bytes(15) + b"e"
    store.metadata.replay([], [Segment(empty, SegmentState.OPEN, 64, 0)])
    report = _restart(store)
    assert report.missing == ()
    assert empty not in _rows(store)


async def test_damage_before_the_acknowledged_length_does_not_keep_the_rest_from_starting(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = _commit_segment(store)
    recover = store.files.recover

    def broken(wanted: bytes, committed: int, /) -> Segment | None:
        if wanted == segment:
            raise FormatDamaged("the header is damaged")
        return recover(wanted, committed)

    monkeypatch.setattr(type(store.files), "recover", lambda _self, wanted, committed: broken(wanted, committed))
    report = _restart(store)
    assert report.damaged == (segment,)
    assert len(report.sealed) == 1
    assert _rows(store)[segment].state is SegmentState.OPEN
    assert await store.get("small") == b"1"


async def test_writes_go_on_after_recovery(store: Store) -> None:
    _unacknowledged(store, 0, segment=_commit_segment(store))
    _restart(store)
    await store.put("after", b"2")
    assert store.keys() == ["after", "large", "small"]
    with pytest.raises(NoSuchKey):
        await store.get("ghost")
    assert _restart(store).missing == ()
    assert await store.get("after") == b"2"


async def test_a_lost_index_is_noticed_before_a_new_one_is_made() -> None:
    store = Store()
    refuse_lost_index(store.files)
    await store.bucket()
    with pytest.raises(DataDirUnusable, match="rebuild-index"):
        refuse_lost_index(store.files)
    store.segment_store.close()
    with pytest.raises(DataDirUnusable, match="rebuild-index"):
        refuse_lost_index(store.files)
