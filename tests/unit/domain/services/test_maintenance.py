from __future__ import annotations

import asyncio

import pytest

from seglake.domain.model.errors import Busy, InvalidArgument, UnderMaintenance
from seglake.domain.model.maintenance import MAINTENANCE_NOTE, Maintenance, MaintenanceState, to_text
from seglake.domain.services.maintenance import MaintenanceMode, WriteGate, check_open
from tests.unit.fixtures import Store


def mode_of(store: Store, gate: WriteGate | None = None) -> MaintenanceMode:
    return MaintenanceMode(
        store.metadata, store.committer, store.clock, store.log, store.clock.pause, gate or WriteGate()
    )


async def in_state(store: Store, state: MaintenanceState) -> None:
    text = to_text(Maintenance(state, 5, "why"))
    await store.committer.commit(lambda tx: tx.notes.put(MAINTENANCE_NOTE, text))


async def test_a_quiesced_store_reads_and_does_not_write() -> None:
    store, gate = Store(), WriteGate()
    await store.bucket()
    await store.put("key", b"body")
    mode = mode_of(store, gate)
    dump = store.dump()
    report = await mode.enable("moving disks")
    assert report.maintenance == Maintenance(MaintenanceState.QUIESCED, store.clock.now_ms(), "moving disks")
    with pytest.raises(UnderMaintenance):
        gate.enter()
    with pytest.raises(UnderMaintenance):
        await store.put("other", b"x")
    with pytest.raises(UnderMaintenance):
        await store.bucket("another")
    with pytest.raises(UnderMaintenance):
        await store.committer.commit(check_open)
    assert store.dump() == dump
    assert await store.get("key") == b"body"
    assert (await mode.disable()).maintenance.state is MaintenanceState.OFF
    gate.enter()
    await store.put("other", b"x")
    await store.committer.commit(check_open)
    assert store.metadata.read(lambda view: view.notes.get(MAINTENANCE_NOTE)) is None


async def test_enabling_waits_for_writes_under_way_and_lets_them_commit() -> None:
    store, gate = Store(), WriteGate()
    await store.bucket()
    gate.enter()
    pauses = 0

    async def pause(seconds: float) -> None:
        nonlocal pauses
        pauses += 1
        with pytest.raises(UnderMaintenance):
            gate.enter()
        if pauses == 3:
            await store.put("late", b"x")
            gate.leave()

    mode = MaintenanceMode(store.metadata, store.committer, store.clock, store.log, pause, gate)
    report = await mode.enable()
    assert pauses == 3
    assert report.cut_off == 0
    assert store.keys() == ["late"]


async def test_a_write_that_takes_too_long_is_cut_off_and_told() -> None:
    store, gate = Store(), WriteGate()
    await store.bucket()
    gate.enter()
    report = await mode_of(store, gate).enable(wait_s=2)
    assert report.cut_off == report.under_way == 1
    assert 2 <= report.waited_s < 2.1
    with pytest.raises(UnderMaintenance):
        await store.put("late", b"x")


async def test_both_ways_may_be_asked_twice() -> None:
    store = Store()
    mode = mode_of(store)
    first = await mode.enable("one")
    store.clock.ms += 1000
    assert (await mode.enable("two")).maintenance == first.maintenance
    await mode.disable()
    assert (await mode.disable()).maintenance.state is MaintenanceState.OFF


async def test_two_switches_at_once_are_told_apart() -> None:
    store, gate = Store(), WriteGate()
    gate.enter()
    waiting = asyncio.Event()

    async def pause(seconds: float) -> None:
        waiting.set()
        store.clock.ms += 1000
        await asyncio.sleep(0)

    mode = MaintenanceMode(store.metadata, store.committer, store.clock, store.log, pause, gate)
    enabling = asyncio.create_task(mode.enable(wait_s=50))
    await waiting.wait()
    with pytest.raises(Busy):
        await mode.disable()
    assert mode.status().maintenance.state is MaintenanceState.ENTERING
    gate.leave()
    assert (await enabling).maintenance.state is MaintenanceState.QUIESCED


@pytest.mark.parametrize(
    ("left", "found"),
    [
        (MaintenanceState.ENTERING, MaintenanceState.QUIESCED),
        (MaintenanceState.QUIESCED, MaintenanceState.QUIESCED),
        (MaintenanceState.EXITING, MaintenanceState.OFF),
        (MaintenanceState.OFF, MaintenanceState.OFF),
    ],
)
async def test_a_start_ends_what_the_last_process_left_half_done(
    left: MaintenanceState, found: MaintenanceState
) -> None:
    store, gate = Store(), WriteGate()
    if left is not MaintenanceState.OFF:
        await in_state(store, left)
    assert (await mode_of(store, gate).resume()).state is found
    assert gate.shut is (found is MaintenanceState.QUIESCED)


async def test_the_gate_follows_what_another_process_did() -> None:
    store, gate = Store(), WriteGate()
    mode = mode_of(store, gate)
    await in_state(store, MaintenanceState.QUIESCED)
    mode.refresh()
    assert gate.shut
    await in_state(store, MaintenanceState.OFF)
    mode.refresh()
    assert not gate.shut


@pytest.mark.parametrize("reason", ["x" * 201, "two\nlines"])
async def test_a_reason_is_one_short_line(reason: str) -> None:
    store = Store()
    with pytest.raises(InvalidArgument):
        await mode_of(store).enable(reason)
    assert mode_of(store).status().maintenance.state is MaintenanceState.OFF


async def test_sealing_goes_on_in_maintenance() -> None:
    store = Store(segment_size=1)
    await store.bucket()
    await store.put("key", b"x")
    await mode_of(store).enable()
    await store.sealing.tick()
    rows = store.metadata.read(lambda view: list(view.segments.scan()))
    assert {row.state.name for row in rows} == {"SEALED"}


async def test_lifecycle_rules_wait_for_the_end_of_maintenance() -> None:
    from tests.unit.domain.services.lifecycle_cases import EXPIRE, made, midnight_after

    store = await made(EXPIRE)
    await store.put("key", b"body")
    store.clock.ms = midnight_after(store, 30)
    mode = mode_of(store)
    await mode.enable()
    with pytest.raises(UnderMaintenance):
        await store.lifecycle.run()
    assert store.keys() == ["key"]
    await mode.disable()
    await store.lifecycle.run()
    assert store.keys() == []
