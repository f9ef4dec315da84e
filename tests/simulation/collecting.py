"""Workloads that make garbage and collect it, written by hand: each has something that a careless collector loses."""

from __future__ import annotations

from collections.abc import Iterator

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.encryption import SSE_S3

from .model import etag_of
from .operations import (
    Abort,
    Complete,
    Copy,
    CopyToPart,
    Delete,
    DropBucket,
    Get,
    MakeBucket,
    Operation,
    Put,
    SendPart,
    SetTags,
    SetVersioning,
    StartUpload,
)
from .session import (
    CloseUploads,
    Collect,
    LeaveRoom,
    MakeRingKey,
    Reopen,
    RewriteSegments,
    Session,
    Workload,
)
from .stack import Options
from .workloads import BULK, INLINE, SEVERAL_BLOCKS, SMALL, B, Named

RESERVE = 200_000


def _dead_bulk(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "gone", SEVERAL_BLOCKS)
    yield Put(B, "stays", BULK)
    yield Delete(B, "gone")
    yield Collect()
    yield Put(B, "more", BULK)
    yield Collect()


def _doomed_and_left(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "gone", SEVERAL_BLOCKS)
    yield Delete(B, "gone")
    yield Collect(sweep=False)
    yield Reopen()
    yield Put(B, "more", INLINE)
    yield Collect()


def _nothing_to_do(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "key", BULK)
    yield Collect()
    yield RewriteSegments(0.1)


def _noncurrent(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B, Versioning.ENABLED)
    yield Put(B, "key", BULK)
    yield Put(B, "key", INLINE)
    yield Delete(B, "key")
    yield Collect()
    yield RewriteSegments()
    yield Delete(B, "key", s.model.versions(B, "key")[1].version)
    yield RewriteSegments()
    yield Get(B, "key", s.model.versions(B, "key")[1].version)


def _nulls(s: Session) -> Iterator[Operation]:
    """The put that buried an older null version goes before the buried one does."""
    yield MakeBucket(B)
    yield Put(B, "key", SMALL)
    yield Put(B, "anchor", INLINE)
    yield Reopen()
    yield Put(B, "key", INLINE)
    yield Put(B, "other", SMALL)
    yield Reopen()
    yield Delete(B, "key")
    yield Reopen()
    yield RewriteSegments()
    yield RewriteSegments()
    yield Delete(B, "anchor")
    yield RewriteSegments()


def _tombstones(s: Session) -> Iterator[Operation]:
    """What removes a version lies in another segment than its put, and in one that is emptier."""
    yield MakeBucket(B, Versioning.ENABLED)
    for number in range(4):
        yield Put(B, f"key-{number}", INLINE)
    first = s.model.versions(B, "key-0")[0].version
    yield Reopen()
    yield Delete(B, "key-0", first)
    yield Reopen()
    yield RewriteSegments(0.6)
    yield RewriteSegments(2.0)
    yield RewriteSegments(2.0)


