"""The tables of the index: reading half and writing half of each, nothing that only one engine could offer.

All methods are synchronous and see the snapshot (or the transaction) they belong to. Strings order by code point.
Iterators are lazy, hold no lock that outlives the snapshot, and end when the caller stops asking.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.bucket_config import ConfigKind, Configs
from seglake.domain.model.credential import Credential
from seglake.domain.model.encryption import RingKey
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, Pairs, VersionState
from seglake.domain.model.multipart import Part, Upload
from seglake.domain.model.object_lock import Lock
from seglake.domain.model.segment import ChunkSlice, Held, RecordRef, Segment
from seglake.domain.model.user import User
from seglake.domain.model.version import Filed, Misfiled, Version, VersionEntry


class BucketsView(Protocol):
    """Buckets by name and by id."""

    def get(self, name: str, /) -> Bucket | None: ...
    def by_id(self, bucket_id: int, /) -> Bucket | None: ...
    def scan(self, prefix: str = "", after: str = "", /) -> Iterator[Bucket]:
        """Buckets whose name begins with ``prefix`` and is above ``after``, by name."""
        ...


class Buckets(BucketsView, Protocol):
    """The writing half. ``insert`` of an existing name or id is a bug."""

    def insert(self, bucket: Bucket, /) -> None: ...
    def set_versioning(self, bucket_id: int, versioning: Versioning, /) -> None: ...
    def set_configured(self, bucket_id: int, ticks: int, /) -> None: ...
    def delete(self, bucket_id: int, /) -> None: ...


class VersionsView(Protocol):
    """All versions of all keys; within a key the newest stamp comes first and is the current version."""

    def current(self, bucket_id: int, key: str, /) -> Version | None:
        """The newest version, be it a delete marker; MetadataDamaged when its row fails its checksum."""
        ...

    def current_entry(self, bucket_id: int, key: str, /) -> VersionEntry | None: ...
    def find(self, bucket_id: int, key: str, stamp: HLC, /) -> Version | None: ...
    def null(self, bucket_id: int, key: str, /) -> Version | None:
        """The version with the id ``null``; a key has at most one."""
        ...

    def null_entry(self, bucket_id: int, key: str, /) -> VersionEntry | None:
        """The row of the version with the id ``null``, without its manifest."""
        ...

    def scan_current(self, bucket_id: int, start: str, /, *, inclusive: bool = True) -> Iterator[VersionEntry]:
        """The newest version of each key from ``start`` on, delete markers included, by key."""
        ...

    def scan_versions(self, bucket_id: int, start: str, below: HLC | None = None, /) -> Iterator[VersionEntry]:
        """Every version from key ``start`` on, by key and then newest first.

        With ``below`` the versions of the key ``start`` itself begin at stamps smaller than ``below``.
        """
        ...

    def any_in(self, bucket_id: int, /) -> bool:
        """True when the bucket holds any version or delete marker."""
        ...

    def scan_all(self) -> Iterator[tuple[Version, RecordRef]]:
        """Every version of every bucket with the place of its manifest record, by bucket, key and newest first."""
        ...

    def inspect(self, after: tuple[int, str, HLC] | None = None, /) -> Iterator[Filed | Misfiled]:
        """Every version in the order of ``scan_all``, compared with its manifest, damaged rows among them; cheaper than
        ``scan_all``. With ``after`` only those behind that place (bucket id, key, stamp)."""
        ...

    def orphans(self) -> Iterator[tuple[int, tuple[int, str, HLC] | None]]:
        """Manifests that belong to no version: the engine's number of each, and of which version it is (bucket id, key,
        stamp) as far as it can be read. A sound store has none."""
        ...

    def scan_chunks(self) -> Iterator[Held]:
        """What every version keeps alive, in no particular order; much cheaper than ``scan_all``.

        MetadataDamaged when any row is damaged, or a version lacks its manifest: nobody may guess what is alive.
        """
        ...

    def place(self, bucket_id: int, key: str, stamp: HLC, /) -> RecordRef | None:
        """Where the version's manifest record lies, None when there is no such version."""
        ...

    def count(self) -> int:
        """How many versions there are in all."""
        ...


class Versions(VersionsView, Protocol):
    """The writing half."""

    def insert(self, manifest: Manifest, ref: RecordRef, /) -> None: ...
    def delete(self, bucket_id: int, key: str, stamp: HLC, /) -> bool: ...
    def discard(self, bucket_id: int, key: str, stamp: HLC, /) -> bool:
        """Removes a version like ``delete``, but looks at no checksum: to put a sound row in the place of a damaged
        one."""
        ...

    def drop_orphan(self, number: int, /) -> None:
        """Removes a manifest that ``orphans`` named."""
        ...

    def set_state(self, bucket_id: int, key: str, stamp: HLC, state: VersionState, /) -> bool: ...
    def set_tags(self, bucket_id: int, key: str, stamp: HLC, tags: Pairs, /) -> bool: ...
    def set_lock(self, bucket_id: int, key: str, stamp: HLC, lock: Lock, /) -> bool: ...
    def set_acl(self, bucket_id: int, key: str, stamp: HLC, acl: str, /) -> bool: ...
    def set_chunks(self, bucket_id: int, key: str, stamp: HLC, chunks: tuple[ChunkSlice, ...], /) -> bool:
        """The version's bytes lie here now."""
        ...

    def set_place(self, bucket_id: int, key: str, stamp: HLC, ref: RecordRef, /) -> bool:
        """The version's manifest record lies here now."""
        ...


