"""Every expected failure is a type with fields; none of them knows HTTP, and a bug is an assertion instead."""

from __future__ import annotations


class SeglakeError(Exception):
    """Root of the failures that a caller can cause or must expect.

    ``hint`` is one sentence for a person: what is wrong and what to do next.
    """

    def __init__(self, hint: str = "") -> None:
        super().__init__(hint)
        self.hint = hint


class NoSuchBucket(SeglakeError):
    """The bucket does not exist."""

    def __init__(self, bucket: str) -> None:
        super().__init__(f"there is no bucket named {bucket!r}")
        self.bucket = bucket


class BucketAlreadyOwned(SeglakeError):
    """The caller's own bucket of that name exists already."""

    def __init__(self, bucket: str) -> None:
        super().__init__(f"you own the bucket {bucket!r} already")
        self.bucket = bucket


class BucketTaken(SeglakeError):
    """Somebody else's bucket has that name."""

    def __init__(self, bucket: str) -> None:
        super().__init__(f"the name {bucket!r} is taken; choose another")
        self.bucket = bucket


class BucketNotEmpty(SeglakeError):
    """The bucket holds versions, delete markers or uploads in progress."""

    def __init__(self, bucket: str, holds: str) -> None:
        super().__init__(f"the bucket {bucket!r} still holds {holds}; remove them first")
        self.bucket = bucket


class InvalidBucketName(SeglakeError):
    """The name breaks the S3 bucket naming rules."""

    def __init__(self, bucket: str, reason: str) -> None:
        super().__init__(f"{bucket[:80]!r} is not a bucket name: {reason}")
        self.bucket = bucket


class InvalidUserName(SeglakeError):
    """The name breaks the rules for user names."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name[:80]!r} is not a user name: 1 to 64 letters, digits and +=,.@_- are allowed")
        self.name = name


class InvalidKey(SeglakeError):
    """The object key is empty or not UTF-8."""


class KeyTooLong(SeglakeError):
    """The object key is longer than 1,024 bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the key has {size} bytes in UTF-8, at most 1024 are allowed")
        self.size = size


class NoSuchKey(SeglakeError):
    """No object, or a delete marker on top (then ``marker`` is its version id)."""

    def __init__(self, key: str, *, marker: str | None = None) -> None:
        super().__init__(f"there is no object with the key {key!r}")
        self.key = key
        self.marker = marker


class NoSuchVersion(SeglakeError):
    """The key has no such version."""

    def __init__(self, key: str, version: str) -> None:
        super().__init__(f"the key {key!r} has no version {version!r}")
        self.key = key
        self.version = version


class IsDeleteMarker(SeglakeError):
    """The named version is a delete marker, which has no bytes to read."""

    def __init__(self, key: str, version: str) -> None:
        super().__init__(f"version {version!r} of {key!r} is a delete marker; it can only be deleted")
        self.key = key
        self.version = version


class NoSuchUpload(SeglakeError):
    """The multipart upload does not exist, was completed, or was aborted."""

    def __init__(self, upload: str) -> None:
        super().__init__(f"there is no multipart upload {upload[:80]!r} for this bucket and key")
        self.upload = upload


