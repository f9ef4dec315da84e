"""A segment is taken as it was acknowledged: whole by sharing its blocks or its file, else byte for byte to its mark.

Only a sealed file may be shared as one file under two names: nobody ever writes to it again. A file that is still
written to, or that its new owner will cut or seal, is copied.
"""

from __future__ import annotations

import errno

from seglake.adapters.disk_format.segment import SEGMENT_HEADER_BYTES
from seglake.adapters.filesystem.layout import pack_name, segment_name
from seglake.adapters.filesystem.publish import sync_file
from seglake.domain.model.errors import SegmentGone
from seglake.domain.model.segment import Segment, SegmentState
from seglake.domain.model.snapshot import Taken
from seglake.domain.ports.files import File, FileSystem
from seglake.domain.ports.snapshots import Moved

PIECE_BYTES = 1 << 20
SYNCED_BYTES = 16 << 20
"""A copy is synced whenever it has grown by so much: every other sync of the disk waits for a large one (0.2 s for
400 MiB that were written back already, and each commit needs a sync)."""


def take_segment(source: FileSystem, target: FileSystem, row: Segment, moved: Moved, *, link: bool) -> Taken:
    """Takes the file of ``row`` and, of a sealed one, its manifest pack; synced but for the names.

    SegmentGone when there is no file, or one that is shorter than what was acknowledged. OSError as it comes.
    """
    if row.committed <= SEGMENT_HEADER_BYTES:
        return Taken.NOT
    name = segment_name(row.id)
    if not source.exists(name) or _size(source, name) < row.committed:
        raise SegmentGone(row.id.hex())
    whole = row.state is SegmentState.SEALED and _size(source, name) == row.committed
    taken = _take(source, target, name, row.committed, moved, link=link and whole)
    pack = pack_name(row.id)
    if whole and source.exists(pack):
        # Not needed, since it can be made again; but with it a restore need not read the payload to look at events.
        _take(source, target, pack, _size(source, pack), moved, link=link)
    return taken


def _take(source: FileSystem, target: FileSystem, name: str, size: int, moved: Moved, *, link: bool) -> Taken:
    if target.share(source, name, name):
        file = target.open(name, write=True)
        try:
            if file.size() > size:
                file.truncate(size)
            sync_file(file)
        finally:
            file.close()
        return Taken.SHARED
    if link and target.link(source, name, name):
        return Taken.LINKED
    copy_file(source, target, name, size, moved)
    return Taken.COPIED


def copy_file(source: FileSystem, target: FileSystem, name: str, size: int, moved: Moved, *, new: str = "") -> None:
    """Copies the first ``size`` bytes of a file, and syncs them. OSError as it comes."""
    if size > target.free_bytes():
        raise OSError(errno.ENOSPC, "there is no room for the copy")
    origin = source.open(name)
    try:
        copy = target.open(new or name, create=True)
        try:
            _pump(origin, copy, size, moved)
            sync_file(copy)
        finally:
            copy.close()
    finally:
        origin.close()


def _pump(origin: File, copy: File, size: int, moved: Moved) -> None:
    offset = 0
    while offset < size:
        piece = origin.pread(min(PIECE_BYTES, size - offset), offset)
        if not piece:
            raise OSError(errno.EIO, "the file became shorter while it was copied")
        copy.pwritev([piece], offset)
        copy.start_writeback(offset, len(piece))
        offset += len(piece)
        if offset % SYNCED_BYTES == 0:
            sync_file(copy)
        moved(len(piece))


def _size(files: FileSystem, name: str) -> int:
    file = files.open(name)
    try:
        return file.size()
    finally:
        file.close()
