"""The contract of Committer: subclass CommitterContract and give it ``make_committer``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from seglake.adapters.memory.metadata import MemoryMetadataStore
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.errors import SeglakeError, StorageFull, StoreClosed, StoreFailed
from seglake.domain.model.events import BucketCreated
from seglake.domain.model.segment import DurableMark
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.metadata import MetadataStore, MetadataTx, Outcome
from seglake.testing.contracts.doubles import ManualClock, ScriptedJournal, ScriptedSegments, SeededRandomness


class ClosableCommitter(Committer, Protocol):
    """A committer as its owner has it."""

    async def close(self) -> None: ...


MakeCommitter = Callable[[MetadataStore, ScriptedSegments, Callable[[StoreFailed], object]], ClosableCommitter]


class Failures:
    """Notes what ``on_failure`` is called with."""

    def __init__(self) -> None:
        self.seen: list[StoreFailed] = []

    def __call__(self, error: StoreFailed) -> None:
        self.seen.append(error)


def create(name: str) -> Callable[[MetadataTx], str]:
    """A script that creates a bucket."""

    def script(tx: MetadataTx) -> str:
        tx.record(BucketCreated(Bucket(name, tx.tick())))
        return name

    return script


def refuse(_tx: MetadataTx) -> str:
    """A script that is refused."""
    raise SeglakeError("refused")


class CommitterContract:
    """Everything that a Committer promises."""

    @pytest.fixture
    def make_committer(self) -> MakeCommitter:
        """Override: builds a committer over the given store and segments; the test closes it."""
        raise NotImplementedError

    @pytest.fixture
    def metadata(self) -> MemoryMetadataStore:
        return MemoryMetadataStore(ManualClock(), SeededRandomness())

    @pytest.fixture
    def segments(self) -> ScriptedSegments:
        return ScriptedSegments()

    @pytest.fixture
    def failures(self) -> Failures:
        return Failures()

    @pytest.fixture
    def committer(
        self,
        make_committer: MakeCommitter,
        metadata: MemoryMetadataStore,
        segments: ScriptedSegments,
        failures: Failures,
    ) -> ClosableCommitter:
        return make_committer(metadata, segments, failures)

    def names(self, metadata: MetadataStore) -> list[str]:
        return metadata.read(lambda view: [bucket.name for bucket in view.buckets.scan()])

    async def test_a_commit_returns_its_result_when_it_is_visible_and_flushed(
        self, committer: ClosableCommitter, metadata: MemoryMetadataStore, segments: ScriptedSegments
    ) -> None:
        assert await committer.commit(create("one")) == "one"
        assert self.names(metadata) == ["one"]
        assert [journal.flushed for journal in segments.journals] == [True]
        await committer.close()

    async def test_many_commits_each_get_their_own_outcome(
        self, committer: ClosableCommitter, metadata: MemoryMetadataStore
    ) -> None:
        scripts = [refuse if n % 3 == 0 else create(f"b{n:03d}") for n in range(100)]
        outcomes = await asyncio.gather(*[committer.commit(script) for script in scripts], return_exceptions=True)
        for n, outcome in enumerate(outcomes):
            if n % 3 == 0:
                assert isinstance(outcome, SeglakeError)
            else:
                assert outcome == f"b{n:03d}"
        assert self.names(metadata) == [f"b{n:03d}" for n in range(100) if n % 3]
        await committer.close()

    async def test_a_bug_in_a_script_reaches_its_caller_alone(
        self, committer: ClosableCommitter, metadata: MemoryMetadataStore, failures: Failures
    ) -> None:
        def broken(_tx: MetadataTx) -> None:
            raise ZeroDivisionError

        outcomes = await asyncio.gather(
            committer.commit(create("one")),
            committer.commit(broken),
            committer.commit(create("two")),
            return_exceptions=True,
        )
        assert outcomes[0] == "one"
        assert isinstance(outcomes[1], ZeroDivisionError)
        assert outcomes[2] == "two"
        assert failures.seen == []
        await committer.close()

    async def test_marks_reach_the_journal(self, committer: ClosableCommitter, metadata: MemoryMetadataStore) -> None:
        marks = [DurableMark(bytes([n]) * 16, 100 + n) for n in range(3)]
        await asyncio.gather(*[committer.commit(create(f"b{n}"), after=(marks[n],)) for n in range(3)])
        kept = metadata.read(lambda view: {row.id: row.committed for row in view.segments.scan()})
        assert kept.items() >= {(mark.segment, mark.length) for mark in marks}
        await committer.close()

    async def test_a_full_disk_refuses_and_the_next_commit_works(
        self,
        committer: ClosableCommitter,
        metadata: MemoryMetadataStore,
        segments: ScriptedSegments,
        failures: Failures,
    ) -> None:
        segments.errors = [StorageFull("no room")]
        with pytest.raises(StorageFull):
            await committer.commit(create("one"))
        assert self.names(metadata) == []
        assert await committer.commit(create("two")) == "two"
        assert self.names(metadata) == ["two"]
        assert failures.seen == []
        await committer.close()

    async def test_a_full_disk_meets_only_those_who_need_room(
        self, make_committer: MakeCommitter, metadata: MemoryMetadataStore, failures: Failures
    ) -> None:
        class Tight(ScriptedSegments):
            """Has room for events, but for no payload."""

            def journal(self, marks: Any, /) -> ScriptedJournal:
                journal = super().journal(marks)
                journal._on_flush = lambda: self._refuse(journal)  # noqa: SLF001 - a double of ours
                return journal

            def _refuse(self, journal: ScriptedJournal) -> None:
                if any(isinstance(placed, bytes) for placed in journal.placed):
                    raise StorageFull("no room")

        def large(tx: MetadataTx) -> str:
            tx.store(b"payload", bytes(32))
            return create("large")(tx)

        committer = make_committer(metadata, Tight(), failures)
        outcomes = await asyncio.gather(
            *[committer.commit(script) for script in (create("one"), large, create("two"), large)],
            return_exceptions=True,
        )
        assert outcomes[0] == "one"
        assert outcomes[2] == "two"
        assert isinstance(outcomes[1], StorageFull)
        assert isinstance(outcomes[3], StorageFull)
        assert self.names(metadata) == ["one", "two"]
        assert failures.seen == []
        await committer.close()

    @pytest.mark.parametrize("error", [StoreFailed("sync"), OSError(5, "sync"), ZeroDivisionError("a bug")])
    async def test_a_failed_flush_fails_all_waiters_now_and_later(
        self,
        committer: ClosableCommitter,
        metadata: MemoryMetadataStore,
        segments: ScriptedSegments,
        failures: Failures,
        error: Exception,
    ) -> None:
        segments.errors = [None, error]
        assert await committer.commit(create("before")) == "before"
        outcomes = await asyncio.gather(*[committer.commit(create(f"b{n}")) for n in range(5)], return_exceptions=True)
        assert all(isinstance(outcome, StoreFailed) for outcome in outcomes)
        for _ in range(2):
            with pytest.raises(StoreFailed):
                await committer.commit(create("after"))
        await asyncio.sleep(0)
        assert len(failures.seen) == 1
        assert self.names(metadata) == ["before"]
        await committer.close()

    async def test_an_error_while_opening_the_journal_is_no_acknowledgement(
        self,
        committer: ClosableCommitter,
        metadata: MemoryMetadataStore,
        segments: ScriptedSegments,
        failures: Failures,
    ) -> None:
        segments.open_error = StorageFull("no room for a new segment")
        with pytest.raises(StorageFull):
            await committer.commit(create("one"))
        segments.open_error = StoreFailed("sync")
        with pytest.raises(StoreFailed):
            await committer.commit(create("two"))
        segments.open_error = None
        with pytest.raises(StoreFailed):
            await committer.commit(create("three"))
        await asyncio.sleep(0)
        assert len(failures.seen) == 1
        assert self.names(metadata) == []
        await committer.close()

    async def test_a_closed_index_is_no_failure(
        self, committer: ClosableCommitter, metadata: MemoryMetadataStore, failures: Failures
    ) -> None:
        metadata.close()
        with pytest.raises(StoreClosed):
            await committer.commit(create("one"))
        assert failures.seen == []
        await committer.close()

    async def test_work_between_batches_returns_or_raises_to_its_caller(self, committer: ClosableCommitter) -> None:
        def broken() -> None:
            raise ZeroDivisionError

        outcomes = await asyncio.gather(
            committer.call(lambda: 5), committer.call(broken), committer.commit(create("one")), return_exceptions=True
        )
        assert outcomes[0] == 5
        assert isinstance(outcomes[1], ZeroDivisionError)
        assert outcomes[2] == "one"
        await committer.close()

    async def test_a_closed_committer_refuses(self, committer: ClosableCommitter) -> None:
        await committer.commit(create("one"))
        await committer.close()
        await committer.close()
        with pytest.raises(StoreClosed):
            await committer.commit(create("two"))
        with pytest.raises(StoreClosed):
            await committer.call(lambda: 1)

    async def test_a_failed_checkpoint_keeps_the_acknowledgement_and_ends_the_store(
        self, make_committer: MakeCommitter, segments: ScriptedSegments, failures: Failures
    ) -> None:
        class Tired(MemoryMetadataStore):
            def maintain(self) -> None:
                raise StoreFailed("checkpoint")

        metadata = Tired(ManualClock(), SeededRandomness())
        committer = make_committer(metadata, segments, failures)
        assert await committer.commit(create("one")) == "one"
        await asyncio.sleep(0.01)
        with pytest.raises(StoreFailed):
            await committer.commit(create("two"))
        await committer.close()
        assert len(failures.seen) == 1
        assert self.names(metadata) == ["one"]

    async def test_an_index_that_breaks_is_no_acknowledgement(
        self, make_committer: MakeCommitter, segments: ScriptedSegments, failures: Failures
    ) -> None:
        class Broken(MemoryMetadataStore):
            def apply(self, scripts: Any, journal: Any, /) -> list[Outcome]:
                raise ZeroDivisionError("a bug in the index")

        committer = make_committer(Broken(ManualClock(), SeededRandomness()), segments, failures)
        with pytest.raises(StoreFailed):
            await committer.commit(create("one"))
        with pytest.raises(StoreFailed):
            await committer.commit(create("two"))
        await committer.close()
        assert len(failures.seen) == 1
