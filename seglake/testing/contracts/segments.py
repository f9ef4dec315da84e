"""The contract of SegmentStore, BulkWriter and SegmentFiles: subclass SegmentContract and give it ``make_bench``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import pytest

from seglake.domain.model.errors import ChunkCorrupt, FormatDamaged, SegmentGone, StoreClosed
from seglake.domain.model.events import BucketDeleted, ChunksMoved, Event, PartMoved, VersionPut
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, VersionKind
from seglake.domain.model.mentions import Mentions
from seglake.domain.model.segment import ChunkSlice, DurableMark, RecordRef, SegmentState
from seglake.domain.ports.digests import Digests
from seglake.domain.ports.segments import SegmentFiles, SegmentStore
from seglake.testing.contracts.doubles import ManualClock

HUGE = 1 << 30


@dataclass(slots=True)
class SegmentBench:
    """A store and what a test needs around it.

    ``damage`` flips a stored bit of a chunk behind the store's back; ``reopen`` abandons the store as a killed process
    does and opens another over the same segments.
    """

    store: SegmentStore
    files: SegmentFiles
    digests: Digests
    clock: ManualClock
    damage: Callable[[ChunkSlice], None]
    reopen: Callable[[], SegmentStore]

    def put(self, payload: bytes, ticks: int, *, marks: Sequence[DurableMark] = ()) -> Stored:
        """Commits a payload and an event in one batch."""
        journal = self.store.journal(marks)
        chunk = journal.append_chunk(payload, self.digests.content(payload))
        ref = journal.append_event(event(ticks))
        return Stored(chunk, ref, tuple(journal.flush()))

    async def read(self, chunks: Sequence[ChunkSlice]) -> bytes:
        """The bytes of a stream."""
        return b"".join([bytes(piece) async for piece in self.store.stream(chunks)])

    def events(self, segment: bytes, limit: int | None = None) -> list[Event]:
        """The events of a segment file."""
        return [found for found, _ in self.files.events(segment, limit)]


@dataclass(frozen=True, slots=True)
class Stored:
    """What one ``put`` gave."""

    chunk: ChunkSlice
    ref: RecordRef
    marks: tuple[DurableMark, ...]


class MakeBench(Protocol):
    """Makes a bench with an open, empty store."""

    def __call__(self, *, segment_size: int = HUGE) -> SegmentBench: ...


def event(ticks: int) -> BucketDeleted:
    """Some event, told from others by its stamp."""
    return BucketDeleted(HLC(ticks, 1), 7)


def _put(ticks: int, bucket_id: int, bucket: str, *chunks: ChunkSlice) -> VersionPut:
    size = sum([chunk.take for chunk in chunks])
    return VersionPut(
        Manifest(bucket_id, bucket, "key", HLC(ticks, 1), VersionKind.OBJECT, null=False, size=size, chunks=chunks)
    )


def part(chunk: ChunkSlice, skip: int, take: int) -> ChunkSlice:
    """Some of a chunk's bytes."""
    return chunk._replace(skip=skip, take=take)


class SegmentCase:
    """The fixtures of every suite about segments."""

    @pytest.fixture
    def make_bench(self) -> MakeBench:
        """Override: makes an open, empty store each time it is called. The fixture closes what it made."""
        raise NotImplementedError

    @pytest.fixture
    def bench(self, make_bench: MakeBench) -> SegmentBench:
        return make_bench()


