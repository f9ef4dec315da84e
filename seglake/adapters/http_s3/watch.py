"""Bodies that trickle and readers that stall are ended by one sweep, which costs a healthy request nothing (A14)."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

from aiohttp import web

from seglake.adapters.http_s3.body import RequestBody

_AT_ONCE = struct.pack("ii", 1, 0)


def reset(transport: asyncio.Transport) -> None:
    """Cuts a connection whose client does not read: what the kernel still holds for it is dropped too, not kept for
    as long as the client likes (SO_LINGER of no time)."""
    plain = transport.get_extra_info("socket")
    if plain is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()


class Transfer:
    """One request under way: what moved when last looked at."""

    __slots__ = ("body", "moved", "request", "sent", "since")

    def __init__(self, request: web.BaseRequest, body: RequestBody, now: float) -> None:
        self.request = request
        self.body = body
        self.sent = 0
        self.moved = 0
        self.since = now


class Watch:
    """Ends transfers that move less than ``bytes_per_s`` while the other side is waited for: a body over
    ``read_window_s``, a reader over ``write_window_s``."""

    def __init__(
        self, steady_s: Callable[[], float], *, bytes_per_s: int, read_window_s: float, write_window_s: float
    ) -> None:
        self._steady_s = steady_s
        self._bytes_per_s = bytes_per_s
        self._read_window_s = read_window_s
        self._write_window_s = write_window_s
        self._transfers: set[Transfer] = set()
        self._task: asyncio.Task[None] | None = None

    def enter(self, request: web.BaseRequest, body: RequestBody) -> Transfer:
        """Begins to watch a request."""
        transfer = Transfer(request, body, self._steady_s())
        self._transfers.add(transfer)
        return transfer

    def leave(self, transfer: Transfer) -> None:
        """Ends the watch of a finished request."""
        self._transfers.discard(transfer)

    def start(self) -> None:
        """Begins sweeping."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Ends sweeping."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(min(self._read_window_s, self._write_window_s) / 6)
            self.sweep()

    def sweep(self) -> None:
        """Looks at every transfer once."""
        now = self._steady_s()
        for transfer in tuple(self._transfers):
            reads = transfer.request.content.is_eof()
            window_s = self._write_window_s if reads else self._read_window_s
            if now - transfer.since < window_s:
                continue
            moved = transfer.body.received + transfer.sent
            if moved - transfer.moved >= self._bytes_per_s * window_s or not self._waits(transfer):
                transfer.moved, transfer.since = moved, now
            else:
                self._end(transfer)

    def _waits(self, transfer: Transfer) -> bool:
        """True when it is the client that is slow: bytes it should take, or should have sent, are outstanding."""
        transport = transfer.request.transport
        if transport is None:
            return False
        if transport.get_write_buffer_size() > 0:
            return True
        content = transfer.request.content
        return not content.is_eof() and not content.total_bytes > transfer.body.received

    def _end(self, transfer: Transfer) -> None:
        transport = transfer.request.transport
        assert transport is not None, "a transfer that waits has a transport"
        if transport.get_write_buffer_size() > 0:
            reset(transport)
            return
        transfer.body.stalled = True
        transfer.request.content.set_exception(ConnectionResetError("the body came too slowly"))
