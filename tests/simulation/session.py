"""One client's life with one store: operations run one after another, are compared with the model and noted."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from seglake.adapters.filesystem.crash_files import CrashFileSystem
from seglake.domain.model.encryption import SSE_S3
from seglake.domain.model.errors import StorageFull, StoreFailed
from seglake.domain.ports.files import FileSystem
from seglake.domain.services.gc import Doom
from seglake.domain.services.keeping import over

from .ledger import Ledger
from .model import Model, Refusal
from .operations import Operation, Put, SendPart, attempt, outcome_of
from .refusals import BrokenPut
from .stack import Options, Stack, drive, open_stack, rebuild_in_place


@dataclass(frozen=True, slots=True)
class Operator:
    """What an operator or the clock does: no client sees a difference."""

    def predict(self, model: Model) -> Refusal:
        return None

    async def run(self, stack: Stack) -> Any: ...

    def learn(self, model: Model, answer: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Seal(Operator):
    """Time passes, and the background routine seals what is full or idle."""

    idle: bool = True

    async def run(self, stack: Stack) -> Any:
        if self.idle:
            stack.clock.ms += int(stack.options.segment_idle_s * 1000)
        return await stack.sealing.tick()


@dataclass(frozen=True, slots=True)
class Collect(Operator):
    """Dead segments are doomed; ``sweep`` also moves and unlinks all that are."""

    sweep: bool = True

    async def run(self, stack: Stack) -> Any:
        plan = await stack.collector.run(turn=True)
        return plan, await stack.collector.sweep(0) if self.sweep else None


@dataclass(frozen=True, slots=True)
class CloseUploads(Operator):
    """Completed uploads whose version is gone are forgotten."""

    async def run(self, stack: Stack) -> Any:
        uploads = stack.metadata.read(lambda view: [one.id for one in view.uploads.scan_all() if over(view, one)])
        await stack.committer.commit(Doom((), tuple(uploads)))


@dataclass(frozen=True, slots=True)
class RewriteSegments(Operator):
    """Segments with little alive in them are rewritten, and what that leaves is collected."""

    threshold: float = 0.9
    sweep: bool = True

    async def run(self, stack: Stack) -> Any:
        # In one commit: the ledger knows what holds before and after an operation, and nothing in between.
        await CloseUploads().run(stack)
        done = await stack.rewriter.run(self.threshold, turn=True)
        return done, await stack.collector.sweep(0) if self.sweep else None


@dataclass(frozen=True, slots=True)
class Checkpoint(Operator):
    """The index is checkpointed, if it has grown enough."""

    async def run(self, stack: Stack) -> Any:
        await stack.committer.call(stack.metadata.maintain)


@dataclass(frozen=True, slots=True)
class MakeRootKey(Operator):
    """The store makes its root key unless it has one."""

    async def run(self, stack: Stack) -> Any:
        await stack.root_key.ensure()


@dataclass(frozen=True, slots=True)
class MakeRingKey(Operator):
    """The store makes the key behind SSE-S3 unless it has it: a commit before the first encrypted object's."""

    async def run(self, stack: Stack) -> Any:
        await stack.encrypting.new_key(SSE_S3)


@dataclass(frozen=True, slots=True)
class MoveClock(Operator):
    """Somebody sets the clock."""

    by_ms: int

    async def run(self, stack: Stack) -> Any:
        stack.clock.ms += self.by_ms


@dataclass(frozen=True, slots=True)
class Reopen(Operator):
    """A clean stop and a start."""


@dataclass(frozen=True, slots=True)
class PowerFailure(Operator):
    """The power fails while nothing is under way; the disk keeps what ``seed`` chooses of what was not synced."""

    seed: int


@dataclass(frozen=True, slots=True)
class Kill(Operator):
    """The process dies while nothing is under way; what it wrote is there for the next one, but not yet safe."""


@dataclass(frozen=True, slots=True)
class RebuildIndex(Operator):
    """The index is lost, and made anew from the segments."""


@dataclass(frozen=True, slots=True)
class LeaveRoom(Operator):
    """Somebody else fills the disk but for so many bytes; None empties it again."""

    free: int | None


@dataclass(frozen=True, slots=True)
class Together(Operator):
    """Requests whose commits meet in one batch."""

    operations: tuple[Operation, ...]


@dataclass(slots=True)
class Capture:
    """Disks that a power failure might leave, each with the ledger's states that it may show."""

    random: Random
    exhaustive: int = 3
    samples: int = 2
    per_boundary: int = 4
    kills: float = 0.0
    """Share of the operations after which the process alone dies: what it wrote is still there, and still not safe."""
    killed: list[tuple[CrashFileSystem, int, int, str]] = field(default_factory=list)
    states: list[tuple[CrashFileSystem, int, int, str]] = field(default_factory=list)
    boundaries: int = 0
    first: int = 0
    last: int = 0
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def at_boundary(self, disk: CrashFileSystem, operation: str, name: str) -> None:
        """Keeps a few of the disks that the power failure after this operation could leave; none twice."""
        self.boundaries += 1
        if self.kills and self.random.random() < self.kills:
            self.killed.append((left_by_a_killed_process(disk), self.first, self.last, f"after {operation} {name}"))
        found = list(disk.crash_states(self.random, exhaustive=self.exhaustive, samples=self.samples))
        if len(found) > self.per_boundary:
            found = [found[0], *self.random.sample(found[1:], self.per_boundary - 1)]
        for image in found:
            mark = (image.fingerprint(), self.first)
            if mark not in self._seen:
                self._seen.add(mark)
                self.states.append((image, self.first, self.last, f"after {operation} {name}"))