class ReadContract(SegmentCase):
    """What comes back, and what never does."""

    @pytest.mark.parametrize("size", [0, 1, 4096, (256 << 10) + 1, 4 << 20])
    async def test_a_payload_comes_back(self, bench: SegmentBench, size: int) -> None:
        payload = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        stored = bench.put(payload, 1)
        assert await bench.read([stored.chunk]) == payload
        assert bench.files.read(stored.chunk) == payload
        bench.store.verify(stored.chunk)
        bench.files.verify(stored.chunk)

    async def test_slices_of_many_chunks_come_in_order(self, bench: SegmentBench) -> None:
        payloads = [bytes((number,)) * (300_000 if number % 3 else 1000) for number in range(9)]
        chunks = [bench.put(payload, number + 1).chunk for number, payload in enumerate(payloads)]
        assert await bench.read(chunks) == b"".join(payloads)
        slices = [part(chunks[1], 5, 7), part(chunks[0], 999, 1), part(chunks[4], 0, 300_000)]
        assert await bench.read(slices) == payloads[1][5:12] + payloads[0][999:] + payloads[4]
        assert bench.files.read(slices[0]) == payloads[1][5:12]
        views = [len(view) async for view in bench.store.stream([*chunks, *slices])]
        assert views == [*map(len, payloads), 7, 1, 300_000], "one view for each slice"

    async def test_nothing_asked_nothing_given(self, bench: SegmentBench) -> None:
        assert await bench.read([]) == b""

    async def test_a_stream_may_be_left_early(self, bench: SegmentBench) -> None:
        chunks = [bench.put(bytes((number,)) * 300_000, number + 1).chunk for number in range(4)]
        async for piece in bench.store.stream(chunks):
            assert len(piece) == 300_000
            break
        assert await bench.read(chunks[3:]) == b"\3" * 300_000

    @pytest.mark.parametrize("size", [100, 300_000])
    async def test_no_byte_of_a_damaged_chunk_is_given(self, bench: SegmentBench, size: int) -> None:
        good, bad = bench.put(b"g" * size, 1).chunk, bench.put(b"b" * size, 2).chunk
        bench.damage(bad)
        stream = bench.store.stream([good, part(bad, size - 1, 1), good])
        assert bytes(await anext(stream)) == b"g" * size
        with pytest.raises(ChunkCorrupt):
            await anext(stream)
        with pytest.raises(ChunkCorrupt):
            bench.store.verify(bad)
        with pytest.raises(ChunkCorrupt):
            bench.files.verify(bad)
        with pytest.raises(ChunkCorrupt):
            bench.files.read(bad)

    async def test_a_wrong_digest_or_place_is_damage(self, bench: SegmentBench) -> None:
        chunk = bench.put(b"payload", 1).chunk
        for wrong in (chunk._replace(digest=bytes(32)), chunk._replace(offset=chunk.offset + (1 << 20))):
            with pytest.raises(ChunkCorrupt):
                await bench.read([wrong])
            with pytest.raises(ChunkCorrupt):
                bench.store.verify(wrong)

    async def test_an_unknown_segment_is_gone(self, bench: SegmentBench) -> None:
        chunk = bench.put(b"payload", 1).chunk._replace(segment=b"?" * 16)
        for attempt in (
            lambda: bench.store.verify(chunk),
            lambda: bench.files.verify(chunk),
            lambda: bench.files.read(chunk),
        ):
            with pytest.raises(SegmentGone):
                attempt()
        with pytest.raises(SegmentGone):
            await bench.read([chunk])
        with pytest.raises(SegmentGone):
            bench.files.size(chunk.segment)


class BulkContract(SegmentCase):
    """Large payloads, ahead of their commit."""

    async def test_chunks_come_back_and_marks_cover_them(self, bench: SegmentBench) -> None:
        writer = bench.store.bulk()
        payloads = [bytes((number,)) * 50_000 for number in range(5)]
        chunks = [writer.append(payload, bench.digests.content(payload)) for payload in payloads]
        marks = {mark.segment: mark.length for mark in writer.sync()}
        for chunk in chunks:
            assert chunk.offset + chunk.length <= marks[chunk.segment]
        assert await bench.read(chunks) == b"".join(payloads)
        writer.release()
        writer.release()

    async def test_writers_side_by_side_do_not_mix(self, bench: SegmentBench) -> None:
        writers = [bench.store.bulk() for _ in range(4)]
        chunks: list[list[ChunkSlice]] = [[] for _ in writers]
        for turn in range(3):
            for number, writer in enumerate(writers):
                payload = bytes((number, turn)) * 2000
                chunks[number].append(writer.append(memoryview(payload), bench.digests.content(payload)))
        for number, writer in enumerate(writers):
            writer.sync()
            writer.release()
            assert await bench.read(chunks[number]) == b"".join([bytes((number, turn)) * 2000 for turn in range(3)])

    def test_marks_given_to_a_journal_come_out_with_its_own(self, bench: SegmentBench) -> None:
        writer = bench.store.bulk()
        writer.append(b"bulk", bench.digests.content(b"bulk"))
        marks = writer.sync()
        stored = bench.put(b"small", 1, marks=marks)
        writer.release()
        assert set(marks) < set(stored.marks)
        assert stored.ref.segment not in {mark.segment for mark in marks}

    def test_a_writer_without_chunks_has_no_marks(self, bench: SegmentBench) -> None:
        writer = bench.store.bulk()
        assert writer.sync() == ()
        writer.release()


