"""Snapshots and restores on the simulated disk: complete, or clearly not; and never without what they promise."""

from __future__ import annotations

from random import Random

import pytest

from seglake.adapters.filesystem.crash_files import CrashFileSystem, PowerOff
from seglake.adapters.filesystem.layout import RESTORING_FILE, SNAPSHOT_FILE, pack_name, refuse_unfinished, segment_name
from seglake.adapters.filesystem.segment_copies import take_segment
from seglake.adapters.filesystem.subtree import Subtree
from seglake.domain.model.errors import DataDirUnusable, SegmentGone
from seglake.domain.model.segment import Segment, SegmentState
from seglake.domain.model.snapshot import Taken
from seglake.testing.contracts.files import FileSystemContract, read, write

ID = b"i" * 16
OPEN = Segment(ID, SegmentState.OPEN, 9000, 1)
SEALED = Segment(ID, SegmentState.SEALED, 10_000, 1, bytes(32))
CONTENT = Random(1).randbytes(10_000)


class TestSubtree(FileSystemContract):
    @pytest.fixture
    def files(self) -> Subtree:
        inner = CrashFileSystem()
        inner.reflinks = True
        inner.make_dir("below")
        return Subtree(inner, "below")


def sides(*, reflinks: bool = False) -> tuple[CrashFileSystem, Subtree, Subtree]:
    """A disk with a data directory that holds one segment and its pack, and an empty place for a copy."""
    disk = CrashFileSystem()
    disk.reflinks = reflinks
    for top in ("store", "copy"):
        for name in ("", "/objects", "/objects/segments", "/objects/manifests"):
            disk.make_dir(top + name)
    store, copy = Subtree(disk, "store"), Subtree(disk, "copy")
    write(store, segment_name(ID), CONTENT)
    write(store, pack_name(ID), b"pack")
    for name in (segment_name(ID), pack_name(ID)):
        file = store.open(name, write=True)
        file.sync()
        file.close()
    for top in ("store", "copy"):
        for name in ("/objects/segments", "/objects/manifests", "/objects", ""):
            disk.sync_dir(top + name)
    disk.sync_dir(".")
    return disk, store, copy


@pytest.mark.parametrize(
    ("row", "reflinks", "link", "way"),
    [
        (SEALED, False, True, Taken.LINKED),
        (SEALED, False, False, Taken.COPIED),
        (SEALED, True, True, Taken.SHARED),
        (OPEN, False, True, Taken.COPIED),
        (OPEN, True, True, Taken.SHARED),
    ],
)
def test_a_segment_is_taken_to_its_mark_and_survives_power_loss(
    row: Segment, reflinks: bool, link: bool, way: Taken
) -> None:
    disk, store, copy = sides(reflinks=reflinks)
    moved: list[int] = []
    assert take_segment(store, copy, row, moved.append, link=link) is way
    copy.sync_dir("objects/segments")
    after = Subtree(disk.crash(), "copy")
    assert read(after, segment_name(ID)) == CONTENT[: row.committed]
    assert read(store, segment_name(ID)) == CONTENT
    assert sum(moved) >= row.committed if way is Taken.COPIED else not moved
    assert copy.exists(pack_name(ID)) is (row is SEALED)


def test_an_open_segment_is_never_one_file_with_its_copy() -> None:
    _disk, store, copy = sides()
    take_segment(store, copy, OPEN, lambda _size: None, link=True)
    file = store.open(segment_name(ID), write=True)
    file.pwritev([b"new"], 0)
    file.close()
    assert read(copy, segment_name(ID)) == CONTENT[:9000]


def test_a_sealed_file_that_went_on_beyond_the_mark_is_cut_in_a_copy() -> None:
    _disk, store, copy = sides()
    shorter = Segment(ID, SegmentState.SEALED, 9500, 1, bytes(32))
    assert take_segment(store, copy, shorter, lambda _size: None, link=True) is Taken.COPIED
    assert len(read(copy, segment_name(ID))) == 9500
    assert len(read(store, segment_name(ID))) == 10_000


@pytest.mark.parametrize("length", [None, 8999])
def test_a_segment_that_is_lost_or_too_short_is_not_taken(length: int | None) -> None:
    _disk, store, copy = sides()
    if length is None:
        store.remove(segment_name(ID))
    else:
        file = store.open(segment_name(ID), write=True)
        file.truncate(length)
        file.close()
    with pytest.raises(SegmentGone):
        take_segment(store, copy, OPEN, lambda _size: None, link=True)
    assert copy.list("objects/segments") == []


def test_of_a_segment_without_acknowledged_bytes_nothing_is_taken() -> None:
    _disk, store, copy = sides()
    empty = Segment(b"e" * 16, SegmentState.OPEN, 0, 1)
    assert take_segment(store, copy, empty, lambda _size: None, link=True) is Taken.NOT


@pytest.mark.parametrize("name", [RESTORING_FILE, SNAPSHOT_FILE])
def test_a_half_restored_store_and_a_snapshot_are_not_opened(name: str) -> None:
    disk = CrashFileSystem()
    write(disk, name, b"")
    with pytest.raises(DataDirUnusable):
        refuse_unfinished(disk)


def test_a_link_that_power_loss_takes_leaves_the_file_alone() -> None:
    disk, store, copy = sides()
    take_segment(store, copy, SEALED, lambda _size: None, link=True)
    after = disk.crash()
    assert read(Subtree(after, "store"), segment_name(ID)) == CONTENT
    assert not after.exists("copy/" + segment_name(ID))
    disk.power_off_at = disk.operations
    with pytest.raises(PowerOff):
        copy.link(store, segment_name(ID), "objects/segments/other")
