from __future__ import annotations

import errno
from pathlib import Path

import pytest

from seglake.adapters.disk_format.footer import INDEX_BYTES_MAX
from seglake.adapters.disk_format.records import HEADER_BYTES
from seglake.adapters.disk_format.segment import SEGMENT_HEADER_BYTES
from seglake.adapters.faulty.files import Fault, Faults, FaultyFile, FaultyFileSystem, Plan
from seglake.adapters.filesystem.crash_files import CrashFileSystem
from seglake.adapters.filesystem.layout import RESERVE_FILE, SEGMENTS_DIR, pack_name, segment_name
from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.adapters.filesystem.store import FilesystemSegmentStore
from seglake.domain.model.errors import StorageFull, StoreFailed
from seglake.domain.model.segment import DurableMark
from seglake.domain.ports.files import File
from seglake.testing.contracts.doubles import ManualClock
from seglake.testing.contracts.segments import SegmentBench, Stored, event
from tests.unit.adapters.filesystem.bench import DIGESTS, Lines, bench_on, make_files, make_store

BIG = b"b" * 100_000


def lose(file: File) -> None:
    file.lose_unsynced()  # type: ignore[attr-defined]


def faulty_bench(plan: Plan | None = None) -> tuple[CrashFileSystem, Faults, SegmentBench]:
    """A bench on a disk whose faults begin to count when the store is open."""
    disk, faults = CrashFileSystem(), Faults()
    bench = bench_on(FaultyFileSystem(disk, faults, on_failed_sync=lose))
    faults.calls.clear()
    faults.plan = plan
    return disk, faults, bench


def put_small(bench: SegmentBench, ticks: int = 1) -> Stored:
    return bench.put(b"payload", ticks)


def put_bulk(bench: SegmentBench) -> tuple[DurableMark, ...]:
    writer = bench.store.bulk()
    writer.append(BIG, DIGESTS.content(BIG))
    return writer.sync()


def test_an_acknowledged_batch_survives_power_loss_file_name_and_all() -> None:
    disk = CrashFileSystem()
    bench = bench_on(disk)
    stored = [bench.put(b"%d" % number * 3000, number + 1) for number in range(3)]
    survived = make_files(disk.crash())
    assert [found for found, _ in survived.events(stored[0].ref.segment)] == [event(1), event(2), event(3)]
    assert [survived.read(entry.chunk) for entry in stored] == [b"%d" % number * 3000 for number in range(3)]


def test_synced_bulk_chunks_survive_power_loss_file_name_and_all() -> None:
    disk = CrashFileSystem()
    bench = bench_on(disk)
    writer = bench.store.bulk()
    chunks = [writer.append(BIG, DIGESTS.content(BIG)) for _ in range(3)]
    assert not disk.crash().exists(segment_name(chunks[0].segment))
    writer.sync()
    survived = make_files(disk.crash())
    assert [survived.read(chunk) for chunk in chunks] == [BIG] * 3


def test_a_sealed_segment_and_its_pack_survive_power_loss() -> None:
    disk = CrashFileSystem()
    bench = bench_on(disk, segment_size=3000)
    for number in range(10):
        put_small(bench, number + 1)
        bench.put(b"x" * 4000, number + 20)
    rows = bench.store.seal_pending()
    assert len(rows) >= 2
    survived = disk.crash()
    files = make_files(survived)
    for row in rows:
        assert files.sealed(row.id)
        assert files.size(row.id) == row.committed
        assert survived.exists(pack_name(row.id))
        assert list(files.check(row.id, payload=True)) == []


def test_one_sync_for_one_batch_and_one_more_for_a_new_name() -> None:
    _, faults, bench = faulty_bench()
    put_small(bench)
    assert (faults.calls.count("sync"), faults.calls.count("sync_dir"), faults.calls.count("pwritev")) == (1, 1, 1)
    put_small(bench)
    assert (faults.calls.count("sync"), faults.calls.count("sync_dir"), faults.calls.count("pwritev")) == (2, 1, 2)


def test_a_bulk_sync_that_another_one_covered_does_not_sync_again() -> None:
    disk, faults = CrashFileSystem(), Faults()
    bench = bench_on(FaultyFileSystem(disk, faults), bulk_lanes=1)
    first, second = bench.store.bulk(), bench.store.bulk()
    first.append(BIG, DIGESTS.content(BIG))
    second.append(BIG, DIGESTS.content(BIG))
    faults.calls.clear()
    assert second.sync()
    assert first.sync()
    assert faults.calls.count("sync") == 1
    first.append(BIG, DIGESTS.content(BIG))
    first.sync()
    assert faults.calls.count("sync") == 2


