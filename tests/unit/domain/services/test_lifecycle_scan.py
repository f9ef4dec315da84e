from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.errors import NoSuchBucket
from seglake.domain.model.expiry import Action, VersionFacts
from seglake.domain.model.lifecycle import DAY_MS, Expiration, Filter, Lifecycle, NoncurrentExpiration, Rule, to_text
from seglake.domain.model.object_lock import BucketLock, Retention, RetentionMode
from seglake.domain.model.version import VersionEntry
from seglake.domain.services.lifecycle_scan import START, Due, Place, examined, explain, moment
from seglake.domain.services.locking import SetLock
from seglake.domain.services.multipart import CreateUpload
from seglake.domain.services.object_writes import DeleteObject, ObjectAttributes
from tests.unit.fixtures import Store

EXPIRE = Rule("expire", True, Filter(), Expiration(days=3))
NONCURRENT = Rule("noncurrent", True, Filter(), noncurrent=NoncurrentExpiration(2, 1))
MARKERS = Rule("markers", True, Filter(prefix="b"), Expiration(markers=True))
ABORT = Rule("abort", True, Filter(prefix="a"), abort_days=1)
TAGGED = Rule("tagged", True, Filter(tags=(("t", "1"),)), Expiration(days=1))
LARGE = Rule("large", True, Filter(above=2), Expiration(days=1), NoncurrentExpiration(5))
RULES = (EXPIRE, NONCURRENT, MARKERS, ABORT, TAGGED, LARGE)


def explained(store: Store, at_ms: int) -> list[Due]:
    return store.metadata.read(lambda view: list(explain(view, "bucket", at_ms, day_ms=DAY_MS)))


async def set_rules(store: Store, *rules: Rule) -> None:
    await store.settings.put("bucket", ConfigKind.LIFECYCLE, to_text(Lifecycle(rules)))


async def test_nothing_is_explained_without_rules_or_bucket() -> None:
    store = Store()
    with pytest.raises(NoSuchBucket):
        explained(store, 0)
    await store.bucket()
    await store.put("key")
    assert explained(store, store.clock.ms * 2) == []


