"""Accepts connections and owns them: bounded heads, bounded idleness, a bounded number, and a shutdown that drains."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from seglake.adapters.http_s3.app import S3Application
from seglake.adapters.http_s3.respond import refusal
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error

READ_BUFFER_BYTES = 256 << 10
BACKLOG = 1024
_DRAIN_STEP_S = 0.02
_CUT_S = 0.1
"""How long a handler may take to notice that its connection was cut."""


class S3Protocol(RequestHandler):
    """aiohttp's connection, with S3's words for what its parser refuses.

    ``head_since`` is the loop's time at which the first bytes of a head came that is not complete yet, else None.
    """

    __slots__ = ("_heads", "head_since")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Turns away connections above the limit before they cost more than their socket."""
        self._heads = 0
        self.head_since: float | None = None
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

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """A request that could not be parsed, or a bug: S3's Error document, then the connection is closed."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun; the connection is cut")
        manager = self._manager
        assert isinstance(manager, S3Server), "made by it"
        application = manager.application
        request_id = application.new_request_id()
        if status == 400:
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

    def end_slow_heads(self, timeout_s: float) -> None:
        """Closes every connection whose head began more than ``timeout_s`` ago and is not complete (A14)."""
        oldest = self._loop.time() - timeout_s
        for connection in self.connections:
            assert isinstance(connection, S3Protocol), "made by this server"
            since = connection.head_since
            if since is not None and since < oldest and not connection.busy:
                connection.force_close()


class S3Listener:
    """The endpoint's sockets."""

    def __init__(self, application: S3Application) -> None:
        self._application = application
        self._server: asyncio.Server | None = None
        self._http: S3Server | None = None
        self._sweep: asyncio.TimerHandle | None = None

    def _end_slow_heads(self) -> None:
        """Looks at all connections, and again after a tenth of the time that a head may take."""
        if self._http is None or self._server is None:
            return
        timeout_s = self._application.config.head_timeout_s
        self._http.end_slow_heads(timeout_s)
        self._sweep = asyncio.get_running_loop().call_later(timeout_s / 10, self._end_slow_heads)

    async def start(
        self,
        host: str | None,
        port: int,
        *,
        sockets: list[socket.socket] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> int:
        """Listens on ``host`` (None = every interface) and ``port`` (0 = any); returns the port. OSError if taken."""
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
        if sockets:
            # One server takes one socket in asyncio; the supervisor hands over exactly one.
            self._server = await loop.create_server(self._http, sock=sockets[0], ssl=tls, backlog=BACKLOG)
        else:
            self._server = await loop.create_server(self._http, host, port, ssl=tls, backlog=BACKLOG)
        self._end_slow_heads()
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self, timeout_s: float) -> None:
        """Stops accepting, lets requests under way end within ``timeout_s``, then cuts what is left. Idempotent."""
        if self._server is None or self._http is None:
            return
        if self._sweep is not None:
            self._sweep.cancel()
        self._server.close()
        self._application.draining = True
        try:
            async with asyncio.timeout(timeout_s):
                await self._drain(self._http)
        except TimeoutError:
            # What is left was given its time and is cut.
            pass
        await self._http.shutdown(_CUT_S)
        await self._application.watch.stop()
        self._server = None

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
