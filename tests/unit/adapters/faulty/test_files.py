from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from seglake.adapters.faulty.files import Fault, Faults, FaultyFile, FaultyFileSystem, Plan
from seglake.adapters.filesystem.crash_files import CrashFileSystem
from seglake.domain.ports.files import File


def faulty(plan: Plan) -> FaultyFileSystem:
    return FaultyFileSystem(CrashFileSystem(), Faults(plan))


def test_the_nth_call_fails_once() -> None:
    files = faulty(Plan(3, Fault.EIO))
    file = files.open("a", create=True)
    file.pwritev([b"1"], 0)
    with pytest.raises(OSError, match="injected") as caught:
        file.pwritev([b"2"], 0)
    assert caught.value.errno == errno.EIO
    file.pwritev([b"3"], 0)
    assert file.pread(1, 0) == b"3"


def test_for_ever_means_every_later_call_of_that_name() -> None:
    files = faulty(Plan(2, Fault.ENOSPC, for_ever=True))
    file = files.open("a", create=True)
    for _ in range(3):
        with pytest.raises(OSError, match="injected"):
            file.pwritev([b"1"], 0)
    file.sync()


def test_an_operation_narrows_the_count() -> None:
    files = faulty(Plan(2, Fault.EMFILE, for_ever=True, operation="open"))
    file = files.open("a", create=True)
    file.pwritev([b"1"], 0)
    file.sync()
    for _ in range(2):
        with pytest.raises(OSError, match="injected") as caught:
            files.open("a")
        assert caught.value.errno == errno.EMFILE
    file.sync()


def test_a_short_write_leaves_half_of_its_bytes() -> None:
    files = faulty(Plan(1, Fault.SHORT_WRITE, operation="pwritev"))
    file = files.open("a", create=True)
    with pytest.raises(OSError, match="injected"):
        file.pwritev([b"abc", b"def"], 0)
    assert file.pread(10, 0) == b"abc"


def test_a_failed_sync_is_not_tried_and_is_told() -> None:
    crash = CrashFileSystem()
    told: list[File] = []
    files = FaultyFileSystem(crash, Faults(Plan(1, Fault.EIO, operation="sync")), on_failed_sync=told.append)
    file = files.open("a", create=True)
    files.sync_dir(".")
    file.pwritev([b"data"], 0)
    with pytest.raises(OSError, match="injected"):
        file.sync()
    assert len(told) == 1
    assert crash.crash().open("a").size() == 0


Call = Callable[[FaultyFileSystem, FaultyFile], object]
CALLS: dict[str, Call] = {
    "open": lambda files, file: files.open("a"),
    "list": lambda files, file: files.list("."),
    "make_dir": lambda files, file: files.make_dir("d"),
    "rename": lambda files, file: files.rename("a", "b"),
    "remove": lambda files, file: files.remove("a"),
    "sync_dir": lambda files, file: files.sync_dir("."),
    "free_bytes": lambda files, file: files.free_bytes(),
    "pread": lambda files, file: file.pread(1, 0),
    "pwritev": lambda files, file: file.pwritev([b"x"], 0),
    "sync": lambda files, file: file.sync(),
    "truncate": lambda files, file: file.truncate(0),
    "allocate": lambda files, file: file.allocate(1),
    "size": lambda files, file: file.size(),
    "lock": lambda files, file: file.try_lock(),
    "close": lambda files, file: file.close(),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_operation_can_fail(name: str) -> None:
    files = faulty(Plan(2 if name == "open" else 1, Fault.EIO, operation=name))
    file = files.open("a", create=True)
    with pytest.raises(OSError, match="injected"):
        CALLS[name](files, file)
    assert files._faults.failed == [name]
