"""Every state change is one event; replaying all events in stamp order over nothing gives the same state again."""

from __future__ import annotations

from dataclasses import dataclass

from .bucket import Bucket, Versioning
from .bucket_config import ConfigKind
from .credential import Credential
from .encryption import RingKey
from .hlc import HLC
from .manifest import Manifest, Pairs
from .multipart import Part, Upload
from .object_lock import Lock
from .segment import ChunkSlice
from .user import User


@dataclass(frozen=True, slots=True)
class BucketCreated:
    """A bucket came to be; its own creation stamp is the event's."""

    bucket: Bucket

    @property
    def stamp(self) -> HLC:
        """When."""
        return self.bucket.created


@dataclass(frozen=True, slots=True)
class BucketDeleted:
    """An empty bucket went away."""

    stamp: HLC
    bucket_id: int


@dataclass(frozen=True, slots=True)
class VersioningSet:
    """A bucket keeps versions from now on, or stops."""

    stamp: HLC
    bucket_id: int
    versioning: Versioning


@dataclass(frozen=True, slots=True)
class VersionPut:
    """A version (object or delete marker) is the newest of its key; a null version replaces the null version before it.

    ``parts_digest`` is set when it completes the multipart upload named by the manifest.
    """

    manifest: Manifest
    parts_digest: bytes = b""

    @property
    def stamp(self) -> HLC:
        """When."""
        return self.manifest.stamp


@dataclass(frozen=True, slots=True)
class VersionRemoved:
    """One version is gone for good."""

    stamp: HLC
    bucket_id: int
    key: str
    version: HLC


@dataclass(frozen=True, slots=True)
class VersionDamaged:
    """A version was found damaged on disk and is no longer served."""

    stamp: HLC
    bucket_id: int
    key: str
    version: HLC


@dataclass(frozen=True, slots=True)
class VersionGone:
    """Stands where a null version's put stood that nobody needs any more: it replaced the null version before it.

    Never decided by a request: rewriting a segment leaves it in the place, and with the stamp, of such a put.
    """

    stamp: HLC
    bucket_id: int
    key: str


@dataclass(frozen=True, slots=True)
class ChunksMoved:
    """The bytes of one version lie here now. Only the places differ: every chunk is the same as before, byte for
    byte."""

    stamp: HLC
    bucket_id: int
    key: str
    version: HLC
    chunks: tuple[ChunkSlice, ...]


@dataclass(frozen=True, slots=True)
class PartMoved:
    """As ``ChunksMoved``, for the part that came with the stamp ``part``."""

    stamp: HLC
    upload: str
    number: int
    part: HLC
    chunks: tuple[ChunkSlice, ...]


@dataclass(frozen=True, slots=True)
class VersionRepaired:
    """A version that was marked damaged was read again whole and is served from now on."""

    stamp: HLC
    bucket_id: int
    key: str
    version: HLC


@dataclass(frozen=True, slots=True)
class TagsSet:
    """The tags of one version are these now."""

    stamp: HLC
    bucket_id: int
    key: str
    version: HLC
    tags: Pairs


@dataclass(frozen=True, slots=True)
class LockSet:
    """What protects one version is this now."""

    stamp: HLC
    bucket_id: int
    key: str
    version: HLC
    lock: Lock


@dataclass(frozen=True, slots=True)
class AclSet:
    """The access control list of one version is this now (its text; empty = private)."""

    stamp: HLC
    bucket_id: int
    key: str
    version: HLC
    acl: str


@dataclass(frozen=True, slots=True)
class BucketConfigured:
    """One kind of a bucket's configuration is this text now; empty removes it."""

    stamp: HLC
    bucket_id: int
    kind: ConfigKind
    text: str


@dataclass(frozen=True, slots=True)
class UploadStarted:
    """A multipart upload began."""

    upload: Upload

    @property
    def stamp(self) -> HLC:
        """When."""
        return self.upload.started


@dataclass(frozen=True, slots=True)
class PartStored:
    """A part came; it replaces an earlier one of its number."""

    part: Part

    @property
    def stamp(self) -> HLC:
        """When."""
        return self.part.stamp


@dataclass(frozen=True, slots=True)
class UploadAborted:
    """A multipart upload and its parts are gone."""

    stamp: HLC
    upload: str


@dataclass(frozen=True, slots=True)
class CredentialPut:
    """An access key was made or changed."""

    stamp: HLC
    credential: Credential


@dataclass(frozen=True, slots=True)
class CredentialRemoved:
    """An access key is gone."""

    stamp: HLC
    access_key: str


@dataclass(frozen=True, slots=True)
class UserPut:
    """A user was made or changed."""

    stamp: HLC
    user: User


@dataclass(frozen=True, slots=True)
class RingKeyPut:
    """A key of the key ring was made, got a new version, or was enabled, disabled or sealed anew."""

    stamp: HLC
    key: RingKey


Event = (
    BucketCreated
    | BucketDeleted
    | VersioningSet
    | VersionPut
    | VersionRemoved
    | VersionDamaged
    | VersionRepaired
    | VersionGone
    | ChunksMoved
    | PartMoved
    | TagsSet
    | LockSet
    | AclSet
    | BucketConfigured
    | UploadStarted
    | PartStored
    | UploadAborted
    | CredentialPut
    | CredentialRemoved
    | UserPut
    | RingKeyPut
)
