from __future__ import annotations

import errno
from copy import deepcopy
from random import Random

import pytest

from seglake.adapters.disk_format.records import HEADER_BYTES
from seglake.adapters.disk_format.segment import SEGMENT_HEADER_BYTES
from seglake.adapters.faulty.files import Fault, Faults, FaultyFile, FaultyFileSystem, Plan
from seglake.adapters.filesystem.crash_files import CrashFileSystem, PowerOff
from seglake.adapters.filesystem.layout import pack_name, segment_name
from seglake.domain.model.errors import FormatDamaged, SegmentGone, StorageFull, StoreFailed
from seglake.domain.model.events import Event
from seglake.domain.model.segment import Segment, SegmentState
from seglake.domain.ports.files import File
from seglake.testing.contracts.segments import SegmentBench, Stored, event
from tests.unit.adapters.filesystem.bench import DIGESTS, Lines, bench_on, flip, make_files


def filled(count: int = 6) -> tuple[CrashFileSystem, SegmentBench, list[Stored]]:
    """An open segment with ``count`` batches, abandoned as by a killed process."""
    disk = CrashFileSystem()
    bench = bench_on(disk)
    return disk, bench, [bench.put(bytes((number,)) * 600, number + 1) for number in range(count)]


def size_of(disk: CrashFileSystem, name: str) -> int:
    return disk.open(name).size()


def copy(disk: CrashFileSystem, name: str) -> bytes:
    return disk.open(name).pread(1 << 30, 0)


def recovered(disk: CrashFileSystem, segment: bytes, committed: int) -> Segment:
    row = make_files(disk).recover(segment, committed)
    assert row is not None
    return row


def events_of(disk: CrashFileSystem, segment: bytes) -> list[Event]:
    return [found for found, _ in make_files(disk).events(segment)]


def test_what_was_acknowledged_survives_every_power_loss_at_every_operation() -> None:
    disk = CrashFileSystem()
    bench = bench_on(disk, segment_size=4000)
    acknowledged: dict[bytes, int] = {}
    kept: list[Stored] = []
    states = 0

    def cut(fs: CrashFileSystem, operation: str, name: str) -> None:
        nonlocal states
        for image in fs.crash_states(Random(states), exhaustive=6, samples=8):
            states += 1
            check(image, dict(acknowledged), list(kept))

    def check(image: CrashFileSystem, marks: dict[bytes, int], entries: list[Stored]) -> None:
        files = make_files(image)
        rows = {segment: files.recover(segment, marks.get(segment, 0)) for segment in {*files.list(), *marks}}
        for entry in entries:
            assert files.event(entry.ref) == event(files.read(entry.chunk)[0] + 1)
        for segment, row in rows.items():
            expected = [files.event(entry.ref) for entry in entries if entry.ref.segment == segment]
            if row is None:
                assert not expected
                continue
            assert [found for found, _ in files.events(segment)] == expected
            assert list(files.check(segment, payload=True)) == []
            assert files.recover(segment, marks[segment]) == row
        assert image.unsynced() == 0

    disk.observe = cut
    for number in range(7):
        stored = bench.put(bytes((number,)) * 1500, number + 1)
        acknowledged.update({mark.segment: mark.length for mark in stored.marks})
        kept.append(stored)
        if number == 4:
            assert bench.store.seal_pending()
    bench.store.close()
    assert states > 200


def test_recovery_may_itself_lose_power_at_every_operation() -> None:
    disk, _, stored = filled()
    segment, committed = stored[0].ref.segment, stored[3].marks[0].length
    whole = disk.crash()
    row = recovered(whole, segment, committed)
    assert row.state is SegmentState.SEALED
    assert whole.unsynced() == 0
    assert whole.operations >= 6
    states = 0
    for operations in range(whole.operations):
        image = disk.crash()
        image.power_off_at = operations
        with pytest.raises(PowerOff):
            recovered(image, segment, committed)
        for again in image.crash_states(Random(operations), samples=16):
            states += 1
            assert recovered(again, segment, committed) == row
            assert events_of(again, segment) == [event(1), event(2), event(3), event(4)]
    assert states > 30


def test_recovery_is_durable_before_it_returns() -> None:
    disk, _, stored = filled()
    segment, committed = stored[0].ref.segment, stored[3].marks[0].length
    row = recovered(disk, segment, committed)
    after = disk.crash()
    assert size_of(after, segment_name(segment)) == row.committed
    assert after.exists(pack_name(segment))
    assert list(make_files(after).check(segment, payload=True)) == []


