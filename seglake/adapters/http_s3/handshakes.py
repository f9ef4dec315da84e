"""A TLS connection counts from the moment it is accepted, not from the end of its handshake.

An event loop's own TLS server tells nobody of a connection until its handshake is over; a client that never begins one
would hold a descriptor that no limit sees. So connections are accepted here, counted, and only then secured, each with
the context of its time: a renewed certificate is another context.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable

SHUTDOWN_S = 5.0
"""Time for the client's half of closing TLS; afterwards the connection is cut."""

_PAUSE_S = 0.1
"""Time until the next attempt when the process has no descriptor left."""


class Handshakes:
    """Accepts connections, which become those of ``http`` when their handshake is done. One event loop.

    ``has_room(n)`` tells whether ``n`` more connections may live beside those that speak TLS already.
    """

    def __init__(
        self,
        http: Callable[[], asyncio.Protocol],
        context: ssl.SSLContext,
        *,
        has_room: Callable[[int], bool],
        timeout_s: float,
    ) -> None:
        self.context = context
        self._http = http
        self._has_room = has_room
        self._timeout_s = timeout_s
        self._listening: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def start(self, sockets: list[socket.socket], *, backlog: int) -> int:
        """Listens on these bound sockets, which are its own from now on; returns the port of the first. OSError."""
        self._listening = sockets
        loop = asyncio.get_running_loop()
        for one in sockets:
            one.setblocking(False)
            one.listen(backlog)
            self._accepting.append(loop.create_task(self._accept(one)))
        return int(sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stops accepting and cuts the handshakes under way; connections that speak TLS go on."""
        tasks = [*self._accepting, *self._under_way]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in self._listening:
            one.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listening)
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    await asyncio.sleep(_PAUSE_S)
                # Any other error is one connection's that ended before it was accepted.
                continue
            if not self._has_room(len(self._under_way) + 1):
                connection.close()
                continue
            task = loop.create_task(self._secure(connection))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _secure(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(
                self._http,
                connection,
                ssl=self.context,
                ssl_handshake_timeout=self._timeout_s,
                ssl_shutdown_timeout=SHUTDOWN_S,
            )
        except (OSError, TimeoutError):
            # Not TLS, no common version, a client that does not trust the certificate, or none that answers.
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise


async def bound_sockets(host: str | None, port: int) -> list[socket.socket]:
    """A socket for each address of ``host`` (None = every interface), bound as asyncio's server does it. OSError."""
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    failure: OSError | None = None
    for family, kind, protocol, _, address in dict.fromkeys(infos):
        try:
            one = socket.socket(family, kind, protocol)
        except OSError as error:
            # The name has an address of a family that this machine does not have.
            failure = error
            continue
        bound.append(one)
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(address)
        except OSError as error:
            failure = error
            bound.pop().close()
            if error.errno != errno.EADDRNOTAVAIL:
                break
    if not bound or (failure is not None and failure.errno == errno.EADDRINUSE):
        for one in bound:
            one.close()
        raise failure or OSError(errno.EADDRNOTAVAIL, "the name has no address")
    return bound