class PinContract(SegmentCase):
    """Who needs a segment, and how it goes when nobody does."""

    def test_a_writer_pins_its_segments_until_it_is_released(self, make_bench: MakeBench) -> None:
        bench = make_bench(segment_size=20_000)
        writer, other = bench.store.bulk(), bench.store.bulk()
        chunks = [writer.append(b"x" * 9000, bench.digests.content(b"x" * 9000)) for _ in range(8)]
        shared = other.append(b"y", bench.digests.content(b"y"))
        segments = {chunk.segment for chunk in chunks}
        assert bench.store.pinned() == segments | {shared.segment}
        bench.store.turn()
        bench.store.seal_pending()
        assert bench.store.pinned() == segments | {shared.segment}, "sealing changes nothing about it"
        writer.sync()
        writer.release()
        writer.release()
        assert bench.store.pinned() == {shared.segment}
        other.release()
        assert bench.store.pinned() == frozenset()

    async def test_a_stream_of_several_chunks_holds_its_segments(self, bench: SegmentBench) -> None:
        chunks = [bench.put(b"x" * 300_000, number + 1).chunk for number in range(3)]
        stream = bench.store.stream(chunks)
        assert bench.store.held() == frozenset()
        await anext(stream)
        assert bench.store.held() == {chunks[0].segment}
        assert len([piece async for piece in stream]) == 2
        assert bench.store.held() == frozenset()

    def test_whoever_asks_for_it_holds_segments(self, bench: SegmentBench) -> None:
        segments = [b"a" * 16, b"b" * 16]
        first, second = bench.store.pin(segments), bench.store.pin(iter(segments[:1]))
        assert bench.store.held() == set(segments)
        first()
        assert bench.store.held() == set(segments[:1])
        second()
        assert bench.store.held() == frozenset()
        assert bench.store.pinned() == frozenset(), "they are no writers"

    async def test_turning_leaves_what_has_something_in_it(self, bench: SegmentBench) -> None:
        first = bench.put(b"x", 1)
        bench.store.turn()
        second = bench.put(b"y", 2)
        assert second.ref.segment != first.ref.segment
        assert [row.id for row in bench.store.seal_pending()] == [first.ref.segment]
        assert await bench.read([first.chunk, second.chunk]) == b"xy"

    def test_copied_events_have_a_sealed_segment_of_their_own(self, bench: SegmentBench) -> None:
        bench.put(b"x", 100)
        writer = bench.store.events_writer()
        assert writer.segment not in bench.files.list(), "nothing is there before the first event"
        refs = [writer.append(event(ticks)) for ticks in range(1, 50)]
        row = writer.seal()
        writer.abandon()
        assert (row.id, row.state) == (writer.segment, SegmentState.SEALED)
        assert row.committed == bench.files.size(row.id)
        assert list(bench.files.events(row.id)) == [(event(n + 1), ref) for n, ref in enumerate(refs)]
        assert list(bench.files.check(row.id, payload=True)) == []
        assert row.id not in [sealed.id for sealed in bench.store.close()]

    def test_what_events_mention_is_read_of_sealed_open_and_lost_segments(self, bench: SegmentBench) -> None:
        near, far = bench.put(b"x" * 100, 1).chunk, ChunkSlice(b"f" * 16, 4096, 7, b"d" * 32, 2, 3)
        writer = bench.store.events_writer()
        told: list[Event] = [
            _put(2, 7, "seven", near, far),
            _put(3, 8, "eight", near),
            ChunksMoved(HLC(9, 1), 7, "key", HLC(2, 1), (far,)),
            PartMoved(HLC(4, 1), "upload", 3, HLC(1, 1), (near,)),
            event(5),
        ]
        for one in told:
            writer.append(one)
        sealed = writer.seal().id
        still = bench.put(b"y", 10)
        first = bench.put(b"z", 11).marks[0].length
        lost = b"?" * 16
        found = list(bench.files.mentions([(sealed, None), (lost, None), (still.ref.segment, still.marks[0].length)]))
        expected = Mentions(sealed)
        for one in told:
            expected.take(one)
        assert found[0] == expected
        assert (found[0].oldest, found[0].newest, found[0].buckets) == (2, 9, {7: "seven", 8: "eight"})
        assert set(found[0].chunks) == {near.segment, far.segment}
        assert not found[1].whole
        assert (found[2].newest, found[2].whole) == (10, True), f"the event before {first} is behind the limit"

    def test_an_abandoned_copy_can_be_discarded(self, bench: SegmentBench) -> None:
        writer = bench.store.events_writer()
        writer.append(event(1))
        writer.abandon()
        bench.files.discard(writer.segment)
        assert writer.segment not in bench.files.list()

    def test_what_is_discarded_is_gone_wherever_it_lay(self, bench: SegmentBench) -> None:
        first = bench.put(b"x", 1).ref.segment
        bench.store.turn()
        second = bench.put(b"x", 2).ref.segment
        bench.store.turn()
        bench.store.seal_pending()
        bench.files.quarantine(first)
        for segment in (first, second, first, b"?" * 16):
            bench.store.forget(segment)
            bench.files.discard(segment)
        assert bench.files.list() == []
        for segment in (first, second):
            with pytest.raises(SegmentGone):
                bench.files.quarantine(segment)


