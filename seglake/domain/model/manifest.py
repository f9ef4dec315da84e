"""A manifest describes one version completely: with the chunks it names it is enough to rebuild the index."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from .digest import Checksum
from .encryption import Encryption
from .hlc import HLC
from .names import NULL_VERSION, version_id
from .object_lock import NO_LOCK, Lock
from .segment import ChunkSlice

Pairs = tuple[tuple[str, str], ...]
"""Names and values in a fixed order."""

ROOT = "root"
"""The owner of everything that nobody else owns."""


class VersionKind(IntEnum):
    """An object with bytes, or a delete marker."""

    OBJECT = 1
    MARKER = 2


class VersionState(IntEnum):
    """Whether a version is served; DAMAGED ones answer with an error until repaired or deleted."""

    ACTIVE = 1
    DAMAGED = 2
    CONFLICT = 3


@dataclass(frozen=True, slots=True)
class PartLayout:
    """One part of a completed multipart object: number (1...10,000), size in bytes, its checksum if it had one."""

    number: int
    size: int
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One version of one key. Sizes in bytes, times in milliseconds since the epoch.

    ``headers`` are the system headers to give back (lower-case name, value), ``metadata`` the user's pairs without
    ``x-amz-meta-``. ``etag`` has no quotes. ``null`` versions show the id ``null``. ``upload`` is the id of the
    multipart upload it completes, if any. ``lock`` and ``acl`` (the text of an access control list, empty = private)
    are those it began with. Where ``encryption`` is set, the chunks hold ciphertext and their ``skip`` and ``take``
    count bytes of the plaintext.
    """

    bucket_id: int
    bucket: str
    key: str
    stamp: HLC
    kind: VersionKind
    null: bool
    size: int = 0
    etag: str = ""
    modified_ms: int = 0
    owner: str = ROOT
    headers: Pairs = ()
    metadata: Pairs = ()
    tags: Pairs = ()
    checksum: Checksum | None = None
    parts: tuple[PartLayout, ...] = ()
    chunks: tuple[ChunkSlice, ...] = ()
    upload: str = ""
    lock: Lock = NO_LOCK
    acl: str = ""
    encryption: Encryption | None = None

    def check(self) -> None:
        """Raises AssertionError when the manifest contradicts itself; called where one is made or decoded."""
        assert self.size == sum([chunk.take for chunk in self.chunks]), "the chunks make up the object"
        assert self.kind is VersionKind.OBJECT or not (self.size or self.etag), "a delete marker has no bytes"
        assert not self.parts or self.size == sum([part.size for part in self.parts]), "the parts make up the object"

    @property
    def version(self) -> str:
        """The public version id."""
        return NULL_VERSION if self.null else version_id(self.stamp)

    @property
    def is_marker(self) -> bool:
        """True for a delete marker."""
        return self.kind is VersionKind.MARKER
