"""What a client may do: each operation knows how to ask the store, what the model says about it, and how to compare."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.conditions import WriteConditions
from seglake.domain.model.encryption import Protection
from seglake.domain.model.errors import (
    InvalidBucketState,
    InvalidRequest,
    SeglakeError,
)
from seglake.domain.model.manifest import Pairs
from seglake.domain.model.multipart import PartClaim
from seglake.domain.model.object_lock import BucketLock, Lock
from seglake.domain.model.ranges import ByteRange
from seglake.domain.services.buckets import CreateBucket
from seglake.domain.services.copying import CopyObject, CopyPart, CopySource
from seglake.domain.services.listing import Window
from seglake.domain.services.multipart import CompleteUpload, CreateUpload
from seglake.domain.services.object_reads import Opened, ReadObject
from seglake.domain.services.object_writes import DeleteObject, ObjectAttributes, PutObject, Stored

from .model import NULL, Kept, KeptBucket, KeptPart, KeptUpload, Model, Refusal, etag_of
from .stack import PART_BYTES_MIN, SentBody, Stack


class Operation(Protocol):
    """One request of a client, or one action of the operator."""

    def predict(self, model: Model) -> Refusal:
        """What it must be refused with."""
        ...

    async def run(self, stack: Stack) -> Any:
        """Asks the store."""
        ...

    def learn(self, model: Model, answer: Any) -> None:
        """It was accepted: compares the answer with the model, and changes the model."""
        ...


def _conditions(if_match: str | None, *, if_none_match: bool) -> WriteConditions:
    return WriteConditions(if_match=if_match, if_none_match=if_none_match)


def _shown(version: str | None) -> str:
    return NULL if version is None else version


@dataclass(frozen=True, slots=True)
class MakeBucket:
    bucket: str
    versioning: Versioning = Versioning.UNVERSIONED
    locks: bool = False

    def predict(self, model: Model) -> Refusal:
        return model.check_create(self.bucket)

    async def run(self, stack: Stack) -> Any:
        return await stack.buckets.create(CreateBucket(self.bucket, versioning=self.versioning, locks=self.locks))

    def learn(self, model: Model, answer: Any) -> None:
        model.buckets[self.bucket] = KeptBucket(self.versioning, lock=BucketLock() if self.locks else None)


@dataclass(frozen=True, slots=True)
class DropBucket:
    bucket: str

    def predict(self, model: Model) -> Refusal:
        return model.check_drop(self.bucket)

    async def run(self, stack: Stack) -> Any:
        await stack.buckets.delete(self.bucket)

    def learn(self, model: Model, answer: Any) -> None:
        del model.buckets[self.bucket]


@dataclass(frozen=True, slots=True)
class SetVersioning:
    bucket: str
    versioning: Versioning

    def predict(self, model: Model) -> Refusal:
        if model.check_bucket(self.bucket) is None and self.versioning is not Versioning.ENABLED:
            return None if model.buckets[self.bucket].lock is None else InvalidBucketState
        return model.check_bucket(self.bucket)

    async def run(self, stack: Stack) -> Any:
        await stack.buckets.set_versioning(self.bucket, self.versioning)

    def learn(self, model: Model, answer: Any) -> None:
        model.buckets[self.bucket].versioning = self.versioning


@dataclass(frozen=True, slots=True)
class Put:
    bucket: str
    key: str
    data: bytes
    metadata: Pairs = ()
    tags: Pairs = ()
    if_match: str | None = None
    if_none_match: bool = False
    lock: Lock | None = None
    protection: Protection | None = None
    """Only after MakeRingKey: making a ring key is a commit of its own."""

    def predict(self, model: Model) -> Refusal:
        refusal = model.check_write(self.bucket, self.key, self.if_match, if_none_match=self.if_none_match)
        return refusal or model.check_lock(self.bucket, self.lock)

    async def run(self, stack: Stack) -> Stored:
        attributes = ObjectAttributes(metadata=self.metadata, tags=self.tags, lock=self.lock)
        conditions = _conditions(self.if_match, if_none_match=self.if_none_match)
        command = PutObject(self.bucket, self.key, attributes, conditions, self.protection)
        return await stack.writes.put(command, SentBody(self.data))

    def learn(self, model: Model, answer: Stored) -> None:
        assert answer.etag == etag_of(self.data), "the ETag is the MD5 of the bytes"
        kept = Kept(
            _shown(answer.version),
            data=self.data,
            etag=answer.etag,
            modified_ms=answer.modified_ms,
            metadata=self.metadata,
            tags=self.tags,
            lock=model.lock_for(self.bucket, self.lock, answer.modified_ms),
        )
        model.put(self.bucket, self.key, kept)


@dataclass(frozen=True, slots=True)
class Delete:
    bucket: str
    key: str
    version: str | None = None
    if_match: str | None = None
    bypass: bool = False

    def predict(self, model: Model) -> Refusal:
        if self.version is not None:
            return model.check_remove(self.bucket, self.key, self.version, bypass=self.bypass)
        return model.check_write(self.bucket, self.key, self.if_match, if_none_match=False)

    async def run(self, stack: Stack) -> Any:
        conditions = _conditions(self.if_match, if_none_match=False)
        return await stack.writes.delete(self.bucket, DeleteObject(self.key, self.version, conditions, self.bypass))

    def learn(self, model: Model, answer: Any) -> None:
        self.take_out(model, answer)

    def take_out(self, model: Model, answer: Any) -> None:
        if self.version is not None:
            model.remove(self.bucket, self.key, self.version)
        elif model.buckets[self.bucket].versioning is Versioning.UNVERSIONED:
            model.remove(self.bucket, self.key, NULL)
        else:
            suspended = model.buckets[self.bucket].versioning is Versioning.SUSPENDED
            assert answer.marker, "a versioned delete makes a marker"
            assert (answer.version == NULL) is suspended, "a suspended bucket makes null markers"
            model.put(self.bucket, self.key, Kept(answer.version, marker=True))


@dataclass(frozen=True, slots=True)
class DeleteMany:
    bucket: str
    keys: tuple[str, ...]

    def predict(self, model: Model) -> Refusal:
        return model.check_bucket(self.bucket)

    async def run(self, stack: Stack) -> Any:
        return await stack.writes.delete_many(self.bucket, tuple([DeleteObject(key) for key in self.keys]))

    def learn(self, model: Model, answer: Any) -> None:
        for key, outcome in zip(self.keys, answer, strict=True):
            assert not isinstance(outcome, Exception), outcome
            Delete(self.bucket, key).take_out(model, outcome)


@dataclass(frozen=True, slots=True)
class SetTags:
    bucket: str
    key: str
    tags: Pairs
    version: str | None = None

    def predict(self, model: Model) -> Refusal:
        return model.check_read(self.bucket, self.key, self.version)

    async def run(self, stack: Stack) -> Any:
        return await stack.tagging.tag_object(self.bucket, self.key, self.version, self.tags)

    def learn(self, model: Model, answer: Any) -> None:
        model.set_tags(self.bucket, self.key, self.version, self.tags)


@dataclass(frozen=True, slots=True)
class Copy:
    source: tuple[str, str, str | None]
    bucket: str
    key: str
    metadata: Pairs | None = None

    def predict(self, model: Model) -> Refusal:
        bucket, key, version = self.source
        if (bucket, key) == (self.bucket, self.key) and self.metadata is None and version is None:
            return InvalidRequest
        refusal = model.check_read(bucket, key, version)
        if refusal is not None:
            found = model.find(bucket, key, version) if bucket in model.buckets else None
            return InvalidRequest if version is not None and found is not None else refusal
        return model.check_bucket(self.bucket)

    async def run(self, stack: Stack) -> Any:
        attributes = None if self.metadata is None else ObjectAttributes(metadata=self.metadata)
        command = CopyObject(CopySource(*self.source), self.bucket, self.key, "root", attributes)
        return await stack.copying.copy(command)

    def learn(self, model: Model, answer: Any) -> None:
        source = model.find(*self.source)
        assert source is not None, "the refusal was predicted"
        stored = answer.stored
        assert stored.etag == source.etag, "a copy has its source's ETag"
        kept = replace(
            source,
            version=_shown(stored.version),
            modified_ms=stored.modified_ms,
            metadata=source.metadata if self.metadata is None else self.metadata,
            lock=model.lock_for(self.bucket, None, stored.modified_ms),
        )
        model.put(self.bucket, self.key, kept)


@dataclass(frozen=True, slots=True)
class StartUpload:
    bucket: str
    key: str
    metadata: Pairs = ()

    def predict(self, model: Model) -> Refusal:
        return model.check_bucket(self.bucket)

    async def run(self, stack: Stack) -> Any:
        attributes = ObjectAttributes(metadata=self.metadata)
        return await stack.multipart.create(CreateUpload(self.bucket, self.key, attributes))

    def learn(self, model: Model, answer: Any) -> None:
        model.buckets[self.bucket].uploads[answer.id] = KeptUpload(self.key, self.metadata)


@dataclass(frozen=True, slots=True)
class SendPart:
    bucket: str
    key: str
    upload: str
    number: int
    data: bytes

    def predict(self, model: Model) -> Refusal:
        return model.check_part(self.bucket, self.key, self.upload)

    async def run(self, stack: Stack) -> Any:
        return await stack.multipart.upload_part(self.bucket, self.key, self.upload, self.number, SentBody(self.data))

    def learn(self, model: Model, answer: Any) -> None:
        upload = model.upload(self.bucket, self.key, self.upload)
        assert upload is not None, "the refusal was predicted"
        assert answer.etag == etag_of(self.data), "a part's ETag is the MD5 of its bytes"
        upload.parts[self.number] = KeptPart(self.data, answer.etag)


@dataclass(frozen=True, slots=True)
class CopyToPart:
    source: tuple[str, str, str | None]
    bucket: str
    key: str
    upload: str
    number: int
    range: tuple[int, int] | None = None
    """First byte and length; within the source."""

    def predict(self, model: Model) -> Refusal:
        return model.check_part(self.bucket, self.key, self.upload) or model.check_read(*self.source)

    async def run(self, stack: Stack) -> Any:
        chosen = None if self.range is None else ByteRange(*self.range)
        command = CopyPart(CopySource(*self.source), self.bucket, self.key, self.upload, self.number, chosen)
        return await stack.copying.copy_part(command)

    def learn(self, model: Model, answer: Any) -> None:
        upload, source = model.upload(self.bucket, self.key, self.upload), model.find(*self.source)
        assert upload is not None, "the refusal was predicted"
        assert source is not None, "the refusal was predicted"
        first, length = self.range or (0, len(source.data))
        data = source.data[first : first + length]
        assert answer.part.etag == etag_of(data), "a copied part's ETag is the MD5 of its bytes"
        upload.parts[self.number] = KeptPart(data, answer.part.etag)


@dataclass(frozen=True, slots=True)
class Complete:
    bucket: str
    key: str
    upload: str
    numbers: tuple[int, ...]
    etags: tuple[str, ...]

    def predict(self, model: Model) -> Refusal:
        return model.check_complete(
            self.bucket, self.key, self.upload, self.numbers, self.etags, part_min=PART_BYTES_MIN
        )

    async def run(self, stack: Stack) -> Any:
        claims = tuple([PartClaim(number, etag) for number, etag in zip(self.numbers, self.etags, strict=True)])
        return await stack.multipart.complete(CompleteUpload(self.bucket, self.key, self.upload, claims))

    def learn(self, model: Model, answer: Stored) -> None:
        made = model.complete(self.bucket, self.upload, self.numbers)
        assert answer.etag == made.etag, "the ETag of the parts' MD5s, and their number"
        lock = model.lock_for(self.bucket, None, answer.modified_ms)
        shown = _shown(answer.version)
        model.put(self.bucket, self.key, replace(made, version=shown, modified_ms=answer.modified_ms, lock=lock))


@dataclass(frozen=True, slots=True)
class Abort:
    bucket: str
    key: str
    upload: str

    def predict(self, model: Model) -> Refusal:
        return model.check_part(self.bucket, self.key, self.upload)

    async def run(self, stack: Stack) -> Any:
        await stack.multipart.abort(self.bucket, self.key, self.upload)

    def learn(self, model: Model, answer: Any) -> None:
        del model.buckets[self.bucket].uploads[self.upload]


@dataclass(frozen=True, slots=True)
class Get:
    bucket: str
    key: str
    version: str | None = None
    range: tuple[int, int] | None = None

    def predict(self, model: Model) -> Refusal:
        return model.check_read(self.bucket, self.key, self.version)

    async def run(self, stack: Stack) -> tuple[Opened, bytes]:
        opened = stack.reads.open(ReadObject(self.bucket, self.key, self.version))
        first, length = self.range or (0, opened.manifest.size)
        first = min(first, opened.manifest.size)
        length = min(length, opened.manifest.size - first)
        return opened, await joined(stack.reads.stream(opened, first, length))

    def learn(self, model: Model, answer: tuple[Opened, bytes]) -> None:
        kept = model.find(self.bucket, self.key, self.version)
        assert kept is not None, "the refusal was predicted"
        opened, data = answer
        first, length = self.range or (0, len(kept.data))
        assert data == kept.data[first : first + length], "the bytes that were put"
        assert opened.manifest.etag == kept.etag


@dataclass(frozen=True, slots=True)
class ListPages:
    """A whole listing in pages, beginning after a key."""

    bucket: str
    prefix: str = ""
    delimiter: str = ""
    limit: int = 1000
    after: str = ""

    def predict(self, model: Model) -> Refusal:
        return model.check_bucket(self.bucket)

    async def run(self, stack: Stack) -> list[str]:
        window, after, out = Window(self.prefix, self.delimiter, self.limit), self.after, []
        while True:
            page = stack.listings.objects(self.bucket, window, after)
            shown = sorted([*[entry.key for entry in page.entries], *page.prefixes])
            assert len(shown) <= self.limit, "a page is no longer than asked for"
            out += shown
            if page.next_after is None:
                return out
            after = page.next_after

    def learn(self, model: Model, answer: list[str]) -> None:
        shown = model.rolled(self.bucket, self.prefix, self.delimiter)
        whole = self.after if self.delimiter and self.after.endswith(self.delimiter) else None
        expected = [one for one in shown if one > self.after and one != whole]
        if self.delimiter:
            expected = [one for one in shown if one > self.after or _still_shows(model, self, one)]
        assert answer == expected, (answer, expected)


def _still_shows(model: Model, listing: ListPages, prefix: str) -> bool:
    """A common prefix not above ``after`` is listed while keys in it are - unless ``after`` is that prefix itself."""
    if not prefix.endswith(listing.delimiter) or prefix == listing.after or not listing.after.startswith(prefix):
        return False
    keys = model.buckets[listing.bucket].keys
    return any(
        key > listing.after and key.startswith(prefix) and model.current(listing.bucket, key) is not None
        for key in keys
    )


async def joined(pieces: AsyncIterator[memoryview]) -> bytes:
    """All bytes of a stream."""
    return b"".join([bytes(piece) async for piece in pieces])


def outcome_of(operation: Operation, model: Model, answer: Any) -> None:
    """Compares an answer or an error with the prediction, and teaches the model. AssertionError when they differ."""
    predicted = operation.predict(model)
    if predicted is not None:
        assert type(answer) is predicted, f"{str(operation)[:300]}: expected {predicted.__name__}, got {answer!r}"
        return
    if isinstance(answer, Exception):
        raise AssertionError(f"{str(operation)[:300]}: expected success, got {answer!r}") from answer
    operation.learn(model, answer)


async def attempt(operation: Operation, stack: Stack) -> Any:
    """The answer, or the refusal as a value."""
    try:
        return await operation.run(stack)
    except SeglakeError as refusal:
        return refusal
