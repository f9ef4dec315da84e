"""Accepts connections and owns them: bounded heads, bounded idleness, a bounded number, and a shutdown that drains."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from seglake.adapters.http_s3.app import S3Application
from seglake.adapters.http_s3.handshakes import Handshakes, bound_sockets
from seglake.adapters.http_s3.respond import refusal
from seglake.adapters.http_s3.watch import reset
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error

READ_BUFFER_BYTES = 256 << 10
BACKLOG = 1024
_DRAIN_STEP_S = 0.02
_SWEEPS_PER_TIMEOUT = 10
_CUT_S = 0.1
"""How long a handler may take to notice that its connection was cut."""


class S3Protocol(RequestHandler):
    """aiohttp's connection, with S3's words for what its parser refuses.

    ``head_since`` is the loop's time at which the first bytes of a head came that is not complete yet, else None.
    ``untaken`` is what the client had not taken of its last answer, and since when, else None.
    """

    __slots__ = ("_heads", "_socket", "head_since", "untaken")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Turns away connections above the limit before they cost more than their socket."""
        self._heads = 0
        # aiohttp forgets the transport when it closes it, which a client that does not read can keep from ending.
        self._socket = cast("asyncio.Transport", transport)
        self.head_since: float | None = None
        self.untaken: tuple[int, float] | None = None
        super().connection_made(transport)
        manager = self._manager
        assert isinstance(manager, S3Server), "made by it"
        if len(manager.connections) > manager.connections_max:
            self.force_close()

    def data_received(self, data: bytes) -> None:
        """Notes whether a head has begun without ending; bytes of a body are the watch's matter."""
        super().data_received(data)
        if self._request_count != self._heads or self.busy:
            self._heads = self._request_count
            self.head_since = None
        elif self.head_since is None and data:
            self.head_since = self._loop.time()

    @property
    def busy(self) -> bool:
        """True while a request is under way or waits for its turn."""
        return self._request_in_progress or bool(self._messages)

    def check_reader(self, now: float, *, bytes_per_s: int, window_s: float) -> None:
        """Cuts the connection when what was answered is taken too slowly; while a handler runs, the watch judges."""
        left = 0 if self._current_request is not None else self._socket.get_write_buffer_size()
        if not left:
            self.untaken = None
        elif self.untaken is None or left > self.untaken[0]:
            self.untaken = left, now
        elif now - self.untaken[1] >= window_s:
            if self.untaken[0] - left < bytes_per_s * window_s:
                reset(self._socket)
            else:
                self.untaken = left, now

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """A request that could not be parsed, or a bug: S3's Error document, then the connection is closed."""
        manager = self._manager
        if manager is None or request.writer.output_size > 0:
            raise ConnectionError("the client is gone, or its answer has begun and the connection is cut")
        assert isinstance(manager, S3Server), "made by it"
        application = manager.application
        request_id = application.new_request_id()
        if status == 400:
            application.note_unreadable()
            error = _head_error(exc, message, field_bytes_max=manager.field_bytes_max)
        else:
            application.note_bug(exc, request_id)
            error = S3Error(ErrorCode.InternalError)
        response = refusal(error, request_id=request_id, resource="", method="")
        response.force_close()
        return response


def _head_error(exc: BaseException | None, message: str | None, *, field_bytes_max: int) -> S3Error:
    if isinstance(exc, LineTooLong):
        # aiohttp has one error for both lines; its second argument is the limit that was passed.
        if exc.args[1] == field_bytes_max:
            return S3Error(ErrorCode.RequestHeaderSectionTooLarge)
        return S3Error(ErrorCode.UriTooLong, "the request line is too long (--max-url-length)")
    text = (message or "the request head could not be parsed").splitlines()[0][:200]
    return S3Error(ErrorCode.BadRequest, text)


