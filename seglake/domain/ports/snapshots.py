"""Copies of a store: what a snapshot needs from the index and from the disk, and what a restore needs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from seglake.domain.model.segment import Segment
from seglake.domain.model.snapshot import IndexFile, Taken

from .metadata import MetadataStore, MetadataView
from .segments import SegmentFiles

T = TypeVar("T")

Moved = Callable[[int], None]
"""Told how many bytes more were copied; may wait, or raise to stop."""


class IndexCopy(Protocol):
    """A copy of the index as it was when the copy was begun, whatever commits since. One thread at a time; blocking."""

    def total(self) -> int:
        """Bytes of the whole copy."""
        ...

    def step(self, size: int, /) -> int:
        """Copies about ``size`` bytes more; the bytes copied by this call, 0 when the copy is whole. StoreFailed,
        StorageFull."""
        ...

    def read(self, query: Callable[[MetadataView], T], /) -> T:
        """Asks the state that is being copied."""
        ...

    def close(self) -> None:
        """Lets go of the state; the copy is whole, or useless. Idempotent."""
        ...


class SnapshotTarget(Protocol):
    """The directory of a snapshot in the making. Blocking."""

    def begin(self) -> None:
        """Makes it. DataDirUnusable unless it is new or empty."""
        ...

    def room(self) -> int:
        """Bytes that the disk would still take."""
        ...

    def copy_index(self) -> IndexCopy:
        """Begins the copy: what is committed now is in it."""
        ...

    def written(self, offset: int, size: int, /) -> None:
        """These bytes of the index copy were written; they may go to the disk now."""
        ...

    def finish_index(self) -> IndexFile:
        """Syncs the whole copy and reads it back for its digest."""
        ...

    def take(self, row: Segment, moved: Moved, /, *, link: bool) -> Taken:
        """Takes a segment up to its committed length, synced, and its manifest pack: sharing blocks or, with
        ``link``, the file of a sealed one where the disk can, else by copying. SegmentGone."""
        ...

    def publish(self, manifest: str, /) -> None:
        """Makes every name durable and then, as the last thing, the manifest: from then on the snapshot is one."""
        ...


class SnapshotSource(Protocol):
    """A complete snapshot. Blocking."""

    def manifest(self) -> str:
        """Its manifest. DataDirUnusable when the snapshot is incomplete or none."""
        ...

    def check_index(self, expected: IndexFile, /) -> None:
        """DataDirUnusable when the index copy is not what was written."""
        ...

    def segment_files(self) -> SegmentFiles:
        """The segments that it holds, or those of the place it was told to take them from."""
        ...


class RestoreTarget(Protocol):
    """The data directory in the making; until ``finish`` no server opens it. Blocking."""

    def begin(self) -> None:
        """Makes it, marked as unfinished. DataDirUnusable unless it is new or empty."""
        ...

    def take(self, row: Segment, moved: Moved, /, *, link: bool) -> Taken:
        """As SnapshotTarget.take, from the snapshot."""
        ...

    def put_index(self) -> None:
        """Puts the snapshot's index in place, synced."""
        ...

    def index(self) -> AbstractContextManager[MetadataStore]:
        """The restored index, open; a new one when none was put."""
        ...

    def segment_files(self) -> SegmentFiles:
        """The restored segments."""
        ...

    def finish(self) -> None:
        """Makes everything durable and takes the mark away, last."""
        ...
