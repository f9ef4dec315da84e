"""Multipart uploads: what was begun, the parts that came, and the rules of completion (API:
CompleteMultipartUpload)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .digest import Checksum, ChecksumAlgorithm, ChecksumType
from .encryption import Encryption
from .hlc import HLC
from .manifest import ROOT, Pairs
from .object_lock import NO_LOCK, Lock
from .segment import ChunkSlice

PART_NUMBER_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Upload:
    """One multipart upload, bound to bucket, key and owner.

    ``completed`` is empty while it runs; afterwards it is the digest of the part list that completed it, so that a
    repeated completion can be told from a different one, and ``result`` is the stamp of the version it made. ``lock``,
    ``acl`` and ``encryption`` are what the object will begin with.
    """

    id: str
    bucket_id: int
    key: str
    started: HLC
    owner: str = ROOT
    headers: Pairs = ()
    metadata: Pairs = ()
    tags: Pairs = ()
    algorithm: ChecksumAlgorithm | None = None
    checksum_type: ChecksumType | None = None
    completed: bytes = b""
    result: HLC | None = None
    lock: Lock = NO_LOCK
    acl: str = ""
    encryption: Encryption | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One received part: number, size in bytes, MD5 as hex, checksum if any, and its chunks."""

    upload: str
    number: int
    stamp: HLC
    size: int
    etag: str
    modified_ms: int
    checksum: Checksum | None
    chunks: tuple[ChunkSlice, ...]

    def __post_init__(self) -> None:
        assert 1 <= self.number <= PART_NUMBER_MAX, "part numbers go from 1 to 10,000"
        assert self.size == sum([chunk.take for chunk in self.chunks]), "the chunks make up the part"


class PartClaim(NamedTuple):
    """A part as the completion request names it; ``checksum`` is the wire text, or None."""

    number: int
    etag: str
    checksum: tuple[ChecksumAlgorithm, str] | None = None
