"""A payload becomes hashed chunks; nothing of it can be named by a version before every announced digest matched."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field

from seglake.domain.model.digest import Checksum, ChecksumAlgorithm, Expectations
from seglake.domain.model.encryption import PLAIN_CHUNK_BYTES, Encryption
from seglake.domain.model.errors import (
    BadDigest,
    Busy,
    EntityTooLarge,
    IncompleteBody,
    PayloadHashMismatch,
    SeglakeError,
)
from seglake.domain.model.segment import CHUNK_BYTES, ChunkSlice, DurableMark, SegmentState
from seglake.domain.ports.body import Body
from seglake.domain.ports.ciphers import ChunkCipher
from seglake.domain.ports.digests import Digests, Hasher
from seglake.domain.ports.metadata import MetadataTx
from seglake.domain.ports.segments import BulkWriter, SegmentStore
from seglake.domain.ports.system import Offload

from .encryption import DataKey, etag_of

INLINE_HASH_BYTES_MAX = 64 << 10
"""Up to this size hashing costs less than handing it to a thread."""

DEFAULT_CHECKSUM = ChecksumAlgorithm.CRC64NVME
"""What S3 computes when the client names no algorithm (S3 User Guide, "Checking object integrity")."""


def check_not_doomed(tx: MetadataTx, segments: Iterable[bytes]) -> None:
    """Busy when a segment is going away, so that no version ever names a chunk in it."""
    for segment in segments:
        row = tx.segments.get(segment)
        if row is not None and row.state is SegmentState.DOOMED:
            raise Busy("the segment with these bytes was collected meanwhile; send them again")


@dataclass(slots=True)
class Payload:
    """A received and verified payload: ``inline`` bytes travel with the commit, ``chunks`` are synced already.

    ``size`` and digests are of the plaintext, ``inline`` is as stored.
    """

    size: int
    md5: bytes
    checksum: Checksum
    inline: bytes = b""
    inline_digest: bytes = b""
    chunks: tuple[ChunkSlice, ...] = ()
    marks: tuple[DurableMark, ...] = ()
    writer: BulkWriter | None = None
    encryption: Encryption | None = None

    @property
    def etag(self) -> str:
        """The ETag of an object or part of exactly these bytes."""
        return etag_of(self.md5, self.encryption)

    def place(self, tx: MetadataTx) -> tuple[ChunkSlice, ...]:
        """The chunks of the payload, storing the inline one in the transaction's journal."""
        if self.inline:
            chunk = tx.store(self.inline, self.inline_digest)
            return (chunk if self.encryption is None else chunk._replace(take=self.size),)
        if self.chunks:
            check_not_doomed(tx, {chunk.segment for chunk in self.chunks})
        return self.chunks

    def release(self) -> None:
        """Lets go of the segments it pinned; after the commit or instead of it."""
        if self.writer is not None:
            self.writer.release()


@dataclass(slots=True)
class _Meters:
    """The digests of one payload as it passes: MD5 and checksum in one thread hop, SHA-256 beside the write."""

    md5: Hasher
    checksum: Hasher
    algorithm: ChecksumAlgorithm
    sha256: Hasher | None

    def verify(self, expected: Expectations) -> tuple[bytes, Checksum]:
        """The digests, or BadDigest / PayloadHashMismatch when one differs from what the client announced."""
        md5 = self.md5.digest()
        if expected.md5 is not None and expected.md5 != md5:
            raise BadDigest("Content-MD5", expected.md5.hex(), md5.hex())
        if expected.sha256 is not None:
            assert self.sha256 is not None, "an announced SHA-256 is computed"
            computed = self.sha256.digest()
            if computed != expected.sha256:
                raise PayloadHashMismatch(expected.sha256.hex(), computed.hex())
        checksum = Checksum(self.algorithm, self.checksum.digest())
        if expected.checksum is not None:
            assert expected.checksum.algorithm is self.algorithm, "the announced algorithm is computed"
            if expected.checksum.digest != checksum.digest:
                raise BadDigest(f"x-amz-checksum-{self.algorithm.lower()}", expected.checksum.text, checksum.text)
        return md5, checksum


@dataclass(slots=True)
class _Stream:
    """One large payload under way: at most one chunk hashing, one writing and one filling."""

    writer: BulkWriter
    cipher: ChunkCipher | None = None
    chunks: list[ChunkSlice] = field(default_factory=list)
    hashing: Awaitable[None] | None = None
    writing: Awaitable[ChunkSlice] | None = None

    async def settle(self) -> None:
        """Waits for the chunk under way, in order; its error is raised."""
        hashing, self.hashing = self.hashing, None
        if hashing is not None:
            await hashing
        writing, self.writing = self.writing, None
        if writing is not None:
            self.chunks.append(await writing)


