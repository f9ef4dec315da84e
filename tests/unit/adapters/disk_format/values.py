"""Hypothesis strategies for everything that is written into segments."""

from __future__ import annotations

from hypothesis import strategies as st

from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.credential import Credential, KeyPolicy
from seglake.domain.model.digest import Checksum, ChecksumAlgorithm, ChecksumType
from seglake.domain.model.encryption import Encryption, EncryptionKind, RingKey
from seglake.domain.model.events import (
    AclSet,
    BucketConfigured,
    BucketCreated,
    BucketDeleted,
    ChunksMoved,
    CredentialPut,
    CredentialRemoved,
    Event,
    LockSet,
    PartMoved,
    PartStored,
    RingKeyPut,
    TagsSet,
    UploadAborted,
    UploadStarted,
    UserPut,
    VersionDamaged,
    VersionGone,
    VersioningSet,
    VersionPut,
    VersionRemoved,
    VersionRepaired,
)
from seglake.domain.model.hlc import HLC, SITE_MAX, TICKS_MAX
from seglake.domain.model.manifest import Manifest, PartLayout, VersionKind
from seglake.domain.model.multipart import Part, Upload
from seglake.domain.model.object_lock import NO_LOCK, Lock, Retention, RetentionMode
from seglake.domain.model.segment import CHUNK_BYTES, ChunkSlice
from seglake.domain.model.user import User, UserState

words = st.text(max_size=12)
keys = st.text(min_size=1, max_size=40)
pairs = st.lists(st.tuples(words, words), max_size=3).map(tuple)
numbers = st.integers(0, TICKS_MAX)
stamps = st.builds(HLC, numbers, st.integers(0, SITE_MAX))
names = st.text(min_size=1, max_size=12)
sealed_keys = st.binary(min_size=1, max_size=60)
retentions = st.builds(Retention, st.sampled_from(RetentionMode), numbers)
locks = st.just(NO_LOCK) | st.builds(Lock, st.none() | retentions, st.booleans())
ring_encryptions = st.builds(
    Encryption,
    st.sampled_from((EncryptionKind.S3, EncryptionKind.KMS)),
    sealed_keys,
    key=names,
    key_version=numbers,
    bucket_key=st.booleans(),
)
customer_encryptions = st.builds(Encryption, st.just(EncryptionKind.CUSTOMER), sealed_keys, key_md5=names)
encryptions = st.none() | ring_encryptions | customer_encryptions
segments = st.sampled_from([bytes((number,)) * 16 for number in range(3)])


@st.composite
def chunk_slices(draw: st.DrawFn) -> ChunkSlice:
    length = draw(st.integers(0, CHUNK_BYTES))
    skip = draw(st.integers(0, length) | st.just(0))
    take = draw(st.integers(0, length - skip) | st.just(length - skip))
    return ChunkSlice(draw(segments), draw(numbers), length, draw(st.binary(min_size=32, max_size=32)), skip, take)


chunk_lists = st.lists(chunk_slices(), max_size=4).map(tuple)


@st.composite
def checksums(draw: st.DrawFn) -> Checksum:
    algorithm = draw(st.sampled_from(ChecksumAlgorithm))
    digest = draw(st.binary(min_size=algorithm.size, max_size=algorithm.size))
    parts = draw(st.integers(0, 10_000))
    kind = ChecksumType.COMPOSITE if parts else ChecksumType.FULL_OBJECT
    return Checksum(algorithm, digest, kind, parts)


