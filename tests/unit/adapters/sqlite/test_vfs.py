"""SQLite on the file-system port: the contract holds, errors arrive as SQLite's own, commits survive power cuts."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

import apsw
import pytest

from seglake.adapters.faulty.files import Fault, Faults, FaultyFileSystem, Plan
from seglake.adapters.filesystem.crash_files import CrashFileSystem, PowerOff
from seglake.adapters.sqlite.store import SqliteMetadataStore
from seglake.adapters.sqlite.vfs import PortVfs
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.errors import DataDirUnusable, MetadataDamaged, SeglakeError, StorageFull, StoreFailed
from seglake.domain.model.events import BucketCreated
from seglake.domain.ports.files import FileSystem
from seglake.domain.ports.metadata import MetadataStore, MetadataTx
from seglake.domain.ports.system import Clock, Randomness
from seglake.testing.contracts.doubles import ManualClock, ScriptedJournal, SeededRandomness
from seglake.testing.contracts.metadata import MakeStore, MetadataContract

INDEX = "meta.db"


class Disks:
    """Stores, each on a disk of its own, and their VFSes."""

    def __init__(self) -> None:
        self._made: list[tuple[SqliteMetadataStore, PortVfs]] = []

    def store(
        self, files: FileSystem, clock: Clock | None = None, randomness: Randomness | None = None, **options: Any
    ) -> SqliteMetadataStore:
        clock, randomness = clock or ManualClock(), randomness or SeededRandomness()
        vfs = PortVfs(files, clock, randomness, **options)
        store = SqliteMetadataStore(
            INDEX, clock=clock, randomness=randomness, vfs=vfs.vfs_name, exclusive=True, checkpoint_pages=20
        )
        self._made.append((store, vfs))
        return store

    def close(self) -> None:
        for store, vfs in self._made:
            try:
                store.close()
            except StoreFailed:
                pass
            vfs.unregister()
        self._made.clear()


@pytest.fixture
def disks() -> Iterator[Disks]:
    disks = Disks()
    yield disks
    disks.close()


class TestOnTheFileSystemPort(MetadataContract):
    @pytest.fixture
    def make_store(self, disks: Disks) -> MakeStore:
        def make(clock: Clock, randomness: Randomness) -> MetadataStore:
            store = disks.store(CrashFileSystem(), clock, randomness)
            store.open()
            return store

        return make


def create(name: str) -> Any:
    def script(tx: MetadataTx) -> None:
        tx.record(BucketCreated(Bucket(name, tx.tick())))

    return script


def names(store: MetadataStore) -> list[str]:
    return store.read(lambda view: [bucket.name for bucket in view.buckets.scan()])


def session(store: SqliteMetadataStore, acknowledged: list[str]) -> None:
    """Opens, commits four times with a checkpoint in between, and closes."""
    store.open()
    for number in range(4):
        store.apply([create(f"b{number}")], ScriptedJournal())
        acknowledged.append(f"b{number}")
        store.maintain()
    store.close()


# SQLite has no way to report what goes wrong while it lets go of files after the power went.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("powersafe", [True, False])
def test_acknowledged_commits_survive_a_power_cut_at_any_operation(disks: Disks, powersafe: bool) -> None:
    whole = CrashFileSystem()
    session(disks.store(whole, powersafe_overwrite=powersafe), [])
    states = 0
    for cut in range(whole.operations):
        files = CrashFileSystem()
        files.power_off_at = cut
        acknowledged: list[str] = []
        store = disks.store(files, powersafe_overwrite=powersafe)
        with pytest.raises((StoreFailed, DataDirUnusable, MetadataDamaged, PowerOff, apsw.Error)):
            session(store, acknowledged)
        for image in files.crash_states(Random(cut), exhaustive=4, samples=4):
            found = disks.store(image, powersafe_overwrite=powersafe)
            found.open(unclean=True)
            assert names(found) in (acknowledged, [*acknowledged, f"b{len(acknowledged)}"]), cut
            assert found.check() == []
            found.apply([create("again")], ScriptedJournal())
            states += 1
        disks.close()
    assert states > 200


@pytest.mark.parametrize("fault", [Fault.EIO, Fault.ENOSPC, Fault.SHORT_WRITE])
def test_a_fault_in_any_call_is_never_an_acknowledgement_that_is_lost(disks: Disks, fault: Fault) -> None:
    counting = Faults()
    session(disks.store(FaultyFileSystem(CrashFileSystem(), counting)), [])
    for nth in range(1, len(counting.calls) + 1):
        inner = CrashFileSystem()
        acknowledged: list[str] = []
        store = disks.store(FaultyFileSystem(inner, Faults(Plan(nth, fault))))
        failed: SeglakeError | None = None
        try:
            session(store, acknowledged)
        except (StoreFailed, StorageFull, DataDirUnusable, MetadataDamaged) as error:
            failed = error
        if isinstance(failed, StoreFailed) and store._writer is not None:
            with pytest.raises(StoreFailed):
                store.apply([create("later")], ScriptedJournal())
        disks.close()
        found = disks.store(inner.crash())
        found.open(unclean=True)
        kept = names(found)
        assert kept[: len(acknowledged)] == acknowledged, (nth, counting.calls[nth - 1], failed)
        assert len(kept) <= len(acknowledged) + 1
        assert found.check() == []
        disks.close()


@pytest.mark.parametrize(
    ("operation", "fault", "expected"),
    [
        ("sync", Fault.EIO, apsw.SQLITE_IOERR_FSYNC),
        ("pwritev", Fault.EIO, apsw.SQLITE_IOERR_WRITE),
        ("pwritev", Fault.ENOSPC, apsw.SQLITE_FULL),
        ("pread", Fault.EIO, apsw.SQLITE_IOERR_READ),
    ],
)
def test_errors_of_the_disk_are_sqlites_own(operation: str, fault: Fault, expected: int) -> None:
    faults = Faults()
    vfs = PortVfs(FaultyFileSystem(CrashFileSystem(), faults), ManualClock(), SeededRandomness())
    connection = apsw.Connection("any.db", vfs=vfs.vfs_name)
    connection.execute("PRAGMA cache_size = 1; CREATE TABLE t(x); INSERT INTO t VALUES(1)")
    connection.release_memory()
    faults.calls.clear()
    faults.plan = Plan(1, fault, for_ever=True, operation=operation)
    work = "INSERT INTO t SELECT hex(randomblob(5000)) FROM t; SELECT count(*) FROM t"
    with pytest.raises(apsw.Error) as caught:
        connection.execute(work).fetchall()
    assert expected in (caught.value.extendedresult, caught.value.result)  # type: ignore[attr-defined]
    faults.plan = None
    connection.close()
    vfs.unregister()


def test_a_name_can_be_used_again_after_unregistering() -> None:
    vfs = PortVfs(CrashFileSystem(), ManualClock(), SeededRandomness())
    assert vfs.vfs_name in apsw.vfs_names()
    vfs.unregister()
    assert vfs.vfs_name not in apsw.vfs_names()


def test_a_commit_that_a_killed_process_left_is_safe_before_anybody_acts_on_it(disks: Disks) -> None:
    disk = CrashFileSystem()
    store = disks.store(disk)
    store.open()
    seen: list[CrashFileSystem] = []

    def before_the_sync(_disk: CrashFileSystem, operation: str, name: str) -> None:
        if operation == "pwritev" and name == f"{INDEX}-wal":
            disk.observe = None
            seen.append(copy.deepcopy(disk))
            disk.observe = before_the_sync

    disk.observe = before_the_sync
    store.apply([make_bucket], ScriptedJournal())
    disk.observe = None
    left = seen[-1]  # every frame is written, none is synced
    assert not opened(disks.store(left.crash()))
    following = disks.store(left)
    assert opened(following) == ["bucket"]
    assert opened(disks.store(left.crash())) == ["bucket"]


def make_bucket(tx: MetadataTx) -> None:
    tx.record(BucketCreated(Bucket("bucket", tx.tick())))


def opened(store: SqliteMetadataStore) -> list[str]:
    store.open(unclean=True)
    return names(store)


@pytest.mark.parametrize("fault", [Fault.EIO, Fault.ENOSPC])
def test_an_opening_that_fails_twice_still_says_so_as_declared(disks: Disks, fault: Fault) -> None:
    for nth in range(1, 60):
        files = FaultyFileSystem(CrashFileSystem(), Faults(Plan(nth, fault, for_ever=True)))
        try:
            disks.store(files).open()
        except SeglakeError:
            continue