@pytest.mark.parametrize("operation", ["sync", "sync_dir"])
@pytest.mark.parametrize("fault", [Fault.EIO, Fault.ENOSPC, Fault.EINTR])
def test_a_failed_sync_is_final_and_never_tried_again(operation: str, fault: Fault) -> None:
    _, faults, bench = faulty_bench(Plan(1, fault, operation=operation))
    with pytest.raises(StoreFailed):
        put_small(bench)
    assert isinstance(bench.store, FilesystemSegmentStore)
    assert bench.store.failed
    calls = len(faults.calls)
    for attempt in (
        lambda: put_small(bench),
        bench.store.bulk,
        bench.store.seal_idle,
        lambda: bench.store.journal(()),
    ):
        with pytest.raises(StoreFailed):
            attempt()
    assert bench.store.close() == []
    assert {"sync", "sync_dir", "pwritev", "truncate"}.isdisjoint(faults.calls[calls:])


def test_after_a_failed_bulk_sync_no_batch_is_acknowledged_and_the_reverse() -> None:
    _, _, bench = faulty_bench()
    put_small(bench)
    writer = bench.store.bulk()
    writer.append(BIG, DIGESTS.content(BIG))
    journal = bench.store.journal(())
    journal.append_event(event(9))
    fail_next(bench, "sync")
    with pytest.raises(StoreFailed):
        writer.sync()
    with pytest.raises(StoreFailed):
        journal.flush()
    with pytest.raises(StoreFailed):
        writer.sync()
    with pytest.raises(StoreFailed):
        writer.append(BIG, DIGESTS.content(BIG))


def fail_next(bench: SegmentBench, operation: str, fault: Fault = Fault.EIO, *, for_ever: bool = False) -> None:
    """Lets the next call of ``operation`` fail."""
    store = bench.store
    assert isinstance(store, FilesystemSegmentStore)
    files = store._files
    assert isinstance(files, FaultyFileSystem)
    seen = files._faults.calls.count(operation)
    files._faults.plan = Plan(seen + 1, fault, operation=operation, for_ever=for_ever)


@pytest.mark.parametrize("fault", [Fault.ENOSPC, Fault.SHORT_WRITE, Fault.EINTR, Fault.EMFILE])
def test_a_refused_batch_leaves_the_segment_as_it_was(fault: Fault) -> None:
    disk, _, bench = faulty_bench()
    before = put_small(bench)
    fail_next(bench, "pwritev", fault)
    with pytest.raises(StorageFull):
        put_small(bench, 2)
    assert bench.files.size(before.ref.segment) == before.marks[0].length
    after = put_small(bench, 3)
    assert after.ref.offset > before.ref.offset
    assert after.chunk.offset == before.marks[0].length + HEADER_BYTES
    files = make_files(disk.crash())
    assert [found for found, _ in files.events(before.ref.segment)] == [event(1), event(3)]
    assert list(files.check(before.ref.segment, payload=True)) == []


@pytest.mark.parametrize("operation", ["pwritev", "open"])
@pytest.mark.parametrize("fault", [Fault.ENOSPC, Fault.SHORT_WRITE, Fault.EMFILE])
def test_a_refused_first_batch_leaves_no_segment_behind(operation: str, fault: Fault) -> None:
    disk, _, bench = faulty_bench(Plan(1, fault, operation=operation))
    with pytest.raises(StorageFull):
        put_small(bench)
    stored = put_small(bench, 2)
    assert [found for found, _ in make_files(disk.crash()).events(stored.ref.segment)] == [event(2)]
    assert len(disk.list(SEGMENTS_DIR)) == 1


def test_a_refused_bulk_chunk_harms_no_other() -> None:
    disk, faults = CrashFileSystem(), Faults()
    bench = bench_on(FaultyFileSystem(disk, faults), bulk_lanes=1)
    good, bad = bench.store.bulk(), bench.store.bulk()
    chunks = [good.append(BIG, DIGESTS.content(BIG))]
    fail_next(bench, "pwritev", Fault.SHORT_WRITE)
    with pytest.raises(StorageFull):
        bad.append(BIG, DIGESTS.content(BIG))
    bad.release()
    chunks.append(good.append(BIG, DIGESTS.content(BIG)))
    marks = good.sync()
    files = make_files(disk.crash())
    assert [files.read(chunk) for chunk in chunks] == [BIG, BIG]
    assert files.intact(chunks[0].segment) == marks[0].length


def test_a_write_that_cannot_be_taken_back_is_final() -> None:
    class NoTruncate(FaultyFile):
        def truncate(self, size: int, /) -> None:
            raise OSError(errno.EIO, "truncate")

    _, faults, bench = faulty_bench()
    put_small(bench)
    segment = bench.store._commit._current  # type: ignore[attr-defined]
    segment._file = NoTruncate(segment._file, faults, None)
    fail_next(bench, "pwritev", Fault.ENOSPC)
    with pytest.raises(StoreFailed):
        put_small(bench)


