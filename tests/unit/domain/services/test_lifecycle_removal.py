from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.events import VersioningSet
from seglake.domain.model.hlc import HLC
from seglake.domain.model.lifecycle import (
    DAY_MS,
    Filter,
    Lifecycle,
    NoncurrentExpiration,
    Rule,
    to_text,
)
from seglake.domain.model.multipart import PartClaim
from seglake.domain.model.object_lock import BucketLock
from seglake.domain.ports.metadata import MetadataTx
from seglake.domain.services.lifecycle_removal import Kept, NoteStanding, Remove, Standing, parse_standing
from seglake.domain.services.lifecycle_scan import Due, Place, explain
from seglake.domain.services.locking import SetLock
from seglake.domain.services.multipart import CompleteUpload, CreateUpload
from seglake.domain.services.object_writes import DeleteObject, ObjectAttributes
from tests.unit.domain.services.lifecycle_cases import (
    ABORT,
    ENABLED,
    EXPIRE,
    MARKERS,
    NONCURRENT,
    SUSPENDED,
    locked_bucket,
    made,
    once_before_removing,
    ran,
    removals,
    set_rules,
    versions,
)
from tests.unit.fixtures import Pieces, Store

_stamps = st.none() | st.builds(HLC, st.integers(0, (1 << 63) - 1), st.integers(0, (1 << 32) - 1))


@given(
    st.builds(
        Standing,
        st.text(),
        st.integers(0, 1 << 62),
        st.booleans(),
        st.builds(Place, st.text(), _stamps, st.integers(0, 101), _stamps),
    )
)
def test_a_note_says_where_a_run_stands(standing: Standing) -> None:
    assert parse_standing(standing.note()) == standing


@pytest.mark.parametrize("text", [None, "", "{}", "[]", "null", '["b", 1, false, "k", 0, "not a stamp", null]'])
def test_any_other_note_says_nothing(text: str | None) -> None:
    assert parse_standing(text) is None


async def _due(store: Store, keep: int | None = None, count: int = 4) -> tuple[Standing, list[Due]]:
    await store.bucket("bucket", Versioning.ENABLED)
    rule = Rule("r", True, Filter(), noncurrent=NoncurrentExpiration(1, keep))
    await store.settings.put("bucket", ConfigKind.LIFECYCLE, to_text(Lifecycle((rule,))))
    for _ in range(count):
        await store.put("key")
    store.clock.ms += 3 * DAY_MS
    dues = store.metadata.read(lambda view: list(explain(view, "bucket", store.clock.ms, day_ms=DAY_MS)))
    return Standing("bucket", store.buckets.get("bucket").id), dues


async def test_a_removal_is_carried_out_once() -> None:
    store = Store()
    standing, dues = await _due(store)
    script = Remove(standing, tuple(dues), DAY_MS)
    assert [done.kept for done in await store.committer.commit(script)] == [None] * 3
    after = store.dump()
    assert [done.kept for done in await store.committer.commit(script)] == [Kept.CHANGED] * 3
    assert store.dump() == after


async def test_versions_are_removed_in_any_order() -> None:
    store = Store()
    standing, dues = await _due(store)
    for due in reversed(dues):
        (done,) = await store.committer.commit(Remove(standing, (due,), DAY_MS))
        assert done.kept is None


async def test_the_number_kept_is_counted_in_the_commit_however_many_were_asked_for() -> None:
    store = Store()
    standing, dues = await _due(store, keep=2, count=6)
    assert len(dues) == 3
    assert dues[0].current is not None
    rest = store.metadata.read(lambda view: list(view.versions.scan_versions(standing.id, "key")))
    more = list(dues)
    # As if a faulty scan had asked for a version that the rule keeps.
    kept = rest[2]
    more.append(Due("key", kept.stamp, dues[0].decision, noncurrent_ms=kept.stamp.ms, current=rest[0].stamp))
    outcomes = await store.committer.commit(Remove(standing, tuple(more), DAY_MS))
    assert [done.kept for done in outcomes] == [None, None, None, Kept.CHANGED]


async def test_the_commits_own_time_decides() -> None:
    store = Store()
    standing, dues = await _due(store)
    store.clock.ms = dues[0].decision.due_ms - 1
    outcomes = await store.committer.commit(Remove(standing, tuple(dues), DAY_MS))
    assert {done.kept for done in outcomes} == {Kept.CHANGED}
    store.clock.ms += 1
    outcomes = await store.committer.commit(Remove(standing, tuple(dues), DAY_MS))
    assert {done.kept for done in outcomes} == {None}


async def test_notes_are_no_part_of_the_logical_store() -> None:
    store = Store()
    await store.bucket()
    before = store.dump()
    await store.committer.commit(NoteStanding(Standing("bucket", 1).note()))
    assert store.dump() == before


@dataclass(frozen=True)
class _Suspend:
    """What the API refuses for a bucket with object lock."""

    def __call__(self, tx: MetadataTx) -> None:
        bucket = tx.buckets.get("bucket")
        assert bucket is not None
        tx.record(VersioningSet(tx.tick(), bucket.id, SUSPENDED))


async def test_no_null_marker_replaces_a_locked_null_version_current_or_not() -> None:
    store = Store()
    await store.bucket()
    await store.put("current", b"null")
    await store.put("below", b"null")
    await store.buckets.set_versioning("bucket", ENABLED)
    await store.locking.configure("bucket", BucketLock())
    await set_rules(store, EXPIRE)
    for key in ("current", "below"):
        await store.locking.set(SetLock("bucket", key, "null", hold=True))
    await store.put("below", b"newer")
    await store.committer.commit(_Suspend())
    store.clock.ms += 10 * DAY_MS
    summary = await ran(store)
    assert (summary.expired, summary.locked) == (0, 2)
    for key in ("current", "below"):
        assert await store.get(key, "null") == b"null"