class InvalidPart(SeglakeError):
    """A part named at completion is missing or its ETag or checksum differs."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"part {number}: {reason}")
        self.number = number


class InvalidPartOrder(SeglakeError):
    """The parts of a completion are not in ascending order."""


class EntityTooSmall(SeglakeError):
    """A part other than the last is below the minimum part size."""

    def __init__(self, number: int, size: int, minimum: int) -> None:
        super().__init__(f"part {number} has {size} bytes; all but the last need at least {minimum}")
        self.number = number
        self.size = size
        self.minimum = minimum


class EntityTooLarge(SeglakeError):
    """The object or part exceeds the limit (bytes)."""

    def __init__(self, size: int, maximum: int) -> None:
        super().__init__(f"{size} bytes were announced or sent, at most {maximum} are accepted (--max-object-size)")
        self.size = size
        self.maximum = maximum


class MetadataTooLarge(SeglakeError):
    """The user metadata exceeds 2 KiB."""

    def __init__(self, size: int, maximum: int) -> None:
        super().__init__(f"the user metadata has {size} bytes, at most {maximum} are allowed")
        self.size = size
        self.maximum = maximum


class IncompleteBody(SeglakeError):
    """The body ended before, or went on after, the announced length (bytes)."""

    def __init__(self, expected: int, got: int) -> None:
        super().__init__(f"{expected} bytes were announced, {got} came")
        self.expected = expected
        self.got = got


class BadDigest(SeglakeError):
    """A digest that the client sent differs from the digest of the received bytes."""

    def __init__(self, kind: str, expected: str, computed: str) -> None:
        super().__init__(f"the {kind} sent is {expected}, but the {kind} of the received bytes is {computed}")
        self.kind = kind
        self.expected = expected
        self.computed = computed


class PayloadHashMismatch(BadDigest):
    """The signed SHA-256 of the payload differs from the bytes (XAmzContentSHA256Mismatch)."""

    def __init__(self, expected: str, computed: str) -> None:
        super().__init__("x-amz-content-sha256", expected, computed)


class PreconditionFailed(SeglakeError):
    """A condition of the request does not hold; ``condition`` is its header name."""

    def __init__(self, condition: str) -> None:
        super().__init__(f"the condition {condition} does not hold")
        self.condition = condition


class PreconditionRequired(SeglakeError):
    """This bucket takes overwrites only with If-Match."""

    def __init__(self, bucket: str) -> None:
        super().__init__(f"the bucket {bucket!r} takes an overwrite only with If-Match: <current ETag>")
        self.bucket = bucket


class NotModified(SeglakeError):
    """A read's condition says that the client has this version already."""

    def __init__(self, etag: str, modified_ms: int) -> None:
        super().__init__("not modified")
        self.etag = etag
        self.modified_ms = modified_ms


class RangeNotSatisfiable(SeglakeError):
    """No requested range overlaps the object of ``size`` bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(f"no requested range overlaps the object, which has {size} bytes")
        self.size = size


class NoSuchPart(SeglakeError):
    """The object has no part of this number; ``count`` is how many it has."""

    def __init__(self, number: int, count: int) -> None:
        super().__init__("The requested partnumber is not satisfiable")
        self.number = number
        self.count = count


class InvalidTag(SeglakeError):
    """A tag breaks the rules for tags."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key = key


class TooManyTags(SeglakeError):
    """More tags than an object (10) or a bucket (50) may have."""