class S3Server(web.Server):
    """Makes one S3Protocol for each connection."""

    def __init__(self, application: S3Application, connections_max: int, **options: Any) -> None:
        super().__init__(self._begin, **options)
        self.application = application
        self.connections_max = connections_max
        self.field_bytes_max: int = options["max_field_size"]
        self._options = options

    def _begin(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        """A whole head has come; what comes now is its body."""
        connection = request.protocol
        assert isinstance(connection, S3Protocol), "made by this server"
        connection.head_since = None
        return self.application.handle(request)

    def __call__(self) -> RequestHandler:
        """The protocol of a new connection."""
        return S3Protocol(self, loop=self._loop, **self._options)

    def has_room(self, count: int) -> bool:
        """Whether ``count`` more connections are within the limit."""
        return len(self.connections) + count <= self.connections_max

    def end_slow_heads(self, timeout_s: float) -> None:
        """Closes every connection whose head began more than ``timeout_s`` ago and is not complete (A14)."""
        oldest = self._loop.time() - timeout_s
        for connection in self.connections:
            assert isinstance(connection, S3Protocol), "made by this server"
            since = connection.head_since
            if since is not None and since < oldest and not connection.busy:
                connection.force_close()

    def end_slow_readers(self, *, bytes_per_s: int, window_s: float) -> None:
        """Cuts every connection that takes its answer more slowly than ``bytes_per_s`` over ``window_s`` (A14)."""
        now = self._loop.time()
        for connection in tuple(self.connections):
            assert isinstance(connection, S3Protocol), "made by this server"
            connection.check_reader(now, bytes_per_s=bytes_per_s, window_s=window_s)


class S3Listener:
    """The endpoint's sockets."""

    def __init__(self, application: S3Application) -> None:
        self._application = application
        self._server: asyncio.Server | None = None
        self._http: S3Server | None = None
        self._handshakes: Handshakes | None = None
        self._sweeps: dict[Callable[[], None], asyncio.TimerHandle] = {}

    def _again(self, sweep: Callable[[], None], timeout_s: float) -> None:
        """Looks at all connections every tenth of the time that they have for something."""
        handle = asyncio.get_running_loop().call_later(timeout_s / _SWEEPS_PER_TIMEOUT, sweep)
        self._sweeps[sweep] = handle

    def _end_slow_heads(self) -> None:
        assert self._http is not None, "started"
        timeout_s = self._application.config.head_timeout_s
        self._http.end_slow_heads(timeout_s)
        self._again(self._end_slow_heads, timeout_s)

    def _end_slow_readers(self) -> None:
        assert self._http is not None, "started"
        config = self._application.config
        self._http.end_slow_readers(bytes_per_s=config.body_bytes_per_s_min, window_s=config.write_timeout_s)
        self._again(self._end_slow_readers, config.write_timeout_s)

    async def start(
        self,
        host: str | None,
        port: int,
        *,
        sockets: list[socket.socket] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> int:
        """Listens on ``host`` (None = every interface) and ``port`` (0 = any); returns the port. OSError if taken.

        With ``tls`` the port speaks HTTPS and nothing else; ``renew`` changes the certificate.
        """
        config = self._application.config
        loop = asyncio.get_running_loop()
        self._http = S3Server(
            self._application,
            config.connections_max,
            access_log=None,
            keepalive_timeout=config.idle_timeout_s,
            max_line_size=config.url_length_max,
            # The application bounds all fields together. Here one more byte tells this limit from the line's.
            max_field_size=config.header_bytes_max + (config.header_bytes_max == config.url_length_max),
            read_bufsize=READ_BUFFER_BYTES,
            auto_decompress=False,
            lingering_time=5.0,
        )
        self._application.watch.start()
        self._end_slow_heads()
        self._end_slow_readers()
        if tls is not None:
            handshakes = Handshakes(self._http, tls, has_room=self._http.has_room, timeout_s=config.head_timeout_s)
            self._handshakes = handshakes
            return await handshakes.start(sockets or await bound_sockets(host, port), backlog=BACKLOG)
        if sockets:
            # One server takes one socket in asyncio; the supervisor hands over exactly one.
            self._server = await loop.create_server(self._http, sock=sockets[0], backlog=BACKLOG)
        else:
            self._server = await loop.create_server(self._http, host, port, backlog=BACKLOG)
        return int(self._server.sockets[0].getsockname()[1])

    def renew(self, tls: ssl.SSLContext) -> None:
        """New connections begin with this context; open ones go on as they are."""
        assert self._handshakes is not None, "a listener that speaks TLS"
        self._handshakes.context = tls

    async def close(self, timeout_s: float) -> None:
        """Stops accepting, lets requests under way end within ``timeout_s``, then cuts what is left. Idempotent."""
        if self._http is None:
            return
        for handle in self._sweeps.values():
            handle.cancel()
        if self._server is not None:
            self._server.close()
        if self._handshakes is not None:
            await self._handshakes.close()
        self._application.draining = True
        try:
            async with asyncio.timeout(timeout_s):
                await self._drain(self._http)
        except TimeoutError:
            # What is left was given its time and is cut.
            pass
        await self._http.shutdown(_CUT_S)
        await self._application.watch.stop()
        self._http = None

    @staticmethod
    async def _drain(http: S3Server) -> None:
        """Ends idle connections and waits for the others: each closes after its answer.

        aiohttp's own shutdown stops to read at once, so an upload under way could never end.
        """
        while True:
            under_way = 0
            for connection in http.connections:
                assert isinstance(connection, S3Protocol), "made by it"
                if connection.busy:
                    under_way += 1
                else:
                    connection.close()
            if not under_way:
                return
            await asyncio.sleep(_DRAIN_STEP_S)
