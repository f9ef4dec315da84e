"""What the index says about one version: the columns a listing shows, or the manifest with its present state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .hlc import HLC
from .manifest import Manifest, Pairs, VersionKind, VersionState
from .names import NULL_VERSION, version_id
from .object_lock import NO_LOCK, Lock
from .segment import RecordRef


class VersionEntry(NamedTuple):
    """One row of the version index (sizes in bytes, times in ms since the epoch); cheap to make by the thousand."""

    bucket_id: int
    key: str
    stamp: HLC
    kind: VersionKind
    null: bool
    state: VersionState
    size: int
    etag: str
    modified_ms: int
    owner: str
    storage_class: str
    checksum: str
    """``ALGORITHM/TYPE`` or empty."""

    @property
    def version(self) -> str:
        """The public version id."""
        return NULL_VERSION if self.null else version_id(self.stamp)

    @property
    def is_marker(self) -> bool:
        """True for a delete marker."""
        return self.kind == VersionKind.MARKER


@dataclass(frozen=True, slots=True)
class Version:
    """A version with its manifest; ``tags``, ``lock`` and ``acl`` are the present ones and may have changed."""

    manifest: Manifest
    state: VersionState
    tags: Pairs
    lock: Lock = NO_LOCK
    acl: str = ""

    @property
    def is_marker(self) -> bool:
        """True for a delete marker."""
        return self.manifest.kind is VersionKind.MARKER


class Filed(NamedTuple):
    """A version as an inspection needs it: its row and its manifest agree, and no manifest was made of them.

    ``chunks`` are (segment, offset, length, BLAKE3) of whole chunks, ``ref`` is where the record of its manifest lies,
    ``content`` the CRC-64 of the manifest as the record holds it.
    """

    bucket_id: int
    key: str
    stamp: HLC
    damaged: bool
    chunks: list[tuple[bytes, int, int, bytes]]
    ref: RecordRef
    content: int


class Misfiled(NamedTuple):
    """A version's row, or its manifest's, that is not what was written. Its own place may be what is wrong."""

    bucket_id: int
    key: str
    stamp: HLC
    reason: str


def entry_of(manifest: Manifest, state: VersionState = VersionState.ACTIVE) -> VersionEntry:
    """The index row of a manifest."""
    checksum = manifest.checksum
    storage_class = "STANDARD"
    for name, value in manifest.headers:
        if name == "x-amz-storage-class":
            storage_class = value
    return VersionEntry(
        manifest.bucket_id,
        manifest.key,
        manifest.stamp,
        manifest.kind,
        manifest.null,
        state,
        manifest.size,
        manifest.etag,
        manifest.modified_ms,
        manifest.owner,
        storage_class,
        f"{checksum.algorithm}/{checksum.type}" if checksum else "",
    )