class InvalidArgument(SeglakeError):
    """An argument's value is not allowed."""

    def __init__(self, name: str, value: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.value = value


class InvalidRequest(SeglakeError):
    """The combination of arguments is not allowed."""


class InvalidBucketState(SeglakeError):
    """The bucket's configuration does not allow the operation."""


class ObjectLocked(SeglakeError):
    """A retention or a legal hold protects the version."""

    def __init__(self, key: str, version: str) -> None:
        super().__init__("Access Denied because object protected by object lock.")
        self.key = key
        self.version = version


class NoObjectLockConfiguration(SeglakeError):
    """Object lock was never switched on for the bucket."""

    def __init__(self, bucket: str) -> None:
        super().__init__("Object Lock configuration does not exist for this bucket")
        self.bucket = bucket


class NoSuchLock(SeglakeError):
    """The version has no retention, or never had a legal hold."""

    def __init__(self, key: str) -> None:
        super().__init__("The specified object does not have a ObjectLock configuration")
        self.key = key


class AclsDisabled(SeglakeError):
    """The bucket's owner owns every object in it (BucketOwnerEnforced), so no access control list counts there."""

    def __init__(self, bucket: str) -> None:
        super().__init__(
            "The bucket does not allow ACLs: its owner owns every object (BucketOwnerEnforced). Leave the ACL out, "
            "or change the bucket's ownership controls first"
        )
        self.bucket = bucket


class AclAgainstOwnership(SeglakeError):
    """A bucket cannot grant by an access control list and be BucketOwnerEnforced."""

    def __init__(self, bucket: str) -> None:
        super().__init__("Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
        self.bucket = bucket


class PublicAclOnNewBucket(SeglakeError):
    """A bucket is made with public access blocked, so it cannot be made with a public access control list."""

    def __init__(self, bucket: str) -> None:
        super().__init__("Bucket cannot have public ACLs set with BlockPublicAccess enabled")
        self.bucket = bucket


class AccessDenied(SeglakeError):
    """The identity may not do this."""


class Unsupported(SeglakeError):
    """Seglake does not implement what the request asks for."""


class StorageFull(SeglakeError):
    """The disk, or its reserve, has no room for these bytes."""


class ChunkCorrupt(SeglakeError):
    """Stored bytes do not match their hash; they were not served."""

    def __init__(self, segment: str, offset: int, reason: str) -> None:
        super().__init__(f"segment {segment} at byte {offset}: {reason}")
        self.segment = segment
        self.offset = offset
        self.reason = reason


class VersionDamaged(SeglakeError):
    """The version is known to be damaged and is not served."""

    def __init__(self, key: str, version: str) -> None:
        super().__init__(f"version {version!r} of {key!r} is damaged on disk; restore it from a backup or delete it")
        self.key = key
        self.version = version


class SegmentGone(SeglakeError):
    """The segment is not there (moved by a rewrite between lookup and open, or lost)."""

    def __init__(self, segment: str) -> None:
        super().__init__(f"segment {segment} is gone")
        self.segment = segment


class Busy(SeglakeError):
    """The server sheds load or is in maintenance; ``retry_after_s`` says when to come again."""

    def __init__(self, hint: str, *, retry_after_s: int = 1) -> None:
        super().__init__(hint)
        self.retry_after_s = retry_after_s


class JobStopped(SeglakeError):
    """Somebody asked the job to stop; what it did so far leaves nothing inconsistent."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the job {name!r} was stopped before its end")
        self.name = name


class UnderMaintenance(SeglakeError):
    """The store is in maintenance: it reads and does not write; ``retry_after_s`` says when to come again."""

    def __init__(self, *, retry_after_s: int = 30) -> None:
        super().__init__("the store is in maintenance: it is read, but not written to until maintenance is disabled")
        self.retry_after_s = retry_after_s


class NeedsStoppedServer(SeglakeError):
    """What was asked for changes index or files behind the back of the server that has them; nothing was done."""

    def __init__(self, command: str, pid: int) -> None:
        super().__init__(f"{command} needs the store for itself: stop the server (pid {pid}), then run it again")
        self.command = command
        self.pid = pid


class LimitReached(SeglakeError):
    """A run would do more than it was allowed to; nothing was done."""


class StoreFailed(SeglakeError):
    """A sync, commit or close failed: nothing after it is trusted and the process must restart and recover."""


class StoreClosed(SeglakeError):
    """The store is stopping or has stopped; nothing was written."""


class UnknownFormat(SeglakeError):
    """Bytes on disk carry a format version or kind that this program does not know."""


class FormatDamaged(SeglakeError):
    """Bytes on disk break their format: a bound, a checksum or a grammar."""

    def __init__(self, what: str, offset: int = 0) -> None:
        super().__init__(f"{what} (at byte {offset})")
        self.what = what
        self.offset = offset


class DataDirLocked(SeglakeError):
    """Another process holds the data directory."""


class DataDirUnusable(SeglakeError):
    """The data directory cannot be used: permissions, a newer format, not a directory."""


class MetadataDamaged(SeglakeError):
    """A metadata row fails its checksum; ``rebuild-index`` restores it from the segments."""


class SecretUnreadable(SeglakeError):
    """A sealed secret does not open: another master key, or changed bytes."""


class DecryptionFailed(SeglakeError):
    """Encrypted bytes, or a wrapped data key, do not open: another key, or changed bytes."""


class InvalidRingKeyName(SeglakeError):
    """The name breaks the rules for keys of the key ring."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name[:80]!r} is not a key name: 1 to 128 letters, digits and _-/ are allowed, and none of Seglake's own"
        )
        self.name = name


class RingKeyUnknown(SeglakeError):
    """The key ring has no key of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no key {name[:128]!r} in the key ring")
        self.name = name


class RingKeyDisabled(SeglakeError):
    """The key is disabled: nothing is encrypted or decrypted with it until it is enabled again."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the key {name[:128]!r} is disabled")
        self.name = name


class RingKeyTaken(SeglakeError):
    """The key ring has a key of this name already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is a key {name[:128]!r} already")
        self.name = name


class MalformedPolicy(SeglakeError):
    """A policy document holds something that is not understood; ``element`` is its path, as ``Statement[2].Effect``."""

    def __init__(self, element: str, reason: str) -> None:
        super().__init__(f"{element}: {reason}" if element else reason)
        self.element = element
        self.reason = reason
