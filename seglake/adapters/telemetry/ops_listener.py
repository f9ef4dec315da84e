"""A listener of its own for whoever watches the store: it answers GET of four paths, and never with anything of an
object or a key."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from seglake.adapters.telemetry.health import Health

CONNECTIONS_MAX = 64
"""Beyond this a request ends all other connections."""

HEAD_BYTES_MAX = 8 << 10
_KEEPALIVE_S = 15.0

Scrape = Callable[[str], Awaitable[tuple[bytes, str]]]
"""The metrics for an Accept header, with their content type."""


class OpsListener:
    """``/metrics``, ``/health/live`` and ``/health/ready``. One event loop; no authentication."""

    def __init__(self, health: Health, scrape: Scrape, version: str) -> None:
        self._health = health
        self._scrape = scrape
        self._version = version
        self._server: web.Server | None = None
        self._runner: web.ServerRunner | None = None

    async def start(self, host: str | None, port: int) -> int:
        """Listens on ``host`` (None = every interface) and ``port`` (0 = any); returns the port. OSError if taken."""
        options: dict[str, Any] = {
            "access_log": None,
            "keepalive_timeout": _KEEPALIVE_S,
            "max_line_size": HEAD_BYTES_MAX,
            "max_field_size": HEAD_BYTES_MAX,
            "lingering_time": 0.0,
        }
        self._server = web.Server(self._handle, **options)
        self._runner = web.ServerRunner(self._server, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, reuse_address=True)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Ends every connection. Idempotent."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        assert self._server is not None, "it listens"
        if len(self._server.connections) > CONNECTIONS_MAX:
            # Those who only sit there must not keep anybody from asking.
            for connection in tuple(self._server.connections):
                if connection is not request.protocol:
                    connection.force_close()
        if request.method not in ("GET", "HEAD"):
            return _document({"error": "only GET and HEAD are answered here"}, 405, {"Allow": "GET, HEAD"})
        path = request.raw_path.partition("?")[0]
        if path == "/metrics":
            body, content_type = await self._scrape(request.headers.get("Accept", ""))
            return web.Response(body=body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})
        if path == "/health/live":
            return _document({"status": "live", "version": self._version}, 200)
        if path == "/health/ready":
            found = await self._health.ready()
            status = "ready" if found.ready else "not ready"
            return _document({"status": status, "reasons": dict(found.reasons)}, 200 if found.ready else 503)
        if path == "/":
            return _document({"paths": ["/metrics", "/health/live", "/health/ready"]}, 200)
        return _document({"error": "there is no such path; / lists them"}, 404)


def _document(content: Mapping[str, object], status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    fields = {"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})}
    return web.Response(body=json.dumps(content).encode() + b"\n", status=status, headers=fields)
