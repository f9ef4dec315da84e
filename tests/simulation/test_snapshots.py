"""P12: snapshots and restores on the simulated disk, with the power failing at every operation of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random

import pytest

from seglake.adapters.filesystem.crash_files import CrashFileSystem
from seglake.adapters.filesystem.layout import FORMAT_FILE, SNAPSHOT_FILE, refuse_unfinished
from seglake.adapters.filesystem.snapshots import (
    INDEX_COPY,
    FilesystemRestore,
    FilesystemSnapshot,
    FilesystemSnapshotSource,
)
from seglake.adapters.filesystem.subtree import Subtree
from seglake.adapters.sqlite.store import SqliteMetadataStore
from seglake.adapters.sqlite.vfs import PortVfs
from seglake.domain.model.errors import DataDirUnusable, InvalidArgument, StorageFull
from seglake.domain.model.hlc import HLC
from seglake.domain.ports.files import FileSystem
from seglake.domain.ports.progress import Progress, Silent
from seglake.domain.services.maintenance import maintenance_of
from seglake.domain.services.restore import RestoreOptions, RestoreReport, Restoring
from seglake.domain.services.snapshot import SnapshotOptions, SnapshotReport, SnapshotTaking
from seglake.testing.contracts.doubles import SeededRandomness

from .ledger import check_sound, dump_of, observe
from .operations import Delete, MakeBucket, Put
from .session import Collect, Seal, Session
from .stack import INDEX, NoLog, Options, Stack, WalkingClock, open_index, open_stack, segment_files

B = "bucket"
BULK = bytes(range(255, -1, -1)) * 20
OPTIONS = Options()
STORE, SNAP, BACK = "store", "snap", "back"

Between = Callable[[str], None]
"""Called when a stage begins, with its name: what happens beside a snapshot."""


@dataclass
class Disk:
    """One disk with room for a store, a snapshot and a restored store."""

    files: CrashFileSystem

    def __getitem__(self, name: str) -> Subtree:
        return Subtree(self.files, name)


def new_disk() -> Disk:
    files = CrashFileSystem()
    for name in (STORE, SNAP, BACK):
        files.make_dir(name)
    files.sync_dir(".")
    return Disk(files)


def filled(disk: Disk) -> Session:
    """A store with a sealed segment, open ones, versions and deletes."""
    session = Session(disk[STORE], OPTIONS, noting=False)
    for operation in (
        MakeBucket(B),
        Put(B, "one", b"1" * 3000),
        Put(B, "bulk", BULK),
        Seal(),
        Put(B, "two", b"2" * 100),
        Put(B, "one", b"new"),
        Delete(B, "two"),
        Put(B, "three", BULK),
    ):
        session.step(operation)
    return session


def take(disk: Disk, stack: Stack, *, between: Between = lambda _stage: None, link: bool = True) -> SnapshotReport:
    """A snapshot with all payload into SNAP."""
    target = disk[SNAP]
    assert isinstance(stack.metadata, SqliteMetadataStore)
    vfs = PortVfs(target, stack.clock, SeededRandomness(5))
    metadata = stack.metadata

    def stages(name: str, _unit: str, /) -> Progress:
        between(name)
        return Silent()

    try:
        snapshot = FilesystemSnapshot(disk[STORE], target, lambda: metadata.copy_to(INDEX_COPY, vfs=vfs.vfs_name))
        taking = SnapshotTaking(metadata, stack.segments, stack.clock, lambda _s: None, stages)
        return taking.run(snapshot, SnapshotOptions(data=True, link=link))
    finally:
        vfs.unregister()


def restore(disk: Disk, at: HLC | None = None, *, link: bool = True) -> RestoreReport:
    """SNAP into BACK, everything read."""
    target = disk[BACK]

    @contextmanager
    def index() -> Iterator[SqliteMetadataStore]:
        with open_index(target, OPTIONS) as store:
            yield store

    place = FilesystemRestore(
        disk[SNAP], disk[SNAP], target, index_name=INDEX, open_index=index, segments=segment_files(target)
    )
    source = FilesystemSnapshotSource(disk[SNAP], segment_files(disk[SNAP]))
    restoring = Restoring(WalkingClock(), NoLog(), lambda _s: None)
    return restoring.run(source, place, RestoreOptions(at, verify=True, link=link))


def check_restored(disk: Disk, dump: tuple[str, ...], seen: object) -> Stack:
    refuse_unfinished(disk[BACK])
    stack = open_stack(disk[BACK], replace(OPTIONS, seed=99))
    assert dump_of(stack, places=False) == dump
    assert observe(stack) == seen
    assert not stack.recovered.changed, "a restored store is at rest"
    check_sound(stack)
    return stack


@pytest.mark.parametrize("reflinks", [False, True])
@pytest.mark.parametrize("link", [False, True])
def test_what_was_acknowledged_before_a_snapshot_comes_back_and_nothing_later(*, reflinks: bool, link: bool) -> None:
    disk = new_disk()
    disk.files.reflinks = reflinks
    session = filled(disk)
    dump, seen = dump_of(session.stack, places=False), observe(session.stack)

    def between(stage: str) -> None:
        if stage == "taking segments":
            for operation in (Put(B, "later", b"x" * 500), Put(B, "later bulk", BULK), Seal(), Delete(B, "one")):
                session.step(operation)

    report = take(disk, session.stack, between=between, link=link)
    assert not report.findings
    assert restore(disk, link=link).sound
    stack = check_restored(disk, dump, seen)
    stack.let_go()
    assert observe(session.stack) != seen, "the store went on meanwhile"


def test_a_store_and_its_restored_copy_go_separate_ways() -> None:
    disk = new_disk()
    session = filled(disk)
    take(disk, session.stack)
    dump, seen = dump_of(session.stack, places=False), observe(session.stack)
    restore(disk)
    for operation in (Delete(B, "one"), Delete(B, "bulk"), Delete(B, "three"), Seal(), Collect()):
        session.step(operation)
    session.stack.close()
    check_restored(disk, dump, seen)


def test_garbage_that_a_snapshot_needs_is_not_removed_while_it_is_taken() -> None:
    disk = new_disk()
    session = filled(disk)
    dump, seen = dump_of(session.stack, places=False), observe(session.stack)

    def between(stage: str) -> None:
        if stage == "taking segments":
            for operation in (Delete(B, "one"), Delete(B, "bulk"), Delete(B, "three"), Seal(), Seal(), Collect()):
                session.step(operation)

    report = take(disk, session.stack, between=between)
    assert not report.findings
    assert restore(disk).sound
    check_restored(disk, dump, seen)


def test_an_earlier_moment_comes_back_as_it_was_and_stays_so_after_a_rebuild() -> None:
    from .stack import rebuild_in_place

    disk = new_disk()
    session = filled(disk)
    then = session.stack.metadata.read(lambda view: HLC(view.settings.last_ticks(), view.settings.site()))
    dump, seen = dump_of(session.stack, places=False), observe(session.stack)
    for operation in (Put(B, "later", b"x" * 500), Delete(B, "one"), Put(B, "three", b"3"), Seal(), Put(B, "y", b"y")):
        session.step(operation)
    take(disk, session.stack)
    newest = session.stack.metadata.read(lambda view: view.settings.last_ticks())
    report = restore(disk, then)
    assert report.sound
    assert report.newest == then
    stack = check_restored(disk, dump, seen)
    assert stack.metadata.read(lambda view: view.settings.last_ticks()) == newest, "no stamp is given out twice"
    stack.close()
    rebuild_in_place(disk[BACK], OPTIONS)
    check_restored(disk, dump, seen)


def test_a_moment_before_the_last_collection_is_refused() -> None:
    disk = new_disk()
    session = filled(disk)
    then = session.stack.metadata.read(lambda view: HLC(view.settings.last_ticks(), view.settings.site()))
    for operation in (Delete(B, "bulk"), Delete(B, "three"), Delete(B, "one"), Seal(), Seal(), Collect()):
        session.step(operation)
    session.step(Put(B, "new", b"x"))
    assert take(disk, session.stack).manifest.history_ticks > 0
    with pytest.raises(InvalidArgument, match="garbage was collected"):
        restore(disk, then)
    assert not disk[BACK].list(".")


def test_a_damaged_snapshot_is_refused_before_anything_is_made_of_it() -> None:
    disk = new_disk()
    session = filled(disk)
    take(disk, session.stack)
    file = disk[SNAP].open(INDEX_COPY, write=True)
    (byte,) = file.pread(1, 9000)
    file.pwritev([bytes((byte ^ 1,))], 9000)
    file.close()
    with pytest.raises(DataDirUnusable, match="not what was written"):
        restore(disk)
    assert not disk[BACK].list(".")


def test_neither_goes_into_a_directory_that_holds_anything() -> None:
    disk = new_disk()
    session = filled(disk)
    take(disk, session.stack)
    with pytest.raises(DataDirUnusable, match="empty"):
        take(disk, session.stack)
    disk[BACK].open("precious", create=True).close()
    with pytest.raises(DataDirUnusable, match="precious"):
        restore(disk)


def test_a_segment_that_is_lost_is_told_and_the_rest_is_taken() -> None:
    disk = new_disk()
    session = filled(disk)
    sealed = disk[STORE].list("objects/manifests")[0].removesuffix(".mfp")
    disk[STORE].remove(f"objects/segments/{sealed}.seg")
    report = take(disk, session.stack)
    assert [found.where for found in report.findings] == [f"segment {sealed}"]
    back = restore(disk)
    assert not back.sound
    assert any(sealed in found.where or sealed in found.text for found in back.findings)


@pytest.mark.parametrize("free", [2_000, 100_000])
def test_a_full_disk_refuses_a_snapshot_before_it_is_full(free: int) -> None:
    disk = new_disk()
    session = filled(disk)
    disk.files.capacity = disk.files.used() + free
    with pytest.raises(StorageFull):
        take(disk, session.stack, link=False)
    assert disk.files.capacity > disk.files.used()
    assert not disk[SNAP].exists(SNAPSHOT_FILE)
    disk.files.capacity = None
    session.step(Put(B, "after", b"x"))


def test_a_snapshot_of_a_quiesced_store_comes_back_writable() -> None:
    from seglake.domain.model.maintenance import MAINTENANCE_NOTE, Maintenance, MaintenanceState, to_text

    from .stack import drive

    disk = new_disk()
    session = filled(disk)
    text = to_text(Maintenance(MaintenanceState.QUIESCED, 1))
    drive(session.stack.committer.commit(lambda tx: tx.notes.put(MAINTENANCE_NOTE, text)))
    take(disk, session.stack)
    restore(disk)
    stack = open_stack(disk[BACK], OPTIONS)
    assert not stack.metadata.read(maintenance_of).refuses_new


@pytest.mark.slow
@pytest.mark.parametrize("reflinks", [False, True])
def test_a_crash_in_a_snapshot_leaves_a_whole_one_or_none(*, reflinks: bool, scale: int) -> None:
    disk = new_disk()
    disk.files.reflinks = reflinks
    session = filled(disk)
    dump, seen = dump_of(session.stack, places=False), observe(session.stack)
    images = _captured(disk.files, 8 * scale)
    take(disk, session.stack, link=True)
    disk.files.observe = None
    session.stack.let_go()
    whole = 0
    for image in _some(images, 150 * scale):
        left = Disk(image)
        if left[SNAP].exists(SNAPSHOT_FILE):
            whole += 1
            assert restore(left).sound
            check_restored(left, dump, seen).let_go()
        else:
            with pytest.raises(DataDirUnusable):
                restore(left)
        if whole % 8 == 0:
            stack = open_stack(left[STORE], replace(OPTIONS, seed=7))
            assert dump_of(stack, places=False) == dump, "the store itself is untouched"
            stack.let_go()
    assert whole >= 3


@pytest.mark.slow
@pytest.mark.parametrize(("earlier", "rested"), [(False, False), (True, False), (False, True)])
def test_a_crash_in_a_restore_leaves_a_whole_store_or_a_marked_one(*, earlier: bool, rested: bool, scale: int) -> None:
    disk = new_disk()
    session = filled(disk)
    if rested:
        session.reopen()
    then = session.stack.metadata.read(lambda view: HLC(view.settings.last_ticks(), view.settings.site()))
    dump, seen = dump_of(session.stack, places=False), observe(session.stack)
    if earlier:
        session.step(Put(B, "later", b"x" * 500))
    take(disk, session.stack)
    session.stack.let_go()
    for name in (SNAP, BACK):
        disk.files.sync_dir(name)
    images = _captured(disk.files, 6 * scale)
    restore(disk, then if earlier else None)
    disk.files.observe = None
    whole = 0
    for image in _some(images, 150 * scale):
        left = Disk(image)
        if not _is_store(left[BACK]):
            continue
        whole += 1
        check_restored(left, dump, seen).let_go()
    assert whole > 1


def _is_store(files: FileSystem) -> bool:
    """Whether a server would open it as a store that is there, not as a new one."""
    try:
        refuse_unfinished(files)
    except DataDirUnusable:
        return False
    return files.exists(FORMAT_FILE)


def _captured(files: CrashFileSystem, per_step: int) -> list[CrashFileSystem]:
    """Fills with disks that a power failure after each operation may leave."""
    random, images = Random(11), []

    def observe_(disk: CrashFileSystem, _operation: str, _name: str) -> None:
        states = list(disk.crash_states(random, exhaustive=4, samples=4))
        images.extend(random.sample(states, min(per_step, len(states))))

    files.observe = observe_
    return images


def _some(images: list[CrashFileSystem], limit: int) -> list[CrashFileSystem]:
    """The last ones always, since there the whole thing appears, and a sample of the others."""
    last = images[-60:]
    return [*Random(3).sample(images[:-60], min(limit, max(0, len(images) - 60))), *last]
