"""Doubles that a test can steer: a clock, randomness and a journal without a disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from math import ceil

from seglake.domain.model.events import Event
from seglake.domain.model.segment import ChunkSlice, DurableMark, RecordRef


class ManualClock:
    """Time that moves when it is told to; ``ms`` is the wall time."""

    def __init__(self, ms: int = 1_700_000_000_000) -> None:
        self.ms = ms

    def now_ms(self) -> int:
        return self.ms

    def steady_s(self) -> float:
        return self.ms / 1000

    async def pause(self, seconds: float) -> None:
        """Lets the time pass at once, to the millisecond above."""
        self.ms += ceil(seconds * 1000)


class SeededRandomness:
    """The same bytes for the same seed."""

    def __init__(self, seed: int = 1) -> None:
        self._state = hashlib.sha256(str(seed).encode()).digest()

    def bytes(self, count: int, /) -> bytes:
        out = b""
        while len(out) < count:
            self._state = hashlib.sha256(self._state).digest()
            out += self._state
        return out[:count]


class ScriptedJournal:
    """A journal that writes nowhere and fails when told.

    ``error`` is raised by ``flush``; ``on_flush`` is called first. ``kept`` holds what a flush made durable.
    """

    SEGMENT = b"scripted-journal"

    def __init__(
        self,
        marks: Iterable[DurableMark] = (),
        *,
        start: int = 0,
        error: BaseException | None = None,
        on_flush: Callable[[], object] | None = None,
    ) -> None:
        self._marks = tuple(marks)
        self._start = start
        self._error = error
        self._on_flush = on_flush
        self.placed: list[Event | bytes] = []
        self.kept: list[Event | bytes] = []
        self.flushed = False
        self.abandoned = False

    @property
    def end(self) -> int:
        """Where the next journal would begin."""
        return self._start + 100 * len(self.placed)

    def append_chunk(self, payload: bytes | memoryview, digest: bytes, /) -> ChunkSlice:
        size = len(payload)
        chunk = ChunkSlice(self.SEGMENT, self.end, size, digest, 0, size)
        self.placed.append(bytes(payload))
        return chunk

    def append_event(self, event: Event, /) -> RecordRef:
        ref = RecordRef(self.SEGMENT, self.end, 100)
        self.placed.append(event)
        return ref

    def mark(self) -> int:
        return len(self.placed)

    def rollback(self, mark: int, /) -> None:
        del self.placed[mark:]

    def flush(self) -> Sequence[DurableMark]:
        assert not self.flushed, "a journal is used once"
        assert not self.abandoned, "an abandoned journal is gone"
        if self._on_flush is not None:
            self._on_flush()
        if self._error is not None:
            raise self._error
        self.flushed = True
        self.kept = list(self.placed)
        own = (DurableMark(self.SEGMENT, self.end),) if self.placed else ()
        return (*own, *self._marks)

    def abandon(self) -> None:
        self.abandoned = not self.flushed


class ScriptedSegments:
    """Opens scripted journals one after another; ``errors`` (None = none) are the next journals' flush errors."""

    def __init__(self, errors: Iterable[BaseException | None] = ()) -> None:
        self.errors = list(errors)
        self.journals: list[ScriptedJournal] = []
        self.on_flush: Callable[[], object] | None = None
        self.open_error: BaseException | None = None

    def journal(self, marks: Iterable[DurableMark], /) -> ScriptedJournal:
        if self.open_error is not None:
            raise self.open_error
        start = max([journal.end for journal in self.journals if journal.flushed], default=0)
        error = self.errors.pop(0) if self.errors else None
        journal = ScriptedJournal(marks, start=start, error=error, on_flush=self.on_flush)
        self.journals.append(journal)
        return journal
