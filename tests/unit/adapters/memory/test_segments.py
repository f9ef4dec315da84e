from __future__ import annotations

import pytest

from seglake.adapters.digests import LibraryDigests
from seglake.adapters.memory.segments import MemorySegmentFiles, MemorySegments, MemorySegmentStore
from seglake.testing.contracts.doubles import ManualClock, SeededRandomness
from seglake.testing.contracts.journal import JournalContract
from seglake.testing.contracts.segments import HUGE, MakeBench, SegmentBench, SegmentContract


class InMemory:
    @pytest.fixture
    def make_bench(self) -> MakeBench:
        def make(*, segment_size: int = HUGE) -> SegmentBench:
            digests, clock = LibraryDigests(), ManualClock()
            segments = MemorySegments(digests)
            seeds = iter(range(1, 100))

            def open_store() -> MemorySegmentStore:
                clock.ms += 1
                return MemorySegmentStore(segments, clock, SeededRandomness(next(seeds)), segment_size=segment_size)

            return SegmentBench(open_store(), MemorySegmentFiles(segments), digests, clock, segments.damage, open_store)

        return make


class TestSegments(InMemory, SegmentContract):
    pass


class TestJournal(InMemory, JournalContract):
    pass
