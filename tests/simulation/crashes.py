"""Fails the power at every operation of a workload and asks the ledger, for every disk that may be left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Protocol

from seglake.adapters.filesystem.crash_files import CrashFileSystem

from .ledger import (
    LATER_MS,
    Ledger,
    check_rebuild,
    check_recovered,
    check_second_recovery,
    check_sound,
    check_works,
    dump_of,
)
from .session import Capture, run_workload
from .stack import BOOT_MS, Options, open_stack
from .workloads import Named


@dataclass(slots=True)
class Report:
    """What was tried. A violation has the label that tells how to see it again."""

    boundaries: int = 0
    states: int = 0
    violations: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        self.boundaries += other.boundaries
        self.states += other.states
        self.violations += other.violations


class Check(Protocol):
    """What must hold after a disk was opened again; which of the ledger's states it showed."""

    def __call__(
        self,
        image: CrashFileSystem,
        ledger: Ledger,
        first: int,
        last: int,
        options: Options,
        *,
        thorough: bool,
        number: int,
    ) -> int: ...


def crash_everywhere(workload: Named, *, seed: int, limit: int, effort: int = 1, check: Check | None = None) -> Report:
    """Runs the workload once, then checks up to ``limit`` of the disks that a power failure in it might have left.

    The greater the ``effort``, the more subsets of what was not synced are tried at each operation.
    """
    check = check or check_disk
    random = Random(f"{workload.name} {seed}")
    disk = CrashFileSystem()
    capture = Capture(random, exhaustive=min(12, 2 + effort), samples=min(256, 2 * effort), per_boundary=5 * effort)
    disk.observe = capture.at_boundary
    session = run_workload(workload.run, disk, workload.options, capture)
    session.stack.let_go()
    states = capture.states if len(capture.states) <= limit else random.sample(capture.states, limit)
    report = Report(capture.boundaries, len(states))
    for number, (image, first, last, label) in enumerate(states):
        try:
            check(image, session.ledger, first, last, workload.options, thorough=number % 8 == 0, number=number)
        except Exception as error:  # noqa: BLE001 - whatever a crash leads to is told with its seed
            where = f"{workload.name} (seed {seed}), state {number}, in operation {last}, {label}"
            report.violations.append(f"{where}: {type(error).__name__}: {error}")
    return report


def check_disk(
    image: CrashFileSystem, ledger: Ledger, first: int, last: int, options: Options, *, thorough: bool, number: int = 0
) -> int:
    """Everything that must hold after this disk was opened again; which of the ledger's states it showed."""
    image.capacity = None
    # The clock of a machine that lost its power may be behind or ahead.
    boot_ms = BOOT_MS + (LATER_MS if number % 2 else -LATER_MS)
    options = replace(options, seed=options.seed + 100_000, boot_ms=boot_ms)
    stack = open_stack(image, options)
    try:
        shown = check_recovered(stack, ledger, first, last)
        check_sound(stack)
        check_second_recovery(stack, image)
        dump = dump_of(stack)
        if thorough and number % 16:
            check_works(image, stack, ledger, shown, options)
    finally:
        stack.let_go()
    if thorough and not number % 16:
        check_rebuild(image, dump, replace(options, seed=options.seed + 5000))
    return shown


def total(reports: Sequence[Report]) -> Report:
    """All together."""
    out = Report()
    for report in reports:
        out.add(report)
    return out