def test_a_second_recovery_changes_no_byte() -> None:
    disk, _, stored = filled()
    segment, committed = stored[0].ref.segment, stored[3].marks[0].length
    row = recovered(disk, segment, committed)
    names = (segment_name(segment), pack_name(segment))
    before = [copy(disk, name) for name in names]
    for length in (committed, row.committed):
        assert recovered(disk, segment, length) == row
        assert [copy(disk, name) for name in names] == before


def test_a_seal_whose_row_was_lost_is_found_again_or_cut_back() -> None:
    disk, bench, stored = filled()
    segment = stored[0].ref.segment
    (row,) = bench.store.close()
    assert recovered(disk.crash(), segment, stored[-1].marks[0].length) == row
    earlier = disk.crash()
    shorter = recovered(earlier, segment, stored[2].marks[0].length)
    assert shorter != row
    assert events_of(earlier, segment) == [event(1), event(2), event(3)]
    assert list(make_files(earlier).check(segment, payload=True)) == []


def test_a_missing_or_damaged_pack_is_written_again() -> None:
    disk, bench, stored = filled()
    segment = stored[0].ref.segment
    (row,) = bench.store.close()
    pack = copy(disk, pack_name(segment))
    disk.remove(pack_name(segment))
    assert recovered(disk, segment, row.committed) == row
    assert copy(disk, pack_name(segment)) == pack
    flip(disk, pack_name(segment), 150)
    assert [text for _, text in make_files(disk).check(segment, payload=False)]
    assert recovered(disk, segment, row.committed) == row
    assert copy(disk, pack_name(segment)) == pack


def test_a_pack_of_another_sealing_is_not_trusted() -> None:
    disk, bench, stored = filled()
    segment = stored[0].ref.segment
    bench.store.close()
    stale = copy(disk, pack_name(segment))
    recovered(disk, segment, stored[2].marks[0].length)
    file = disk.open(pack_name(segment), write=True)
    file.truncate(0)
    file.pwritev([stale], 0)
    assert events_of(disk, segment) == [event(1), event(2), event(3)]


def test_a_torn_tail_is_dropped() -> None:
    disk, _, stored = filled()
    segment, committed = stored[0].ref.segment, stored[3].marks[0].length
    for cut in (committed, committed + 1, committed + HEADER_BYTES, stored[5].marks[0].length - 1):
        image = disk.crash()
        image.open(segment_name(segment), write=True).truncate(cut)
        recovered(image, segment, committed)
        assert events_of(image, segment) == [event(1), event(2), event(3), event(4)]
        assert list(make_files(image).check(segment, payload=True)) == []


@pytest.mark.parametrize("place", range(0, 2 * (HEADER_BYTES + 600), 97))
def test_damage_before_the_acknowledged_length_is_kept_and_told(place: int) -> None:
    disk, _, stored = filled()
    segment, committed = stored[0].ref.segment, stored[-1].marks[0].length
    before = copy(disk, segment_name(segment))
    at = stored[1].chunk.offset - HEADER_BYTES + place
    flip(disk, segment_name(segment), at)
    log = Lines()
    row = make_files(disk, log).recover(segment, committed)
    assert row is not None
    after = copy(disk, segment_name(segment))
    assert len(after) == row.committed > committed
    assert [number for number in range(committed) if before[number] != after[number]] == [at]
    assert log.named("segment_damaged")
    ticks = [found.stamp.ticks for found in events_of(disk, segment)]
    assert len(ticks) >= 5
    assert set(ticks) >= {1, 4, 5, 6}
    assert make_files(disk).recover(segment, committed) == row
    assert [text for _, text in make_files(disk).check(segment, payload=True)]


def test_lost_acknowledged_bytes_are_told_and_the_rest_is_sealed() -> None:
    disk, _, stored = filled()
    segment, committed = stored[0].ref.segment, stored[-1].marks[0].length
    disk.open(segment_name(segment), write=True).truncate(stored[2].marks[0].length + 50)
    log = Lines()
    row = make_files(disk, log).recover(segment, committed)
    assert row is not None
    assert row.state is SegmentState.SEALED
    assert log.named("segment_too_short")
    assert events_of(disk, segment) == [event(1), event(2), event(3)]
    assert any("lost" in text for _, text in make_files(disk).check(segment, payload=False))


