"""Hash functions: for each algorithm the library that is fastest here; large input never blocks other threads for long.

BLAKE3, MD5, SHA and zlib's CRC32 let go of the interpreter lock; the hardware CRCs take 0.1 ms for 4 MiB.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from awscrt import checksums as crt
from blake3 import blake3

from seglake.domain.model.digest import ChecksumAlgorithm
from seglake.domain.model.errors import InvalidArgument
from seglake.domain.ports.digests import Buffer, Digests, Hasher

_Step = Callable[[Any, int], int]
_CRCS: dict[ChecksumAlgorithm, tuple[_Step, int]] = {
    ChecksumAlgorithm.CRC32: (zlib.crc32, 4),
    ChecksumAlgorithm.CRC32C: (crt.crc32c, 4),
    ChecksumAlgorithm.CRC64NVME: (crt.crc64nvme, 8),
}
_COMBINERS: dict[ChecksumAlgorithm, Callable[[int, int, int], int]] = {
    ChecksumAlgorithm.CRC32: crt.combine_crc32,
    ChecksumAlgorithm.CRC32C: crt.combine_crc32c,
    ChecksumAlgorithm.CRC64NVME: crt.combine_crc64nvme,
}


class Crc(Hasher):
    """A running CRC; its digest is big-endian, as in ``x-amz-checksum-*``."""

    __slots__ = ("_size", "_step", "_value")

    def __init__(self, step: _Step, size: int) -> None:
        self._step = step
        self._size = size
        self._value = 0

    def update(self, data: Buffer, /) -> None:
        """See the port."""
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        """See the port."""
        return self._value.to_bytes(self._size, "big")


class LibraryDigests(Digests):
    """The digests of blake3, hashlib, zlib and awscrt."""

    __slots__ = ()

    def content(self, data: Buffer, /) -> bytes:
        """See the port."""
        return blake3(data).digest()

    def md5(self) -> Hasher:
        """See the port."""
        return hashlib.md5(usedforsecurity=False)

    def sha256(self) -> Hasher:
        """See the port."""
        return hashlib.sha256()

    def checksum(self, algorithm: ChecksumAlgorithm, /) -> Hasher:
        """See the port."""
        crc = _CRCS.get(algorithm)
        if crc is not None:
            return Crc(*crc)
        if algorithm is ChecksumAlgorithm.SHA1:
            return hashlib.sha1(usedforsecurity=False)
        return hashlib.sha256()

    def combine(self, algorithm: ChecksumAlgorithm, parts: Sequence[tuple[bytes, int]], /) -> bytes:
        """See the port. InvalidArgument for an algorithm whose checksums cannot be combined."""
        combiner = _COMBINERS.get(algorithm)
        if combiner is None:
            raise InvalidArgument("algorithm", algorithm, "checksums of parts cannot be combined")
        value = 0
        for digest, length in parts:
            value = combiner(value, int.from_bytes(digest, "big"), length)
        return value.to_bytes(algorithm.size, "big")
