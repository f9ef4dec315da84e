"""The contract of Journal: subclass JournalContract and give it ``make_bench`` (see ``segments``)."""

from __future__ import annotations

import pytest

from seglake.domain.model.segment import DurableMark
from seglake.testing.contracts.segments import SegmentBench, SegmentCase, event


class JournalContract(SegmentCase):
    """One batch: addresses first, bytes at the flush, nothing otherwise."""

    async def test_addresses_are_final_before_the_flush(self, bench: SegmentBench) -> None:
        journal = bench.store.journal(())
        chunks = [journal.append_chunk(b"%d" % number, bench.digests.content(b"%d" % number)) for number in range(5)]
        refs = [journal.append_event(event(number + 1)) for number in range(5)]
        journal.flush()
        assert await bench.read(chunks) == b"01234"
        assert list(bench.files.events(refs[0].segment)) == [(event(n + 1), ref) for n, ref in enumerate(refs)]

    def test_a_flush_marks_its_own_end_and_passes_on_the_others(self, bench: SegmentBench) -> None:
        given = DurableMark(b"g" * 16, 123)
        journal = bench.store.journal([given])
        ref = journal.append_event(event(1))
        marks = list(journal.flush())
        assert given in marks
        own = {mark.segment: mark.length for mark in marks}
        assert own[ref.segment] >= ref.offset + ref.length
        assert bench.files.size(ref.segment) >= own[ref.segment]

    def test_marks_grow(self, bench: SegmentBench) -> None:
        ends = [bench.put(b"x", number + 1).marks[0].length for number in range(3)]
        assert ends == sorted(set(ends))

    def test_nothing_placed_nothing_written(self, bench: SegmentBench) -> None:
        given = DurableMark(b"g" * 16, 123)
        assert list(bench.store.journal([given]).flush()) == [given]
        assert bench.files.list() == []

    async def test_rolled_back_records_never_existed(self, bench: SegmentBench) -> None:
        journal = bench.store.journal(())
        kept = journal.append_event(event(1))
        mark = journal.mark()
        gone = journal.append_chunk(b"gone" * 500, bench.digests.content(b"gone" * 500))
        journal.append_event(event(2))
        journal.rollback(mark)
        chunk = journal.append_chunk(b"kept", bench.digests.content(b"kept"))
        journal.append_event(event(3))
        assert chunk.offset == gone.offset
        journal.flush()
        assert bench.events(kept.segment) == [event(1), event(3)]
        assert await bench.read([chunk]) == b"kept"

    def test_rolling_back_everything_writes_nothing(self, bench: SegmentBench) -> None:
        journal = bench.store.journal(())
        mark = journal.mark()
        journal.append_event(event(1))
        journal.rollback(mark)
        assert list(journal.flush()) == []
        assert bench.files.list() == []

    def test_rolling_back_to_the_end_changes_nothing(self, bench: SegmentBench) -> None:
        journal = bench.store.journal(())
        ref = journal.append_event(event(1))
        journal.rollback(journal.mark())
        journal.flush()
        assert bench.events(ref.segment) == [event(1)]

    def test_abandoned_records_never_existed_and_leave_their_place(self, bench: SegmentBench) -> None:
        first = bench.put(b"x", 1)
        journal = bench.store.journal(())
        lost = journal.append_event(event(2))
        journal.abandon()
        journal.abandon()
        second = bench.store.journal(())
        ref = second.append_event(event(3))
        second.flush()
        second.abandon()
        assert ref == lost
        assert bench.events(first.ref.segment) == [event(1), event(3)]

    def test_a_journal_is_used_once(self, bench: SegmentBench) -> None:
        journal = bench.store.journal(())
        journal.append_event(event(1))
        journal.flush()
        with pytest.raises(AssertionError):
            journal.flush()
        with pytest.raises(AssertionError):
            journal.append_event(event(2))
