from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from seglake.adapters.memory.metadata import MemoryMetadataStore
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.errors import StorageFull, StoreFailed
from seglake.domain.model.lifecycle import (
    DAY_MS,
    Expiration,
    Filter,
    FilterForm,
    NoncurrentExpiration,
)
from seglake.domain.model.multipart import PartClaim
from seglake.domain.model.object_lock import Retention, RetentionMode
from seglake.domain.ports.metadata import Script
from seglake.domain.services import lifecycle as module
from seglake.domain.services.bucket_settings import SetConfig
from seglake.domain.services.dump import logical_dump
from seglake.domain.services.lifecycle import LifecycleRunner, Summary
from seglake.domain.services.lifecycle_removal import NoteStanding
from seglake.domain.services.listing import Window
from seglake.domain.services.locking import SetLock
from seglake.domain.services.multipart import CompleteUpload, CreateUpload
from seglake.domain.services.object_writes import DeleteObject, ObjectAttributes
from seglake.domain.services.rebuild import Rebuild
from tests.unit.domain.services.lifecycle_cases import (
    ABORT,
    ENABLED,
    EXPIRE,
    MARKERS,
    NONCURRENT,
    SUSPENDED,
    intercepted,
    locked_bucket,
    made,
    midnight_after,
    noted,
    once_before_removing,
    ran,
    removals,
    set_rules,
    versions,
)
from tests.unit.fixtures import Pieces, Store


async def test_an_object_goes_at_the_midnight_after_its_days_and_not_a_millisecond_before() -> None:
    store = await made(EXPIRE)
    await store.put("key", b"body")
    due = midnight_after(store, 3)
    store.clock.ms = due - 1
    assert (await ran(store)).expired == 0
    assert store.keys() == ["key"]
    store.clock.ms = due
    assert (await ran(store)).expired == 1
    assert versions(store) == []


async def test_in_a_versioned_bucket_a_delete_marker_covers_what_expires() -> None:
    store = await made(EXPIRE, versioning=ENABLED)
    stored = await store.put("key", b"body")
    store.clock.ms = midnight_after(store, 3)
    assert (await ran(store)).expired == 1
    assert versions(store) == [("key", "marker"), ("key", "object")]
    assert await store.get("key", stored.version) == b"body"
    (removal,) = removals(store)
    assert removal["marker"] not in ("", "null")
    # The marker is current now and not sole: the rule has nothing more to do.
    assert (await ran(store)).expired == 0


async def test_in_a_suspended_bucket_a_null_marker_replaces_the_null_version() -> None:
    store = await made(EXPIRE, versioning=ENABLED)
    await store.put("kept", b"1")
    await store.put("both", b"1")
    await store.buckets.set_versioning("bucket", SUSPENDED)
    await store.put("both", b"2")
    await store.put("null", b"1")
    store.clock.ms = midnight_after(store, 3)
    assert (await ran(store)).expired == 3
    assert versions(store) == [
        ("both", "marker"),
        ("both", "object"),
        ("kept", "marker"),
        ("kept", "object"),
        ("null", "marker"),
    ]
    assert {removal["marker"] for removal in removals(store)} == {"null"}


async def test_a_date_removes_what_is_there_from_then_on() -> None:
    store = await made()
    date_ms = midnight_after(store, 5)
    await set_rules(store, replace(EXPIRE, expiration=Expiration(date_ms=date_ms)))
    await store.put("before")
    store.clock.ms = date_ms - 1
    assert (await ran(store)).expired == 0
    store.clock.ms = date_ms
    await store.put("after")
    assert (await ran(store)).expired == 2


async def test_noncurrent_versions_go_by_the_time_their_successor_came() -> None:
    store = await made(NONCURRENT, versioning=ENABLED)
    first = await store.put("key", b"1")
    store.clock.ms += 10 * DAY_MS
    await store.put("key", b"2")
    due = midnight_after(store, 2)
    store.clock.ms = due - 1
    assert (await ran(store)).noncurrent_removed == 0
    store.clock.ms = due
    assert (await ran(store)).noncurrent_removed == 1
    assert await store.get("key") == b"2"
    assert [removal["version"] for removal in removals(store)] == [first.version]


async def test_the_newest_noncurrent_versions_stay_however_old() -> None:
    store = await made(replace(NONCURRENT, noncurrent=NoncurrentExpiration(2, 2)), versioning=ENABLED)
    for number in range(6):
        store.clock.ms += 1
        await store.put("key", b"%d" % number)
    store.clock.ms += 100 * DAY_MS
    assert (await ran(store)).noncurrent_removed == 3
    assert len(versions(store)) == 3
    assert (await ran(store)).noncurrent_removed == 0
    assert await store.get("key") == b"5"