class SealContract(SegmentCase):
    """Turning to new segments, sealing, closing."""

    async def test_a_full_segment_is_left_and_sealed(self, make_bench: MakeBench) -> None:
        bench = make_bench(segment_size=20_000)
        stored = [bench.put(bytes((number,)) * 9000, number + 1) for number in range(8)]
        assert len({entry.ref.segment for entry in stored}) >= 3
        rows = {row.id: row for row in bench.store.seal_pending()}
        assert len(rows) >= 2
        assert bench.store.seal_pending() == []
        for row in rows.values():
            assert row.state is SegmentState.SEALED
            assert row.committed == bench.files.size(row.id)
            assert bench.files.sealed(row.id)
            assert list(bench.files.check(row.id, payload=True)) == []
        assert await bench.read([entry.chunk for entry in stored]) == b"".join(
            [bytes((number,)) * 9000 for number in range(8)]
        )

    def test_a_bulk_lane_turns_too(self, make_bench: MakeBench) -> None:
        bench = make_bench(segment_size=20_000)
        writer = bench.store.bulk()
        chunks = [writer.append(b"x" * 9000, bench.digests.content(b"x" * 9000)) for _ in range(8)]
        marks = writer.sync()
        writer.release()
        assert {chunk.segment for chunk in chunks} == {mark.segment for mark in marks}
        assert len(marks) >= 3

    def test_sealing_keeps_the_events_in_order(self, make_bench: MakeBench) -> None:
        bench = make_bench(segment_size=2000)
        stored = [bench.put(b"x" * 100, number + 1) for number in range(40)]
        rows = bench.store.seal_pending()
        assert rows
        for row in rows:
            mine = [number + 1 for number, entry in enumerate(stored) if entry.ref.segment == row.id]
            assert bench.events(row.id) == [event(ticks) for ticks in mine]
            refs = [ref for _, ref in bench.files.events(row.id)]
            assert refs == [entry.ref for entry in stored if entry.ref.segment == row.id]
            for ticks, ref in zip(mine, refs, strict=True):
                assert bench.files.event(ref) == event(ticks)

    async def test_closing_seals_everything_and_is_idempotent(self, bench: SegmentBench) -> None:
        stored = bench.put(b"payload", 1)
        writer = bench.store.bulk()
        writer.append(b"bulk", bench.digests.content(b"bulk"))
        writer.sync()
        writer.release()
        rows = bench.store.close()
        assert {row.id for row in rows} == set(bench.files.list())
        assert {row.state for row in rows} == {SegmentState.SEALED}
        assert bench.store.close() == []
        with pytest.raises(StoreClosed):
            bench.store.bulk()
        with pytest.raises(StoreClosed):
            bench.store.journal(())
        assert bench.events(stored.ref.segment) == [event(1)]
        assert bench.files.read(stored.chunk) == b"payload"

    def test_an_unused_store_leaves_nothing(self, bench: SegmentBench) -> None:
        bench.store.bulk().release()
        bench.store.journal(()).abandon()
        assert bench.store.close() == []
        assert bench.files.list() == []


