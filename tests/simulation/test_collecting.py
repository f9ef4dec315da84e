"""P11 in one thread: garbage is collected and segments are rewritten at any moment of a store's life and of its end."""

from __future__ import annotations

from dataclasses import replace
from random import Random, SystemRandom

import pytest

from seglake.adapters.faulty.files import Fault, Plan
from seglake.adapters.filesystem.crash_files import CrashFileSystem
from seglake.adapters.filesystem.layout import MANIFESTS_DIR, QUARANTINE_DIR, SEGMENTS_DIR

from .collecting import COLLECTING
from .crashes import check_disk, crash_everywhere
from .drawn import Tidying, tidying, tidying_options
from .faults import check_life, live, rehearse
from .ledger import Ledger, Violation, check_rebuild, check_recovered, check_sound, dump_of, observe
from .model import Model, Snapshot
from .operations import Operation, attempt, outcome_of
from .session import Collect, Kill, PowerFailure, RebuildIndex, Reopen, RewriteSegments, Session
from .stack import Options, Stack, drive, memory_stack, open_stack
from .test_nested_crashes import crash_while_mending, first_crashes
from .workloads import Named

pytestmark = pytest.mark.slow

DRAWN = tuple(tidying(seed, 14) for seed in range(8))
LIVES = 60
STEPS = 50
NESTED = tuple(
    named
    for named in COLLECTING
    if named.name in ("collect_nulls", "collect_parts", "collect_copies", "collect_dead_bulk")
)


@pytest.mark.parametrize("workload", [*COLLECTING, *DRAWN], ids=lambda workload: workload.name)
def test_power_may_fail_at_every_step(workload: Named, seed: int, scale: int) -> None:
    report = crash_everywhere(workload, seed=seed, limit=80 * scale, effort=scale, check=check_and_collect)
    assert report.violations == []


class Life(Tidying):
    """Also crashes, and loses its index."""

    def operate(self, session: Session) -> Operation:
        kind = self.random.randrange(12)
        if kind == 0:
            return PowerFailure(self.random.randrange(1 << 32))
        if kind == 1:
            return Kill()
        if kind == 2:
            return RebuildIndex()
        return super().operate(session)


def live_and_collect(seed: int) -> None:
    life = Life(seed)
    session = Session(CrashFileSystem(), tidying_options(life), noting=False)
    story: list[str] = []
    try:
        for step in range(STEPS):
            operation = life.administer(session) if step < 2 else life.next(session)
            story.append(f"{step}: {str(operation)[:160]}")
            answer = session.step(operation)
            if isinstance(operation, Collect | RewriteSegments):
                done, swept = answer
                assert not done.findings, done.findings
                assert swept is None or not swept.spared, "nothing alive was doomed"
                check(session)
        session.step(Reopen())
        check(session)
        check_sound(session.stack)
    except Exception as error:
        raise Violation(f"seed {seed}: {error}\n" + "\n".join(story)) from error
    finally:
        session.stack.let_go()


def check(session: Session) -> None:
    """Everything is there, and an index made of what is on the disk now says the same."""
    assert observe(session.stack) == session.model.snapshot()
    assert isinstance(session.files, CrashFileSystem)
    left = session.files.crash()
    check_rebuild(left, dump_of(session.stack), replace(session.options, seed=session.options.seed + 7))


def test_whatever_is_collected_a_rebuilt_index_is_the_same(seed: int, scale: int) -> None:
    for number in range(LIVES * scale):
        live_and_collect(seed * 1_000_003 + number)


def test_lives_that_nobody_has_seen_before(scale: int) -> None:
    seed = SystemRandom().randrange(1 << 32)
    print(f"rotating seed {seed}")
    for number in range(10 * scale):
        live_and_collect(seed + number)


def test_in_memory_too(seed: int, scale: int) -> None:
    for number in range(30 * scale):
        life = Tidying(seed + number)
        stack = memory_stack(Options(seed=seed, segment_size=4096))
        session = Session(CrashFileSystem(), stack=stack, noting=False)
        for step in range(STEPS):
            operation = life.administer(session) if step < 2 else life.next(session)
            if not isinstance(operation, Reopen):
                session.step(operation)
        assert observe(session.stack) == session.model.snapshot()


