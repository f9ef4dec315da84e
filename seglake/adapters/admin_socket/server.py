"""The admin channel's server: three locks before a call is looked at (the file's mode, the peer's user, the token), and
a line of log for every call.

POST /v1/<method> with a JSON object; GET /v1 lists the methods. Answers {"result": ...} or {"error": {"code",
"message"}}. Only on the Unix socket, never over TCP.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from asyncio import BaseTransport
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from seglake.domain.model.errors import SeglakeError
from seglake.domain.ports.files import FileSystem
from seglake.domain.ports.log import Log
from seglake.domain.ports.system import Clock, Randomness

from .messages import (
    API_VERSION,
    BODY_BYTES_MAX,
    CallRefused,
    answer_text,
    failure_of,
    failure_text,
    malformed,
    read_object,
    too_large,
)
from .operation import AdminServices, Result
from .operations import OPERATIONS, call, catalogue
from .place import bind_socket, remove_socket
from .token import is_bearer, publish_token, withdraw_token

BODY_TIMEOUT_S = 10.0
_ROOT_PATH = f"/v{API_VERSION}"
_UCRED = struct.Struct("3i")
"""pid, uid, gid (unix(7), SO_PEERCRED)."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end, as the kernel knows it."""

    pid: int
    uid: int


class PeerReader(Protocol):
    """Says who is at the other end; None when the kernel does not tell."""

    def __call__(self, transport: BaseTransport, /) -> Peer | None:
        """The peer of a connection."""
        ...


def kernel_peer(transport: BaseTransport, /) -> Peer | None:
    """The peer by SO_PEERCRED."""
    connection = transport.get_extra_info("socket")
    if connection is None:
        return None
    try:
        pid, uid, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    except OSError:
        return None
    return Peer(pid, uid)


@dataclass(slots=True)
class _Call:
    """What the log will say of a call."""

    method: str = ""
    parameters: tuple[str, ...] = ()
    peer: Peer | None = None


class AdminServer:
    """Listens from ``start`` to ``close``; whoever starts it holds the lock of the data directory."""

    def __init__(
        self,
        services: AdminServices,
        *,
        version: str,
        clock: Clock,
        randomness: Randomness,
        log: Log,
        peer_of: PeerReader = kernel_peer,
    ) -> None:
        self._services = services
        self._version = version
        self._clock = clock
        self._randomness = randomness
        self._log = log
        self._peer_of = peer_of
        self._token = ""
        self._runner: web.ServerRunner | None = None
        self._place: tuple[FileSystem, Path] | None = None

    async def start(self, files: FileSystem, data_dir: Path) -> None:
        """Publishes a new token, then listens. OSError, and then nothing is left behind but perhaps the token."""
        assert self._runner is None, "it is started once"
        self._token = publish_token(files, self._randomness)
        listening = bind_socket(data_dir)
        self._place = (files, data_dir)
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=1.0)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()

    async def close(self) -> None:
        """Ends the calls under way and takes socket and token away. Idempotent."""
        runner, place = self._runner, self._place
        self._runner = self._place = None
        if runner is not None:
            await runner.cleanup()
        if place is not None:
            files, data_dir = place
            try:
                remove_socket(data_dir)
                withdraw_token(files)
            except OSError as error:
                # The next start replaces both.
                self._log.warning("admin_channel_left_behind", reason=str(error))

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        seen = _Call()
        started = self._clock.steady_s()
        try:
            status, code, text = 200, "ok", answer_text(await self._answer(request, seen))
        except SeglakeError as error:
            code, status = failure_of(error)
            text = failure_text(code, error.hint)
        except Exception as bug:  # noqa: BLE001 - logged with its trace; the caller learns that there was one
            status, code = 500, "InternalError"
            text = failure_text(code, "this is a bug in the server; its log has the trace")
            self._log.error("admin_call_failed", method=seen.method, exc_info=bug)
        self._note(seen, code, status, started)
        response = web.Response(status=status, body=text, content_type="application/json")
        if status in (400, 401, 403, 413):
            response.force_close()
        return response

    def _note(self, seen: _Call, code: str, status: int, started: float) -> None:
        """Which parameters there were, but never what they were: policies and secrets are among them."""
        write = self._log.info if status < 400 else self._log.warning
        write(
            "admin_call",
            method=seen.method,
            parameters=list(seen.parameters),
            outcome=code,
            uid=None if seen.peer is None else seen.peer.uid,
            pid=None if seen.peer is None else seen.peer.pid,
            ms=round((self._clock.steady_s() - started) * 1000, 1),
        )

    async def _answer(self, request: web.BaseRequest, seen: _Call) -> Result:
        self._check_caller(request, seen)
        path = request.rel_url.raw_path
        if path == _ROOT_PATH:
            if request.method != "GET":
                raise CallRefused("MethodNotAllowed", 405, "GET lists the methods; a call is POST /v1/<method>")
            return {"version": self._version, "api": API_VERSION, "methods": catalogue()}
        root, slash, method = path.rpartition("/")
        if root != _ROOT_PATH or not slash:
            raise CallRefused("NotFound", 404, f"nothing is here; calls are POST {_ROOT_PATH}/<method>")
        seen.method = method if method in OPERATIONS else "(unknown)"
        if request.method != "POST":
            raise CallRefused("MethodNotAllowed", 405, f"a call is POST {_ROOT_PATH}/<method>")
        parameters = read_object(await _body(request))
        if method in OPERATIONS:
            seen.parameters = _names(parameters, method)
        return await call(self._services, method, parameters)

    def _check_caller(self, request: web.BaseRequest, seen: _Call) -> None:
        """The peer's user, then the token. CallRefused."""
        transport = request.transport
        seen.peer = None if transport is None else self._peer_of(transport)
        if seen.peer is None or seen.peer.uid not in (os.geteuid(), 0):
            raise CallRefused("PeerRefused", 403, "only the server's own user and root may use the admin channel")
        if not is_bearer(request.headers.get("Authorization", ""), self._token):
            raise CallRefused(
                "Unauthorized",
                401,
                "the token is wrong: read it again from the data directory, it changes at each start",
            )


def _names(parameters: Mapping[str, Any], method: str) -> tuple[str, ...]:
    """The names of parameters that the method has; what else was sent may be anything."""
    return tuple([name for name in OPERATIONS[method].parameters if name in parameters])


async def _body(request: web.BaseRequest) -> bytes:
    """The whole body. CallRefused when it is too large or too slow."""
    if (request.content_length or 0) > BODY_BYTES_MAX:
        raise too_large()
    pieces, size = [], 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while piece := await request.content.readany():
                size += len(piece)
                if size > BODY_BYTES_MAX:
                    raise too_large()
                pieces.append(piece)
    except TimeoutError:
        raise malformed(f"the body did not come within {BODY_TIMEOUT_S:.0f} s") from None
    return b"".join(pieces)
