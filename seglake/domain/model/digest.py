"""Digests and checksums as values: which algorithm, which bytes, over what."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from enum import StrEnum

from .errors import InvalidRequest


class ChecksumAlgorithm(StrEnum):
    """The algorithms of ``x-amz-checksum-*`` (API: Checksum); the value is the wire name."""

    CRC32 = "CRC32"
    CRC32C = "CRC32C"
    CRC64NVME = "CRC64NVME"
    SHA1 = "SHA1"
    SHA256 = "SHA256"

    @property
    def size(self) -> int:
        """Length of the raw digest in bytes."""
        return _SIZES[self]

    @property
    def composable(self) -> bool:
        """True for CRCs: the checksum of a whole follows from those of its parts."""
        return self in _COMPOSABLE


_SIZES = {
    ChecksumAlgorithm.CRC32: 4,
    ChecksumAlgorithm.CRC32C: 4,
    ChecksumAlgorithm.CRC64NVME: 8,
    ChecksumAlgorithm.SHA1: 20,
    ChecksumAlgorithm.SHA256: 32,
}
_COMPOSABLE = frozenset((ChecksumAlgorithm.CRC32, ChecksumAlgorithm.CRC32C, ChecksumAlgorithm.CRC64NVME))


class ChecksumType(StrEnum):
    """Over the whole object, or over the concatenated digests of its parts."""

    FULL_OBJECT = "FULL_OBJECT"
    COMPOSITE = "COMPOSITE"


@dataclass(frozen=True, slots=True)
class Checksum:
    """One checksum: raw digest bytes, and for COMPOSITE the number of parts."""

    algorithm: ChecksumAlgorithm
    digest: bytes
    type: ChecksumType = ChecksumType.FULL_OBJECT
    parts: int = 0

    def __post_init__(self) -> None:
        assert len(self.digest) == self.algorithm.size, "a digest has its algorithm's length"
        assert (self.type is ChecksumType.COMPOSITE) == (self.parts > 0), "only a composite counts parts"

    @property
    def text(self) -> str:
        """The wire form: base64, with ``-N`` for a composite of N parts."""
        encoded = base64.b64encode(self.digest).decode("ascii")
        return f"{encoded}-{self.parts}" if self.parts else encoded


def multipart_type(algorithm: ChecksumAlgorithm, asked: ChecksumType | None) -> ChecksumType:
    """The checksum type of a multipart upload (S3 User Guide, "Checking object integrity", table of types).

    CRC64NVME is always FULL_OBJECT, SHA always COMPOSITE, CRC32 and CRC32C either, by default COMPOSITE.
    """
    if algorithm is ChecksumAlgorithm.CRC64NVME:
        allowed: tuple[ChecksumType, ...] = (ChecksumType.FULL_OBJECT,)
    elif algorithm.composable:
        allowed = (ChecksumType.COMPOSITE, ChecksumType.FULL_OBJECT)
    else:
        allowed = (ChecksumType.COMPOSITE,)
    if asked is None:
        return allowed[0]
    if asked not in allowed:
        raise InvalidRequest(f"the checksum type {asked} cannot be used with {algorithm} for a multipart upload")
    return asked


@dataclass(frozen=True, slots=True)
class Expectations:
    """What the client said about the payload; every digest present must match before anything commits."""

    md5: bytes | None = None
    sha256: bytes | None = None
    checksum: Checksum | None = None
    algorithm: ChecksumAlgorithm | None = None
    """Algorithm announced for the body (header or trailer) before the digest itself is known."""
