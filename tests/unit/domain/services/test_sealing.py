from __future__ import annotations

import pytest

from seglake.domain.model.errors import StorageFull
from seglake.domain.model.segment import SegmentState
from seglake.domain.ports.metadata import Script
from tests.unit.fixtures import Store


def _states(store: Store) -> list[SegmentState]:
    return store.metadata.read(lambda view: [row.state for row in view.segments.scan()])


async def test_full_segments_are_sealed_and_noted() -> None:
    store = Store(segment_size=300)
    await store.bucket()
    for number in range(3):
        await store.put(f"k{number}", b"x" * 200)
        store.clock.ms += 1
    assert set(_states(store)) == {SegmentState.OPEN}
    sealed = await store.sealing.tick()
    assert sealed > 0
    assert _states(store).count(SegmentState.SEALED) == sealed
    assert store.log.events("info") == ["segment_sealed"] * sealed
    assert await store.sealing.tick() == 0
    assert [await store.get(f"k{number}") for number in range(3)] == [b"x" * 200] * 3


async def test_a_sealed_segment_whose_note_failed_is_noted_at_the_next_tick() -> None:
    store = Store(segment_size=300)
    await store.bucket()
    await store.put("key", b"x" * 400)
    commit = store.committer.commit

    async def full(script: Script[object], /, **_options: object) -> object:
        raise StorageFull("no room")

    store.committer.commit = full  # type: ignore[method-assign,assignment]
    with pytest.raises(StorageFull):
        await store.sealing.tick()
    assert SegmentState.SEALED not in _states(store)
    store.committer.commit = commit  # type: ignore[method-assign]
    assert await store.sealing.tick() == 1
    assert SegmentState.SEALED in _states(store)