def test_one_damaged_header_copy_is_repaired() -> None:
    disk, _, stored = filled()
    segment, committed = stored[0].ref.segment, stored[-1].marks[0].length
    before = copy(disk, segment_name(segment))[:SEGMENT_HEADER_BYTES]
    flip(disk, segment_name(segment), 20)
    assert [text for _, text in make_files(disk).check(segment, payload=False)] != []
    log = Lines()
    make_files(disk, log).recover(segment, committed)
    assert log.named("segment_header_repaired")
    assert copy(disk, segment_name(segment))[:SEGMENT_HEADER_BYTES] == before


def test_a_segment_without_a_header_keeps_its_bytes_and_stays_open() -> None:
    disk, _, stored = filled()
    segment, committed = stored[0].ref.segment, stored[3].marks[0].length
    for place in (20, 2048 + 20):
        flip(disk, segment_name(segment), place)
    before = copy(disk, segment_name(segment))
    log = Lines()
    row = make_files(disk, log).recover(segment, committed)
    assert row == Segment(segment, SegmentState.OPEN, committed, int.from_bytes(segment[:6], "big"))
    assert copy(disk, segment_name(segment)) == before
    assert log.named("segment_header_lost")
    assert make_files(disk).read(stored[0].chunk)
    with pytest.raises(FormatDamaged):
        list(make_files(disk).events(segment))


def test_nothing_acknowledged_means_no_file_whatever_is_in_it() -> None:
    disk, bench, stored = filled()
    segment = stored[0].ref.segment
    bench.store.close()
    make_files(disk).recover(segment, SEGMENT_HEADER_BYTES)
    after = disk.crash()
    assert not after.exists(segment_name(segment))
    assert not after.exists(pack_name(segment))


def test_an_acknowledged_segment_without_a_file_is_gone() -> None:
    with pytest.raises(SegmentGone):
        make_files(CrashFileSystem()).recover(b"?" * 16, 5000)


def faulty(
    disk: CrashFileSystem, operation: str, nth: int, fault: Fault, *, for_ever: bool = False
) -> FaultyFileSystem:
    return FaultyFileSystem(disk, Faults(Plan(nth, fault, for_ever=for_ever, operation=operation)))


@pytest.mark.parametrize(
    ("operation", "fault", "expected"),
    [
        ("pwritev", Fault.ENOSPC, StorageFull),
        ("pwritev", Fault.EIO, StoreFailed),
        ("sync", Fault.EIO, StoreFailed),
        ("sync", Fault.ENOSPC, StoreFailed),
        ("sync_dir", Fault.EIO, StoreFailed),
        ("truncate", Fault.EIO, StoreFailed),
        ("rename", Fault.EIO, StoreFailed),
    ],
)
def test_a_recovery_that_fails_says_so_and_can_be_done_again(
    operation: str, fault: Fault, expected: type[Exception]
) -> None:
    disk, _, stored = filled()
    segment, committed = stored[0].ref.segment, stored[3].marks[0].length
    with pytest.raises(expected):
        make_files(faulty(disk, operation, 1, fault)).recover(segment, committed)
    recovered(disk, segment, committed)
    assert events_of(disk, segment) == [event(1), event(2), event(3), event(4)]


class BadDisk(FaultyFileSystem):
    """A disk that cannot read the page at ``bad`` of any file."""

    def __init__(self, inner: CrashFileSystem, bad: int) -> None:
        super().__init__(inner, Faults())
        self.bad = bad

    def open(self, name: str, /, *, write: bool = False, create: bool = False) -> BadFile:
        return BadFile(self._inner.open(name, write=write, create=create), self.bad)


class BadFile(FaultyFile):
    __slots__ = ("_bad",)

    def __init__(self, inner: File, bad: int) -> None:
        super().__init__(inner, Faults(), None)
        self._bad = bad

    def pread(self, size: int, offset: int, /) -> bytes:
        if offset < self._bad + 4096 and offset + size > self._bad:
            raise OSError(errno.EIO, "bad page")
        return super().pread(size, offset)


