"""A segment while it is written: only ever by the process that made it, only at its end, and whole batches or nothing.

The file appears with its first bytes: header and first records are one write, and the first sync covers its name too.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Sequence

from seglake.adapters.disk_format.footer import INDEX_BYTES_MAX, Footer, SegmentIndex
from seglake.adapters.disk_format.records import RecordCodec
from seglake.adapters.disk_format.segment import (
    KEY_BYTES,
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    encode_segment_header,
)
from seglake.adapters.filesystem.health import Health
from seglake.adapters.filesystem.layout import SEGMENTS_DIR, segment_name
from seglake.adapters.filesystem.sealing import seal, write_pack
from seglake.domain.model.errors import FormatDamaged, StorageFull, StoreFailed
from seglake.domain.model.segment import Segment
from seglake.domain.ports.files import File, FileSystem, ReadBuffer
from seglake.domain.ports.log import Log
from seglake.domain.ports.system import Clock, Randomness

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TRY_LATER = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.EAGAIN)


class OpenSegment:
    """One segment file under construction. ``append`` by one thread at a time; ``sync_to`` by any.

    ``tail`` is where the next record goes, ``synced`` how far power loss cannot reach back, ``used_s`` the steady time
    of the last append.
    """

    __slots__ = (
        *("_file", "_files", "_header", "_health", "_named", "_sync_lock", "_written"),
        *("codec", "created_ms", "id", "index", "sequence", "synced", "used_s"),
    )

    def __init__(self, files: FileSystem, header: SegmentHeader, *, health: Health, now_s: float) -> None:
        self._files = files
        self._health = health
        self._header = header
        self._file: File | None = None
        self._named = False
        self._written = 0
        self._sync_lock = threading.Lock()
        self.id = header.segment
        self.created_ms = header.created_ms
        self.codec = RecordCodec(header.segment, header.key)
        self.index = SegmentIndex()
        self.sequence = 0
        self.synced = 0
        self.used_s = now_s

    @property
    def tail(self) -> int:
        """File offset of the next record."""
        return self._written or SEGMENT_HEADER_BYTES

    @property
    def empty(self) -> bool:
        """True while nothing was written."""
        return self._written == 0

    def full(self, segment_size: int) -> bool:
        """True when the next record belongs into a new segment."""
        return self._written >= segment_size or self.index.size >= INDEX_BYTES_MAX

    def append(self, buffers: Sequence[ReadBuffer], size: int, records: int) -> None:
        """Writes ``records`` records, ``size`` bytes, at the tail.

        StorageFull when the disk refuses them: the segment is as before. StoreFailed for anything else.
        """
        assert size == sum(map(len, buffers)), "a batch is as long as its buffers"
        offset = self._written
        try:
            if self._file is None:
                self._file = self._files.open(segment_name(self.id), create=True)
            if not offset:
                buffers = [encode_segment_header(self._header), *buffers]
                size += SEGMENT_HEADER_BYTES
            self._file.pwritev(buffers, offset)
        except OSError as error:
            raise self._take_back(error) from error
        self._written = offset + size
        self.sequence += records

    def _take_back(self, error: OSError) -> StorageFull | StoreFailed:
        """Cuts off what a failed write left behind, so that the file stays walkable; says what the failure means."""
        if error.errno not in _NO_ROOM and error.errno not in _TRY_LATER:
            return self._health.fail("writing to a segment", error)
        try:
            if self._file is not None:
                self._file.truncate(self._written)
        except OSError as second:
            return self._health.fail("taking back a refused write", second)
        if error.errno in _NO_ROOM:
            return StorageFull("the disk is full; delete something or add space")
        return StorageFull(f"the system refused the write ({error.strerror or error}); try again")

    def start_writeback(self, offset: int, length: int) -> None:
        """Lets the disk begin with these bytes, so that the sync has less to wait for."""
        if self._file is not None:
            self._file.start_writeback(offset, length)

    def sync_to(self, end: int) -> None:
        """Everything before ``end``, and the file's name, survives power loss on return. StoreFailed otherwise.

        A later caller whose bytes an earlier sync covered does not sync again.
        """
        assert end <= self.tail, "only what was written can be synced"
        with self._sync_lock:
            self._health.check()
            if self.synced >= end:
                return
            reached = self._written
            assert self._file is not None, "a segment with records has a file"
            try:
                self._file.sync()
                if not self._named:
                    self._files.sync_dir(SEGMENTS_DIR)
                    self._named = True
            except OSError as error:
                raise self._health.fail("syncing a segment", error) from error
            self._health.check()  # another segment's sync may have failed meanwhile: nothing is acknowledged after it
            self.synced = reached

    def seal(self, log: Log) -> Segment:
        """Ends the file with its footer, synced, and closes it; writes the manifest pack. Returns its row.

        StorageFull when the footer or the pack found no room: it can be tried again. StoreFailed for anything else.
        """
        assert self._file is not None, "a segment with records has a file"
        assert self._written, "an empty segment is not sealed"
        footer = Footer(self.index, self._written, 0, self.created_ms)
        try:
            with self._sync_lock:
                self._health.check()
                row = seal(self._files, self._file, self.codec, footer, sequence=self.sequence)
                self._named = True
                self.synced = self._written
            try:
                write_pack(self._files, self._file, self.codec, footer, row)
            except FormatDamaged as error:
                log.error("manifest_pack_refused", segment=self.id.hex(), offset=error.offset, reason=error.what)
            self._file.close()
        except OSError as error:
            if error.errno in _NO_ROOM or error.errno in _TRY_LATER:
                raise self._take_back(error) from error
            raise self._health.fail("sealing a segment", error) from error
        return row

    def discard(self) -> None:
        """Closes the file, and removes it when it is empty. A failure does not matter: recovery knows such files."""
        try:
            if self._file is not None:
                self._file.close()
                if self.empty:
                    self._files.remove(segment_name(self.id))
        except OSError:
            pass


class SegmentSource:
    """Begins segments. Their ids grow with time, so that sorted names are in order of birth."""

    __slots__ = ("_clock", "_files", "_health", "_randomness", "_writer")

    def __init__(self, files: FileSystem, clock: Clock, randomness: Randomness, health: Health) -> None:
        self._files = files
        self._clock = clock
        self._randomness = randomness
        self._health = health
        self._writer = randomness.bytes(16)

    def begin(self) -> OpenSegment:
        """A new segment, of which nothing is on the disk yet."""
        now_ms = self._clock.now_ms()
        segment = (now_ms & (1 << 48) - 1).to_bytes(6, "big") + self._randomness.bytes(10)
        header = SegmentHeader(segment, self._randomness.bytes(KEY_BYTES), self._writer, now_ms)
        return OpenSegment(self._files, header, health=self._health, now_s=self._clock.steady_s())
