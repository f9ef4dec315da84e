"""The directories of snapshots and of restores: what makes one valid is written last, what makes one invalid first.

A snapshot has its manifest only when everything else in it is durable; its index has a name that no server takes for an
index. A data directory being restored bears a mark until it is whole, and no server opens a marked one.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from blake3 import blake3

from seglake.adapters.filesystem.layout import (
    MANIFESTS_DIR,
    OBJECTS_DIR,
    RESTORING_FILE,
    SEGMENTS_DIR,
    SNAPSHOT_FILE,
    prepare,
)
from seglake.adapters.filesystem.publish import publish, sync_directory, sync_file
from seglake.adapters.filesystem.segment_copies import PIECE_BYTES, SYNCED_BYTES, copy_file, take_segment
from seglake.domain.model.errors import DataDirUnusable, StorageFull
from seglake.domain.model.segment import Segment
from seglake.domain.model.snapshot import MANIFEST_BYTES_MAX, IndexFile, Taken
from seglake.domain.ports.files import File, FileSystem
from seglake.domain.ports.metadata import MetadataStore
from seglake.domain.ports.segments import SegmentFiles
from seglake.domain.ports.snapshots import IndexCopy, Moved, RestoreTarget, SnapshotSource, SnapshotTarget

T = TypeVar("T")

INDEX_COPY = "index.db"
_DIRECTORIES = (OBJECTS_DIR, SEGMENTS_DIR, MANIFESTS_DIR)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class FilesystemSnapshot(SnapshotTarget):
    """A snapshot in the making in ``target``, an existing directory, of the data directory ``source``.

    ``open_copy`` begins a copy of the index into the file INDEX_COPY of the target; ``key`` is the master key file's
    content, to be kept in the snapshot as ``key_name``.
    """

    def __init__(
        self,
        source: FileSystem,
        target: FileSystem,
        open_copy: Callable[[], IndexCopy],
        *,
        key: bytes | None = None,
        key_name: str = "",
    ) -> None:
        self._source = source
        self._target = target
        self._open_copy = open_copy
        self._key = key
        self._key_name = key_name
        self._index: File | None = None

    def begin(self) -> None:
        """See the port."""
        _check_empty(self._target, "the snapshot")
        for directory in _DIRECTORIES:
            self._target.make_dir(directory)

    def room(self) -> int:
        """See the port."""
        return self._target.free_bytes()

    def copy_index(self) -> IndexCopy:
        """See the port. The file is made here, so that nobody but its owner can read it at any time."""
        self._target.open(INDEX_COPY, create=True).close()
        return self._open_copy()

    def written(self, offset: int, size: int, /) -> None:
        """See the port."""
        if self._index is None:
            self._index = self._target.open(INDEX_COPY, write=True)
        self._index.start_writeback(offset, size)
        if (offset + size) // SYNCED_BYTES > offset // SYNCED_BYTES:
            sync_file(self._index)

    def finish_index(self) -> IndexFile:
        """See the port."""
        file, self._index = self._index or self._target.open(INDEX_COPY, write=True), None
        try:
            sync_file(file)
            return _digest(file)
        finally:
            file.close()

    def take(self, row: Segment, moved: Moved, /, *, link: bool) -> Taken:
        """See the port. StorageFull."""
        return _told_full(lambda: take_segment(self._source, self._target, row, moved, link=link))

    def publish(self, manifest: str, /) -> None:
        """See the port."""
        if self._key is not None:
            publish(self._target, self._key_name, [self._key])
        for directory in (*reversed(_DIRECTORIES), "."):
            sync_directory(self._target, directory)
        publish(self._target, SNAPSHOT_FILE, [manifest.encode()])


class FilesystemSnapshotSource(SnapshotSource):
    """The snapshot in ``files``; ``segments`` are where its payload is."""

    def __init__(self, files: FileSystem, segments: SegmentFiles) -> None:
        self._files = files
        self._segments = segments

    def manifest(self) -> str:
        """See the port."""
        try:
            file = self._files.open(SNAPSHOT_FILE)
        except FileNotFoundError:
            raise DataDirUnusable(
                f"there is no snapshot, or one that was never completed: {SNAPSHOT_FILE} is missing"
            ) from None
        try:
            if file.size() > MANIFEST_BYTES_MAX:
                raise DataDirUnusable(f"{SNAPSHOT_FILE} is too large to be a snapshot's manifest")
            return file.pread(file.size(), 0).decode("utf-8", "replace")
        finally:
            file.close()

    def check_index(self, expected: IndexFile, /) -> None:
        """See the port."""
        try:
            file = self._files.open(INDEX_COPY)
        except FileNotFoundError:
            raise DataDirUnusable(f"the snapshot is damaged: {INDEX_COPY} is missing") from None
        try:
            if file.size() != expected.size or _digest(file) != expected:
                raise DataDirUnusable(f"the snapshot is damaged: {INDEX_COPY} is not what was written")
        finally:
            file.close()

    def segment_files(self) -> SegmentFiles:
        """See the port."""
        return self._segments


class FilesystemRestore(RestoreTarget):
    """A data directory in the making in ``target``, an existing directory.

    ``snapshot`` has the index, ``payload`` the segments (the snapshot itself, or another data directory);
    ``open_index`` opens the restored index, whose file is ``index_name``, and ``segments`` are those of the target;
    ``key`` is the master key file's content, if there is one to restore, and ``key_name`` its place.
    """

    def __init__(
        self,
        snapshot: FileSystem,
        payload: FileSystem,
        target: FileSystem,
        *,
        index_name: str,
        open_index: Callable[[], AbstractContextManager[MetadataStore]],
        segments: SegmentFiles,
        key: bytes | None = None,
        key_name: str = "",
    ) -> None:
        self._key = key
        self._key_name = key_name
        self._snapshot = snapshot
        self._payload = payload
        self._target = target
        self._index_name = index_name
        self._open_index = open_index
        self._segments = segments

    def begin(self) -> None:
        """See the port. The mark is durable before anything else is."""
        _check_empty(self._target, "the restored store")
        publish(self._target, RESTORING_FILE, [b"this store is being restored; until it is whole, nothing opens it\n"])
        prepare(self._target)
        if self._key is not None:
            publish(self._target, self._key_name, [self._key])

    def take(self, row: Segment, moved: Moved, /, *, link: bool) -> Taken:
        """See the port. StorageFull."""
        return _told_full(lambda: take_segment(self._payload, self._target, row, moved, link=link))

    def put_index(self) -> None:
        """See the port. StorageFull."""
        size = _size(self._snapshot, INDEX_COPY)
        _told_full(
            lambda: copy_file(self._snapshot, self._target, INDEX_COPY, size, lambda _size: None, new=self._index_name)
        )
        sync_directory(self._target, ".")

    def index(self) -> AbstractContextManager[MetadataStore]:
        """See the port."""
        return self._open_index()

    def segment_files(self) -> SegmentFiles:
        """See the port."""
        return self._segments

    def finish(self) -> None:
        """See the port."""
        for directory in (*reversed(_DIRECTORIES), "."):
            sync_directory(self._target, directory)
        self._target.remove(RESTORING_FILE)
        sync_directory(self._target, ".")


def _check_empty(files: FileSystem, what: str) -> None:
    found = files.list(".")
    if found:
        raise DataDirUnusable(f"{what} needs a new or empty directory; this one has {found[0]!r} in it")


def _digest(file: File) -> IndexFile:
    hasher, offset = blake3(), 0
    while piece := file.pread(PIECE_BYTES, offset):
        hasher.update(piece)
        offset += len(piece)
    return IndexFile(offset, hasher.digest())


def _size(files: FileSystem, name: str) -> int:
    file = files.open(name)
    try:
        return file.size()
    finally:
        file.close()


def _told_full(work: Callable[[], T]) -> T:
    try:
        return work()
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFull("the disk has no room for the copy") from error
        raise
