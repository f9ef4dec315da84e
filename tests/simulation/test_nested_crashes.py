"""P2: the power fails again, at every operation of what was to mend the first failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from seglake.adapters.filesystem.crash_files import CrashFileSystem
from seglake.domain.model.errors import DataDirUnusable

from .crashes import check_disk
from .ledger import Ledger, check_recovered, dump_of
from .operations import Delete, Put
from .session import Capture, Session, run_workload
from .stack import INDEX, Options, open_stack, rebuild_in_place
from .workloads import BY_HAND, B, Named

pytestmark = pytest.mark.slow

NESTED_MIN = 1_000
NAMES = (
    "bulk",
    "versioned",
    "multipart",
    "batch_with_refusals",
    "rotation",
    "bulk_rotation",
    "restarts_rotating",
    "checkpoints",
    "first_start",
)
CHOSEN = tuple(named for named in BY_HAND if named.name in NAMES)
_tried: dict[str, int] = {}

Mend = Callable[[CrashFileSystem, Options], None]


def recover(disk: CrashFileSystem, options: Options) -> None:
    open_stack(disk, options).let_go()


def rebuild(disk: CrashFileSystem, options: Options) -> None:
    rebuild_in_place(disk, options)


def first_crashes(workload: Named, random: Random, count: int) -> tuple[Ledger, list[tuple[CrashFileSystem, int, int]]]:
    """The ledger of a workload, and some of the disks that a power failure in it, or kill -9, may leave."""
    disk = CrashFileSystem()
    capture = Capture(random, kills=0.3)
    disk.observe = capture.at_boundary
    session = run_workload(workload.run, disk, workload.options, capture)
    session.stack.let_go()
    # The first operations make the store itself; most of what is worth mending comes later.
    states = [(image, first, last) for image, first, last, _ in capture.states if first]
    killed = [(image, first, last) for image, first, last, _ in capture.killed if first]
    half = count // 2
    return session.ledger, [
        *random.sample(states, min(count - half, len(states))),
        *random.sample(killed, min(half, len(killed))),
    ]


def crash_while_mending(
    image: CrashFileSystem, mend: Mend, options: Options, random: Random
) -> list[tuple[CrashFileSystem, str]]:
    """The disks that a second failure may leave while this one is mended."""
    capture = Capture(random, per_boundary=3)
    image.observe = capture.at_boundary
    mend(image, replace(options, seed=options.seed + 50_000))
    image.observe = None
    return [(nested, label) for nested, _, _, label in capture.states]


@pytest.mark.parametrize("workload", CHOSEN, ids=lambda workload: workload.name)
def test_recovery_may_be_cut_off_anywhere(workload: Named, seed: int, scale: int) -> None:
    random = Random(f"recovery {workload.name} {seed}")
    ledger, crashes = first_crashes(workload, random, 14 * scale)
    number = 0
    for image, first, last in crashes:
        for nested, label in crash_while_mending(image, recover, workload.options, random):
            number += 1
            try:
                check_disk(nested, ledger, first, last, workload.options, thorough=not number % 8, number=number)
            except Exception as error:
                raise AssertionError(f"{workload.name}, seed {seed}, nested {number}, {label}") from error
    _tried[f"recovery {workload.name}"] = number


@pytest.mark.parametrize("workload", CHOSEN, ids=lambda workload: workload.name)
def test_rebuilding_may_be_cut_off_anywhere(workload: Named, seed: int, scale: int) -> None:
    random = Random(f"rebuild {workload.name} {seed}")
    ledger, crashes = first_crashes(workload, random, 3 * scale)
    number = 0
    for image, first, last in crashes:
        stack = open_stack(image, workload.options)
        shown = check_recovered(stack, ledger, first, last)
        stack.let_go()
        for nested, label in crash_while_mending(image.crash(), rebuild, workload.options, random):
            number += 1
            try:
                _check_rebuilding_again(nested, ledger, shown, replace(workload.options, seed=90_000 + number))
            except Exception as error:
                raise AssertionError(f"{workload.name}, seed {seed}, nested {number}, {label}") from error
    _tried[f"rebuild {workload.name}"] = number


def _check_rebuilding_again(disk: CrashFileSystem, ledger: Ledger, shown: int, options: Options) -> None:
    """The old index is there, or the new one, or none: then the server refuses, and rebuilding again helps."""
    had_index = disk.exists(INDEX)
    try:
        stack = open_stack(disk, options)
    except DataDirUnusable:
        assert not had_index, "with an index the store opens"
        rebuild_in_place(disk, replace(options, seed=options.seed + 1))
        stack = open_stack(disk, replace(options, seed=options.seed + 2))
    try:
        check_recovered(stack, ledger, shown, shown)
    finally:
        stack.let_go()


def test_a_lost_index_is_never_replaced_by_an_empty_one(seed: int) -> None:
    """However often the store is started without its index, and whenever these starts are cut off."""
    session = Session(CrashFileSystem())
    for operation in next(named for named in BY_HAND if named.name == "small").run(session):
        session.step(operation)
        dump = dump_of(session.stack)
        disk = session.files
        assert isinstance(disk, CrashFileSystem)
        left = disk.crash()
        for name in left.list("."):
            if name.startswith(INDEX):
                left.remove(name)
        left.sync_dir(".")
        _start_without_index(left, dump, Random(seed))
    session.stack.let_go()


def _start_without_index(disk: CrashFileSystem, dump: tuple[str, ...], random: Random) -> None:
    capture = Capture(random, per_boundary=2)
    disk.observe = capture.at_boundary
    with pytest.raises(DataDirUnusable):
        open_stack(disk, Options(seed=7))
    disk.observe = None
    for image, _, _, _label in [*capture.states, (disk, 0, 0, "after the refusal")]:
        with pytest.raises(DataDirUnusable):
            open_stack(image, Options(seed=8))
        rebuild_in_place(image, Options(seed=9))
        stack = open_stack(image, Options(seed=10))
        assert dump_of(stack) == dump
        stack.let_go()


def test_a_start_on_a_full_disk_needs_nobody(seed: int) -> None:
    """An open segment waits for recovery, others filled the disk, and the ballast is all there is."""
    options = Options(reserve=200_000)
    session = Session(CrashFileSystem(), options)
    for operation in next(named for named in BY_HAND if named.name == "bulk").run(session):
        session.step(operation)
    disk = session.files
    assert isinstance(disk, CrashFileSystem)
    for left in (0, 100, 1000, 10_000):
        image = disk.crash()
        image.capacity = image.used() + left
        stack = open_stack(image, replace(options, seed=left + 5))
        check_recovered(stack, session.ledger, session.ledger.answered, session.ledger.answered)
        again = Session(image, stack=stack, noting=False)
        again.ledger.model = session.model
        again.full = True
        again.step(Put(B, "more", b"more"))
        again.step(Delete(B, "nothing"))
        stack.let_go()
    session.stack.let_go()


def test_enough_second_failures_were_tried() -> None:
    if len(_tried) < 2 * len(CHOSEN):
        pytest.skip("only some of the workloads ran")
    print(sum(_tried.values()), "nested crash states")
    assert sum(_tried.values()) >= NESTED_MIN