@st.composite
def layouts(draw: st.DrawFn, size: int) -> tuple[PartLayout, ...]:
    cut = draw(st.integers(0, size))
    numbered = [(draw(st.integers(1, 9)), cut), (draw(st.integers(10, 10_000)), size - cut)]
    return tuple([PartLayout(number, part, draw(st.none() | checksums())) for number, part in numbered])


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    marker = draw(st.booleans())
    chunks = () if marker else draw(chunk_lists)
    size = sum(chunk.take for chunk in chunks)
    return Manifest(
        bucket_id=draw(numbers),
        bucket=draw(words),
        key=draw(keys),
        stamp=draw(stamps),
        kind=VersionKind.MARKER if marker else VersionKind.OBJECT,
        null=draw(st.booleans()),
        size=size,
        etag="" if marker else draw(words),
        modified_ms=draw(numbers),
        owner=draw(words | st.just("root")),
        headers=draw(pairs),
        metadata=draw(pairs),
        tags=draw(pairs),
        checksum=draw(st.none() | checksums()),
        parts=() if marker or draw(st.booleans()) else draw(layouts(size)),
        chunks=chunks,
        upload=draw(words),
        lock=draw(locks),
        acl=draw(words),
        encryption=draw(encryptions),
    )


@st.composite
def parts(draw: st.DrawFn) -> Part:
    chunks = draw(chunk_lists)
    return Part(
        upload=draw(words),
        number=draw(st.integers(1, 10_000)),
        stamp=draw(stamps),
        size=sum(chunk.take for chunk in chunks),
        etag=draw(words),
        modified_ms=draw(numbers),
        checksum=draw(st.none() | checksums()),
        chunks=chunks,
    )


uploads = st.builds(
    Upload,
    id=words,
    bucket_id=numbers,
    key=keys,
    started=stamps,
    owner=words,
    headers=pairs,
    metadata=pairs,
    tags=pairs,
    algorithm=st.none() | st.sampled_from(ChecksumAlgorithm),
    checksum_type=st.none() | st.sampled_from(ChecksumType),
    completed=st.binary(max_size=32),
    result=st.none() | stamps,
    lock=locks,
    acl=words,
    encryption=encryptions,
)
credentials = st.builds(
    Credential,
    access_key=words,
    sealed=st.binary(max_size=80),
    user=words,
    policy=st.sampled_from([policy.value for policy in KeyPolicy]) | words.map('{{"Statement":[{0!r}]}}'.format),
    buckets=st.lists(words, max_size=3).map(tuple),
    enabled=st.booleans(),
    created_ms=numbers,
)
users = st.builds(User, words, st.sampled_from(UserState), numbers)
ring_keys = st.builds(RingKey, names, st.lists(sealed_keys, min_size=1, max_size=3).map(tuple), st.booleans(), numbers)
buckets = st.builds(Bucket, words, stamps, st.sampled_from(Versioning), words | st.just("root"), words)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(VersionPut, manifests(), st.binary(max_size=32)),
    st.builds(BucketCreated, buckets),
    st.builds(BucketDeleted, stamps, numbers),
    st.builds(VersioningSet, stamps, numbers, st.sampled_from(Versioning)),
    st.builds(VersionRemoved, stamps, numbers, keys, stamps),
    st.builds(VersionDamaged, stamps, numbers, keys, stamps),
    st.builds(VersionRepaired, stamps, numbers, keys, stamps),
    st.builds(VersionGone, stamps, numbers, keys),
    st.builds(ChunksMoved, stamps, numbers, keys, stamps, chunk_lists),
    st.builds(PartMoved, stamps, words, st.integers(1, 10_000), stamps, chunk_lists),
    st.builds(TagsSet, stamps, numbers, keys, stamps, pairs),
    st.builds(UploadStarted, uploads),
    st.builds(PartStored, parts()),
    st.builds(UploadAborted, stamps, words),
    st.builds(CredentialPut, stamps, credentials),
    st.builds(CredentialRemoved, stamps, words),
    st.builds(LockSet, stamps, numbers, keys, stamps, locks),
    st.builds(AclSet, stamps, numbers, keys, stamps, words),
    st.builds(BucketConfigured, stamps, numbers, st.sampled_from(ConfigKind), words),
    st.builds(UserPut, stamps, users),
    st.builds(RingKeyPut, stamps, ring_keys),
)
