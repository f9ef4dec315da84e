"""Hash functions as a port: the domain knows what to compute, the adapter which library computes it fastest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from seglake.domain.model.digest import ChecksumAlgorithm

Buffer = bytes | bytearray | memoryview


class Hasher(Protocol):
    """An incremental digest; one thread at a time."""

    def update(self, data: Buffer, /) -> None: ...
    def digest(self) -> bytes: ...


class Digests(Protocol):
    """All digests that objects need; every method may be called from any thread and lets other threads run on large
    input."""

    def content(self, data: Buffer, /) -> bytes:
        """BLAKE3, 32 bytes: the identity of a chunk."""
        ...

    def md5(self) -> Hasher: ...
    def sha256(self) -> Hasher: ...
    def checksum(self, algorithm: ChecksumAlgorithm, /) -> Hasher: ...
    def combine(self, algorithm: ChecksumAlgorithm, parts: Sequence[tuple[bytes, int]], /) -> bytes:
        """The CRC of a concatenation from the (CRC, length in bytes) of its pieces; composable algorithms only."""
        ...
