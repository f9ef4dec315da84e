"""Lets one chosen call of the disk fail, with the store in the middle of its work, and asks what it still keeps."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from seglake.adapters.faulty.files import Faults, FaultyFileSystem, Plan
from seglake.adapters.filesystem.crash_files import CrashFile, CrashFileSystem
from seglake.domain.model.errors import SeglakeError, StoreFailed
from seglake.domain.ports.files import File

from .ledger import check_sound, observe
from .model import NULL, Kept, Model, Snapshot
from .operations import Get, ListPages, Operation, attempt
from .session import Operator, Reopen, Session, Together, run_workload
from .stack import Options, Stack, drive, open_stack
from .workloads import Named

SYNCS = ("sync", "sync_dir")


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A workload as it goes when nothing fails: its operations, their answers, and every call of the disk."""

    operations: tuple[Operation, ...]
    answers: tuple[Any, ...]
    calls: tuple[str, ...]
    options: Options


def rehearse(workload: Named) -> Rehearsal:
    """Runs it once; the last thing it does is a clean stop."""
    operations: list[Operation] = []
    faults = Faults()
    files = FaultyFileSystem(CrashFileSystem(), faults)

    def listen(session: Session) -> Any:
        for operation in workload.run(session):
            if not isinstance(operation, Reopen):  # of which only the last matters here
                operations.append(operation)
                yield operation

    session = run_workload(listen, files, workload.options)
    session.stack.close()
    return Rehearsal(tuple(operations), tuple(session.answers), tuple(faults.calls), workload.options)


@dataclass(slots=True)
class Life:
    """One run in which something fails."""

    disk: CrashFileSystem
    faults: Faults
    model: Model = field(default_factory=Model)
    opened: bool = False
    died: str = ""
    in_doubt: list[int] = field(default_factory=list)
    """Numbers of the operations that ended in StoreFailed before any other did."""


def live(rehearsal: Rehearsal, plan: Plan) -> Life:
    """The same operations on a disk that fails as planned. Whatever is answered must be true or a declared error."""
    faults = Faults(plan)
    life = Life(CrashFileSystem(), faults)
    files = FaultyFileSystem(life.disk, faults, on_failed_sync=_forget)
    try:
        stack = open_stack(files, rehearsal.options)
    except (SeglakeError, OSError):
        if not faults.failed:
            raise
        return life
    life.opened = True
    for number, operation in enumerate(rehearsal.operations):
        _one(life, stack, number, operation)
    _stop(stack, faults)
    return life


def _forget(file: File) -> None:
    assert isinstance(file, CrashFile)
    file.lose_unsynced()


def _one(life: Life, stack: Stack, number: int, operation: Operation) -> None:
    before = any(name in SYNCS for name in life.faults.failed)
    answers = _ask(stack, operation)
    for one, answer in answers:
        if isinstance(answer, StoreFailed):
            _note_death(life, number, one, answer)
        elif isinstance(answer, SeglakeError):
            expected = one.predict(life.model)
            assert life.faults.failed or type(answer) is expected, f"{one}: {answer!r} although nothing failed"
        elif isinstance(answer, Exception):
            raise AssertionError(f"{str(one)[:200]}: not a declared error: {answer!r}") from answer
        else:
            assert not before or _only_looks(one), f"acknowledged after a failed sync: {str(one)[:200]}"
            assert one.predict(life.model) is None, f"{str(one)[:200]} was accepted and should have been refused"
            one.learn(life.model, answer)


def _ask(stack: Stack, operation: Operation) -> list[tuple[Operation, Any]]:
    if isinstance(operation, Together):
        coroutines = [attempt(one, stack) for one in operation.operations]
        return list(zip(operation.operations, stack.committer.together(coroutines), strict=True))
    try:
        return [(operation, drive(attempt(operation, stack)))]
    except Exception as error:  # noqa: BLE001 - judged by the caller
        return [(operation, error)]


def _note_death(life: Life, number: int, operation: Operation, error: StoreFailed) -> None:
    assert life.faults.failed, f"{error!r} although nothing failed"
    if not _only_looks(operation):
        life.died = life.died or str(error)
        if not life.in_doubt or life.in_doubt == [number]:
            life.in_doubt = [number]


def _only_looks(operation: Operation) -> bool:
    return isinstance(operation, Get | ListPages | Operator)


def _stop(stack: Stack, faults: Faults) -> None:
    """A stop of whatever kind is left to it; it may fail, but only as declared."""
    try:
        stack.close()
    except SeglakeError:
        if not faults.failed:
            raise
    finally:
        stack.let_go()


def check_life(life: Life, rehearsal: Rehearsal, random: Random) -> None:
    """After the process ended, and after a power failure on top of it: everything acknowledged is there."""
    allowed = [life.model.snapshot()]
    if life.in_doubt:
        model = copy.deepcopy(life.model)
        if _learn(model, rehearsal, life.in_doubt[0]):
            allowed.append(model.snapshot())
    images = [life.disk, *_some(life.disk, random)]
    for image in images:
        image.capacity = None
        stack = open_stack(image, replace(rehearsal.options, seed=777, boot_ms=rehearsal.options.boot_ms + 9_000_000))
        try:
            seen = observe(stack)
            known = _known(allowed[0])
            assert any(_blurred(seen, known) == _blurred(one, known) for one in allowed), (
                f"seen {str(seen)[:800]}, allowed {str(allowed)[:1600]}"
            )
            # A pack is not made of what the disk would not read back; that is told, and rebuilding does without it.
            check_sound(stack, tolerated="pack is missing" if "pread" in life.faults.failed else "")
        finally:
            stack.let_go()


def _some(disk: CrashFileSystem, random: Random) -> Sequence[CrashFileSystem]:
    states = list(disk.crash_states(random, exhaustive=2, samples=2))
    return [states[0], *random.sample(states, min(2, len(states)))]


def _learn(model: Model, rehearsal: Rehearsal, number: int) -> bool:
    """What the model is if the operation in doubt did happen, with the answer that it got at the rehearsal."""
    operation, answer = rehearsal.operations[number], rehearsal.answers[number]
    pairs = zip(operation.operations, answer, strict=True) if isinstance(operation, Together) else [(operation, answer)]
    happened = False
    for one, said in pairs:
        if not isinstance(said, Exception) and one.predict(model) is None:
            one.learn(model, said)
            happened = True
    return happened


def _known(snapshot: Snapshot) -> set[Kept]:
    return {kept for _, keys, _ in snapshot.values() for versions in keys.values() for kept in versions}


def _blurred(snapshot: Snapshot, known: set[Kept]) -> Snapshot:
    """Without what only the store could choose: the ids and times of versions that nobody was told about."""

    def blur(kept: Kept) -> Kept:
        if kept in known:
            return kept
        return replace(kept, version=NULL if kept.version == NULL else "?", modified_ms=0)

    return {
        name: (versioning, {key: tuple(map(blur, versions)) for key, versions in keys.items()}, uploads)
        for name, (versioning, keys, uploads) in snapshot.items()
    }
