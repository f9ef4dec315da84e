"""What is locked stays, whichever way somebody tries to be rid of it; what is not locked is not in anybody's way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from seglake.adapters.memory.metadata import MemoryMetadataStore
from seglake.domain.model.bucket import Versioning
from seglake.domain.model.bucket_config import NO_CONFIGS, ConfigKind
from seglake.domain.model.errors import (
    BucketNotEmpty,
    InvalidArgument,
    InvalidBucketState,
    InvalidRequest,
    IsDeleteMarker,
    NoObjectLockConfiguration,
    NoSuchKey,
    NoSuchLock,
    NoSuchVersion,
    ObjectLocked,
)
from seglake.domain.model.limits import Limits
from seglake.domain.model.multipart import PartClaim
from seglake.domain.model.object_lock import (
    DAY_MS,
    NO_LOCK,
    BucketLock,
    DefaultRetention,
    Lock,
    Retention,
    RetentionMode,
    to_text,
)
from seglake.domain.ports.metadata import MetadataTx
from seglake.domain.services.buckets import CreateBucket
from seglake.domain.services.copying import CopyObject, CopySource
from seglake.domain.services.dump import logical_dump
from seglake.domain.services.locking import SetLock, check_removable, lock_for
from seglake.domain.services.multipart import CompleteUpload, CreateUpload
from seglake.domain.services.object_reads import ReadObject
from seglake.domain.services.object_writes import DeleteObject, ObjectAttributes, PutObject, Stored
from seglake.domain.services.rebuild import Rebuild
from tests.unit.fixtures import Pieces, Store

GOVERNANCE, COMPLIANCE = RetentionMode.GOVERNANCE, RetentionMode.COMPLIANCE
BOTH = pytest.mark.parametrize("mode", [GOVERNANCE, COMPLIANCE])


@pytest.fixture
async def store() -> Store:
    made = Store(Limits(part_bytes_min=1))
    await made.buckets.create(CreateBucket("bucket", versioning=Versioning.ENABLED, locks=True))
    return made


def until(store: Store, mode: RetentionMode, ms: int = 1000) -> Retention:
    return Retention(mode, store.clock.now_ms() + ms)


def lock_of(store: Store, version: str | None = None, key: str = "key") -> Lock:
    return store.reads.open(ReadObject("bucket", key, version)).version.lock


async def locked(store: Store, mode: RetentionMode = COMPLIANCE, *, hold: bool = False) -> Stored:
    return await store.put("key", b"kept", lock=Lock(until(store, mode), hold))


async def remove(store: Store, version: str | None, *, bypass: bool = False) -> None:
    await store.writes.delete("bucket", DeleteObject("key", version, bypass=bypass))


async def is_kept(store: Store, version: str | None, *, bypass: bool = False) -> None:
    """Neither of the two ways to delete a version takes it."""
    before = store.dump()
    with pytest.raises(ObjectLocked, match="object protected by object lock") as refused:
        await remove(store, version, bypass=bypass)
    assert (refused.value.key, refused.value.version) == ("key", version)
    outcomes = await store.writes.delete_many("bucket", (DeleteObject("key", version, bypass=bypass),))
    assert isinstance(outcomes[0], ObjectLocked)
    assert store.dump() == before


@BOTH
async def test_a_retained_version_is_kept_until_its_time_and_not_a_millisecond_longer(
    store: Store, mode: RetentionMode
) -> None:
    stored = await locked(store, mode)
    store.clock.ms += 999
    await is_kept(store, stored.version)
    store.clock.ms += 1
    await remove(store, stored.version)
    with pytest.raises(NoSuchVersion):
        lock_of(store, stored.version)


async def test_only_governance_yields_to_bypass(store: Store) -> None:
    stored = await locked(store, COMPLIANCE)
    await is_kept(store, stored.version, bypass=True)
    other = await locked(store, GOVERNANCE)
    await is_kept(store, other.version)
    await remove(store, other.version, bypass=True)


async def test_a_legal_hold_yields_to_nothing_but_its_end(store: Store) -> None:
    stored = await store.put("key", lock=Lock(None, hold=True))
    store.clock.ms += 1000 * DAY_MS
    await is_kept(store, stored.version, bypass=True)
    await store.locking.set(SetLock("bucket", "key", stored.version, hold=False))
    await remove(store, stored.version)


async def test_a_hold_outlives_a_retention(store: Store) -> None:
    stored = await locked(store, GOVERNANCE, hold=True)
    store.clock.ms += 1001
    await is_kept(store, stored.version, bypass=True)


async def test_one_locked_version_keeps_no_other(store: Store) -> None:
    kept = await locked(store)
    free = await store.put("key", b"free")
    marker = await store.writes.delete("bucket", DeleteObject("key"))
    assert marker.marker
    for version in (free.version, marker.version):
        await remove(store, version)
    assert lock_of(store).retention is not None
    await is_kept(store, kept.version)
    outcomes = await store.writes.delete_many("bucket", (DeleteObject("other"), DeleteObject("key", kept.version)))
    assert [type(outcome).__name__ for outcome in outcomes] == ["Deleted", "ObjectLocked"]


async def test_a_lock_is_asked_for_where_object_lock_is_on_and_in_the_future(store: Store) -> None:
    await store.bucket("plain", Versioning.ENABLED)
    await store.put("source", bucket="plain")
    for lock in (Lock(until(store, GOVERNANCE)), Lock(None, hold=True), NO_LOCK):
        attributes = ObjectAttributes(lock=lock)
        with pytest.raises(InvalidRequest, match="missing Object Lock"):
            await store.put("key", bucket="plain", lock=lock)
        with pytest.raises(InvalidRequest, match="missing Object Lock"):
            store.writes.precheck(PutObject("plain", "key", attributes))
        with pytest.raises(InvalidRequest, match="missing Object Lock"):
            await store.multipart.create(CreateUpload("plain", "key", attributes))
        with pytest.raises(InvalidRequest, match="missing Object Lock"):
            await store.copying.copy(CopyObject(CopySource("plain", "source"), "plain", "key", "root", lock=lock))
    past = Lock(until(store, COMPLIANCE, 0))
    with pytest.raises(InvalidArgument, match="in the future"):
        await store.put("key", lock=past)
    with pytest.raises(InvalidArgument, match="in the future"):
        await store.multipart.create(CreateUpload("bucket", "key", ObjectAttributes(lock=past)))
    with pytest.raises(InvalidArgument, match="in the future"):
        await store.copying.copy(CopyObject(CopySource("plain", "source"), "bucket", "key", "root", lock=past))
    assert store.keys() == []


async def uploaded(store: Store, lock: Lock | None, wait_ms: int) -> Stored:
    upload = await store.multipart.create(CreateUpload("bucket", "key", ObjectAttributes(lock=lock)))
    part = await store.multipart.upload_part("bucket", "key", upload.id, 1, Pieces([b"part"]))
    store.clock.ms += wait_ms
    claims = (PartClaim(1, part.etag),)
    return await store.multipart.complete(CompleteUpload("bucket", "key", upload.id, claims))


async def test_the_default_begins_when_the_version_is_made(store: Store) -> None:
    await store.locking.configure("bucket", BucketLock(DefaultRetention(COMPLIANCE, days=2)))
    day = Retention(COMPLIANCE, store.clock.now_ms() + 2 * DAY_MS)
    await store.put("key")
    assert lock_of(store) == Lock(day)
    await store.copying.copy(CopyObject(CopySource("bucket", "key"), "bucket", "copy", "root"))
    assert lock_of(store, key="copy") == Lock(day)
    await uploaded(store, None, 5000)
    assert lock_of(store) == Lock(replace(day, until_ms=day.until_ms + 5000)), "from completion, not from the start"


async def test_what_is_asked_for_takes_the_place_of_the_default(store: Store) -> None:
    await store.locking.configure("bucket", BucketLock(DefaultRetention(COMPLIANCE, days=2)))
    short = until(store, GOVERNANCE)
    await store.put("key", lock=Lock(short, hold=True))
    assert lock_of(store) == Lock(short, hold=True)
    await store.put("key", lock=Lock(None, hold=True))
    assert lock_of(store) == Lock(Retention(COMPLIANCE, store.clock.now_ms() + 2 * DAY_MS), hold=True)
    await store.copying.copy(CopyObject(CopySource("bucket", "key"), "bucket", "copy", "root", lock=Lock(short)))
    assert lock_of(store, key="copy") == Lock(short)
    await uploaded(store, Lock(short), 10)
    assert lock_of(store) == Lock(short)
    await uploaded(store, Lock(short), 2000)
    assert lock_of(store) == Lock(short), "an upload whose date passed meanwhile is completed all the same"


async def test_a_copy_takes_no_lock_from_its_source(store: Store) -> None:
    await locked(store, hold=True)
    await store.copying.copy(CopyObject(CopySource("bucket", "key"), "bucket", "copy", "root"))
    assert lock_of(store, key="copy") == NO_LOCK


def test_the_default_applies_only_where_nothing_was_asked_for() -> None:
    configs = {ConfigKind.OBJECT_LOCK: to_text(BucketLock(DefaultRetention(GOVERNANCE, days=1)))}
    default = Retention(GOVERNANCE, 7 + DAY_MS)
    asked = Lock(Retention(COMPLIANCE, 9))
    assert lock_for(NO_CONFIGS, None, 7) == NO_LOCK
    assert lock_for({ConfigKind.OBJECT_LOCK: to_text(BucketLock())}, None, 7) == NO_LOCK
    assert lock_for(configs, None, 7) == Lock(default)
    assert lock_for(configs, Lock(None, hold=True), 7) == Lock(default, hold=True)
    assert lock_for(configs, asked, 7) == asked


async def test_object_lock_needs_versions_and_stays(store: Store) -> None:
    for versioning in (Versioning.UNVERSIONED, Versioning.SUSPENDED):
        await store.bucket(versioning.value.lower(), versioning)
        with pytest.raises(InvalidBucketState):
            await store.locking.configure(versioning.value.lower(), BucketLock())
    await store.bucket("later", Versioning.ENABLED)
    with pytest.raises(NoObjectLockConfiguration):
        store.locking.configuration("later")
    await store.locking.configure("later", BucketLock())
    assert store.locking.configuration("later") == BucketLock()
    for bucket in ("bucket", "later"):
        with pytest.raises(InvalidBucketState):
            await store.buckets.set_versioning(bucket, Versioning.SUSPENDED)
        await store.buckets.set_versioning(bucket, Versioning.ENABLED)


async def test_removing_the_default_leaves_object_lock_on(store: Store) -> None:
    await store.locking.configure("bucket", BucketLock(DefaultRetention(GOVERNANCE, years=1)))
    first = await store.put("key")
    await store.locking.configure("bucket", BucketLock())
    assert lock_of(store) != NO_LOCK
    await is_kept(store, first.version)
    await store.put("key")
    assert lock_of(store) == NO_LOCK


RetentionCase = tuple[Retention | None, bool, bool]


def changes(store: Store, mode: RetentionMode) -> list[RetentionCase]:
    """(wanted, bypass, allowed) for a version retained in ``mode`` for 1000 ms more."""
    other = COMPLIANCE if mode is GOVERNANCE else GOVERNANCE
    lifted = mode is GOVERNANCE
    return [
        (until(store, mode, 1000), False, True),
        (until(store, mode, 1001), False, True),
        (until(store, mode, 999), False, False),
        (until(store, mode, 999), True, lifted),
        (until(store, other, 5000), False, False),
        (until(store, other, 5000), True, lifted),
        (None, False, False),
        (None, True, lifted),
    ]


@BOTH
async def test_a_retention_is_prolonged_by_all_and_shortened_only_by_bypass(store: Store, mode: RetentionMode) -> None:
    for wanted, bypass, allowed in changes(store, mode):
        stored = await locked(store, mode)
        before = lock_of(store, stored.version)
        command = SetLock("bucket", "key", stored.version, retention=wanted, bypass=bypass)
        if allowed:
            await store.locking.set(command)
            assert lock_of(store, stored.version) == Lock(wanted)
        else:
            with pytest.raises(ObjectLocked):
                await store.locking.set(command)
            assert lock_of(store, stored.version) == before


@BOTH
async def test_a_retention_that_is_over_may_be_changed_freely(store: Store, mode: RetentionMode) -> None:
    for wanted in (None, until(store, GOVERNANCE, 3000), until(store, COMPLIANCE, 3000)):
        stored = await locked(store, mode)
        store.clock.ms += 1000
        await store.locking.set(SetLock("bucket", "key", stored.version, retention=wanted))
        assert lock_of(store, stored.version) == Lock(wanted)
        store.clock.ms -= 1000


async def test_retention_and_hold_change_apart(store: Store) -> None:
    await store.put("key")
    with pytest.raises(NoSuchLock):
        store.locking.retention("bucket", "key", None)
    assert store.locking.hold("bucket", "key", None) is False
    wanted = until(store, GOVERNANCE)
    await store.locking.set(SetLock("bucket", "key", None, retention=wanted))
    await store.locking.set(SetLock("bucket", "key", None, hold=True))
    assert lock_of(store) == Lock(wanted, hold=True)
    assert store.locking.retention("bucket", "key", None) == wanted
    assert store.locking.hold("bucket", "key", None) is True
    await store.locking.set(SetLock("bucket", "key", None, retention=until(store, GOVERNANCE, 2000)))
    assert lock_of(store).hold
    with pytest.raises(InvalidArgument, match="in the future"):
        await store.locking.set(SetLock("bucket", "key", None, retention=until(store, GOVERNANCE, 0)))


async def test_only_an_object_of_a_bucket_with_object_lock_takes_a_lock(store: Store) -> None:
    await store.bucket("plain", Versioning.ENABLED)
    await store.put("key", bucket="plain")
    with pytest.raises(InvalidRequest, match="missing Object Lock"):
        await store.locking.set(SetLock("plain", "key", None, hold=True))
    with pytest.raises(InvalidRequest, match="missing Object Lock"):
        store.locking.hold("plain", "key", None)
    with pytest.raises(NoSuchKey):
        await store.locking.set(SetLock("bucket", "key", None, hold=True))
    marker = await store.writes.delete("bucket", DeleteObject("key"))
    with pytest.raises(IsDeleteMarker):
        await store.locking.set(SetLock("bucket", "key", marker.version, hold=True))


class Suspended:
    """Suspends versioning below the rule that forbids it, as an older or broken store might have."""

    def __init__(self, versioning: Versioning) -> None:
        self.versioning = versioning

    def __call__(self, tx: MetadataTx) -> None:
        bucket = tx.buckets.get("bucket")
        assert bucket is not None
        tx.buckets.set_versioning(bucket.id, self.versioning)


async def copy_over(store: Store) -> None:
    await store.put("source", b"s")
    await store.copying.copy(CopyObject(CopySource("bucket", "source"), "bucket", "key", "root"))


async def put_over(store: Store) -> None:
    await store.put("key", b"new")


async def complete_over(store: Store) -> None:
    await uploaded(store, None, 0)


async def delete_current(store: Store) -> None:
    await remove(store, None)


async def delete_null(store: Store) -> None:
    await remove(store, "null")


@pytest.mark.parametrize("versioning", [Versioning.SUSPENDED, Versioning.UNVERSIONED])
@pytest.mark.parametrize("way", [put_over, copy_over, complete_over, delete_current, delete_null])
async def test_a_locked_null_version_is_not_replaced(
    way: Callable[[Store], Awaitable[None]], versioning: Versioning
) -> None:
    store = Store(Limits(part_bytes_min=1))
    await store.bucket()
    await store.put("key", b"null")
    await store.buckets.set_versioning("bucket", Versioning.ENABLED)
    await store.locking.configure("bucket", BucketLock())
    await store.locking.set(SetLock("bucket", "key", "null", retention=until(store, COMPLIANCE)))
    await store.committer.commit(Suspended(versioning))
    with pytest.raises(ObjectLocked):
        await way(store)
    assert await store.get("key", "null") == b"null"
    store.clock.ms += 1000
    await way(store)


async def test_a_bucket_with_a_locked_version_is_not_empty(store: Store) -> None:
    stored = await locked(store)
    with pytest.raises(BucketNotEmpty):
        await store.buckets.delete("bucket")
    store.clock.ms += 1000
    await remove(store, stored.version)
    await store.buckets.delete("bucket")
    await store.bucket()
    with pytest.raises(NoObjectLockConfiguration):
        store.locking.configuration("bucket")


async def test_locks_tags_and_configuration_survive_a_rebuild(store: Store) -> None:
    await store.locking.configure("bucket", BucketLock(DefaultRetention(GOVERNANCE, days=3)))
    await store.tagging.tag_bucket("bucket", (("team", "ä"),))
    stored = await locked(store, hold=True)
    await store.tagging.tag_object("bucket", "key", stored.version, (("t", "2"),))
    await store.put("default")
    await store.locking.set(SetLock("bucket", "default", None, hold=True))
    upload = await store.multipart.create(
        CreateUpload("bucket", "up", ObjectAttributes(lock=Lock(until(store, COMPLIANCE, DAY_MS))))
    )
    await store.multipart.upload_part("bucket", "up", upload.id, 1, Pieces([b"part"]))
    fresh = MemoryMetadataStore(store.clock, store.randomness)
    Rebuild(fresh, store.files).run()
    assert fresh.read(lambda view: list(logical_dump(view))) == store.dump()
    bucket_id = store.buckets.get("bucket").id
    found = fresh.read(lambda view: view.versions.current(bucket_id, "key"))
    assert found is not None
    assert found.lock == Lock(until(store, COMPLIANCE), hold=True)
    assert found.tags == (("t", "2"),)
    with pytest.raises(ObjectLocked):
        check_removable(found, store.clock.now_ms(), bypass=True)
    default = fresh.read(lambda view: view.versions.current(bucket_id, "default"))
    assert default is not None
    assert default.lock == Lock(Retention(GOVERNANCE, store.clock.now_ms() + 3 * DAY_MS), hold=True)