def _parts(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield StartUpload(B, "key")
    upload = s.answers[-1].id
    yield SendPart(B, "key", upload, 1, BULK)
    yield SendPart(B, "key", upload, 2, INLINE)
    yield SendPart(B, "key", upload, 2, SMALL)
    yield Reopen()
    yield Collect()
    yield RewriteSegments(2.0)
    yield Complete(B, "key", upload, (1, 2), (etag_of(BULK), etag_of(SMALL)))
    yield RewriteSegments(2.0)
    yield Get(B, "key")
    yield Delete(B, "key")
    yield CloseUploads()
    yield RewriteSegments(2.0)


def _aborted(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "anchor", SMALL)
    yield StartUpload(B, "key")
    upload = s.answers[-1].id
    yield SendPart(B, "key", upload, 1, BULK)
    yield Reopen()
    yield Abort(B, "key", upload)
    yield Collect()
    yield RewriteSegments(2.0)


def _aborted_elsewhere(s: Session) -> Iterator[Operation]:
    """An upload began in a segment that stays, and was aborted in one that is rewritten."""
    yield MakeBucket(B)
    for number in range(3):
        yield Put(B, f"anchor-{number}", INLINE)
    yield StartUpload(B, "key")
    upload = s.answers[-1].id
    yield SendPart(B, "key", upload, 1, SMALL)
    yield Reopen()
    for number in range(3):
        yield Put(B, f"gone-{number}", INLINE)
    yield Abort(B, "key", upload)
    for number in range(3):
        yield Delete(B, f"gone-{number}")
    yield Put(B, "stays", SMALL)
    yield Reopen()
    yield RewriteSegments(0.6)


def _nulls_elsewhere(s: Session) -> Iterator[Operation]:
    """A null version lies in a segment that stays; what replaced it, and is gone as well, in one that is rewritten."""
    yield MakeBucket(B)
    for number in range(3):
        yield Put(B, f"anchor-{number}", INLINE)
    yield Put(B, "key", SMALL)
    yield Reopen()
    for number in range(3):
        yield Put(B, f"gone-{number}", INLINE)
    yield Put(B, "key", INLINE)
    for number in range(3):
        yield Delete(B, f"gone-{number}")
    yield Put(B, "stays", SMALL)
    yield Delete(B, "key")
    yield Reopen()
    yield RewriteSegments(0.6)


def _copies(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield MakeBucket("other", Versioning.ENABLED)
    yield Put(B, "source", BULK)
    yield Put(B, "gone", SEVERAL_BLOCKS)
    yield Copy((B, "source", None), "other", "copy")
    yield StartUpload("other", "made")
    upload = s.answers[-1].id
    yield CopyToPart((B, "source", None), "other", "made", upload, 1, (10, 3000))
    yield Delete(B, "source")
    yield Delete(B, "gone")
    yield RewriteSegments(2.0)
    yield Complete("other", "made", upload, (1,), (etag_of(BULK[10:3010]),))
    yield Get("other", "copy")
    yield RewriteSegments(2.0)


def _tags_and_buckets(s: Session) -> Iterator[Operation]:
    yield MakeBucket("gone")
    yield Put("gone", "key", SMALL)
    yield Delete("gone", "key")
    yield DropBucket("gone")
    yield MakeBucket(B, Versioning.ENABLED)
    yield Put(B, "key", INLINE, tags=(("a", "1"),))
    yield SetTags(B, "key", (("b", "2"),))
    yield SetVersioning(B, Versioning.SUSPENDED)
    yield Reopen()
    yield RewriteSegments(2.0)
    yield MakeBucket("gone")
    yield SetTags(B, "key", ())
    yield RewriteSegments(2.0)


def _encrypted(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield MakeRingKey()
    yield Put(B, "inline", INLINE, protection=SSE_S3)
    yield Put(B, "bulk", BULK, protection=SSE_S3)
    yield RewriteSegments(2.0)
    yield Get(B, "inline")
    yield Get(B, "bulk", range=(7, 3000))


def _everything_goes(s: Session) -> Iterator[Operation]:
    yield MakeBucket(B)
    yield Put(B, "key", BULK)
    yield Delete(B, "key")
    yield DropBucket(B)
    yield RewriteSegments(2.0)
    yield Collect()
    yield MakeBucket(B)


def _full_disk(free: int) -> Workload:
    def run(s: Session) -> Iterator[Operation]:
        yield MakeBucket(B)
        yield Put(B, "large", SEVERAL_BLOCKS)
        yield Put(B, "small", SMALL)
        yield LeaveRoom(free)
        yield Delete(B, "large")
        yield Collect()
        yield Reopen()
        yield Collect()
        yield LeaveRoom(None)
        yield Put(B, "small", BULK)

    return run


TINY = Options(segment_size=4096, rewrites=True)
WIDE = Options(rewrites=True)

COLLECTING: tuple[Named, ...] = (
    *(
        Named(f"collect{run.__name__}", run, TINY)
        for run in (_dead_bulk, _doomed_and_left, _nothing_to_do, _noncurrent, _nulls, _tombstones, _parts, _aborted)
    ),
    *(Named(f"collect{run.__name__}", run, TINY) for run in (_copies, _tags_and_buckets, _encrypted, _everything_goes)),
    *(Named(f"collect{run.__name__}_wide", run, WIDE) for run in (_noncurrent, _nulls, _parts, _copies)),
    Named("collect_aborted_elsewhere", _aborted_elsewhere, WIDE),
    Named("collect_nulls_elsewhere", _nulls_elsewhere, WIDE),
    *(Named(f"collect_full_disk_{free}", _full_disk(free), Options(reserve=RESERVE)) for free in (0, 3000)),
)
