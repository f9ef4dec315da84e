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


LOOKS_PER_PATIENCE = 10
"""How exactly that is kept."""

_Waiting = tuple[asyncio.Future[None], float]
"""Who waits, and the loop's time until when."""


class Throttle:
    """Places for each holder. One event loop; who waits costs a future, and all who wait together one timer."""

    def __init__(self, places: int, *, waiting: int | None = None, patience_s: float = PATIENCE_S) -> None:
        self._places = places
        self._waiting_max = places * WAITING_PER_PLACE if waiting is None else waiting
        self._patience_s = patience_s
        self._taken: dict[str, int] = {}
        self._waiting: dict[str, deque[_Waiting]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, holder: str) -> bool:
        """Takes a place at once; False when none is free, then ``turn`` waits for one."""
        taken = self._taken.get(holder, 0)
        if taken >= self._places:
            return False
        self._taken[holder] = taken + 1
        return True

    async def turn(self, holder: str) -> None:
        """Waits for a place. Busy when too many wait already, or when it took too long."""
        queue = self._waiting.get(holder)
        if (0 if queue is None else len(queue)) >= self._waiting_max:
            raise Busy(f"{self._places} such requests are under way, which is the limit; try again")
        if queue is None:
            queue = self._waiting[holder] = deque()
        loop = asyncio.get_running_loop()
        place: asyncio.Future[None] = loop.create_future()
        queue.append((place, loop.time() + self._patience_s))
        if self._timer is None:
            self._timer = loop.call_later(self._patience_s / LOOKS_PER_PATIENCE, self._end_waiting)
        try:
            await place
        except asyncio.CancelledError:
            # A place that was given at the same moment goes on to the next; a cancelled one is passed over.
            if not place.cancelled() and place.exception() is None:
                self.leave(holder)
            raise

    def leave(self, holder: str) -> None:
        """Gives the place to who waits longest, or back."""
        queue = self._waiting.get(holder)
        while queue:
            place, _ = queue.popleft()
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

    def _end_waiting(self) -> None:
        """Refuses who has waited too long."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for holder, queue in tuple(self._waiting.items()):
            while queue and (queue[0][1] <= now or queue[0][0].done()):
                place, _ = queue.popleft()
                if not place.done():
                    hint = f"{self._places} such requests are under way, and none ended in time; try again"
                    place.set_exception(Busy(hint))
            if not queue:
                del self._waiting[holder]
        again = self._patience_s / LOOKS_PER_PATIENCE
        self._timer = loop.call_later(again, self._end_waiting) if self._waiting else None
