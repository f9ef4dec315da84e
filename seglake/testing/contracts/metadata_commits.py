"""The contract of MetadataStore.apply: savepoints, order, failure, stamps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seglake.domain.model.bucket import Bucket
from seglake.domain.model.errors import SeglakeError, StorageFull, StoreClosed, StoreFailed, UnderMaintenance
from seglake.domain.model.events import BucketCreated, VersionPut
from seglake.domain.model.hlc import HLC
from seglake.domain.model.maintenance import MAINTENANCE_NOTE, Maintenance, MaintenanceState, to_text
from seglake.domain.model.segment import DurableMark, SegmentState
from seglake.domain.ports.metadata import MetadataStore, MetadataTx
from seglake.testing.contracts.doubles import ManualClock, ScriptedJournal
from seglake.testing.contracts.metadata_case import BUCKET, StoreCase, change, dump, version


class CommitContract(StoreCase):
    """Batches: savepoints, order, failure, stamps."""

    def test_a_new_store_is_empty_and_has_a_site(self, store: MetadataStore) -> None:
        lines = dump(store)
        assert len(lines) == 1
        assert lines[0].startswith("site ")
        assert lines[0] != "site 00000000"
        assert store.check() == []
        assert store.read(lambda view: view.settings.last_ticks()) == 0

    def test_what_a_script_records_is_journalled_and_visible(self, store: MetadataStore) -> None:
        journal = ScriptedJournal()
        event = BucketCreated(BUCKET)
        assert change(store, lambda tx: tx.record(event), journal=journal) == [None]
        assert journal.kept == [event]
        assert store.read(lambda view: view.buckets.get("bucket")) == BUCKET

    def test_outcomes_come_in_the_order_of_the_scripts(self, store: MetadataStore) -> None:
        assert change(store, *[lambda _tx, n=n: n for n in range(5)]) == list(range(5))

    def test_nothing_is_recorded_from_the_batch_after_the_quiescing_one(self, store: MetadataStore) -> None:
        quiesced = to_text(Maintenance(MaintenanceState.QUIESCED, 1, "moving"))
        change(store, lambda tx: tx.notes.put(MAINTENANCE_NOTE, quiesced))
        journal = ScriptedJournal()
        (outcome,) = change(store, lambda tx: tx.record(BucketCreated(BUCKET)), journal=journal)
        assert isinstance(outcome, UnderMaintenance)
        assert journal.kept == []
        assert store.read(lambda view: view.buckets.get("bucket")) is None
        change(store, lambda tx: tx.notes.put("other", "text"))
        assert store.read(lambda view: view.notes.get("other")) == "text"
        change(store, lambda tx: tx.notes.put(MAINTENANCE_NOTE, ""))
        assert change(store, lambda tx: tx.record(BucketCreated(BUCKET))) == [None]

    def test_a_store_that_enters_maintenance_still_records(self, store: MetadataStore) -> None:
        change(store, lambda tx: tx.notes.put(MAINTENANCE_NOTE, to_text(Maintenance(MaintenanceState.ENTERING, 1))))
        assert change(store, lambda tx: tx.record(BucketCreated(BUCKET))) == [None]

    def test_a_refused_script_is_undone_alone(self, store: MetadataStore) -> None:
        self._one_of_three_fails(store, SeglakeError("refused"))

    def test_a_script_with_a_bug_is_undone_alone(self, store: MetadataStore) -> None:
        self._one_of_three_fails(store, ZeroDivisionError("bug"))

    def _one_of_three_fails(self, store: MetadataStore, error: Exception) -> None:
        journal = ScriptedJournal()

        def put(key: str, ticks: int) -> Callable[[MetadataTx], str]:
            def script(tx: MetadataTx) -> str:
                tx.store(key.encode(), bytes(32))
                tx.record(VersionPut(version(key, ticks)))
                if key == "bad":
                    raise error
                return key

            return script

        change(store, lambda tx: tx.record(BucketCreated(BUCKET)))
        outcomes = change(store, put("one", 100), put("bad", 101), put("two", 102), journal=journal)
        assert outcomes == ["one", error, "two"]
        assert [entry.key for entry in store.read(lambda view: list(view.versions.scan_current(BUCKET.id, "")))] == [
            "one",
            "two",
        ]
        assert journal.kept == [b"one", VersionPut(version("one", 100)), b"two", VersionPut(version("two", 102))]
        assert store.check() == []

    def test_inserting_what_is_there_is_a_bug_of_that_script_alone(self, store: MetadataStore) -> None:
        outcomes = change(
            store, lambda tx: tx.buckets.insert(BUCKET), lambda tx: tx.buckets.insert(BUCKET), lambda _tx: 3
        )
        assert outcomes[0] is None
        assert isinstance(outcomes[1], Exception)
        assert not isinstance(outcomes[1], SeglakeError)
        assert outcomes[2] == 3

    def test_a_batch_of_refusals_writes_nothing(self, store: MetadataStore) -> None:
        def refuse(tx: MetadataTx) -> None:
            tx.record(BucketCreated(BUCKET))
            raise SeglakeError("refused")

        journal = ScriptedJournal()
        outcomes = change(store, refuse, refuse, journal=journal)
        assert all(isinstance(outcome, SeglakeError) for outcome in outcomes)
        assert journal.abandoned
        assert not journal.flushed
        assert len(dump(store)) == 1

    def test_nothing_is_changed_or_final_when_the_disk_is_full(self, store: MetadataStore) -> None:
        before = dump(store)
        journal = ScriptedJournal(error=StorageFull("no room"))
        with pytest.raises(StorageFull):
            change(store, lambda tx: tx.record(BucketCreated(BUCKET)), journal=journal)
        assert dump(store) == before
        change(store, lambda tx: tx.record(BucketCreated(BUCKET)))
        assert store.read(lambda view: view.buckets.get("bucket")) == BUCKET

    @pytest.mark.parametrize("error", [StoreFailed("sync"), OSError(5, "sync"), ZeroDivisionError("bug")])
    def test_a_failed_flush_is_final_for_writes_and_shows_nothing(self, store: MetadataStore, error: Exception) -> None:
        before = dump(store)
        with pytest.raises(StoreFailed):
            change(store, lambda tx: tx.record(BucketCreated(BUCKET)), journal=ScriptedJournal(error=error))
        assert dump(store) == before
        journal = ScriptedJournal()
        with pytest.raises(StoreFailed):
            change(store, lambda tx: tx.record(BucketCreated(BUCKET)), journal=journal)
        assert journal.abandoned
        assert dump(store) == before

    def test_running_out_of_memory_in_a_script_is_final(self, store: MetadataStore) -> None:
        def exhaust(_tx: MetadataTx) -> None:
            raise MemoryError

        with pytest.raises(StoreFailed):
            change(store, exhaust)
        with pytest.raises(StoreFailed):
            change(store, lambda _tx: None)

    def test_a_script_sees_what_earlier_scripts_of_its_batch_did(self, store: MetadataStore) -> None:
        outcomes = change(store, lambda tx: tx.record(BucketCreated(BUCKET)), lambda tx: tx.buckets.get("bucket"))
        assert outcomes[1] == BUCKET

    def test_marks_of_the_flush_are_kept_and_never_shrink(self, store: MetadataStore) -> None:
        mark = DurableMark(b"m" * 16, 500)
        for length in (500, 900, 700):
            change(store, lambda _tx: None, journal=ScriptedJournal((mark._replace(length=length),)))
        found = store.read(lambda view: view.segments.get(mark.segment))
        assert found is not None
        assert (found.state, found.committed) == (SegmentState.OPEN, 900)

    def test_stamps_rise_even_when_the_clock_falls(self, store: MetadataStore, clock: ManualClock) -> None:
        ticks = []
        for step in (0, 5, -60_000, 0, 1):
            clock.ms += step
            ticks += [stamp.ticks for stamp in change(store, lambda tx: tx.tick(), lambda tx: tx.tick())]
        assert ticks == sorted(set(ticks))
        assert ticks[0] >> 16 == 1_700_000_000_000
        assert store.read(lambda view: view.settings.last_ticks()) == ticks[-1]

    def test_stamps_are_above_every_stamp_seen(self, store: MetadataStore) -> None:
        ahead = Bucket("ahead", HLC((1_900_000_000_000 << 16) + 5, 9))
        outcomes = change(store, lambda tx: tx.record(BucketCreated(ahead)), lambda tx: tx.tick())
        assert outcomes[1].ticks == ahead.id + 1
        assert change(store, lambda tx: tx.tick())[0].ticks == ahead.id + 2

    def test_stamps_carry_the_site(self, store: MetadataStore) -> None:
        site = store.read(lambda view: view.settings.site())
        assert change(store, lambda tx: tx.tick().site) == [site]

    def test_a_renamed_site_stays_unless_its_script_is_undone(self, store: MetadataStore) -> None:
        def refused(tx: MetadataTx) -> None:
            tx.settings.set_site(77)
            raise SeglakeError("refused")

        site = store.read(lambda view: view.settings.site())
        outcomes = change(store, refused, lambda tx: tx.settings.site(), lambda tx: tx.tick())
        assert outcomes[1] == site
        change(store, lambda tx: tx.settings.set_site(78), lambda tx: tx.tick())
        assert store.read(lambda view: view.settings.site()) == 78
        assert change(store, lambda tx: tx.tick())[0].site == 78

    def test_the_batch_has_one_time(self, store: MetadataStore, clock: ManualClock) -> None:
        assert change(store, lambda tx: tx.now_ms(), lambda tx: tx.now_ms()) == [clock.ms, clock.ms]

    def test_a_closed_store_answers_nothing(self, store: MetadataStore) -> None:
        store.close()
        store.close()
        with pytest.raises(StoreClosed):
            store.read(lambda view: view.settings.site())
        journal = ScriptedJournal()
        with pytest.raises(StoreClosed):
            change(store, lambda _tx: None, journal=journal)
        assert journal.abandoned

    def test_maintaining_changes_nothing(self, store: MetadataStore) -> None:
        change(store, lambda tx: tx.record(BucketCreated(BUCKET)))
        before = dump(store)
        store.maintain()
        assert dump(store) == before
