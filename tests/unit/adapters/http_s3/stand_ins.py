"""Small stand-ins for the adapters behind the front end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, TypeVar

from awscrt import checksums as crt
import hashlib
from blake3 import blake3

from seglake.domain.model.digest import ChecksumAlgorithm
from seglake.domain.model.errors import ChunkCorrupt, SeglakeError
from seglake.domain.model.events import Event
from seglake.domain.model.segment import ChunkSlice, DurableMark, RecordRef, Segment
from seglake.domain.ports.digests import Buffer, Digests, Hasher
from seglake.domain.ports.metadata import MetadataStore, Script

T = TypeVar("T")
SEGMENT = bytes(15) + b"\x01"


class _Crc:
    def __init__(self, function: Callable[..., int], size: int) -> None:
        self._function, self._size, self._value = function, size, 0

    def update(self, data: Buffer, /) -> None:
        self._value = self._function(bytes(data), self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


class PlainDigests(Digests):
    def content(self, data: Buffer, /) -> bytes:
        return blake3(data).digest()

    def md5(self) -> Hasher:
        return hashlib.md5(usedforsecurity=False)

    def sha256(self) -> Hasher:
        return hashlib.sha256()

    def checksum(self, algorithm: ChecksumAlgorithm, /) -> Hasher:
        match algorithm:
            case ChecksumAlgorithm.CRC32:
                return _Crc(crt.crc32, 4)
            case ChecksumAlgorithm.CRC32C:
                return _Crc(crt.crc32c, 4)
            case ChecksumAlgorithm.CRC64NVME:
                return _Crc(crt.crc64nvme, 8)
            case ChecksumAlgorithm.SHA1:
                return hashlib.sha1(usedforsecurity=False)
            case _:
                return hashlib.sha256()

    def combine(self, algorithm: ChecksumAlgorithm, parts: Sequence[tuple[bytes, int]], /) -> bytes:
        function = getattr(crt, f"combine_{algorithm.lower()}")
        value = 0
        for digest, size in parts:
            value = function(value, int.from_bytes(digest, "big"), size)
        return int(value).to_bytes(algorithm.size, "big")


class RamSegments:
    def __init__(self) -> None:
        self.data = bytearray()

    def put(self, payload: Any, digest: bytes) -> ChunkSlice:
        at = len(self.data)
        self.data += payload
        return ChunkSlice(SEGMENT, at, len(payload), digest, 0, len(payload))

    def bulk(self) -> RamSegments:
        return self

    append = put

    def sync(self) -> tuple[DurableMark, ...]:
        return (DurableMark(SEGMENT, len(self.data)),)

    def release(self) -> None: ...

    def journal(self, marks: Iterable[DurableMark], /) -> RamSegments:
        return self

    append_chunk = put

    def append_event(self, event: Event, /) -> RecordRef:
        return RecordRef(SEGMENT, len(self.data), 0)

    def mark(self) -> int:
        return len(self.data)

    def rollback(self, mark: int, /) -> None: ...
    def flush(self) -> Sequence[DurableMark]:
        return ()

    def abandon(self) -> None: ...

    async def stream(self, slices: Sequence[ChunkSlice], /) -> AsyncIterator[memoryview]:
        for chunk in slices:
            data = bytes(self.data[chunk.offset : chunk.offset + chunk.length])
            if blake3(data).digest() != chunk.digest:
                raise ChunkCorrupt("s", chunk.offset, "bad")
            yield memoryview(data)[chunk.skip : chunk.skip + chunk.take]


class DirectCommits:
    def __init__(self, metadata: MetadataStore, segments: RamSegments) -> None:
        self.metadata, self.segments = metadata, segments

    async def commit(self, script: Script[T], /, *, after: Sequence[DurableMark] = (), size: int = 0) -> T:
        (outcome,) = self.metadata.apply([script], self.segments)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome  # type: ignore[no-any-return]


class OpenBox:
    def seal(self, secret: bytes, context: bytes, /) -> bytes:
        return b"sealed" + secret

    def open(self, sealed: bytes, context: bytes, /) -> bytes:
        return sealed[6:]