@pytest.mark.parametrize("fault", [Fault.EIO])
def test_any_other_write_error_is_final(fault: Fault) -> None:
    _, _, bench = faulty_bench()
    put_small(bench)
    fail_next(bench, "pwritev", fault)
    with pytest.raises(StoreFailed):
        put_small(bench)
    with pytest.raises(StoreFailed):
        put_small(bench)


@pytest.mark.parametrize("operation", ["sync", "sync_dir", "close", "rename"])
def test_a_seal_that_fails_is_final(operation: str) -> None:
    _, _, bench = faulty_bench()
    put_small(bench)
    bench.clock.ms += 10_000_000
    bench.store.seal_idle()
    fail_next(bench, operation, Fault.EIO)
    with pytest.raises(StoreFailed):
        bench.store.seal_pending()
    with pytest.raises(StoreFailed):
        put_small(bench)


def test_a_sync_that_says_disk_full_while_sealing_is_final_all_the_same() -> None:
    _, _, bench = faulty_bench()
    put_small(bench)
    bench.clock.ms += 10_000_000
    bench.store.seal_idle()
    fail_next(bench, "sync", Fault.ENOSPC)
    with pytest.raises(StoreFailed):
        bench.store.seal_pending()


def test_a_seal_without_room_waits_for_the_next_time() -> None:
    disk, _, bench = faulty_bench()
    stored = put_small(bench)
    bench.clock.ms += 10_000_000
    bench.store.seal_idle()
    for operation_number in (1, 2):  # first the footer finds no room, then the pack
        fail_next(bench, "pwritev", Fault.SHORT_WRITE)
        if operation_number == 2:
            plan = bench.store._files._faults.plan  # type: ignore[attr-defined]
            bench.store._files._faults.plan = Plan(plan.nth + 1, plan.fault, operation="pwritev")  # type: ignore[attr-defined]
        assert bench.store.seal_pending() == []
        assert bench.events(stored.ref.segment) == [event(1)]
        assert not bench.files.sealed(stored.ref.segment)
    (row,) = bench.store.seal_pending()
    assert list(make_files(disk.crash()).check(row.id, payload=True)) == []


def test_an_idle_segment_is_sealed_and_a_busy_one_is_not() -> None:
    bench = bench_on(CrashFileSystem(), segment_idle_s=600)
    put_small(bench)
    put_bulk(bench)
    bench.clock.ms += 599_000
    bench.store.seal_idle()
    assert bench.store.seal_pending() == []
    put_small(bench, 2)
    bench.clock.ms += 1000
    bench.store.seal_idle()
    assert len(bench.store.seal_pending()) == 1
    bench.clock.ms += 600_000
    bench.store.seal_idle()
    assert len(bench.store.seal_pending()) == 1
    bench.store.seal_idle()
    assert bench.store.seal_pending() == []


def test_a_segment_with_a_full_index_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = bench_on(CrashFileSystem())
    first = put_small(bench)
    segment = bench.store._commit._current  # type: ignore[attr-defined]
    segment.index.events += bytes(INDEX_BYTES_MAX)
    assert put_small(bench, 2).ref.segment != first.ref.segment


def test_payloads_under_way_pin_their_segments() -> None:
    bench = bench_on(CrashFileSystem())
    store = bench.store
    assert isinstance(store, FilesystemSegmentStore)
    first, second = store.bulk(), store.bulk()
    chunk = first.append(BIG, DIGESTS.content(BIG))
    other = second.append(BIG, DIGESTS.content(BIG))
    assert chunk.segment != other.segment
    assert store.pinned() == {chunk.segment, other.segment}
    first.release()
    first.release()
    assert store.pinned() == {other.segment}
    second.release()
    assert store.pinned() == frozenset()


def test_lanes_never_share_a_segment() -> None:
    bench = bench_on(CrashFileSystem())
    writers = [bench.store.bulk() for _ in range(4)]
    segments = [writer.append(BIG, DIGESTS.content(BIG)).segment for writer in writers]
    assert len(set(segments)) == 2
    assert put_small(bench).ref.segment not in segments


RESERVE = 100_000


def limited(capacity: int = 1_000_000) -> tuple[CrashFileSystem, ManualClock, FilesystemSegmentStore]:
    disk, clock = CrashFileSystem(capacity=capacity), ManualClock()
    return disk, clock, make_store(disk, clock, reserve=RESERVE)


def fill(disk: CrashFileSystem, left: int) -> None:
    """Lets somebody else take the disk but for ``left`` bytes."""
    number = len(disk.list("."))
    disk.open(f"other-{number}", create=True).allocate(disk.free_bytes() - left)