async def test_a_delete_marker_goes_when_it_is_all_that_is_left() -> None:
    store = await made(MARKERS, versioning=ENABLED)
    await store.writes.delete("bucket", DeleteObject("sole"))
    stored = await store.put("covered")
    await store.writes.delete("bucket", DeleteObject("covered"))
    assert (await ran(store)).markers_removed == 1
    assert versions(store) == [("covered", "marker"), ("covered", "object")]
    await store.writes.delete("bucket", DeleteObject("covered", stored.version))
    assert (await ran(store)).markers_removed == 1
    assert versions(store) == []


async def test_all_rules_together_empty_a_versioned_bucket() -> None:
    store = await made(EXPIRE, NONCURRENT, MARKERS, versioning=ENABLED)
    for number in range(5):
        await store.put(f"k{number % 2}", b"x")
    for _ in range(3):
        store.clock.ms += 10 * DAY_MS
        await ran(store)
    assert versions(store) == []


async def test_uploads_are_aborted_and_completed_ones_are_left() -> None:
    store = await made(replace(ABORT, filter=Filter(FilterForm.PREFIX, "up/")))
    kept = await store.multipart.create(CreateUpload("bucket", "down/a", ObjectAttributes()))
    done = await store.multipart.create(CreateUpload("bucket", "up/done", ObjectAttributes()))
    part = await store.multipart.upload_part("bucket", "up/done", done.id, 1, Pieces([b"part"]))
    await store.multipart.complete(CompleteUpload("bucket", "up/done", done.id, (PartClaim(1, part.etag),)))
    stale = await store.multipart.create(CreateUpload("bucket", "up/a", ObjectAttributes()))
    await store.multipart.upload_part("bucket", "up/a", stale.id, 1, Pieces([b"part"]))
    due = midnight_after(store, 7)
    store.clock.ms = due - 1
    assert (await ran(store)).uploads_aborted == 0
    store.clock.ms = due
    assert (await ran(store)).uploads_aborted == 1
    assert [upload.id for upload in store.listings.uploads("bucket", Window()).uploads] == [kept.id]
    assert store.keys() == ["up/done"]
    (removal,) = removals(store)
    assert (removal["upload"], removal["rule"], removal["reason"]) == (
        stale.id,
        "abort",
        "not completed 7 days after it was begun",
    )


async def test_filters_by_prefix_size_and_present_tags() -> None:
    chosen = Filter(FilterForm.AND, "logs/", (("keep", "no"),), 2, 5)
    store = await made(replace(EXPIRE, filter=chosen))
    tags = (("keep", "no"), ("more", "1"))
    await store.put("logs/gone", b"1234", tags=tags)
    await store.put("logs/small", b"12", tags=tags)
    await store.put("logs/large", b"12345", tags=tags)
    await store.put("logs/untagged", b"1234")
    await store.put("logs/retagged", b"1234", tags=tags)
    await store.put("logs/tagged-later", b"1234")
    await store.put("other/gone", b"1234", tags=tags)
    await store.tagging.tag_object("bucket", "logs/retagged", None, (("keep", "yes"),))
    await store.tagging.tag_object("bucket", "logs/tagged-later", None, (("keep", "no"),))
    store.clock.ms += 30 * DAY_MS
    assert (await ran(store)).expired == 2
    assert store.keys() == ["logs/large", "logs/retagged", "logs/small", "logs/untagged", "other/gone"]


async def test_only_the_keys_in_reach_are_looked_at() -> None:
    inner = replace(EXPIRE, id="inner", filter=Filter(prefix="a/b/"))
    store = await made(
        replace(EXPIRE, filter=Filter(prefix="a/")), inner, replace(inner, id="z", filter=Filter(prefix="z"))
    )
    for key in ("a", "a/1", "a/b/1", "b", "m", "y", "z", "zz"):
        await store.put(key)
    assert (await ran(store)).examined == 4


async def test_a_locked_version_stays_until_its_lock_is_over() -> None:
    store = await locked_bucket(NONCURRENT)
    held, kept, free = [await store.put(key, b"old") for key in ("held", "kept", "free")]
    for key in ("held", "kept", "free"):
        await store.put(key, b"new")
    await store.locking.set(SetLock("bucket", "held", held.version, hold=True))
    until = Retention(RetentionMode.GOVERNANCE, store.clock.ms + 20 * DAY_MS)
    await store.locking.set(SetLock("bucket", "kept", kept.version, retention=until))
    store.clock.ms += 10 * DAY_MS
    summary = await ran(store)
    assert (summary.noncurrent_removed, summary.locked) == (1, 2)
    assert [removal["key"] for removal in removals(store)] == ["free"]
    assert await store.get("kept", kept.version) == b"old"
    store.clock.ms = until.until_ms
    assert (await ran(store)).noncurrent_removed == 1
    await store.locking.set(SetLock("bucket", "held", held.version, hold=False))
    assert (await ran(store)).noncurrent_removed == 1
    assert free.version is not None


