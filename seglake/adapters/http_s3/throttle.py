"""A holder has at most so many requests under way; more wait for their turn, in order, and beyond that are told to come
again (A14).

Each holder has a queue of its own, so one that sends too much makes itself wait and nobody else.
"""

from __future__ import annotations

import asyncio
from collections import deque

from seglake.domain.model.errors import Busy

WAITING_PER_PLACE = 8
"""How many requests may wait for each place."""

PATIENCE_S = 30.0
"""A request that has waited this long is refused: shorter than the clients' own time limits (60 s, usually)."""


class Throttle:
    """Places for each holder. One event loop."""

    def __init__(self, places: int, *, waiting: int | None = None, patience_s: float = PATIENCE_S) -> None:
        self._places = places
        self._waiting_max = places * WAITING_PER_PLACE if waiting is None else waiting
        self._patience_s = patience_s
        self._taken: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    def enter(self, holder: str) -> bool:
        """Takes a place at once; False when none is free, then ``turn`` waits for one."""
        taken = self._taken.get(holder, 0)
        if taken >= self._places:
            return False
        self._taken[holder] = taken + 1
        return True

    async def turn(self, holder: str) -> None:
        """Waits for a place. Busy when too many wait already, or when it took too long."""
        queue = self._waiting.setdefault(holder, deque())
        if len(queue) >= self._waiting_max:
            if not queue:
                del self._waiting[holder]
            raise Busy(f"{self._places} such requests are under way, which is the limit; try again")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(place)
        try:
            async with asyncio.timeout(self._patience_s):
                await place
        except BaseException as end:
            if place.done() and not place.cancelled():
                self.leave(holder)
            else:
                self._drop(holder, place)
            if isinstance(end, TimeoutError):
                raise Busy(f"{self._places} such requests are under way, and none ended in time; try again") from None
            raise

    def leave(self, holder: str) -> None:
        """Gives the place to who waits longest, or back."""
        queue = self._waiting.get(holder)
        while queue:
            place = queue.popleft()
            if not queue:
                del self._waiting[holder]
            if not place.done():
                place.set_result(None)
                return
        taken = self._taken[holder] - 1
        if taken:
            self._taken[holder] = taken
        else:
            del self._taken[holder]

    def _drop(self, holder: str, place: asyncio.Future[None]) -> None:
        queue = self._waiting.get(holder)
        if queue is not None and place in queue:
            queue.remove(place)
            if not queue:
                del self._waiting[holder]
