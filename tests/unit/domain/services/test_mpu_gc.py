from __future__ import annotations

import pytest

from seglake.domain.model.errors import LimitReached
from seglake.domain.model.limits import Limits
from seglake.domain.model.multipart import PartClaim, Upload
from seglake.domain.services.listing import Window
from seglake.domain.services.mpu_gc import GiveUp, UploadCollector
from seglake.domain.services.multipart import CompleteUpload, CreateUpload
from seglake.domain.services.object_writes import ObjectAttributes
from tests.unit.fixtures import Pieces, Store

DAY_MS = 86_400_000


@pytest.fixture
async def store() -> Store:
    made = Store(Limits(part_bytes_min=1))
    await made.bucket()
    return made


async def begun(store: Store, key: str) -> Upload:
    upload = await store.multipart.create(CreateUpload("bucket", key, ObjectAttributes()))
    await store.multipart.upload_part("bucket", key, upload.id, 1, Pieces([b"part"]))
    return upload


def collector(store: Store) -> UploadCollector:
    return UploadCollector(store.metadata, store.committer, store.clock, store.offload)


def running(store: Store) -> list[str]:
    return [upload.key for upload in store.listings.uploads("bucket", Window()).uploads]


async def test_only_old_uploads_are_given_up(store: Store) -> None:
    old = await begun(store, "old")
    store.clock.ms += DAY_MS
    await begun(store, "young")
    work = collector(store)
    plan = await work.plan(3600)
    assert [(one.id, one.bucket, one.key, one.parts, one.bytes) for one in plan.uploads] == [
        (old.id, "bucket", "old", 1, 4)
    ]
    assert running(store) == ["old", "young"]
    assert await work.run(3600) == plan
    assert running(store) == ["young"]
    assert (await work.plan(3600)).uploads == ()


async def test_what_was_completed_counts_from_its_completion(store: Store) -> None:
    upload = await begun(store, "key")
    store.clock.ms += DAY_MS
    part = store.listings.parts("bucket", "key", upload.id).parts[0]
    command = CompleteUpload("bucket", "key", upload.id, (PartClaim(1, part.etag),))
    stored = await store.multipart.complete(command)
    assert (await collector(store).run(3600)).uploads == ()
    assert await store.multipart.complete(command) == stored
    store.clock.ms += DAY_MS
    (gone,) = (await collector(store).run(3600)).uploads
    assert gone.completed
    assert await store.get("key") == b"part", "the object is nobody's upload any more"


async def test_an_upload_completed_meanwhile_is_left_alone(store: Store) -> None:
    upload = await begun(store, "key")
    store.clock.ms += DAY_MS
    before_ms = store.clock.ms - 1000
    part = store.listings.parts("bucket", "key", upload.id).parts[0]
    await store.multipart.complete(CompleteUpload("bucket", "key", upload.id, (PartClaim(1, part.etag),)))
    assert await store.committer.commit(GiveUp((upload.id, "unknown"), before_ms)) == ()
    assert await store.get("key") == b"part"


async def test_more_than_allowed_is_refused(store: Store) -> None:
    for number in range(3):
        await begun(store, f"k{number}")
    store.clock.ms += DAY_MS
    with pytest.raises(LimitReached):
        await collector(store).run(3600, uploads_max=2)
    assert len(running(store)) == 3