async def test_a_lock_does_not_keep_a_current_version_from_being_covered() -> None:
    store = await locked_bucket(EXPIRE)
    stored = await store.put("key", b"body")
    await store.locking.set(SetLock("bucket", "key", stored.version, hold=True))
    store.clock.ms += 10 * DAY_MS
    assert (await ran(store)).expired == 1
    assert await store.get("key", stored.version) == b"body"


async def test_a_run_that_was_stopped_is_taken_up_where_it_stood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_MAX", 3)
    store = await made(EXPIRE)
    await store.bucket("another")
    await set_rules(store, EXPIRE, bucket="another")
    for number in range(10):
        await store.put(f"k{number}")
        await store.put(f"k{number}", bucket="another")
    store.clock.ms += 10 * DAY_MS
    commits = 0

    async def crash(script: Script[Any]) -> None:
        nonlocal commits
        commits += 1
        if commits == 7:
            raise asyncio.CancelledError

    intercepted(store, crash)
    with pytest.raises(asyncio.CancelledError):
        await store.lifecycle.run()
    assert (store.keys("another"), len(store.keys())) == ([], 4)
    note = noted(store)
    assert note is not None
    assert json.loads(note)[0] == "bucket"
    before = store.dump()
    store.open_segments()
    assert store.dump() == before
    summary = await ran(store)
    assert (summary.buckets, summary.expired, summary.examined) == (1, 4, 4)
    assert store.keys() == []
    assert noted(store) is None


@pytest.mark.parametrize("note", ["", "[]", "nonsense", '["bucket", 1, false, "key", 0, "x", null]', "[1, 2]"])
async def test_a_note_that_says_nothing_starts_a_run_anew(note: str) -> None:
    store = await made(EXPIRE)
    await store.put("key")
    store.clock.ms += 10 * DAY_MS
    await store.committer.commit(NoteStanding(note))
    assert (await ran(store)).expired == 1


async def test_a_note_about_an_earlier_bucket_of_that_name_is_not_followed() -> None:
    store = await made(EXPIRE)
    await store.put("a")
    store.clock.ms += 10 * DAY_MS
    await store.committer.commit(NoteStanding(json.dumps(["bucket", 7, False, "z", 1, None, None])))
    assert (await ran(store)).expired == 1


async def test_a_long_scan_without_removals_is_noted_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_ROWS", 2)
    monkeypatch.setattr(module, "NOTED_PAGES", 3)
    store = await made(EXPIRE)
    for number in range(20):
        await store.put(f"k{number:02}")
    notes: list[str] = []

    async def keep(script: Script[Any]) -> None:
        assert isinstance(script, NoteStanding)
        notes.append(script.text)

    intercepted(store, keep)
    assert (await ran(store)).examined == 20
    assert [json.loads(note)[3] for note in notes[:-1]] == ["k05", "k11", "k17"]
    assert notes[-1] == ""


