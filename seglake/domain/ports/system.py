"""Time, randomness and threads: the only ways by which the domain meets them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Wall and steady time."""

    def now_ms(self) -> int:
        """Wall time, milliseconds since the epoch; may jump."""
        ...

    def steady_s(self) -> float:
        """Seconds of a clock that never goes back."""
        ...


class Randomness(Protocol):
    """Unpredictable bytes."""

    def bytes(self, count: int, /) -> bytes: ...


class Offload(Protocol):
    """Runs blocking or heavy work beside the event loop; many calls at once are allowed."""

    def start(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Begins ``work`` at once; its result or error waits to be awaited, once. Abandoning it does not stop it."""
        ...


class Helper(Protocol):
    """Another process of this program, for long computations that would keep one interpreter busy."""

    def iterate(self, work: Callable[[], Iterator[T]], /) -> Iterator[T]:
        """Begins ``work`` there at once, and gives what it yields, in order. Several may be under way.

        ``work`` and its items can be pickled and share nothing with this process. What ``work`` raises is raised here.
        """
        ...
