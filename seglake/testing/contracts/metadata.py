"""The contract of MetadataStore: subclass MetadataContract and give it ``make_store``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from seglake.adapters.memory.metadata import MemoryMetadataStore
from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.credential import Credential, KeyPolicy
from seglake.domain.model.events import Event
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import VersionKind, VersionState
from seglake.domain.model.multipart import Part, Upload
from seglake.domain.model.segment import RecordRef, Segment, SegmentState
from seglake.domain.model.version import Version, entry_of
from seglake.domain.ports.metadata import MetadataStore, MetadataTx, MetadataView
from seglake.testing.contracts.doubles import ManualClock, ScriptedJournal, SeededRandomness
from seglake.testing.contracts.histories import Act, histories
from seglake.testing.contracts.metadata_case import BUCKET, REF, MakeStore, StoreCase, change, dump, stamps, version
from seglake.testing.contracts.metadata_commits import CommitContract
from seglake.testing.contracts.metadata_configs import ConfigContract, ProtectionContract


class ReadContract(StoreCase):
    """Snapshots and what each table answers."""

    @pytest.fixture
    def filled(self, store: MetadataStore) -> MetadataStore:
        rows = [
            version("a", 100),
            version("a", 103),
            version("a", 102),
            version("b", 104, kind=VersionKind.MARKER),
            version("b", 101, null=True),
            *[version("many", 200 + n) for n in range(30)],
            version("many\0", 106),
            version("z", 105),
        ]

        def fill(tx: MetadataTx) -> None:
            tx.buckets.insert(BUCKET)
            for row in rows:
                tx.versions.insert(row, REF)

        change(store, fill)
        return store

    def test_a_read_inside_a_read_is_refused(self, store: MetadataStore) -> None:
        with pytest.raises(AssertionError):
            store.read(lambda _view: store.read(lambda inner: inner.settings.site()))
        assert store.read(lambda view: view.settings.site()) > 0

    def test_a_query_that_fails_leaves_the_store_readable(self, filled: MetadataStore) -> None:
        def broken(view: MetadataView) -> None:
            for _entry in view.versions.scan_current(BUCKET.id, ""):
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            filled.read(broken)
        change(filled, lambda tx: tx.versions.insert(version("new", 500), REF))
        found = filled.read(lambda view: view.versions.current_entry(BUCKET.id, "new"))
        assert found is not None

    def test_a_scan_that_outlives_its_snapshot_holds_nothing(self, filled: MetadataStore) -> None:
        def leak(view: MetadataView) -> Iterator[Any]:
            scan = view.versions.scan_current(BUCKET.id, "")
            next(scan)
            return scan

        scan = filled.read(leak)
        change(filled, lambda tx: tx.versions.insert(version("new", 500), REF))
        assert filled.read(lambda view: view.versions.current_entry(BUCKET.id, "new")) is not None
        del scan

    def test_current_is_the_newest_stamp(self, filled: MetadataStore) -> None:
        found = filled.read(lambda view: view.versions.current(BUCKET.id, "a"))
        assert found == Version(version("a", 103), VersionState.ACTIVE, ())
        marker = filled.read(lambda view: view.versions.current(BUCKET.id, "b"))
        assert marker is not None
        assert marker.is_marker
        entry = filled.read(lambda view: view.versions.current_entry(BUCKET.id, "a"))
        assert entry == entry_of(version("a", 103))
        assert filled.read(lambda view: view.versions.current(BUCKET.id, "c")) is None
        assert filled.read(lambda view: view.versions.current_entry(BUCKET.id + 1, "a")) is None

    def test_versions_are_found_by_stamp_and_site(self, filled: MetadataStore) -> None:
        def find(key: str, stamp: HLC) -> Version | None:
            return filled.read(lambda view: view.versions.find(BUCKET.id, key, stamp))

        found = find("a", HLC(100, 1))
        assert found is not None
        assert found.manifest == version("a", 100)
        assert find("a", HLC(100, 2)) is None
        assert find("b", HLC(100, 1)) is None

    def test_the_null_version_is_found_below_others(self, filled: MetadataStore) -> None:
        found = filled.read(lambda view: view.versions.null(BUCKET.id, "b"))
        assert found is not None
        assert found.manifest == version("b", 101, null=True)
        assert filled.read(lambda view: view.versions.null_entry(BUCKET.id, "b")) == entry_of(found.manifest)
        assert filled.read(lambda view: view.versions.null(BUCKET.id, "a")) is None
        assert filled.read(lambda view: view.versions.null_entry(BUCKET.id, "a")) is None

    def test_scan_current_gives_each_key_once(self, filled: MetadataStore) -> None:
        def keys(start: str, *, inclusive: bool = True) -> list[tuple[str, int]]:
            return filled.read(
                lambda view: [
                    (entry.key, entry.stamp.ticks)
                    for entry in view.versions.scan_current(BUCKET.id, start, inclusive=inclusive)
                ]
            )

        everything = [("a", 103), ("b", 104), ("many", 229), ("many\0", 106), ("z", 105)]
        assert keys("") == everything
        assert keys("a") == everything
        assert keys("a", inclusive=False) == everything[1:]
        assert keys("aa") == everything[1:]
        assert keys("b", inclusive=False) == everything[2:]
        assert keys("many", inclusive=False) == everything[3:]
        assert keys("z", inclusive=False) == []

    def test_scan_versions_is_newest_first_and_goes_on_below_a_stamp(self, filled: MetadataStore) -> None:
        def listed(start: str, below: HLC | None = None) -> list[tuple[str, int]]:
            return filled.read(
                lambda view: [
                    (entry.key, entry.stamp.ticks) for entry in view.versions.scan_versions(BUCKET.id, start, below)
                ]
            )

        many = [("many", 229 - n) for n in range(30)]
        rest = [("b", 104), ("b", 101), *many, ("many\0", 106), ("z", 105)]
        assert listed("") == [("a", 103), ("a", 102), ("a", 100), *rest]
        assert listed("a", HLC(103, 1)) == [("a", 102), ("a", 100), *rest]
        assert listed("a", HLC(103, 2)) == [("a", 103), ("a", 102), ("a", 100), *rest]
        assert listed("a", HLC(100, 1)) == rest
        assert listed("aa", HLC(100, 1)) == rest

    def test_equal_ticks_order_by_site(self, store: MetadataStore) -> None:
        change(
            store, *[lambda tx, s=s: tx.versions.insert(version("k", 5, site=s), REF) for s in (2, 4_294_967_295, 3)]
        )
        found = store.read(lambda view: [entry.stamp.site for entry in view.versions.scan_versions(BUCKET.id, "k")])
        assert found == [4_294_967_295, 3, 2]

    def test_keys_order_by_code_point(self, store: MetadataStore) -> None:
        keys = ["a", "a\0", "a\0b", "a ", "a/", "ab", "b", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff"]
        change(store, *[lambda tx, k=k: tx.versions.insert(version(k, 5), REF) for k in reversed(keys)])
        assert store.read(lambda view: [entry.key for entry in view.versions.scan_current(BUCKET.id, "")]) == keys

    def test_scan_all_goes_through_every_bucket_with_places(self, filled: MetadataStore) -> None:
        other = replace(version("a", 7), bucket_id=3)
        change(filled, lambda tx: tx.versions.insert(other, REF._replace(offset=1)))
        rows = filled.read(lambda view: list(view.versions.scan_all()))
        assert rows[0] == (Version(other, VersionState.ACTIVE, ()), REF._replace(offset=1))
        assert rows[1] == (Version(version("a", 103), VersionState.ACTIVE, ()), REF)
        assert len(rows) == filled.read(lambda view: view.versions.count()) == 38

    def test_removed_versions_are_gone_and_said_so_once(self, filled: MetadataStore) -> None:
        def remove(tx: MetadataTx) -> list[bool]:
            return [tx.versions.delete(BUCKET.id, "a", HLC(103, 1)) for _ in range(2)]

        assert change(filled, remove) == [[True, False]]
        assert filled.read(lambda view: stamps(view, "a")) == [102, 100]
        assert filled.check() == []

    def test_state_and_tags_change_beside_the_manifest(self, filled: MetadataStore) -> None:
        tags = (("k", "v"), ("é", ""))

        def alter(tx: MetadataTx) -> list[bool]:
            place = (BUCKET.id, "a", HLC(103, 1))
            nowhere = (BUCKET.id, "a", HLC(999, 1))
            return [
                tx.versions.set_state(*place, VersionState.DAMAGED),
                tx.versions.set_tags(*place, tags),
                tx.versions.set_state(*nowhere, VersionState.DAMAGED),
                tx.versions.set_tags(*nowhere, tags),
            ]

        assert change(filled, alter) == [[True, True, False, False]]
        found = filled.read(lambda view: view.versions.current(BUCKET.id, "a"))
        assert found == Version(version("a", 103), VersionState.DAMAGED, tags)
        entry = filled.read(lambda view: view.versions.current_entry(BUCKET.id, "a"))
        assert entry == entry_of(version("a", 103), VersionState.DAMAGED)
        change(filled, lambda tx: tx.versions.set_tags(BUCKET.id, "a", HLC(103, 1), ()))
        found = filled.read(lambda view: view.versions.current(BUCKET.id, "a"))
        assert found is not None
        assert found.tags == ()
        assert filled.check() == []

    def test_any_in_knows_only_its_bucket(self, filled: MetadataStore) -> None:
        assert filled.read(lambda view: (view.versions.any_in(BUCKET.id), view.versions.any_in(BUCKET.id + 1))) == (
            True,
            False,
        )

    def test_buckets_are_found_scanned_changed_and_removed(self, store: MetadataStore) -> None:
        buckets = [Bucket(name, HLC(n + 1, 2), owner="o", region="r") for n, name in enumerate(("bb", "ba", "a", "c"))]
        change(store, *[lambda tx, b=b: tx.buckets.insert(b) for b in buckets])

        def names(prefix: str = "", after: str = "") -> list[str]:
            return store.read(lambda view: [bucket.name for bucket in view.buckets.scan(prefix, after)])

        assert names() == ["a", "ba", "bb", "c"]
        assert names("b") == ["ba", "bb"]
        assert names("b", "ba") == ["bb"]
        assert names("", "bb") == ["c"]
        assert store.read(lambda view: view.buckets.by_id(2)) == buckets[1]
        change(store, lambda tx: tx.buckets.set_versioning(2, Versioning.ENABLED), lambda tx: tx.buckets.delete(1))
        assert store.read(lambda view: view.buckets.get("ba")) == replace(buckets[1], versioning=Versioning.ENABLED)
        assert store.read(lambda view: (view.buckets.get("bb"), view.buckets.by_id(1))) == (None, None)
        change(store, lambda tx: tx.buckets.set_versioning(99, Versioning.ENABLED), lambda tx: tx.buckets.delete(99))

    def test_running_uploads_are_listed_by_key_and_start(self, store: MetadataStore) -> None:
        rows = [
            Upload("u3", BUCKET.id, "k", HLC(7, 1)),
            Upload("u1", BUCKET.id, "k", HLC(5, 1), headers=(("h", "v"),)),
            Upload("u2", BUCKET.id, "j", HLC(9, 1)),
            Upload("u4", BUCKET.id + 1, "k", HLC(1, 1)),
            Upload("u5", BUCKET.id, "k", HLC(6, 1)),
        ]
        change(store, *[lambda tx, r=r: tx.uploads.insert(r) for r in rows])
        change(store, lambda tx: tx.uploads.complete("u5", b"digest", HLC(20, 1)))

        def listed(start: str, after: tuple[str, HLC] | None = None) -> list[str]:
            return store.read(lambda view: [row.id for row in view.uploads.scan_running(BUCKET.id, start, after)])

        assert listed("") == ["u2", "u1", "u3"]
        assert listed("k") == ["u1", "u3"]
        assert listed("", ("j", HLC(9, 1))) == ["u1", "u3"]
        assert listed("", ("k", HLC(5, 1))) == ["u3"]
        assert listed("k", ("a", HLC(5, 1))) == ["u1", "u3"]
        assert store.read(lambda view: view.uploads.get("u1")) == rows[1]
        done = store.read(lambda view: view.uploads.get("u5"))
        assert done == replace(rows[4], completed=b"digest", result=HLC(20, 1))
        assert [row.id for row in store.read(lambda view: list(view.uploads.scan_all()))] == [
            "u1",
            "u2",
            "u3",
            "u4",
            "u5",
        ]

    def test_parts_replace_each_other_and_go_with_their_upload(self, store: MetadataStore) -> None:
        def part(upload: str, number: int, ticks: int) -> Part:
            return Part(upload, number, HLC(ticks, 1), 0, "e", 5, None, ())

        rows = [part("u1", 2, 11), part("u1", 10_000, 12), part("u1", 1, 13), part("u2", 1, 14), part("u1", 2, 15)]
        change(store, *[lambda tx, n=n: tx.uploads.insert(Upload(n, BUCKET.id, "k", HLC(5, 1))) for n in ("u1", "u2")])
        change(store, *[lambda tx, r=r: tx.uploads.put_part(r, REF) for r in rows])

        def parts(upload: str, after: int = 0) -> list[Part]:
            return store.read(lambda view: list(view.uploads.parts(upload, after)))

        assert parts("u1") == [rows[2], rows[4], rows[1]]
        assert parts("u1", 2) == [rows[1]]
        assert store.read(lambda view: view.uploads.part("u1", 2)) == rows[4]
        assert store.read(lambda view: view.uploads.part("u1", 3)) is None
        change(store, lambda tx: tx.uploads.complete("u1", b"d", HLC(9, 1)), lambda tx: tx.uploads.delete("u2"))
        assert parts("u1") == parts("u2") == []
        assert store.read(lambda view: view.uploads.get("u2")) is None
        assert store.check() == []

    def test_credentials_are_kept_whole(self, store: MetadataStore) -> None:
        plain = Credential("B", b"sealed")
        full = Credential("A", b"\0" * 40, "user", KeyPolicy.READ_ONLY, ("x", "y"), False, 123)
        document = Credential("C", b"s", policy='{"Statement":["' + "é" * 20_000 + '"]}')
        change(store, lambda tx: tx.credentials.put(plain), lambda tx: tx.credentials.put(full))
        change(store, lambda tx: tx.credentials.put(document))
        assert store.read(lambda view: list(view.credentials.scan())) == [full, plain, document]
        changed = replace(plain, enabled=False)
        change(store, lambda tx: tx.credentials.put(changed), lambda tx: tx.credentials.delete("A"))
        assert store.read(lambda view: (view.credentials.get("B"), view.credentials.get("A"))) == (changed, None)

    def test_segments_are_kept_whole(self, store: MetadataStore) -> None:
        rows = [Segment(b"b" * 16, SegmentState.OPEN, 5, 6), Segment(b"a" * 16, SegmentState.SEALED, 7, 8, b"f" * 32)]
        change(store, *[lambda tx, r=r: tx.segments.put(r) for r in rows])
        assert store.read(lambda view: list(view.segments.scan())) == rows[::-1]
        change(
            store, lambda tx: tx.segments.delete(b"a" * 16), lambda tx: tx.segments.put(replace(rows[0], committed=9))
        )
        assert store.read(lambda view: (view.segments.get(b"a" * 16), view.segments.get(b"b" * 16))) == (
            None,
            replace(rows[0], committed=9),
        )


class HistoryContract(StoreCase):
    """Whole histories against the store in RAM."""

    @given(history=histories)
    @settings(suppress_health_check=list(HealthCheck), deadline=None)  # one fixture, many subclasses, on purpose
    def test_any_history_ends_as_in_the_memory_store(self, make_store: MakeStore, history: list[list[Act]]) -> None:
        clock = ManualClock()
        store, model = make_store(clock, SeededRandomness(3)), MemoryMetadataStore(clock, SeededRandomness(3))
        journals, end = [], 0
        for number, batch in enumerate(history):
            clock.ms += number % 3 - 1
            mine, models = ScriptedJournal(start=end), ScriptedJournal(start=end)
            outcomes, expected = store.apply(batch, mine), model.apply(batch, models)
            assert [repr(outcome) for outcome in outcomes] == [repr(outcome) for outcome in expected]
            assert mine.kept == models.kept
            assert dump(store) == dump(model)
            assert _scans(store) == _scans(model)
            journals.append(mine)
            end = mine.end
        assert store.check() == []
        assert model.check() == []
        self._replay(make_store(clock, SeededRandomness(3)), store, journals)

    def _replay(self, rebuilt: MetadataStore, store: MetadataStore, journals: list[ScriptedJournal]) -> None:
        """What was journalled is enough to make the same index again."""
        events: list[tuple[Event, RecordRef]] = []
        for journal in journals:
            twin = ScriptedJournal(start=journal._start)  # noqa: SLF001 - the same places again
            for placed in journal.kept:
                if isinstance(placed, bytes):
                    twin.append_chunk(placed, bytes(32))
                else:
                    events.append((placed, twin.append_event(placed)))
        rebuilt.replay(events, store.read(lambda view: list(view.segments.scan())))
        assert dump(rebuilt) == dump(store)
        assert _scans(rebuilt) == _scans(store)
        assert rebuilt.check() == []
        rebuilt.close()
        store.close()


__all__ = ["MakeStore", "MetadataContract", "change", "dump"]


class MetadataContract(CommitContract, ReadContract, ConfigContract, ProtectionContract, HistoryContract):
    """Everything that a MetadataStore promises."""


def _scans(store: MetadataStore) -> list[Any]:
    """What listings and the collector of garbage see; places of records included."""

    def scan(view: MetadataView) -> list[Any]:
        found: list[Any] = [list(view.segments.scan()), [ref for _version, ref in view.versions.scan_all()]]
        for bucket in view.buckets.scan():
            found.append(list(view.versions.scan_current(bucket.id, "")))
            found.append(list(view.versions.scan_versions(bucket.id, "")))
            found.append(list(view.uploads.scan_running(bucket.id, "")))
            for entry in view.versions.scan_current(bucket.id, ""):
                found.append(view.versions.current(bucket.id, entry.key))
                found.append(view.versions.null_entry(bucket.id, entry.key))
        return found

    return store.read(scan)
