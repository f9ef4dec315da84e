"""Reading chunks: no byte leaves before the whole chunk it belongs to was compared with its BLAKE3.

Small chunks that are in the page cache are read on the event loop; everything else beside it, one chunk ahead. A stream
holds at most three chunks: the one given out, the next, and the one being asked for.
"""

from __future__ import annotations

import errno
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import partial

from seglake.adapters.filesystem.layout import segment_name
from seglake.domain.model.errors import Busy, ChunkCorrupt, SeglakeError, SegmentGone
from seglake.domain.model.segment import CHUNK_BYTES, ChunkSlice
from seglake.domain.ports.digests import Digests
from seglake.domain.ports.files import File, FileSystem
from seglake.domain.ports.system import Offload

INLINE_BYTES_MAX = 256 << 10
"""Chunks up to this size are tried on the event loop: they are read and hashed in about the time of a thread hop."""
DESCRIPTORS_MAX = 128

Release = Callable[[], None]


class _Descriptor:
    __slots__ = ("dropped", "file", "users")

    def __init__(self, file: File) -> None:
        self.file = file
        self.users = 1
        self.dropped = False


class DescriptorCache:
    """Open segment files, least recently used out first; a file in use is closed by its last user."""

    __slots__ = ("_files", "_limit", "_lock", "_open")

    def __init__(self, files: FileSystem, limit: int = DESCRIPTORS_MAX) -> None:
        self._files = files
        self._limit = limit
        self._lock = threading.Lock()
        self._open: OrderedDict[bytes, _Descriptor] = OrderedDict()

    def acquire(self, segment: bytes) -> _Descriptor:
        """The segment's file, to be given back with ``release``. SegmentGone; Busy when no descriptor is left."""
        with self._lock:
            found = self._open.get(segment)
            if found is not None:
                found.users += 1
                self._open.move_to_end(segment)
                return found
        fresh = _Descriptor(self._open_file(segment))
        with self._lock:
            found = self._open.get(segment)
            if found is not None:  # another thread was faster
                found.users += 1
            else:
                self._open[segment] = fresh
                if len(self._open) > self._limit:
                    self._drop_oldest()
        if found is not None:
            _close(fresh.file)
            return found
        return fresh

    def release(self, descriptor: _Descriptor) -> None:
        """Ends one use."""
        with self._lock:
            descriptor.users -= 1
            last = descriptor.dropped and not descriptor.users
        if last:
            _close(descriptor.file)

    def forget(self, segment: bytes) -> None:
        """Drops a segment's file, so that the next use opens its name anew."""
        with self._lock:
            found = self._open.pop(segment, None)
            if found is not None:
                self._retire(found)

    def close(self) -> None:
        """Drops all; files in use close with their last use."""
        with self._lock:
            while self._open:
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, oldest = self._open.popitem(last=False)
        self._retire(oldest)

    def _retire(self, descriptor: _Descriptor) -> None:
        descriptor.dropped = True
        if not descriptor.users:
            _close(descriptor.file)

    def _open_file(self, segment: bytes) -> File:
        name = segment_name(segment)
        try:
            return self._files.open(name)
        except FileNotFoundError:
            raise SegmentGone(segment.hex()) from None
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise ChunkCorrupt(segment.hex(), 0, f"the segment cannot be opened: {error}") from error
            self.close()  # our own descriptors are the first that can be spared
            try:
                return self._files.open(name)
            except OSError:
                raise Busy("too many files are open; raise the limit (ulimit -n)") from error


def _close(file: File) -> None:
    """Closes a file that was only read: an error here says nothing about any byte, and must not cost an answer."""
    try:
        file.close()
    except OSError:
        pass


async def stream_held(
    reader: ChunkReader, offload: Offload, slices: Sequence[ChunkSlice], hold: Callable[[Iterable[bytes]], Release]
) -> AsyncIterator[memoryview]:
    """``stream_chunks``, with the files kept where they are from the first chunk to the last."""
    release = hold({chunk.segment for chunk in slices})
    try:
        async for view in stream_chunks(reader, offload, slices):
            yield view
    finally:
        release()