def test_a_page_that_cannot_be_read_costs_its_own_records_only() -> None:
    disk, _, stored = filled(40)
    segment, committed = stored[0].ref.segment, stored[-1].marks[0].length
    bad = (stored[20].chunk.offset // 4096) * 4096

    files = BadDisk(disk, bad)
    log = Lines()
    row = make_files(files, log).recover(segment, committed)
    assert row is not None
    assert log.named("segment_damaged")
    found = events_of(disk, segment)
    assert 30 <= len(found) < 40
    assert found[0] == event(1)
    assert found[-1] == event(40)


def test_a_seal_that_was_written_but_not_synced_is_synced_by_recovery() -> None:
    disk = CrashFileSystem()
    faults = Faults()
    bench = bench_on(FaultyFileSystem(disk, faults))
    stored = bench.put(b"payload", 1)
    bench.clock.ms += 10_000_000
    bench.store.seal_idle()
    faults.plan = Plan(faults.calls.count("sync") + 1, Fault.EIO, operation="sync")
    with pytest.raises(StoreFailed):
        bench.store.seal_pending()
    row = recovered(disk, stored.ref.segment, stored.marks[0].length)
    assert make_files(disk.crash()).size(row.id) == row.committed
    assert make_files(disk.crash()).sealed(row.id)


def test_a_damaged_event_is_never_given_out() -> None:
    disk, bench, stored = filled()
    segment = stored[0].ref.segment
    unsealed = disk.crash()
    bench.store.close()
    for image in (unsealed, disk):
        flip(image, segment_name(segment), stored[2].ref.offset + HEADER_BYTES + 3)
    assert events_of(unsealed, segment) == [event(1), event(2)]
    with pytest.raises(FormatDamaged):
        make_files(unsealed).event(stored[2].ref)
    assert len(events_of(disk, segment)) == 6  # the pack has it still
    disk.remove(pack_name(segment))
    found = make_files(disk).events(segment)
    seen = [next(found)[0] for _ in range(5)]
    assert seen == [event(1), event(2), event(4), event(5), event(6)]
    with pytest.raises(FormatDamaged):
        next(found)


def test_a_pack_of_another_sealing_with_as_many_events_is_found_out() -> None:
    disk, bench, stored = filled()
    segment = stored[0].ref.segment
    journal = bench.store.journal(())
    journal.append_chunk(b"more", bench.digests.content(b"more"))
    journal.flush()
    bench.store.close()
    stale = copy(disk, pack_name(segment))
    recovered(disk, segment, stored[-1].marks[0].length)
    file = disk.open(pack_name(segment), write=True)
    file.truncate(0)
    file.pwritev([stale], 0)
    assert [text for _, text in make_files(disk).check(segment, payload=False)]


def test_a_damaged_footer_is_no_footer() -> None:
    disk, bench, stored = filled()
    segment = stored[0].ref.segment
    (row,) = bench.store.close()
    footer = stored[-1].marks[0].length
    for place in range(footer, row.committed):
        image = disk.crash()
        flip(image, segment_name(segment), place)
        assert not make_files(image).sealed(segment), place
        assert recovered(image, segment, footer) == row


def test_what_a_killed_process_sealed_survives_the_next_power_loss() -> None:
    disk, bench, entries = filled()
    segment = entries[0].ref.segment
    committed = size_of(disk, segment_name(segment))
    left: list[CrashFileSystem] = []

    def killed(fs: CrashFileSystem, operation: str, name: str) -> None:
        fs.observe = None
        left.append(deepcopy(fs))
        fs.observe = killed

    disk.observe = killed
    bench.store.close()
    for image in left:
        row = recovered(image, segment, committed)
        after = image.crash()
        assert make_files(after).sealed(segment)
        assert list(make_files(after).check(segment, payload=True)) == []
        assert recovered(after, segment, committed) == row
    assert len(left) > 5


def test_a_footer_never_outlives_the_records_before_it() -> None:
    disk = CrashFileSystem()
    store = bench_on(disk).store
    for number in range(3):  # chunks of payloads that were given up: never synced, named by nothing
        writer = store.bulk()
        writer.append(bytes((number,)) * 9000, DIGESTS.content(bytes((number,)) * 9000))
        writer.release()
    sealed = 0

    def cut(fs: CrashFileSystem, operation: str, name: str) -> None:
        nonlocal sealed
        for image in fs.crash_states(Random(1), exhaustive=6, samples=40):
            files = make_files(image)
            for segment in files.list():
                if files.sealed(segment):
                    sealed += 1
                    assert list(files.check(segment, payload=True)) == []

    disk.observe = cut
    store.close()
    assert sealed
