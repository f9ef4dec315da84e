"""P8: long random lives of a store agree with plain dictionaries, answer for answer and byte for byte."""

from __future__ import annotations

from random import SystemRandom

import pytest

from seglake.adapters.filesystem.crash_files import CrashFileSystem

from .drawn import Drawn, drawn_options
from .ledger import Violation, check_sound, observe
from .operations import Operation
from .session import Kill, PowerFailure, RebuildIndex, Reopen, Session
from .stack import Options, memory_stack

pytestmark = pytest.mark.slow

SEQUENCES = 500
STEPS = 50
GROUPS = 10
LOOK_EVERY = 10


class Life(Drawn):
    """Draws operations; on a disk also crashes and lost indexes."""

    def __init__(self, seed: int, *, disk: bool) -> None:
        super().__init__(seed)
        self.disk = disk

    def operate(self, session: Session) -> Operation:
        if self.disk:
            kind = self.random.randrange(4)
            if kind == 0:
                return PowerFailure(self.random.randrange(1 << 32))
            if kind == 1:
                return Kill()
            if kind == 2 and self.random.random() < 0.3:
                return RebuildIndex()
            return super().operate(session)
        operation = super().operate(session)
        return self.look(session) if isinstance(operation, Reopen) else operation


def live(seed: int, *, disk: bool) -> None:
    life = Life(seed, disk=disk)
    if disk:
        session = Session(CrashFileSystem(), drawn_options(life), noting=False)
    else:
        session = Session(CrashFileSystem(), stack=memory_stack(Options(seed=seed)), noting=False)
    story: list[str] = []
    try:
        for step in range(STEPS):
            operation = life.administer(session) if step < 2 else life.next(session)
            story.append(f"{step}: {str(operation)[:160]}")
            session.step(operation)
            if step % LOOK_EVERY == LOOK_EVERY - 1:
                look(session)
        if disk:
            check_sound_at_rest(session)
    except Exception as error:
        raise Violation(f"seed {seed}, disk {disk}: {error}\n" + "\n".join(story)) from error
    finally:
        session.stack.let_go()


def look(session: Session) -> None:
    seen, expected = observe(session.stack), session.model.snapshot()
    assert seen == expected, f"seen {str(seen)[:1500]}, expected {str(expected)[:1500]}"


def check_sound_at_rest(session: Session) -> None:
    session.step(Reopen())
    look(session)
    check_sound(session.stack)


@pytest.mark.parametrize("group", range(GROUPS))
def test_a_store_on_disk_is_the_model(group: int, seed: int, scale: int) -> None:
    count = SEQUENCES * scale // GROUPS
    for number in range(count):
        live(seed * 1_000_003 + group * count + number, disk=True)


def test_a_store_in_memory_is_the_model(seed: int, scale: int) -> None:
    for number in range(SEQUENCES * scale // 5):
        live(seed * 1_000_003 + number, disk=False)


def test_lives_that_nobody_has_seen_before(scale: int) -> None:
    seed = SystemRandom().randrange(1 << 32)
    print(f"rotating seed {seed}")
    for number in range(10 * scale):
        live(seed + number, disk=True)