class Ingest:
    """Receives payloads. Memory: two chunks for a large payload, its own size for a small one; while it is encrypted,
    a chunk or the small payload once more."""

    def __init__(self, segments: SegmentStore, digests: Digests, offload: Offload, *, inline_bytes_max: int) -> None:
        self._segments = segments
        self._digests = digests
        self._offload = offload
        self._inline_max = inline_bytes_max

    async def receive(
        self,
        body: Body,
        *,
        maximum: int,
        algorithm: ChecksumAlgorithm | None = None,
        data_key: DataKey | None = None,
    ) -> Payload:
        """Reads ``body`` to its end (at most ``maximum`` bytes) and verifies it.

        The checksum is of the announced algorithm, else of ``algorithm``, else CRC64NVME. With ``data_key`` the chunks
        are encrypted; every digest that a client sees is of the plaintext. The caller releases the payload. Raises
        EntityTooLarge, IncompleteBody, BadDigest, StorageFull and what the body raises.
        """
        length = body.length
        if length is not None and length > maximum:
            raise EntityTooLarge(length, maximum)
        expected = body.expectations()
        chosen = expected.algorithm or algorithm or DEFAULT_CHECKSUM
        meters = _Meters(
            self._digests.md5(),
            self._digests.checksum(chosen),
            chosen,
            self._digests.sha256() if expected.sha256 is not None else None,
        )
        if length is not None and length <= self._inline_max and (data_key is None or length <= PLAIN_CHUNK_BYTES):
            return await self._small(body, length, meters, data_key)
        return await self._large(body, maximum, meters, data_key)

    async def _small(self, body: Body, length: int, meters: _Meters, data_key: DataKey | None) -> Payload:
        data = bytes(await body.read())
        if data:
            rest = await body.read()
            if rest:
                pieces = [data, rest]
                while piece := await body.read():
                    pieces.append(piece)
                data = b"".join(pieces)
        if len(data) != length:
            raise IncompleteBody(length, len(data))
        expected = body.expectations()

        def hash_all() -> tuple[bytes, bytes]:
            meters.md5.update(data)
            meters.checksum.update(data)
            if meters.sha256 is not None:
                meters.sha256.update(data)
            if not data:
                return data, b""
            stored = data if data_key is None else bytes(data_key.cipher.encrypt(data))
            return stored, self._digests.content(stored)

        stored, digest = hash_all() if length <= INLINE_HASH_BYTES_MAX else await self._offload.start(hash_all)
        md5, checksum = meters.verify(expected)
        encryption = None if data_key is None else data_key.encryption
        return Payload(length, md5, checksum, inline=stored, inline_digest=digest, encryption=encryption)

    async def _large(self, body: Body, maximum: int, meters: _Meters, data_key: DataKey | None) -> Payload:
        stream = _Stream(self._segments.bulk(), None if data_key is None else data_key.cipher)
        try:
            size = await self._pump(body, maximum, meters, stream)
            md5, checksum = meters.verify(body.expectations())
            marks = await self._offload.start(stream.writer.sync)
        except BaseException:
            await self._give_up(stream)
            raise
        encryption = None if data_key is None else data_key.encryption
        return Payload(
            size,
            md5,
            checksum,
            chunks=tuple(stream.chunks),
            marks=marks,
            writer=stream.writer,
            encryption=encryption,
        )

    async def _pump(self, body: Body, maximum: int, meters: _Meters, stream: _Stream) -> int:
        """Moves the whole body into chunks; returns its size."""
        full = CHUNK_BYTES if stream.cipher is None else PLAIN_CHUNK_BYTES
        buffer, other = bytearray(full), bytearray(full)
        filled = size = 0
        while piece := await body.read():
            size += len(piece)
            if size > maximum:
                raise EntityTooLarge(size, maximum)
            view = memoryview(piece)
            while view:
                room = full - filled
                taken = view[:room]
                buffer[filled : filled + len(taken)] = taken
                filled += len(taken)
                view = view[room:]
                if filled == full:
                    await stream.settle()
                    self._begin(stream, meters, memoryview(buffer))
                    buffer, other, filled = other, buffer, 0
        await stream.settle()
        if filled:
            self._begin(stream, meters, memoryview(buffer)[:filled])
            await stream.settle()
        if body.length is not None and size != body.length:
            raise IncompleteBody(body.length, size)
        return size

    def _begin(self, stream: _Stream, meters: _Meters, chunk: memoryview) -> None:
        """Starts hashing and writing one chunk, each beside the event loop; ``settle`` has ended the one before."""

        def digest() -> None:
            meters.md5.update(chunk)
            meters.checksum.update(chunk)

        def write() -> ChunkSlice:
            if meters.sha256 is not None:
                meters.sha256.update(chunk)
            if stream.cipher is None:
                return stream.writer.append(chunk, self._digests.content(chunk))
            stored = stream.cipher.encrypt(chunk)
            return stream.writer.append(stored, self._digests.content(stored))._replace(take=len(chunk))

        stream.hashing = self._offload.start(digest)
        stream.writing = self._offload.start(write)

    async def _give_up(self, stream: _Stream) -> None:
        """Waits for work that still uses the buffers, then lets go; the error being handled is the one that counts."""
        for work in (stream.hashing, stream.writing):
            if work is not None:
                try:
                    await work
                except SeglakeError:
                    # The first failure is on its way to the caller; this one only ends the wait.
                    continue
        stream.writer.release()
