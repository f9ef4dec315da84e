from __future__ import annotations

import pytest

from seglake.adapters.filesystem.crash_files import CrashFileSystem
from seglake.adapters.filesystem.layout import RESERVE_FILE
from seglake.adapters.filesystem.reserve import Reserve, relieve
from seglake.domain.model.errors import StorageFull
from seglake.testing.contracts.doubles import ManualClock
from tests.unit.adapters.filesystem.bench import Lines

SIZE = 100_000


def reserved(capacity: int = 1_000_000) -> tuple[CrashFileSystem, ManualClock, Reserve]:
    disk, clock = CrashFileSystem(capacity=capacity), ManualClock()
    reserve = Reserve(disk, clock, SIZE, Lines())
    reserve.open()
    return disk, clock, reserve


def leave(disk: CrashFileSystem, clock: ManualClock, free: int) -> None:
    """Others fill the disk but for so many bytes, and time passes."""
    disk.open(f"other-{len(disk.list('.'))}", create=True).allocate(disk.free_bytes() - free)
    clock.ms += 1000


def held(disk: CrashFileSystem) -> int:
    return disk.open(RESERVE_FILE).size()


def test_the_ballast_is_given_up_before_a_batch_meets_the_end_of_the_disk() -> None:
    disk, clock, reserve = reserved()
    leave(disk, clock, SIZE // 2 + 1)
    reserve.prepare()
    assert held(disk) == SIZE
    leave(disk, clock, SIZE // 2 - 1)
    reserve.prepare()
    assert held(disk) == 0


def test_room_that_the_ballast_gave_back_is_not_for_payload() -> None:
    disk, clock, reserve = reserved()
    leave(disk, clock, 1000)
    reserve.prepare()
    assert disk.free_bytes() == SIZE + 1000
    with pytest.raises(StorageFull):
        reserve.take(1)


def test_a_start_gives_the_ballast_up_on_a_full_disk_only() -> None:
    disk, clock, reserve = reserved()
    reserve.close()
    relieve(disk)
    assert held(disk) == SIZE
    leave(disk, clock, 1000)
    relieve(disk)
    assert held(disk) == 0
    relieve(CrashFileSystem())


def test_the_ballast_survives_a_power_failure() -> None:
    disk, _, _ = reserved()
    assert held(disk.crash()) == SIZE
