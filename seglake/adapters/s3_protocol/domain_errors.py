"""Every expected failure of the domain has exactly one S3 answer; a type without a row is a bug that a test finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.http_dates import http_date
from seglake.domain.model import errors as domain

Extra = tuple[tuple[str, str], ...]


def _none(_error: Any) -> Extra:
    return ()


def _bucket(error: Any) -> Extra:
    return (("BucketName", error.bucket),)


def _key(error: Any) -> Extra:
    return (("Key", error.key),)


def _version(error: Any) -> Extra:
    return (("Key", error.key), ("VersionId", error.version))


# The types that readers of an S3 answer may learn about, with the elements that S3 adds to its Error document.
_ROWS: dict[type[domain.SeglakeError], tuple[ErrorCode, Callable[[Any], Extra]]] = {
    domain.NoSuchBucket: (ErrorCode.NoSuchBucket, _bucket),
    domain.BucketAlreadyOwned: (ErrorCode.BucketAlreadyOwnedByYou, _bucket),
    domain.BucketTaken: (ErrorCode.BucketAlreadyExists, _bucket),
    domain.BucketNotEmpty: (ErrorCode.BucketNotEmpty, _bucket),
    domain.InvalidBucketName: (ErrorCode.InvalidBucketName, _bucket),
    domain.InvalidKey: (ErrorCode.InvalidArgument, _none),
    domain.KeyTooLong: (
        ErrorCode.KeyTooLongError,
        lambda e: (("Size", str(e.size)), ("MaxSizeAllowed", "1024")),
    ),
    domain.NoSuchKey: (ErrorCode.NoSuchKey, _key),
    domain.NoSuchVersion: (ErrorCode.NoSuchVersion, _version),
    domain.IsDeleteMarker: (ErrorCode.MethodNotAllowed, _none),
    domain.NoSuchUpload: (ErrorCode.NoSuchUpload, lambda e: (("UploadId", e.upload),)),
    domain.InvalidPart: (ErrorCode.InvalidPart, lambda e: (("PartNumber", str(e.number)),)),
    domain.InvalidPartOrder: (ErrorCode.InvalidPartOrder, _none),
    domain.EntityTooSmall: (
        ErrorCode.EntityTooSmall,
        lambda e: (
            ("PartNumber", str(e.number)),
            ("ProposedSize", str(e.size)),
            ("MinSizeAllowed", str(e.minimum)),
        ),
    ),
    domain.EntityTooLarge: (
        ErrorCode.EntityTooLarge,
        lambda e: (("ProposedSize", str(e.size)), ("MaxSizeAllowed", str(e.maximum))),
    ),
    domain.MetadataTooLarge: (
        ErrorCode.MetadataTooLarge,
        lambda e: (("Size", str(e.size)), ("MaxSizeAllowed", str(e.maximum))),
    ),
    domain.IncompleteBody: (ErrorCode.IncompleteBody, _none),
    domain.PayloadHashMismatch: (
        ErrorCode.XAmzContentSHA256Mismatch,
        lambda e: (("ClientComputedContentSHA256", e.expected), ("S3ComputedContentSHA256", e.computed)),
    ),
    domain.BadDigest: (
        ErrorCode.BadDigest,
        lambda e: (("ExpectedDigest", e.expected), ("CalculatedDigest", e.computed)),
    ),
    domain.PreconditionFailed: (ErrorCode.PreconditionFailed, lambda e: (("Condition", e.condition),)),
    domain.PreconditionRequired: (ErrorCode.PreconditionFailed, lambda _e: (("Condition", "If-Match"),)),
    domain.NotModified: (ErrorCode.NotModified, _none),
    domain.RangeNotSatisfiable: (ErrorCode.InvalidRange, lambda e: (("ActualObjectSize", str(e.size)),)),
    domain.NoSuchPart: (
        ErrorCode.InvalidPartNumber,
        lambda e: (("PartNumberRequested", str(e.number)), ("ActualPartCount", str(e.count))),
    ),
    domain.InvalidTag: (ErrorCode.InvalidTag, lambda e: (("TagKey", e.key[:200]),)),
    domain.TooManyTags: (ErrorCode.BadRequest, _none),
    domain.InvalidArgument: (
        ErrorCode.InvalidArgument,
        lambda e: (("ArgumentName", e.name), ("ArgumentValue", e.value[:200])),
    ),
    domain.InvalidRequest: (ErrorCode.InvalidRequest, _none),
    domain.MalformedPolicy: (ErrorCode.MalformedPolicy, lambda e: (("Detail", e.element),) if e.element else ()),
    domain.InvalidBucketState: (ErrorCode.InvalidBucketState, _none),
    domain.ObjectLocked: (ErrorCode.AccessDenied, _none),
    domain.NoObjectLockConfiguration: (ErrorCode.ObjectLockConfigurationNotFoundError, _bucket),
    domain.NoSuchLock: (ErrorCode.NoSuchObjectLockConfiguration, _key),
    domain.AclsDisabled: (ErrorCode.AccessControlListNotSupported, _bucket),
    domain.AclAgainstOwnership: (ErrorCode.InvalidBucketAclWithObjectOwnership, _bucket),
    domain.PublicAclOnNewBucket: (ErrorCode.InvalidBucketAclWithBlockPublicAccessError, _bucket),
    domain.AccessDenied: (ErrorCode.AccessDenied, _none),
    domain.Unsupported: (ErrorCode.NotImplemented, _none),
    domain.RingKeyUnknown: (ErrorCode.KMSNotFound, _none),
    domain.RingKeyDisabled: (ErrorCode.KMSDisabled, _none),
    domain.RingKeyTaken: (ErrorCode.InvalidRequest, _none),
    domain.InvalidRingKeyName: (ErrorCode.InvalidRequest, _none),
    domain.StorageFull: (ErrorCode.StorageFull, _none),
    domain.Busy: (ErrorCode.SlowDown, _none),
    domain.UnderMaintenance: (ErrorCode.ServiceUnavailable, _none),
    domain.StoreClosed: (ErrorCode.ServiceUnavailable, _none),
}

# Failures of the store itself: the client learns that it was not its fault, the log learns the rest.
INTERNAL: frozenset[type[domain.SeglakeError]] = frozenset(
    (
        domain.ChunkCorrupt,
        domain.VersionDamaged,
        domain.SegmentGone,
        domain.JobStopped,
        domain.LimitReached,
        domain.StoreFailed,
        domain.UnknownFormat,
        domain.FormatDamaged,
        domain.DataDirLocked,
        domain.DataDirUnusable,
        domain.MetadataDamaged,
        domain.SecretUnreadable,
        domain.DecryptionFailed,
    )
)


def _headers(error: domain.SeglakeError) -> Extra:
    match error:
        case domain.NoSuchKey(marker=str() as marker):
            return ("x-amz-delete-marker", "true"), ("x-amz-version-id", marker)
        case domain.IsDeleteMarker():
            return ("x-amz-delete-marker", "true"), ("x-amz-version-id", error.version), ("Allow", "DELETE")
        case domain.RangeNotSatisfiable():
            return (("Content-Range", f"bytes */{error.size}"),)
        case domain.NotModified():
            return ("ETag", f'"{error.etag}"'), ("Last-Modified", http_date(error.modified_ms // 1000))
        case domain.Busy() | domain.UnderMaintenance():
            return (("Retry-After", str(error.retry_after_s)),)
        case _:
            return ()


def to_s3(error: domain.SeglakeError) -> S3Error:
    """The S3 answer to a domain error; internal ones say only that they are."""
    if isinstance(error, S3Error):
        return error
    row = _ROWS.get(type(error))
    if row is None:
        assert type(error) in INTERNAL, f"{type(error).__name__} has no S3 answer"
        if isinstance(error, domain.StoreFailed):
            return S3Error(ErrorCode.ServiceUnavailable, "the store has stopped after a disk error; see its log")
        if isinstance(error, domain.VersionDamaged | domain.ChunkCorrupt | domain.SegmentGone):
            return S3Error(
                ErrorCode.InternalError, "the stored bytes of this object are damaged and were not served; see the log"
            )
        return S3Error(ErrorCode.InternalError)
    code, extra = row
    return S3Error(code, error.hint, extra=extra(error), headers=_headers(error))