class UploadsView(Protocol):
    """Multipart uploads, running and completed, and the parts of running ones."""

    def get(self, upload: str, /) -> Upload | None: ...
    def scan_running(self, bucket_id: int, start: str, after: tuple[str, HLC] | None = None, /) -> Iterator[Upload]:
        """Running uploads with keys from ``start`` on, by key and then start stamp; only those above ``after`` if
        given."""
        ...

    def parts(self, upload: str, after: int = 0, /) -> Iterator[Part]:
        """Parts with numbers above ``after``, ascending."""
        ...

    def part(self, upload: str, number: int, /) -> Part | None: ...
    def part_place(self, upload: str, number: int, /) -> RecordRef | None:
        """Where the part's record lies, None when there is no such part."""
        ...

    def scan_parts(self) -> Iterator[tuple[Part, RecordRef]]:
        """Every part of every upload with the place of its record, by upload and number."""
        ...

    def scan_all(self) -> Iterator[Upload]:
        """Every upload, completed ones included, by id."""
        ...


class Uploads(UploadsView, Protocol):
    """The writing half."""

    def insert(self, upload: Upload, /) -> None: ...
    def put_part(self, part: Part, ref: RecordRef, /) -> None: ...
    def set_part_chunks(self, upload: str, number: int, chunks: tuple[ChunkSlice, ...], /) -> bool:
        """The part's bytes lie here now."""
        ...

    def set_part_place(self, upload: str, number: int, ref: RecordRef, /) -> bool:
        """The part's record lies here now."""
        ...

    def complete(self, upload: str, parts_digest: bytes, result: HLC, /) -> None:
        """Marks it completed and drops its parts (their chunks belong to the version now)."""
        ...

    def delete(self, upload: str, /) -> None:
        """Removes the upload and its parts."""
        ...


class CredentialsView(Protocol):
    """Access keys."""

    def get(self, access_key: str, /) -> Credential | None: ...
    def scan(self) -> Iterator[Credential]:
        """All, by access key."""
        ...


class Credentials(CredentialsView, Protocol):
    """The writing half."""

    def put(self, credential: Credential, /) -> None: ...
    def delete(self, access_key: str, /) -> None: ...


class ConfigsView(Protocol):
    """Configuration texts of buckets."""

    def of(self, bucket: Bucket, /) -> Configs:
        """All texts of a bucket as it was read in the same snapshot; cheap when it never had any."""
        ...


class ConfigTexts(ConfigsView, Protocol):
    """The writing half."""

    def put(self, bucket_id: int, kind: ConfigKind, text: str, /) -> None:
        """Sets one text; an empty one removes it."""
        ...

    def drop(self, bucket_id: int, /) -> None:
        """Removes all texts of a bucket."""
        ...


class UsersView(Protocol):
    """Users but for root, deleted ones included."""

    def get(self, name: str, /) -> User | None: ...
    def scan(self) -> Iterator[User]:
        """All, by name."""
        ...


class Users(UsersView, Protocol):
    """The writing half."""

    def put(self, user: User, /) -> None: ...


class RingKeysView(Protocol):
    """Keys of the built-in key ring."""

    def get(self, name: str, /) -> RingKey | None: ...
    def scan(self) -> Iterator[RingKey]:
        """All, by name."""
        ...


class RingKeys(RingKeysView, Protocol):
    """The writing half."""

    def put(self, key: RingKey, /) -> None: ...


class NotesView(Protocol):
    """Notes that background work keeps for itself. They are no part of the logical store: neither journalled nor
    rebuilt, so whoever keeps one must do right without it."""

    def get(self, name: str, /) -> str | None: ...


class Notes(NotesView, Protocol):
    """The writing half; an empty text removes a note."""

    def put(self, name: str, text: str, /) -> None: ...


class SegmentsView(Protocol):
    """Segments as the index knows them."""

    def get(self, segment: bytes, /) -> Segment | None: ...
    def scan(self) -> Iterator[Segment]:
        """All, by id."""
        ...


class Segments(SegmentsView, Protocol):
    """The writing half."""

    def put(self, segment: Segment, /) -> None: ...
    def delete(self, segment: bytes, /) -> None: ...


class SettingsView(Protocol):
    """What the store knows about itself."""

    def site(self) -> int:
        """The 32-bit id of this site, chosen when the data directory was made."""
        ...

    def last_ticks(self) -> int:
        """The ticks of the newest stamp ever given out or seen."""
        ...


class SiteSettings(SettingsView, Protocol):
    """The writing half."""

    def set_site(self, site: int, /) -> None: ...
    def set_last_ticks(self, ticks: int, /) -> None: ...