def left_by_a_killed_process(disk: CrashFileSystem) -> CrashFileSystem:
    """The same disk with the same things still unsynced."""
    observe, disk.observe = disk.observe, None
    try:
        return copy.deepcopy(disk)
    finally:
        disk.observe = observe


class StoreDied(Exception):
    """The store said that nothing after this is trusted; the process has to end. ``operation`` is in doubt."""

    def __init__(self, operation: Operation, error: StoreFailed) -> None:
        super().__init__(str(error))
        self.operation = operation


class Session:
    """A store on ``files``, opened; every ``step`` is answered, compared and noted in the ledger."""

    def __init__(
        self,
        files: FileSystem,
        options: Options | None = None,
        *,
        capture: Capture | None = None,
        stack: Stack | None = None,
        noting: bool = True,
    ) -> None:
        self.files = files
        self.options = options or Options()
        self.capture = capture
        self.ledger = Ledger()
        self.answers: list[Any] = []
        self.full = False
        self.stack = stack or open_stack(files, self.options)
        self.noting = noting
        if noting:
            self.ledger.note(self.stack)

    @property
    def model(self) -> Model:
        """What the store must hold."""
        return self.ledger.model

    def step(self, operation: Operation) -> Any:
        """Runs one operation; its answer or refusal."""
        if self.capture is not None:
            self.capture.first, self.capture.last = self.ledger.answered, self.ledger.answered + 1
        answer = self._run(operation)
        self.answers.append(answer)
        if self.noting:
            self.ledger.note(self.stack)
        return answer

    def _run(self, operation: Operation) -> Any:
        if isinstance(operation, Together):
            return self._together(operation)
        if isinstance(operation, Reopen):
            self.reopen()
            return None
        if isinstance(operation, PowerFailure):
            self._fail_power(operation.seed)
            return None
        if isinstance(operation, Kill):
            assert isinstance(self.files, CrashFileSystem), "the disk outlives the process"
            self.reopen(clean=False, files=left_by_a_killed_process(self.files))
            return None
        if isinstance(operation, RebuildIndex):
            self.stack.close()
            rebuild_in_place(self.files, replace(self.options, seed=self.options.seed + 1))
            self._open(self.files)
            return None
        if isinstance(operation, LeaveRoom):
            self._leave_room(operation.free)
            return None
        answer = drive(attempt(operation, self.stack))
        self._compare(operation, answer)
        return answer

    def _compare(self, operation: Operation, answer: Any) -> None:
        if isinstance(answer, StoreFailed):
            raise StoreDied(operation, answer)
        # The reserve is there for everything that brings no payload.
        if self.full and isinstance(answer, StorageFull) and isinstance(operation, Put | BrokenPut | SendPart):
            return
        outcome_of(operation, self.model, answer)

    def _together(self, batch: Together) -> list[Any]:
        answers = self.stack.committer.together([attempt(operation, self.stack) for operation in batch.operations])
        for operation, answer in zip(batch.operations, answers, strict=True):
            self._compare(operation, answer)
        return answers

    def reopen(self, *, clean: bool = True, files: FileSystem | None = None) -> None:
        """Stops and starts the store, perhaps on another disk (the one that a crash left)."""
        if clean:
            self.stack.close()
        else:
            self.stack.let_go()
        self._open(files or self.files)

    def _open(self, files: FileSystem) -> None:
        self.files = files
        self.options = replace(self.options, seed=self.options.seed + 2, boot_ms=self.stack.clock.ms)
        self.stack = open_stack(files, self.options)

    def _fail_power(self, seed: int) -> None:
        assert isinstance(self.files, CrashFileSystem), "only a disk in memory loses its power here"
        random = Random(seed)
        left = random.choice(list(self.files.crash_states(random, exhaustive=4, samples=8)))
        self.reopen(clean=False, files=left)

    def _leave_room(self, free: int | None) -> None:
        disk = self.files
        assert isinstance(disk, CrashFileSystem), "only a disk in memory can be filled"
        disk.capacity = None
        self.full = free is not None
        if free is not None:
            disk.capacity = disk.used() + free
        self.stack.clock.ms += 1000


Workload = Callable[[Session], Iterator[Operation]]


def run_workload(workload: Workload, files: FileSystem, options: Options, capture: Capture | None = None) -> Session:
    """A whole workload."""
    session = Session(files, options, capture=capture)
    try:
        for operation in workload(session):
            session.step(operation)
    except BaseException:
        session.stack.let_go()
        raise
    return session
