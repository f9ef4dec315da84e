"""Bodies take their memory from one budget before they are read; who finds too little left waits, in order (A14)."""

from __future__ import annotations

import asyncio
from collections import deque


class Budget:
    """A number of bytes to share. One event loop; a body larger than all of it counts as all of it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left = size
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> int:
        """Waits for its turn and for ``size`` bytes; returns what ``give_back`` must be told."""
        size = min(size, self._size)
        if size <= self._left and not self._waiting:
            self._left -= size
            return size
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(size)
            elif (size, turn) in self._waiting:
                self._waiting.remove((size, turn))
                self._admit()
            raise
        return size

    def spare(self, size: int) -> bool:
        """Takes ``size`` bytes if they are there and nobody waits; never waits itself."""
        if size > self._left or self._waiting:
            return False
        self._left -= size
        return True

    def give_back(self, size: int) -> None:
        """Ends the use of ``size`` bytes and lets in who waits."""
        self._left += size
        assert self._left <= self._size, "no more is given back than was taken"
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._left:
            size, turn = self._waiting.popleft()
            if not turn.done():
                self._left -= size
                turn.set_result(None)
