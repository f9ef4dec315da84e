"""One function turns events into table rows, whether they were just decided or are read back from the segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

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
from seglake.domain.model.manifest import VersionState
from seglake.domain.model.segment import DurableMark, RecordRef, Segment, SegmentState
from seglake.domain.ports.metadata import MetadataTables


def apply_event(tables: MetadataTables, event: Event, ref: RecordRef) -> None:  # noqa: C901 - one case an event
    """Changes the tables as ``event`` says; ``ref`` is where its record lies. Deterministic; never refuses."""
    match event:
        case VersionPut():
            _put_version(tables, event, ref)
        case PartStored():
            tables.uploads.put_part(event.part, ref)
        case VersionRemoved():
            tables.versions.delete(event.bucket_id, event.key, event.version)
        case UploadStarted():
            tables.uploads.insert(event.upload)
        case UploadAborted():
            tables.uploads.delete(event.upload)
        case BucketCreated():
            tables.buckets.insert(event.bucket)
        case BucketDeleted():
            tables.configs.drop(event.bucket_id)
            tables.buckets.delete(event.bucket_id)
        case VersioningSet():
            tables.buckets.set_versioning(event.bucket_id, event.versioning)
        case TagsSet():
            tables.versions.set_tags(event.bucket_id, event.key, event.version, event.tags)
        case LockSet():
            tables.versions.set_lock(event.bucket_id, event.key, event.version, event.lock)
        case AclSet():
            tables.versions.set_acl(event.bucket_id, event.key, event.version, event.acl)
        case BucketConfigured():
            _configure(tables, event)
        case VersionDamaged():
            tables.versions.set_state(event.bucket_id, event.key, event.version, VersionState.DAMAGED)
        case ChunksMoved():
            tables.versions.set_chunks(event.bucket_id, event.key, event.version, event.chunks)
        case PartMoved():
            part = tables.uploads.part(event.upload, event.number)
            if part is not None and part.stamp == event.part:
                tables.uploads.set_part_chunks(event.upload, event.number, event.chunks)
        case VersionGone():
            _replace_null(tables, event.bucket_id, event.key)
        case VersionRepaired():
            tables.versions.set_state(event.bucket_id, event.key, event.version, VersionState.ACTIVE)
        case CredentialPut():
            tables.credentials.put(event.credential)
        case CredentialRemoved():
            tables.credentials.delete(event.access_key)
        case UserPut():
            tables.users.put(event.user)
        case RingKeyPut():
            tables.ring_keys.put(event.key)
        case _:
            assert_never(event)


def _put_version(tables: MetadataTables, event: VersionPut, ref: RecordRef) -> None:
    manifest = event.manifest
    if manifest.null:
        _replace_null(tables, manifest.bucket_id, manifest.key)
    tables.versions.insert(manifest, ref)
    if event.parts_digest:
        tables.uploads.complete(manifest.upload, event.parts_digest, manifest.stamp)


def _replace_null(tables: MetadataTables, bucket_id: int, key: str) -> None:
    replaced = tables.versions.null_entry(bucket_id, key)
    if replaced is not None:
        tables.versions.delete(bucket_id, key, replaced.stamp)


def _configure(tables: MetadataTables, event: BucketConfigured) -> None:
    # The put of a bucket that is gone may have gone before this event: then there is nothing to configure.
    if tables.buckets.by_id(event.bucket_id) is not None:
        tables.configs.put(event.bucket_id, event.kind, event.text)
        tables.buckets.set_configured(event.bucket_id, event.stamp.ticks)


def apply_marks(tables: MetadataTables, marks: Sequence[DurableMark], now_ms: int) -> None:
    """Notes the acknowledged length of each segment that a commit made durable; a length never shrinks."""
    for mark in marks:
        known = tables.segments.get(mark.segment)
        if known is None:
            tables.segments.put(Segment(mark.segment, SegmentState.OPEN, mark.length, now_ms))
        elif mark.length > known.committed:
            tables.segments.put(replace(known, committed=mark.length))