class FilesContract(SegmentCase):
    """Segment files looked at from outside, and what recovery makes of them."""

    def test_events_up_to_a_limit(self, bench: SegmentBench) -> None:
        stored = [bench.put(b"x" * 100, number + 1) for number in range(5)]
        segment = stored[0].ref.segment
        assert bench.files.list() == [segment]
        assert bench.events(segment) == [event(number + 1) for number in range(5)]
        for number, entry in enumerate(stored):
            assert bench.events(segment, entry.marks[0].length) == [event(ticks + 1) for ticks in range(number + 1)]
            assert [found for found, _ in bench.files.tail(segment, entry.marks[0].length)] == [
                event(ticks + 1) for ticks in range(number + 1, 5)
            ]

    async def test_recovery_drops_what_was_not_committed_and_nothing_else(self, bench: SegmentBench) -> None:
        stored = [bench.put(b"x" * 100, number + 1) for number in range(5)]
        segment, committed = stored[0].ref.segment, stored[2].marks[0].length
        bench.reopen()
        row = bench.files.recover(segment, committed)
        assert row is not None
        assert row.state is SegmentState.SEALED
        assert row.committed == bench.files.size(segment)
        assert bench.events(segment) == [event(1), event(2), event(3)]
        assert [bench.files.read(entry.chunk) for entry in stored[:3]] == [b"x" * 100] * 3
        with pytest.raises(ChunkCorrupt):
            bench.files.read(stored[4].chunk)
        assert list(bench.files.check(segment, payload=True)) == []
        assert bench.files.recover(segment, committed) == row
        assert bench.files.recover(segment, row.committed) == row
        assert bench.files.sealed(segment)
        assert bench.files.intact(segment) == bench.files.size(segment)

    def test_recovery_removes_a_segment_without_commits(self, bench: SegmentBench) -> None:
        segment = bench.put(b"x", 1).ref.segment
        bench.reopen()
        assert bench.files.recover(segment, 0) is None
        assert bench.files.list() == []
        assert bench.files.recover(segment, 0) is None

    def test_recovery_without_the_file_says_so(self, bench: SegmentBench) -> None:
        with pytest.raises(SegmentGone):
            bench.files.recover(b"?" * 16, 10_000)

    def test_an_unsealed_file_is_intact_to_its_last_record(self, bench: SegmentBench) -> None:
        stored = bench.put(b"x", 1)
        assert bench.files.intact(stored.ref.segment) == stored.marks[0].length
        assert not bench.files.sealed(stored.ref.segment)

    def test_an_event_is_read_from_its_place_only(self, bench: SegmentBench) -> None:
        stored = bench.put(b"x" * 100, 1)
        assert bench.files.event(stored.ref) == event(1)
        with pytest.raises(FormatDamaged):
            bench.files.event(stored.ref._replace(offset=stored.ref.offset + 1))
        with pytest.raises(SegmentGone):
            bench.files.event(stored.ref._replace(segment=b"?" * 16))

    def test_checking_finds_a_damaged_payload(self, bench: SegmentBench) -> None:
        stored = bench.put(b"x" * 100, 1)
        bench.store.close()
        bench.damage(stored.chunk)
        assert list(bench.files.check(stored.ref.segment, payload=False)) == []
        assert len(list(bench.files.check(stored.ref.segment, payload=True))) == 1

    def test_checking_up_to_an_end_looks_at_nothing_behind_it(self, bench: SegmentBench) -> None:
        first, second = bench.put(b"x" * 100, 1), bench.put(b"y" * 100, 2)
        bench.store.close()
        bench.damage(second.chunk)
        segment, end = first.ref.segment, first.marks[0].length
        assert list(bench.files.check(segment, payload=True, end=end)) == []
        assert len(list(bench.files.check(segment, payload=True, end=second.marks[0].length))) == 1
        bench.damage(first.chunk)
        assert len(list(bench.files.check(segment, payload=True, end=end))) == 1

    def test_checking_a_segment_that_is_gone_says_so(self, bench: SegmentBench) -> None:
        with pytest.raises(SegmentGone):
            list(bench.files.check(b"?" * 16, payload=False))

    def test_a_segment_in_quarantine_is_gone(self, bench: SegmentBench) -> None:
        stored = bench.put(b"x", 1)
        bench.reopen()
        bench.files.quarantine(stored.ref.segment)
        assert bench.files.list() == []
        with pytest.raises(SegmentGone):
            bench.files.read(stored.chunk)
        with pytest.raises(SegmentGone):
            bench.files.quarantine(stored.ref.segment)

    async def test_a_new_store_never_appends_to_an_old_segment(self, bench: SegmentBench) -> None:
        old = bench.put(b"old", 1)
        bench.store = bench.reopen()
        new = bench.put(b"new", 2)
        assert new.ref.segment != old.ref.segment
        assert bench.files.list() == [old.ref.segment, new.ref.segment]
        assert await bench.read([old.chunk, new.chunk]) == b"oldnew"


class SegmentContract(ReadContract, BulkContract, PinContract, SealContract, FilesContract):
    """All of it."""
