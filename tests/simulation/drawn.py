"""Workloads drawn at random, on stores whose options are drawn too; a seed gives the same one again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.object_lock import BucketLock

from .locks import FAR, ChangeLock, ConfigureLock, drawn_lock, drawn_retention
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
    CloseUploads,
    Collect,
    MoveClock,
    Reopen,
    RewriteSegments,
    Seal,
    Session,
    Together,
)
from .stack import Options
from .workloads import Named


class Drawn:
    """Operations drawn at random; they know the model, so that most of them hit something."""

    BUCKETS = ("first", "second")
    KEYS = ("a", "a/b", "a/c", "b", "c/d/e", "ü")
    SIZES = (0, 1, 100, 2048, 2049, 5000, 9000)

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def data(self) -> bytes:
        return self.random.randbytes(self.random.choice(self.SIZES))

    def bucket(self) -> str:
        return self.random.choice(self.BUCKETS)

    def key(self) -> str:
        return self.random.choice(self.KEYS)

    def version(self, session: Session, bucket: str, key: str) -> str | None:
        known = [kept.version for kept in session.model.versions(bucket, key)]
        return self.random.choice([None, None, "null", *known])

    def next(self, session: Session) -> Operation:
        """The next operation for this store."""
        draw = self.random.choices(
            (
                self.write,
                self.remove,
                self.administer,
                self.upload,
                self.copy,
                self.look,
                self.operate,
                self.batch,
                self.lock,
            ),
            weights=(30, 12, 10, 16, 8, 10, 6, 8, 6),
        )[0]
        return draw(session)

    def write(self, session: Session) -> Operation:
        bucket, key, data = self.bucket(), self.key(), self.data()
        kind = self.random.randrange(8)
        current = session.model.current(bucket, key)
        if kind == 7:
            return LateRefusal(bucket, key, data)
        if kind == 0:
            return BrokenPut(bucket, key, data or b"x", short=self.random.random() < 0.5)
        if kind == 1:
            return Put(bucket, key, data, if_none_match=True)
        if kind == 2:
            return Put(
                bucket, key, data, if_match=self.random.choice(["0" * 32, "*", current.etag if current else "*"])
            )
        pairs = ((self.key(), "value"),) if kind == 3 else ()
        return Put(bucket, key, data, metadata=pairs, tags=pairs)

    def remove(self, session: Session) -> Operation:
        bucket, key = self.bucket(), self.key()
        kind = self.random.randrange(4)
        if kind == 0:
            return DeleteMany(bucket, tuple(self.random.sample(self.KEYS, 3)))
        if kind == 1:
            return Delete(bucket, key, if_match=self.random.choice(["*", "0" * 32]))
        return Delete(bucket, key, self.version(session, bucket, key), bypass=kind == 3)

    def lock(self, session: Session) -> Operation:
        bucket, key, kind = self.bucket(), self.key(), self.random.randrange(5)
        if kind == 0:
            return ConfigureLock(bucket, BucketLock(self.random.choice((None, FAR))))
        if kind == 1:
            return Put(bucket, key, self.data(), lock=drawn_lock(self.random))
        version = self.version(session, bucket, key)
        if kind == 2:
            return ChangeLock(bucket, key, version, hold=self.random.random() < 0.5)
        wanted = drawn_retention(self.random) if self.random.random() < 0.7 else None
        return ChangeLock(bucket, key, version, retention=wanted, bypass=self.random.random() < 0.5)

    def administer(self, session: Session) -> Operation:
        bucket = self.bucket()
        kind = self.random.randrange(4)
        if bucket not in session.model.buckets or kind == 0:
            versioning = self.random.choice([Versioning.UNVERSIONED, Versioning.ENABLED])
            locks = versioning is Versioning.ENABLED and self.random.random() < 0.5
            return MakeBucket(bucket, versioning, locks)
        if kind == 1:
            return DropBucket(bucket)
        if kind == 2:
            return SetVersioning(bucket, self.random.choice([Versioning.ENABLED, Versioning.SUSPENDED]))
        key = self.key()
        return SetTags(
            bucket, key, ((self.key(), "tag"),)[: self.random.randrange(2)], self.version(session, bucket, key)
        )

    def upload(self, session: Session) -> Operation:
        running = [(b, kept.key, u) for b, found in session.model.buckets.items() for u, kept in found.uploads.items()]
        if not running or self.random.random() < 0.2:
            return StartUpload(self.bucket(), self.key(), (("m", "v"),)[: self.random.randrange(2)])
        bucket, key, upload = self.random.choice(running)
        kept = session.model.buckets[bucket].uploads[upload]
        kind = self.random.randrange(10)
        if kind == 0:
            return Abort(bucket, key, upload)
        if kind == 1:
            return SendPart(bucket, self.key(), upload, 1, b"wrong key, perhaps")
        if kind <= 3 and kept.parts:
            numbers = tuple(sorted(self.random.sample(sorted(kept.parts), self.random.randint(1, len(kept.parts)))))
            etags = tuple(kept.parts[number].etag for number in numbers)
            return Complete(bucket, key, upload, numbers, etags)
        if kind == 4:
            return CopyToPart((self.bucket(), self.key(), None), bucket, key, upload, self.random.randint(1, 4))
        return SendPart(bucket, key, upload, self.random.randint(1, 4), self.data())

    def copy(self, session: Session) -> Operation:
        bucket, key = self.bucket(), self.key()
        metadata = (("copied", "yes"),) if self.random.random() < 0.3 else None
        return Copy((bucket, key, self.version(session, bucket, key)), self.bucket(), self.key(), metadata)

    def look(self, session: Session) -> Operation:
        bucket, key = self.bucket(), self.key()
        kind = self.random.randrange(3)
        if kind == 0:
            limit = self.random.choice((1, 2, 3, 1000))
            prefix = self.random.choice(("", "a", "a/", "c/"))
            after = self.random.choice(("", "a", "a/", "a/b", "c/d/e", "c/"))
            return ListPages(bucket, prefix, self.random.choice(("", "/")), limit, after)
        version = self.version(session, bucket, key)
        found = session.model.find(bucket, key, version)
        if kind == 1 and found is not None and found.data:
            first = self.random.randrange(len(found.data))
            return Get(bucket, key, version, (first, self.random.randint(1, len(found.data) - first)))
        return Get(bucket, key, version)

    def operate(self, session: Session) -> Operation:
        kind = self.random.randrange(6)
        if kind == 0:
            return Reopen()
        if kind == 1:
            return MoveClock(self.random.choice((-3_600_000, -1, 3_600_000)))
        if kind == 2:
            return Checkpoint()
        return Seal(idle=self.random.random() < 0.5)

    def batch(self, session: Session) -> Operation:
        draws = (self.write, self.write, self.remove)
        return Together(tuple(self.random.choice(draws)(session) for _ in range(self.random.randint(2, 4))))


def drawn_options(draw: Drawn) -> Options:
    """Options of a store, drawn."""
    return Options(
        segment_size=draw.random.choice((4096, 16 << 10, 1 << 20)),
        checkpoint_pages=draw.random.choice((4, 20, 1000)),
        bulk_lanes=draw.random.choice((1, 2)),
        seed=draw.random.randrange(1 << 32),
    )


def drawn(seed: int, length: int) -> Named:
    """A random workload of so many operations, on a store whose options are drawn too."""
    draw = Drawn(seed)
    options = drawn_options(draw)

    def run(session: Session) -> Iterator[Operation]:
        yield MakeBucket(draw.bucket())
        for _ in range(length - 1):
            yield draw.next(session)

    return Named(f"drawn-{seed}", run, options)


class Tidying(Drawn):
    """Collects garbage and rewrites segments in between, whenever it likes."""

    SIZES = (0, 1, 100, 2048, 2049, 5000, 5000)

    def operate(self, session: Session) -> Operation:
        kind = self.random.randrange(6)
        if kind == 0:
            return super().operate(session)
        if kind <= 2:
            return Collect(sweep=self.random.random() < 0.7)
        if kind == 3:
            return CloseUploads()
        return RewriteSegments(self.random.choice((0.3, 0.9, 2.0)), sweep=self.random.random() < 0.7)

    def next(self, session: Session) -> Operation:
        """More of what makes garbage, and of what collects it."""
        if self.random.random() < 0.35:
            return self.random.choice((self.remove, self.operate))(session)
        return super().next(session)


def tidying_options(draw: Drawn) -> Options:
    """Options of a store with small segments, drawn."""
    return replace(drawn_options(draw), segment_size=draw.random.choice((2048, 4096, 16 << 10)), rewrites=True)


def tidying(seed: int, length: int) -> Named:
    """A random workload that collects its garbage."""
    draw = Tidying(seed)
    options = tidying_options(draw)

    def run(session: Session) -> Iterator[Operation]:
        yield MakeBucket(draw.bucket())
        for _ in range(length - 1):
            yield draw.next(session)

    return Named(f"tidying-{seed}", run, options)