async def test_an_explanation_says_what_by_which_rule_why_and_since_when() -> None:
    store = Store()
    await store.bucket("bucket", Versioning.ENABLED)
    await set_rules(store, EXPIRE, NONCURRENT, ABORT)
    stored = [await store.put("a", b"x" * size) for size in range(3)]
    await store.multipart.create(CreateUpload("bucket", "a", ObjectAttributes()))
    midnight = (store.clock.ms // DAY_MS + 1) * DAY_MS
    rows = explained(store, midnight + 3 * DAY_MS)
    assert [(row.key, row.decision.action, row.decision.rule, row.decision.due_ms - midnight) for row in rows] == [
        ("a", Action.EXPIRE, "expire", 3 * DAY_MS),
        ("a", Action.REMOVE_NONCURRENT, "noncurrent", 2 * DAY_MS),
        ("a", Action.ABORT_UPLOAD, "abort", DAY_MS),
    ]
    assert [row.version for row in rows[:2]] == [stored[2].version, stored[0].version]
    assert [row.size for row in rows] == [2, 0, 0]
    assert rows[1].decision.reason == "noncurrent for 2 days, 1 newer noncurrent versions are kept"
    assert len(explained(store, midnight + 3 * DAY_MS - 1)) == 2
    assert explained(store, midnight) == []


async def test_what_a_lock_keeps_at_that_time_is_said() -> None:
    store = Store()
    await store.bucket("bucket", Versioning.ENABLED)
    await store.locking.configure("bucket", BucketLock())
    await set_rules(store, replace(NONCURRENT, noncurrent=NoncurrentExpiration(1)))
    held, kept = await store.put("held"), await store.put("kept")
    for key in ("held", "kept"):
        await store.put(key)
    until = store.clock.ms + 20 * DAY_MS
    await store.locking.set(SetLock("bucket", "held", held.version, hold=True))
    retention = Retention(RetentionMode.COMPLIANCE, until)
    await store.locking.set(SetLock("bucket", "kept", kept.version, retention=retention))
    assert [row.kept for row in explained(store, until - 1)] == [
        "legal hold",
        f"COMPLIANCE retention until {moment(until)}",
    ]
    assert [row.kept for row in explained(store, until)] == ["legal hold", ""]


async def test_only_what_has_the_tags_is_explained() -> None:
    store = Store()
    await store.bucket()
    await set_rules(store, TAGGED)
    for key, value in (("no", "2"), ("yes", "1")):
        await store.put(key, tags=(("t", value),))
    await store.put("none")
    assert [row.key for row in explained(store, store.clock.ms + 3 * DAY_MS)] == ["yes"]


def test_moments_are_utc_and_never_beyond_the_calendar() -> None:
    assert moment(0) == "1970-01-01T00:00:00Z"
    assert moment(1 << 60) == "9999-12-31T00:00:00Z"


async def test_a_scan_goes_on_from_any_place_with_the_same_facts() -> None:
    store = Store()
    await store.bucket("bucket", Versioning.ENABLED)
    for key in ("a", "a", "a/b", "b", "b", "b", "c", "d/e"):
        store.clock.ms += 1
        await store.put(key)
    await store.writes.delete("bucket", DeleteObject("x"))
    bucket_id = store.buckets.get("bucket").id
    for prefixes in (("",), ("a", "d"), ("a/", "b"), ("b", "nothing", "x"), ()):

        def scan(place: Place, prefixes: tuple[str, ...] = prefixes) -> list[tuple[VersionEntry, VersionFacts, Place]]:
            return store.metadata.read(lambda view: list(examined(view, bucket_id, prefixes, place)))

        whole = scan(START)
        for number, (_, _, place) in enumerate(whole):
            assert scan(place) == whole[number + 1 :]
        for key in ("", "0", "a", "a/", "b", "bb", "zz"):
            assert scan(Place(key)) == [row for row in whole if row[0].key >= key]


_keys = st.sampled_from(["a", "a/1", "b", "c"])
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), _keys, st.integers(0, 4)),
        st.tuples(st.just("delete"), _keys, st.just(0)),
        st.tuples(st.just("upload"), _keys, st.just(0)),
        st.tuples(st.just("wait"), st.just(""), st.integers(1, 5 * DAY_MS)),
        st.tuples(st.just("versioning"), st.just(""), st.integers(0, 1)),
    ),
    max_size=20,
)


async def _history(steps: list[tuple[str, str, int]], rules: tuple[Rule, ...]) -> Store:
    store = Store()
    await store.bucket()
    await set_rules(store, *rules)
    for act, key, number in steps:
        if act == "put":
            await store.put(key, b"x" * number, tags=(("t", str(number)),))
        elif act == "delete":
            await store.writes.delete("bucket", DeleteObject(key))
        elif act == "upload":
            await store.multipart.create(CreateUpload("bucket", key, ObjectAttributes()))
        elif act == "wait":
            store.clock.ms += number
        else:
            await store.buckets.set_versioning("bucket", (Versioning.ENABLED, Versioning.SUSPENDED)[number])
    return store


@given(_steps, st.lists(st.sampled_from(RULES), min_size=1, unique=True), st.integers(0, 10))
def test_a_run_removes_exactly_what_was_explained(
    steps: list[tuple[str, str, int]], rules: list[Rule], days: int
) -> None:
    async def check() -> None:
        store = await _history(steps, tuple(rules))
        store.clock.ms += days * DAY_MS
        rows = explained(store, store.clock.ms)
        before = store.dump()
        summary = await store.lifecycle.run()
        assert summary is not None
        assert summary.failed == 0
        told = [
            (fields["key"], fields.get("version", ""), fields.get("upload", ""), fields["action"], fields["rule"])
            for _, event, fields in store.log.lines
            if event == "lifecycle_removed"
        ]
        assert told == [
            (row.key, row.version, row.upload, row.decision.action.value, row.decision.rule) for row in rows
        ]
        assert (store.dump() == before) == (not rows)

    asyncio.run(check())