@pytest.mark.parametrize("page", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 2, 50])
async def test_pages_of_any_size_remove_the_same(page: int, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_ROWS", page)
    monkeypatch.setattr(module, "BATCH_MAX", batch)
    rules = (replace(NONCURRENT, noncurrent=NoncurrentExpiration(2, 2)), EXPIRE, MARKERS)
    store = await made(*rules, versioning=ENABLED)
    for number in range(12):
        store.clock.ms += 1
        await store.put(f"k{number % 3}")
    await store.writes.delete("bucket", DeleteObject("alone"))
    store.clock.ms += 10 * DAY_MS
    summary = await ran(store)
    assert (summary.expired, summary.noncurrent_removed, summary.markers_removed) == (3, 3, 1)
    assert versions(store) == [(key, kind) for key in ("k0", "k1", "k2") for kind in ("marker", *["object"] * 3)]


async def test_a_key_of_many_versions_is_emptied_in_one_run() -> None:
    store = await made(NONCURRENT, versioning=ENABLED)
    for _ in range(350):
        await store.put("key")
    store.clock.ms += 10 * DAY_MS
    assert (await ran(store)).noncurrent_removed == 349


async def test_removals_keep_to_their_rate() -> None:
    store = await made(EXPIRE)
    for number in range(60):
        await store.put(f"k{number}")
    store.clock.ms += 10 * DAY_MS
    began = store.clock.ms
    runner = LifecycleRunner(store.metadata, store.committer, store.clock, store.log, store.clock.pause, per_second=10)
    summary = await runner.run()
    assert summary is not None
    assert summary.expired == 60
    assert 6000 <= store.clock.ms - began <= 6010


async def test_a_shorter_day_is_for_trials() -> None:
    store = await made(EXPIRE)
    await store.put("key")
    runner = LifecycleRunner(store.metadata, store.committer, store.clock, store.log, store.clock.pause, day_ms=1000)
    store.clock.ms += 3999
    for expected in (0, 1):
        summary = await runner.run()
        assert summary is not None
        assert summary.expired == expected
        store.clock.ms += 1


async def test_never_two_runs_at_once() -> None:
    store = await made(EXPIRE)
    await store.put("key")
    store.clock.ms += 10 * DAY_MS
    second: list[Summary | None] = []

    async def again() -> None:
        second.append(await store.lifecycle.run())

    once_before_removing(store, again)
    assert (await ran(store)).expired == 1
    assert second == [None]
    assert (await ran(store)).buckets == 1


async def test_an_error_in_one_bucket_is_logged_and_the_others_are_done() -> None:
    store = await made(EXPIRE, bucket="first")
    await store.bucket("second")
    await store.committer.commit(SetConfig("second", ConfigKind.LIFECYCLE, "[no rules"))
    await store.bucket("third")
    await set_rules(store, EXPIRE, bucket="third")
    for bucket in ("first", "second", "third"):
        await store.put("key", bucket=bucket)
    store.clock.ms += 10 * DAY_MS
    summary = await ran(store, failed=1)
    assert (summary.buckets, summary.expired) == (3, 2)
    assert store.keys("second") == ["key"]
    assert [fields["bucket"] for _, event, fields in store.log.lines if event == "lifecycle_bucket_failed"] == [
        "second"
    ]


@pytest.mark.parametrize("error", [StorageFull("no room"), StoreFailed("a sync failed")])
async def test_a_store_that_takes_no_commits_ends_the_run_and_the_next_goes_on(error: Exception) -> None:
    store = await made(EXPIRE)
    await store.put("key")
    store.clock.ms += 10 * DAY_MS
    errors = [error]

    async def fail(_script: Script[Any]) -> None:
        if errors:
            raise errors.pop()

    intercepted(store, fail)
    with pytest.raises(type(error)):
        await store.lifecycle.run()
    assert store.keys() == ["key"]
    assert (await ran(store)).expired == 1


async def test_each_removal_is_logged_with_its_reason_and_each_run_with_its_sums() -> None:
    store = await made(EXPIRE)
    await store.put("key")
    due = midnight_after(store, 3)
    store.clock.ms = due + 5
    await ran(store)
    assert removals(store) == [
        {
            "bucket": "bucket",
            "key": "key",
            "version": "null",
            "marker": "",
            "action": "expire",
            "rule": "expire",
            "reason": "3 days old",
            "due": "2023-11-18T00:00:00Z",
        }
    ]
    (run,) = [fields for _, event, fields in store.log.lines if event == "lifecycle_run"]
    assert run == {
        "buckets": 1,
        "examined": 1,
        "expired": 1,
        "noncurrent_removed": 0,
        "markers_removed": 0,
        "uploads_aborted": 0,
        "locked": 0,
        "failed": 0,
    }


async def test_without_rules_nothing_is_said_or_done() -> None:
    store = Store()
    await store.bucket()
    await store.put("key")
    assert await ran(store) == Summary()
    assert store.log.lines == []


async def test_many_buckets_are_gone_through_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BUCKETS_MAX", 2)
    store = Store()
    for number in range(5):
        await store.bucket(f"bucket{number}")
        if number != 2:
            await set_rules(store, EXPIRE, bucket=f"bucket{number}")
    assert (await ran(store)).buckets == 4


async def test_a_rebuilt_index_agrees_with_what_was_removed() -> None:
    store = await made(EXPIRE, NONCURRENT, ABORT, versioning=ENABLED)
    for key in ("a", "a", "b"):
        await store.put(key, bytes(300))
    await store.multipart.create(CreateUpload("bucket", "c", ObjectAttributes()))
    store.clock.ms += 10 * DAY_MS
    summary = await ran(store)
    assert (summary.expired, summary.noncurrent_removed, summary.uploads_aborted) == (2, 1, 1)
    store.segment_store.close()
    fresh = MemoryMetadataStore(store.clock, store.randomness)
    Rebuild(fresh, store.files).run()
    assert fresh.read(lambda view: list(logical_dump(view))) == store.dump()
