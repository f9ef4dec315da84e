"""While one batch flushes the next gathers: the disk sets the pace, no timer does, and each waiter wakes with its own.

One thread owns every commit. It takes what waits (bounded in scripts and bytes), commits it as one batch and wakes all
waiters of that batch with a single message to the event loop. The event loop hands scripts over as soon as one of its
rounds brings no further script: requests that are ready together commit together, and one that is alone does not wait.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from seglake.adapters.commit.batch import Index, Journals, run_batch
from seglake.domain.model.errors import StoreClosed, StoreFailed
from seglake.domain.model.segment import DurableMark
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.log import Log
from seglake.domain.ports.metadata import Outcome, Script
from seglake.domain.ports.system import Clock

T = TypeVar("T")

OPS_MAX = 256
BYTES_MAX = 16 << 20
ROUNDS_MAX = 32
"""So many rounds of the event loop may bring further scripts before those that came first go ahead without more."""
SLOW_S = 1.0
"""A batch that takes longer is logged: the disk, or a neighbour on it, is in trouble."""


class _Op:
    """A script that waits."""

    __slots__ = ("after", "future", "script", "size")

    def __init__(
        self, script: Script[Any], after: Sequence[DurableMark], size: int, future: asyncio.Future[Any]
    ) -> None:
        self.script = script
        self.after = after
        self.size = size
        self.future = future


class _Call:
    """Other work for the committer's thread."""

    __slots__ = ("future", "work")

    def __init__(self, work: Callable[[], Any], future: asyncio.Future[Any]) -> None:
        self.work = work
        self.future = future


class _Stop:
    """The last thing in the queue."""


_Item = _Op | _Call | _Stop
_STOP: Final = _Stop()