def collect_all(disk: CrashFileSystem, options: Options) -> None:
    """A start, and then whatever there is to collect, begun by this process or by the last."""
    stack = open_stack(disk, options)
    try:
        _collect(stack)
    finally:
        stack.let_go()


def _collect(stack: Stack) -> None:
    for operation in (Collect(), RewriteSegments(2.0)):
        outcome_of(operation, Model(), drive(attempt(operation, stack)))


def check_and_collect(
    image: CrashFileSystem,
    ledger: Ledger,
    first: int,
    last: int,
    options: Options,
    *,
    thorough: bool,
    number: int,
) -> int:
    """What every crash must leave; and what it left is collected, without harm."""
    if thorough:
        return check_disk(image, ledger, first, last, options, thorough=True, number=number)
    image.capacity = None
    options = replace(options, seed=options.seed + 100_000, boot_ms=options.boot_ms + 9_000_000)
    stack = open_stack(image, options)
    try:
        shown = check_recovered(stack, ledger, first, last)
        check_sound(stack)
        check_rebuild(image.crash(), dump_of(stack), replace(options, seed=options.seed + 1))
        _collect(stack)
        check_nothing_left(image, stack)
        check_sound_again(image, stack, ledger.states[shown], options)
    finally:
        stack.let_go()
    return shown


def check_nothing_left(disk: CrashFileSystem, stack: Stack) -> None:
    """No file whose segment nobody knows any more, but what recovery itself moved away (an unacknowledged batch)."""
    known = stack.metadata.read(lambda view: {row.id.hex() for row in view.segments.scan()})
    known |= {segment.hex() for segment in stack.recovered.quarantined}
    for directory in (SEGMENTS_DIR, MANIFESTS_DIR, QUARANTINE_DIR):
        assert {name[:32] for name in disk.list(directory)} <= known, directory


def check_sound_again(disk: CrashFileSystem, stack: Stack, expected: Snapshot, options: Options) -> None:
    """Nothing was lost and nothing came back, now, after the next power failure, and after the index is lost."""
    assert observe(stack) == expected
    again = open_stack(disk.crash(), replace(options, seed=options.seed + 2))
    try:
        assert observe(again) == expected
        check_sound(again)
    finally:
        again.let_go()
    check_rebuild(disk.crash(), dump_of(stack), replace(options, seed=options.seed + 3))


@pytest.mark.parametrize("workload", NESTED, ids=lambda workload: workload.name)
def test_collecting_after_a_crash_may_be_cut_off_anywhere(workload: Named, seed: int, scale: int) -> None:
    random = Random(f"collect {workload.name} {seed}")
    ledger, crashes = first_crashes(workload, random, 4 * scale)
    number = 0
    for image, first, last in crashes:
        options = replace(workload.options, seed=70_000)
        stack = open_stack(image, options)
        shown = check_recovered(stack, ledger, first, last)
        stack.let_go()
        for nested, label in crash_while_mending(image.crash(), collect_all, workload.options, random):
            number += 1
            again = open_stack(nested, replace(options, seed=options.seed + number))
            try:
                check_sound(again)
                check_sound_again(nested, again, ledger.states[shown], options)
            except Exception as error:
                raise AssertionError(f"{workload.name}, seed {seed}, nested {number}, {label}") from error
            finally:
                again.let_go()
    assert number


def plans(calls: tuple[str, ...], random: Random, count: int) -> list[Plan]:
    """Some calls in some ways."""
    chosen = random.sample(range(1, len(calls) + 1), min(count, len(calls)))
    return [Plan(nth, random.choice((Fault.EIO, Fault.ENOSPC)), random.random() < 0.5) for nth in chosen]


@pytest.mark.parametrize("workload", COLLECTING[:12], ids=lambda workload: workload.name)
def test_a_failing_disk_loses_nothing_that_is_not_garbage(workload: Named, seed: int, scale: int) -> None:
    random = Random(f"collect faults {workload.name} {seed}")
    rehearsal = rehearse(workload)
    for plan in plans(rehearsal.calls, random, 15 * scale):
        try:
            check_life(live(rehearsal, plan), rehearsal, random)
        except Exception as error:
            raise AssertionError(f"{workload.name}, {plan}, a call of {rehearsal.calls[plan.nth - 1]}") from error
