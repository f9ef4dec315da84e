"""What clients do before the power fails: workloads written by hand, for every kind of change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.encryption import SSE_S3
from seglake.domain.model.object_lock import BucketLock, Lock, Retention, RetentionMode

from .locks import FAR, FAR_MS, ChangeLock, ConfigureLock
from .model import etag_of
from .operations import (
    Abort,
    Complete,
    Copy,
    CopyToPart,
    Delete,
    DeleteMany,
    DropBucket,
    Get,
    ListPages,
    MakeBucket,
    Operation,
    Put,
    SendPart,
    SetTags,
    SetVersioning,
    StartUpload,
)
from .refusals import BrokenPut, LateRefusal
from .session import (
    Checkpoint,
    LeaveRoom,
    MakeRingKey,
    MakeRootKey,
    MoveClock,
    Reopen,
    Seal,
    Session,
    Together,
    Workload,
)
from .stack import Options

B = "bucket"
SMALL = b"small"
INLINE = bytes(range(256)) * 7
BULK = bytes(range(255, -1, -1)) * 20
RESERVE = 200_000
SEVERAL_BLOCKS = bytes(range(256)) * 70


@dataclass(frozen=True, slots=True)
class Named:
    """A workload with the options of its store."""

    name: str
    run: Workload
    options: Options = field(default_factory=Options)


def _small(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    for number in range(4):
        yield Put(B, f"key-{number}", SMALL * number, metadata=(("number", str(number)),))


def _inline(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "empty", b"")
    yield Put(B, "inline", INLINE, tags=(("colour", "red"),))
    yield Put(B, "limit", bytes(2048))


def _bulk(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "bulk", BULK)
    yield Put(B, "bulk", BULK[1:])
    yield Put(B, "small", SMALL)


def _encrypted(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield MakeRingKey()
    yield Put(B, "small", SMALL, protection=SSE_S3)
    yield Put(B, "inline", INLINE, protection=SSE_S3)
    yield Put(B, "bulk", BULK, protection=SSE_S3)
    yield Put(B, "bulk", b"", protection=SSE_S3)
    yield Copy((B, "inline", None), B, "plain")
    yield Get(B, "inline", range=(3, 300))
    yield Reopen()
    yield Together((Put(B, "small", INLINE, protection=SSE_S3), Put(B, "plain", SMALL, protection=SSE_S3)))


def _large(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "large", SEVERAL_BLOCKS)
    yield Delete(B, "large")


def _overwrite(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    for number in range(4):
        yield Put(B, "same", SMALL * (number + 1))


def _mixed_overwrite(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "same", SMALL)
    yield Put(B, "same", BULK)
    yield Put(B, "same", b"")
    yield Get(B, "same")


def _versioned(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B, Versioning.ENABLED)
    yield Put(B, "key", SMALL)
    yield Put(B, "key", BULK)
    yield Delete(B, "key")
    yield Delete(B, "key", s.model.versions(B, "key")[1].version)
    yield Delete(B, "key", s.model.versions(B, "key")[0].version)


def _versioning_switched(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "key", b"null")
    yield SetVersioning(B, Versioning.ENABLED)
    yield Put(B, "key", b"enabled")
    yield SetVersioning(B, Versioning.SUSPENDED)
    yield Put(B, "key", b"null again")
    yield Delete(B, "key")


def _suspended(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B, Versioning.ENABLED)
    yield Put(B, "key", SMALL)
    yield SetVersioning(B, Versioning.SUSPENDED)
    yield Delete(B, "key")
    yield Delete(B, "key")
    yield Delete(B, "key", "null")


def _deletes(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    for key in "abcd":
        yield Put(B, key, SMALL)
    yield Delete(B, "a")
    yield Delete(B, "never there")
    yield DeleteMany(B, ("b", "c", "nor this"))


def _delete_and_put_again(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "key", SMALL)
    yield Delete(B, "key")
    yield Put(B, "key", INLINE)
    yield Delete(B, "key")


def _markers(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B, Versioning.ENABLED)
    yield Delete(B, "never there")
    yield Put(B, "key", SMALL)
    yield DeleteMany(B, ("key", "other"))
    yield Delete(B, "other", s.model.versions(B, "other")[0].version)


def _tags(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B, Versioning.ENABLED)
    yield Put(B, "key", SMALL, tags=(("a", "1"),))
    yield SetTags(B, "key", (("b", "2"),))
    yield Put(B, "key", SMALL)
    yield SetTags(B, "key", (), s.model.versions(B, "key")[1].version)


def _locks(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B, Versioning.ENABLED, locks=True)
    kept = Retention(RetentionMode.GOVERNANCE, FAR_MS)
    yield Put(B, "key", SMALL, lock=Lock(kept))
    yield ConfigureLock(B, BucketLock(FAR))
    yield Put(B, "key", INLINE)
    yield ChangeLock(B, "key", hold=True)
    first = s.model.versions(B, "key")[1].version
    yield Delete(B, "key", first)
    yield ChangeLock(B, "key", first, retention=None, bypass=True)
    yield Delete(B, "key", first)
    yield SetVersioning(B, Versioning.SUSPENDED)


def _multipart(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield StartUpload(B, "key", (("m", "p"),))
    upload = s.answers[-1].id
    parts = (BULK, INLINE, SMALL)
    for number, data in enumerate(parts, start=1):
        yield SendPart(B, "key", upload, number, data)
    yield Complete(B, "key", upload, (1, 2, 3), tuple(map(etag_of, parts)))
    yield Complete(B, "key", upload, (1, 2), tuple(map(etag_of, parts[:2])))


def _multipart_replaced_part(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B, Versioning.ENABLED)
    yield Put(B, "key", SMALL)
    yield StartUpload(B, "key")
    upload = s.answers[-1].id
    yield SendPart(B, "key", upload, 7, BULK)
    yield SendPart(B, "key", upload, 7, INLINE)
    yield Complete(B, "key", upload, (7,), (etag_of(BULK),))
    yield Complete(B, "key", upload, (7,), (etag_of(INLINE),))


def _multipart_aborted(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield StartUpload(B, "key")
    upload = s.answers[-1].id
    yield SendPart(B, "key", upload, 1, BULK)
    yield Abort(B, "key", upload)
    yield Abort(B, "key", upload)
    yield SendPart(B, "key", upload, 2, SMALL)
    yield DropBucket(B)


def _two_uploads(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield StartUpload(B, "key")
    first = s.answers[-1].id
    yield StartUpload(B, "key")
    second = s.answers[-1].id
    yield SendPart(B, "key", first, 1, SMALL)
    yield SendPart(B, "key", second, 1, BULK)
    yield Complete(B, "key", second, (1,), (etag_of(BULK),))
    yield Complete(B, "key", first, (1,), (etag_of(SMALL),))


def _copies(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield MakeBucket("other", Versioning.ENABLED)
    yield Put(B, "source", BULK, metadata=(("a", "b"),))
    yield Copy((B, "source", None), "other", "copy")
    yield Delete(B, "source")
    yield Copy(("other", "copy", None), "other", "copy", (("replaced", "yes"),))
    yield Copy(("other", "copy", s.model.versions("other", "copy")[1].version), B, "back")


def _copied_parts(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "source", BULK)
    yield StartUpload(B, "made")
    upload = s.answers[-1].id
    yield CopyToPart((B, "source", None), B, "made", upload, 1, (10, 3000))
    yield CopyToPart((B, "source", None), B, "made", upload, 2)
    yield Delete(B, "source")
    yield Complete(B, "made", upload, (1, 2), (etag_of(BULK[10:3010]), etag_of(BULK)))


def _buckets(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield MakeBucket(B)
    yield Put(B, "key", SMALL)
    yield DropBucket(B)
    yield Delete(B, "key")
    yield DropBucket(B)
    yield MakeBucket(B, Versioning.ENABLED)
    yield Put(B, "key", INLINE)


def _refused(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "key", SMALL, if_none_match=True)
    yield Put(B, "key", BULK, if_none_match=True)
    yield Put(B, "key", INLINE, if_match="0" * 32)
    yield Delete(B, "key", if_match="0" * 32)
    yield Put(B, "key", INLINE, if_match=etag_of(SMALL))
    yield Put("nowhere", "key", SMALL)


def _broken_bodies(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield BrokenPut(B, "inline", INLINE)
    yield BrokenPut(B, "bulk", BULK)
    yield BrokenPut(B, "short", BULK, short=True)
    yield Put(B, "bulk", BULK)
    yield BrokenPut(B, "bulk", SEVERAL_BLOCKS)
    yield Put(B, "small", SMALL)


def _sealed_garbage(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield BrokenPut(B, "bulk", SEVERAL_BLOCKS)
    yield Seal()
    yield Put(B, "bulk", BULK)
    yield BrokenPut(B, "bulk", SEVERAL_BLOCKS)
    yield Reopen()


def _rotation(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    for number in range(6):
        yield Put(B, f"key-{number % 3}", INLINE[number:])
        if number == 3:
            yield Seal(idle=False)


def _bulk_rotation(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    for number in range(4):
        yield Put(B, f"key-{number}", BULK[number:])
    yield Seal(idle=False)
    yield Delete(B, "key-0")


def _idle(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "key", BULK)
    yield Seal()
    yield Put(B, "key", SMALL)
    yield Seal()
    yield Seal()


def _checkpoints(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    for number in range(3):
        yield Put(B, "key", SMALL * number)
        yield Checkpoint()
    yield Delete(B, "key")


def _checkpoints_while_growing(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    for number in range(8):
        yield Put(B, f"key-{number:03}" * 20, SMALL * number)


def _restarts(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "key", BULK)
    yield Reopen()
    yield Put(B, "key", SMALL)
    yield Delete(B, "key")
    yield Reopen()
    yield Put(B, "other", SMALL)


def _clock_goes_back(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B, Versioning.ENABLED)
    yield Put(B, "key", b"first")
    yield MoveClock(-10_000_000)
    yield Put(B, "key", b"second")
    yield Reopen()
    yield Put(B, "key", b"third")
    yield MoveClock(20_000_000)
    yield Put(B, "key", b"fourth")


def _first_start(s: Session) -> Iterator[Operation]:
    yield MakeRootKey()
    yield MakeBucket(B)


def _batch(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Together((Put(B, "a", SMALL), Put(B, "b", BULK), Put(B, "c", INLINE)))
    yield Together((Delete(B, "a"), Put(B, "a", INLINE)))


def _batch_with_refusals(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "a", SMALL)
    yield Together(
        (
            Put(B, "b", SMALL),
            Put(B, "a", INLINE, if_none_match=True),
            Put(B, "c", SMALL, if_none_match=True),
            Put(B, "c", BULK, if_none_match=True),
            Delete(B, "a", if_match="0" * 32),
        )
    )
    yield Together((Put(B, "a", BULK, if_none_match=True), Put("nowhere", "a", SMALL)))
    yield Put(B, "d", SMALL)


def _late_refusals(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield LateRefusal(B, "key", INLINE)
    yield Together((Put(B, "a", SMALL), LateRefusal(B, "a", INLINE), LateRefusal(B, "b", BULK), Put(B, "b", SMALL)))
    yield Together((LateRefusal(B, "b", SMALL), Delete(B, "a"), LateRefusal(B, "c", SMALL)))
    yield Put(B, "key", SMALL)


def _batch_of_buckets(s: Session) -> Iterator[Operation]:
    yield Together((MakeBucket(B), MakeBucket("other"), MakeBucket(B)))
    yield Together((DropBucket("other"), Put("other", "key", SMALL), MakeBucket("other")))


def _full_disk(free: int) -> Workload:
    def run(s: Session) -> Iterator[Operation]:
        yield MakeBucket(B)
        yield Put(B, "key", BULK)
        yield LeaveRoom(free)
        yield Put(B, "bulk", BULK)
        yield Put(B, "inline", INLINE)
        yield Delete(B, "key")
        yield Seal()
        yield LeaveRoom(None)
        yield Put(B, "inline", INLINE)

    return run


def _full_disk_batch(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "key", SMALL)
    yield LeaveRoom(RESERVE // 2 + 4000)
    yield Together((Put(B, "a", INLINE), Delete(B, "key"), Put(B, "b", INLINE), Put(B, "c", INLINE)))
    yield LeaveRoom(None)
    yield Put(B, "key", BULK)


def _full_disk_restart(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "key", BULK)
    yield LeaveRoom(0)
    yield Reopen()
    yield Put(B, "other", SMALL)
    yield Delete(B, "key")
    yield Reopen()
    yield LeaveRoom(None)
    yield Put(B, "other", SMALL)


def _one_lane(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Together((Put(B, "a", BULK), Put(B, "b", SEVERAL_BLOCKS)))
    yield Put(B, "c", BULK)


def _listings(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B, Versioning.ENABLED)
    yield Together(tuple(Put(B, key, key.encode()) for key in ("a", "a/b", "a/c", "b", "b\0", "ü/ü", "\U00010000")))
    yield ListPages(B, delimiter="/", limit=2)
    yield Delete(B, "a/b")
    yield ListPages(B, "a", "/")


RESERVED = Options(reserve=RESERVE)
TINY = Options(segment_size=4096)
CHECKPOINTING = Options(checkpoint_pages=4)

BY_HAND: tuple[Named, ...] = (
    *(Named(run.__name__.strip("_"), run) for run in (_small, _inline, _bulk, _large, _overwrite, _mixed_overwrite)),
    *(Named(run.__name__.strip("_"), run) for run in (_versioned, _versioning_switched, _suspended, _deletes)),
    *(Named(run.__name__.strip("_"), run) for run in (_delete_and_put_again, _markers, _tags, _locks, _multipart)),
    *(Named(run.__name__.strip("_"), run) for run in (_multipart_replaced_part, _multipart_aborted, _two_uploads)),
    *(
        Named(run.__name__.strip("_"), run)
        for run in (_copies, _copied_parts, _buckets, _refused, _broken_bodies, _sealed_garbage)
    ),
    *(Named(run.__name__.strip("_"), run) for run in (_restarts, _clock_goes_back, _first_start, _batch, _listings)),
    *(Named(run.__name__.strip("_"), run) for run in (_batch_with_refusals, _late_refusals, _batch_of_buckets)),
    *(Named(f"full_disk_{free}", _full_disk(free), RESERVED) for free in (0, 500, 3000, 20_000, RESERVE // 2 + 3000)),
    Named("full_disk_batch", _full_disk_batch, RESERVED),
    Named("full_disk_restart", _full_disk_restart, RESERVED),
    Named("encrypted", _encrypted),
    Named("one_lane", _one_lane, Options(bulk_lanes=1)),
    Named("rotation", _rotation, TINY),
    Named("bulk_rotation", _bulk_rotation, TINY),
    Named("idle", _idle, TINY),
    Named("multipart_rotating", _multipart, TINY),
    Named("restarts_rotating", _restarts, TINY),
    Named("checkpoints", _checkpoints, CHECKPOINTING),
    Named("checkpoints_while_growing", _checkpoints_while_growing, CHECKPOINTING),
    Named("versioned_checkpointing", _versioned, CHECKPOINTING),
)