async def stream_chunks(
    reader: ChunkReader, offload: Offload, slices: Sequence[ChunkSlice]
) -> AsyncIterator[memoryview]:
    """See ``SegmentStore.stream``."""
    count = len(slices)
    ahead: Awaitable[bytes | SeglakeError] | None = None
    for number in range(count):
        chunk = slices[number]
        data: bytes | bytearray | None = None
        begun, ahead = ahead, None
        if begun is None and chunk.length <= INLINE_BYTES_MAX:
            data = reader.cached(chunk)
        if data is None:
            if begun is None:
                begun = offload.start(partial(reader.fetch, chunk))
            if number + 1 < count:
                ahead = offload.start(partial(reader.fetch, slices[number + 1]))
            got = await begun
            if isinstance(got, SeglakeError):
                raise got
            data = got
        skip = chunk.skip
        yield memoryview(data)[skip : skip + chunk.take]


class ChunkReader:
    """Verified chunks from segment files; blocking, from any thread."""

    __slots__ = ("_content", "_descriptors", "_scratch", "_scratch_lock")

    def __init__(self, files: FileSystem, digests: Digests, *, descriptors: int = DESCRIPTORS_MAX) -> None:
        self._content = digests.content
        self._descriptors = DescriptorCache(files, descriptors)
        self._scratch: memoryview | None = None
        self._scratch_lock = threading.Lock()

    def read(self, chunk: ChunkSlice) -> memoryview:
        """The slice's bytes, verified. Blocking. ChunkCorrupt, SegmentGone or Busy."""
        return memoryview(self._whole(chunk))[chunk.skip : chunk.skip + chunk.take]

    def forget(self, segment: bytes) -> None:
        """Drops a cached descriptor."""
        self._descriptors.forget(segment)

    def close(self) -> None:
        """Closes all descriptors that nobody uses, the others with their last use."""
        self._descriptors.close()

    def cached(self, chunk: ChunkSlice) -> bytes | bytearray | None:
        """The verified chunk if it is in the page cache, else None; the slow road then finds out why."""
        descriptor = self._descriptors.acquire(chunk.segment)
        try:
            data = descriptor.file.pread_cached(chunk.length, chunk.offset)
        except OSError:
            data = None
        finally:
            self._descriptors.release(descriptor)
        if data is not None and self._content(data) != chunk.digest:
            raise ChunkCorrupt(chunk.segment.hex(), chunk.offset, "the bytes do not match their BLAKE3")
        return data

    def fetch(self, chunk: ChunkSlice) -> bytes | SeglakeError:
        """The whole verified chunk, or why not."""
        # An error is returned, not raised: a read-ahead that nobody awaits any more must not complain about it.
        try:
            return self._whole(chunk)
        except SeglakeError as error:
            return error

    def verify(self, chunk: ChunkSlice) -> None:
        """Reads the whole chunk into a buffer that stays, and compares its digest. Blocking. Errors as ``read``.

        Memory that is new costs more than reading and hashing: a scrub is six times as fast with a buffer that stays.
        """
        if chunk.length <= INLINE_BYTES_MAX or not self._scratch_lock.acquire(blocking=False):
            self._whole(chunk)
            return
        try:
            if self._scratch is None:
                self._scratch = memoryview(bytearray(CHUNK_BYTES))
            view = self._scratch[: chunk.length]
            descriptor = self._descriptors.acquire(chunk.segment)
            try:
                got = descriptor.file.pread_into(view, chunk.offset)
            except OSError as error:
                raise _unread(chunk, error) from error
            finally:
                self._descriptors.release(descriptor)
            self._compare(chunk, view[:got])
        finally:
            self._scratch_lock.release()

    def _whole(self, chunk: ChunkSlice) -> bytes:
        descriptor = self._descriptors.acquire(chunk.segment)
        try:
            data = descriptor.file.pread(chunk.length, chunk.offset)
        except OSError as error:
            raise _unread(chunk, error) from error
        finally:
            self._descriptors.release(descriptor)
        self._compare(chunk, data)
        return data

    def _compare(self, chunk: ChunkSlice, data: bytes | memoryview) -> None:
        if len(data) != chunk.length:
            raise ChunkCorrupt(chunk.segment.hex(), chunk.offset, "the segment ends before it")
        if self._content(data) != chunk.digest:
            raise ChunkCorrupt(chunk.segment.hex(), chunk.offset, "the bytes do not match their BLAKE3")


def _unread(chunk: ChunkSlice, error: OSError) -> ChunkCorrupt:
    return ChunkCorrupt(chunk.segment.hex(), chunk.offset, f"the disk cannot read it: {error}")