def test_payload_is_refused_before_the_reserve_and_events_go_on() -> None:
    disk, clock, store = limited()
    assert disk.open(RESERVE_FILE).size() == RESERVE
    fill(disk, 60_000)
    clock.ms += 1000
    journal = store.journal(())
    with pytest.raises(StorageFull):
        journal.append_chunk(b"x" * 10_001, DIGESTS.content(b"x" * 10_001))
    journal.append_chunk(b"x" * 5_000, DIGESTS.content(b"x" * 5_000))
    journal.append_event(event(1))
    journal.flush()
    with pytest.raises(StorageFull):
        store.bulk().append(BIG, DIGESTS.content(BIG))
    for ticks in range(2, 50):
        journal = store.journal(())
        journal.append_event(event(ticks))
        journal.flush()


def test_the_ballast_is_given_up_for_events_and_taken_again() -> None:
    disk, clock, store = limited()
    fill(disk, 50)
    journal = store.journal(())
    journal.append_event(event(1))
    (mark,) = journal.flush()
    assert mark.length > SEGMENT_HEADER_BYTES
    assert disk.open(RESERVE_FILE).size() == 0
    clock.ms += 1000
    store.seal_idle()
    assert disk.open(RESERVE_FILE).size() == 0
    disk.remove(next(name for name in disk.list(".") if name.startswith("other-")))
    store.seal_idle()
    assert disk.open(RESERVE_FILE).size() == RESERVE


def test_the_ballast_is_not_given_up_for_payload() -> None:
    disk, _, store = limited()
    journal = store.journal(())
    journal.append_chunk(b"x" * 5000, DIGESTS.content(b"x" * 5000))
    journal.append_event(event(1))
    fill(disk, 50)
    with pytest.raises(StorageFull):
        journal.flush()
    assert disk.open(RESERVE_FILE).size() == RESERVE


def test_a_store_opens_on_a_full_disk_without_its_ballast() -> None:
    disk = CrashFileSystem(capacity=50_000)
    log = Lines()
    make_store(disk, ManualClock(), reserve=RESERVE, log=log).close()
    assert disk.open(RESERVE_FILE).size() == 0


async def test_more_segments_than_descriptors_stay_readable(tmp_path: Path) -> None:
    bench = bench_on(OsFileSystem(tmp_path), segment_size=1)
    store = bench.store
    assert isinstance(store, FilesystemSegmentStore)
    store._reader._descriptors._limit = 3
    chunks = [bench.put(b"%d" % number, number + 1).chunk for number in range(9)]
    assert await bench.read(chunks * 2) == b"012345678" * 2
    assert len(store._reader._descriptors._open) == 3
    store.close()
    assert not store._reader._descriptors._open


def test_bulk_chunks_that_were_never_synced_are_sealed_name_and_all() -> None:
    disk = CrashFileSystem()
    bench = bench_on(disk)
    bench.store.bulk().append(BIG, DIGESTS.content(BIG))
    (row,) = bench.store.close()
    assert make_files(disk.crash()).size(row.id) == row.committed


def test_a_sync_during_which_another_failed_acknowledges_nothing() -> None:
    bench = bench_on(CrashFileSystem())
    put_small(bench)
    store = bench.store
    assert isinstance(store, FilesystemSegmentStore)
    writer = store.bulk()
    writer.append(BIG, DIGESTS.content(BIG))
    (segment, _) = next(iter(writer._ends.values()))

    health = store._health

    class Slow(FaultyFile):
        def sync(self) -> None:
            super().sync()
            health.fail("another lane", OSError(errno.EIO, "meanwhile"))

    assert segment._file is not None
    segment._file = Slow(segment._file, Faults(), None)
    with pytest.raises(StoreFailed):
        segment.sync_to(segment.tail)
    assert segment.synced == 0


def test_a_ballast_that_cannot_be_given_up_leaves_the_refusal_as_it_is() -> None:
    disk, faults = CrashFileSystem(), Faults()
    store = make_store(FaultyFileSystem(disk, faults), ManualClock(), reserve=RESERVE)
    journal = store.journal(())
    journal.append_event(event(1))
    faults.plan = Plan(faults.calls.count("pwritev") + 1, Fault.ENOSPC, operation="pwritev")
    store._reserve._file = BrokenTruncate(store._reserve._file, Faults(), None)  # type: ignore[arg-type]
    with pytest.raises(StorageFull):
        journal.flush()
    assert disk.open(RESERVE_FILE).size() == RESERVE


class BrokenTruncate(FaultyFile):
    def truncate(self, size: int, /) -> None:
        raise OSError(errno.EIO, "truncate")


def test_a_ballast_that_finds_no_room_takes_none() -> None:
    disk, faults = CrashFileSystem(), Faults(Plan(1, Fault.ENOSPC, operation="allocate"))
    log = Lines()
    make_store(FaultyFileSystem(disk, faults), ManualClock(), reserve=RESERVE, log=log)
    assert log.named("reserve_missing")
    assert disk.open(RESERVE_FILE).size() == 0
