"""What a use case must know before it decides: looked up the same way for reads and inside commits."""

from __future__ import annotations

from seglake.domain.model.bucket import Bucket
from seglake.domain.model.errors import IsDeleteMarker, NoSuchBucket, NoSuchKey, NoSuchVersion
from seglake.domain.model.multipart import Upload
from seglake.domain.model.names import NULL_VERSION, parse_version_id
from seglake.domain.model.version import Version, VersionEntry
from seglake.domain.ports.metadata import MetadataTables, MetadataView


def bucket_named(view: MetadataView | MetadataTables, name: str) -> Bucket:
    """The bucket, or NoSuchBucket."""
    bucket = view.buckets.get(name)
    if bucket is None:
        raise NoSuchBucket(name)
    return bucket


def version_of(view: MetadataView | MetadataTables, bucket: Bucket, key: str, version: str | None) -> Version:
    """The version asked for (None = the current one), delete markers included. NoSuchKey or NoSuchVersion."""
    if version is None:
        found = view.versions.current(bucket.id, key)
        if found is None:
            raise NoSuchKey(key)
        return found
    if version == NULL_VERSION:
        found = view.versions.null(bucket.id, key)
    else:
        stamp = parse_version_id(version)
        found = None if stamp is None else view.versions.find(bucket.id, key, stamp)
        if found is not None and found.manifest.null:
            found = None
    if found is None:
        raise NoSuchVersion(key, version)
    return found


def object_version_of(view: MetadataView | MetadataTables, bucket: Bucket, key: str, version: str | None) -> Version:
    """The version asked for, which must be an object. NoSuchKey, NoSuchVersion, IsDeleteMarker."""
    found = version_of(view, bucket, key, version)
    if found.is_marker:
        if version is None:
            raise NoSuchKey(key, marker=found.manifest.version)
        raise IsDeleteMarker(key, found.manifest.version)
    return found


def present(entry: VersionEntry | None) -> tuple[str, int, int] | None:
    """What write conditions look at: ETag, modified ms and size of an object; None for nothing or a delete marker."""
    if entry is None or entry.is_marker:
        return None
    return entry.etag, entry.modified_ms, entry.size


def running_upload(view: MetadataView | MetadataTables, bucket: Bucket, key: str, upload_id: str) -> Upload | None:
    """The upload if the id belongs to this bucket and key (A10), running or completed; else None."""
    upload = view.uploads.get(upload_id)
    if upload is None or upload.bucket_id != bucket.id or upload.key != key:
        return None
    return upload