class GroupCommitter(Committer):
    """Commits in batches on a thread of its own, which starts with the first commit. Used from one event loop.

    ``max_ops`` and ``max_bytes`` bound a batch (a single script may exceed ``max_bytes`` by itself). ``on_failure`` is
    called once, in the event loop, when the store has failed; every waiter, present and later, gets StoreFailed.
    """

    def __init__(
        self,
        metadata: Index,
        segments: Journals,
        clock: Clock,
        *,
        max_ops: int = OPS_MAX,
        max_bytes: int = BYTES_MAX,
        on_failure: Callable[[StoreFailed], object] | None = None,
        log: Log | None = None,
    ) -> None:
        self._metadata = metadata
        self._segments = segments
        self._clock = clock
        self._max_ops = max_ops
        self._max_bytes = max_bytes
        self._on_failure = on_failure
        self._log = log
        self._queue: SimpleQueue[_Item] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: StoreFailed | None = None
        self._closed = False
        self._gathered: list[_Op] = []
        self._seen = 0
        self._rounds = 0

    # ------------------------------------------------------------------------------------------- the event loop's side
    async def commit(self, script: Script[T], /, *, after: Sequence[DurableMark] = (), size: int = 0) -> T:
        """Joins the next batch. Cancelled before that batch begins, the script does not run."""
        future = self._future()
        gathered = self._gathered
        gathered.append(_Op(script, after, size, future))
        if len(gathered) == 1:
            self._seen, self._rounds = 1, 0
            future.get_loop().call_soon(self._hand_over)
        result: T = await future
        return result

    def _hand_over(self) -> None:
        """Gives the thread what was gathered, unless the last round of the event loop brought more of it."""
        gathered = self._gathered
        if len(gathered) > self._seen and self._rounds < ROUNDS_MAX:
            self._seen = len(gathered)
            self._rounds += 1
            gathered[0].future.get_loop().call_soon(self._hand_over)
            return
        self._gathered = []
        put = self._queue.put
        for op in gathered:
            put(op)

    def _hand_over_now(self) -> None:
        """What comes next must not overtake what was gathered."""
        self._rounds = ROUNDS_MAX
        self._hand_over()

    async def call(self, work: Callable[[], T], /) -> T:
        """Runs ``work`` between two batches; its error goes to the caller alone, but StoreFailed ends the store."""
        future = self._future()
        self._hand_over_now()
        self._queue.put(_Call(work, future))
        result: T = await future
        return result

    async def close(self) -> None:
        """Commits what waits, refuses what comes later, and ends the thread. Idempotent."""
        self._closed = True
        thread, self._thread = self._thread, None
        if thread is None or self._loop is None:
            return
        self._hand_over_now()
        drained = self._loop.create_future()
        self._queue.put(_Call(lambda: None, drained))
        self._queue.put(_STOP)
        try:
            await asyncio.wait((drained,))
            drained.exception()  # a failure was told to whom it concerned; here it only ends the wait
        finally:
            thread.join()

    def _future(self) -> asyncio.Future[Any]:
        if self._failure is not None:
            raise StoreFailed(self._failure.hint)
        if self._closed:
            raise StoreClosed("the store is stopping")
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, name="seglake-committer", daemon=True)
            self._thread.start()
        assert self._loop is not None
        return self._loop.create_future()

    def _wake(self, items: Sequence[_Op | _Call], outcomes: Sequence[Outcome]) -> None:
        """Gives each waiter its outcome; a waiter that was cancelled meanwhile is passed over."""
        for item, outcome in zip(items, outcomes, strict=True):
            future = item.future
            if future.done():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _report(self, failure: StoreFailed) -> None:
        if self._on_failure is not None:
            self._on_failure(failure)

    # ------------------------------------------------------------------------------------------------ the thread's side
    def _run(self) -> None:
        """Until told to stop: waits, gathers, commits."""
        item: _Item | None = None
        while True:
            if item is None:
                item = self._queue.get()
            if isinstance(item, _Stop):
                return
            if isinstance(item, _Call):
                self._run_call(item)
                item = None
                continue
            batch = [item]
            item = self._gather(batch)
            self._run_batch(batch)

    def _gather(self, batch: list[_Op]) -> _Item | None:
        """Fills the batch with what waits; returns what did not fit or is no script."""
        get, size = self._queue.get_nowait, batch[0].size
        try:
            while len(batch) < self._max_ops:
                item = get()
                if not isinstance(item, _Op):
                    return item
                size += item.size
                if size > self._max_bytes:
                    return item
                batch.append(item)
        except Empty:
            pass
        return None

    def _run_batch(self, batch: list[_Op]) -> None:
        batch = [op for op in batch if not op.future.cancelled()]
        if not batch:
            return
        if self._failure is not None:
            self._post(batch, self._failures(batch))
            return
        begun = self._clock.steady_s()
        try:
            outcomes = run_batch(self._metadata, self._segments, batch)
        except StoreFailed as error:
            self._fail(error)
            outcomes = self._failures(batch)
        except BaseException as error:  # noqa: BLE001 - nothing may leave waiters asleep, here or still in the queue
            self._fail(StoreFailed(f"the committer broke: {type(error).__name__}: {error}"))
            outcomes = self._failures(batch)
        self._post(batch, outcomes)
        self._after(batch, self._clock.steady_s() - begun)

    def _after(self, batch: list[_Op], took_s: float) -> None:
        """What no waiter waits for."""
        if took_s > SLOW_S and self._log is not None:
            self._log.warning("commit_slow", seconds=round(took_s, 3), scripts=len(batch))
        if self._failure is not None:
            return
        try:
            self._metadata.maintain()
        except StoreFailed as error:
            self._fail(error)
        except StoreClosed:
            pass  # closed from outside in between; the next commit will say so

    def _run_call(self, call: _Call) -> None:
        if call.future.cancelled():
            return
        if self._failure is not None:
            # Such as sealing: what lies behind the last commit must stay as it is until recovery has decided on it.
            self._post((call,), (StoreFailed(self._failure.hint),))
            return
        outcome: Outcome
        try:
            outcome = call.work()
        except StoreFailed as error:
            self._fail(error)
            outcome = error
        except Exception as error:  # noqa: BLE001 - the caller's, whatever it is
            outcome = error
        self._post((call,), (outcome,))

    def _failures(self, batch: Sequence[_Op]) -> list[Outcome]:
        """One error object for each waiter: raised, each grows a traceback of its own."""
        assert self._failure is not None
        return [StoreFailed(self._failure.hint) for _ in batch]

    def _fail(self, error: StoreFailed) -> None:
        if self._failure is not None:
            return
        self._failure = error
        if self._log is not None:
            self._log.error("store_failed", reason=error.hint)
        assert self._loop is not None
        self._send(self._report, error)

    def _post(self, items: Sequence[_Op | _Call], outcomes: Sequence[Outcome]) -> None:
        self._send(self._wake, items, outcomes)

    def _send(self, call: Callable[..., None], *arguments: object) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            # The loop is closed, so nobody waits any more; the commits stand.
            if self._log is not None:
                self._log.warning("committer_unheard")