async def test_an_object_overwritten_between_scan_and_commit_stays() -> None:
    store = await made(EXPIRE)
    await store.put("key", b"old")
    store.clock.ms += 10 * DAY_MS
    once_before_removing(store, lambda: store.put("key", b"new"))
    assert (await ran(store)).expired == 0
    assert await store.get("key") == b"new"
    assert removals(store) == []


async def test_a_version_overwritten_between_scan_and_commit_is_not_covered() -> None:
    store = await made(EXPIRE, versioning=ENABLED)
    await store.put("key", b"old")
    store.clock.ms += 10 * DAY_MS
    once_before_removing(store, lambda: store.put("key", b"new"))
    assert (await ran(store)).expired == 0
    assert versions(store) == [("key", "object")] * 2


async def test_a_version_that_became_current_again_stays() -> None:
    store = await made(NONCURRENT, versioning=ENABLED)
    await store.put("key", b"old")
    newer = await store.put("key", b"new")
    store.clock.ms += 10 * DAY_MS
    once_before_removing(store, lambda: store.writes.delete("bucket", DeleteObject("key", newer.version)))
    assert (await ran(store)).noncurrent_removed == 0
    assert await store.get("key") == b"old"


async def test_a_version_that_was_current_meanwhile_stays() -> None:
    store = await made(NONCURRENT, versioning=ENABLED)
    await store.put("key", b"old")
    newer = await store.put("key", b"new")
    store.clock.ms += 10 * DAY_MS

    async def act() -> None:
        await store.writes.delete("bucket", DeleteObject("key", newer.version))
        await store.put("key", b"newest")

    once_before_removing(store, act)
    assert (await ran(store)).noncurrent_removed == 0
    store.clock.ms += 1
    assert len(versions(store)) == 2


async def test_a_version_that_is_wanted_again_by_the_number_kept_stays() -> None:
    store = await made(replace(NONCURRENT, noncurrent=NoncurrentExpiration(2, 1)), versioning=ENABLED)
    stored = []
    for _ in range(3):
        store.clock.ms += 1
        stored.append(await store.put("key"))
    store.clock.ms += 10 * DAY_MS
    once_before_removing(store, lambda: store.writes.delete("bucket", DeleteObject("key", stored[1].version)))
    assert (await ran(store)).noncurrent_removed == 0
    assert len(versions(store)) == 2


async def test_a_marker_that_is_not_alone_any_more_stays() -> None:
    store = await made(MARKERS, versioning=ENABLED)
    await store.writes.delete("bucket", DeleteObject("key"))
    once_before_removing(store, lambda: store.put("key"))
    assert (await ran(store)).markers_removed == 0
    assert versions(store) == [("key", "object"), ("key", "marker")]


async def test_a_tag_changed_between_scan_and_commit_counts() -> None:
    store = await made(replace(EXPIRE, filter=Filter(tags=(("a", "1"),))))
    await store.put("key", tags=(("a", "1"),))
    store.clock.ms += 10 * DAY_MS
    once_before_removing(store, lambda: store.tagging.tag_object("bucket", "key", None, ()))
    assert (await ran(store)).expired == 0
    assert store.keys() == ["key"]


async def test_a_lock_set_between_scan_and_commit_holds() -> None:
    store = await locked_bucket(NONCURRENT)
    stored = await store.put("key", b"old")
    await store.put("key", b"new")
    store.clock.ms += 10 * DAY_MS
    once_before_removing(store, lambda: store.locking.set(SetLock("bucket", "key", stored.version, hold=True)))
    summary = await ran(store)
    assert (summary.noncurrent_removed, summary.locked) == (0, 1)
    assert await store.get("key", stored.version) == b"old"


async def test_rules_removed_between_scan_and_commit_remove_nothing() -> None:
    store = await made(EXPIRE)
    await store.put("key")
    store.clock.ms += 10 * DAY_MS
    once_before_removing(store, lambda: store.settings.remove("bucket", ConfigKind.LIFECYCLE))
    assert (await ran(store)).expired == 0
    assert store.keys() == ["key"]


async def test_a_bucket_made_anew_between_scan_and_commit_is_another() -> None:
    store = await made(ABORT)
    upload = await store.multipart.create(CreateUpload("bucket", "key", ObjectAttributes()))
    store.clock.ms += 10 * DAY_MS

    async def act() -> None:
        await store.multipart.abort("bucket", "key", upload.id)
        await store.buckets.delete("bucket")
        await store.bucket()
        await set_rules(store, ABORT)

    once_before_removing(store, act)
    assert (await ran(store)).uploads_aborted == 0


async def test_an_upload_completed_between_scan_and_commit_stays() -> None:
    store = await made(ABORT)
    upload = await store.multipart.create(CreateUpload("bucket", "key", ObjectAttributes()))
    part = await store.multipart.upload_part("bucket", "key", upload.id, 1, Pieces([b"part"]))
    store.clock.ms += 10 * DAY_MS
    complete = CompleteUpload("bucket", "key", upload.id, (PartClaim(1, part.etag),))
    once_before_removing(store, lambda: store.multipart.complete(complete))
    assert (await ran(store)).uploads_aborted == 0
    assert await store.get("key") == b"part"
