"""One road for every request: parse, authenticate, route, authorise, handle; one place where refusals are written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import lru_cache

from aiohttp import web

from seglake.adapters.http_s3.body import RequestBody
from seglake.adapters.http_s3.budget import Budget
from seglake.adapters.http_s3.config import FrontConfig
from seglake.adapters.http_s3.exchange import Exchange, Services
from seglake.adapters.http_s3.handlers.table import HANDLERS
from seglake.adapters.http_s3.preflight import preflight
from seglake.adapters.http_s3.respond import Answer, refusal
from seglake.adapters.http_s3.watch import Watch
from seglake.adapters.s3_protocol import claims as claimed
from seglake.adapters.s3_protocol import sigv4
from seglake.adapters.s3_protocol.addressing import locate
from seglake.adapters.s3_protocol.domain_errors import INTERNAL, to_s3
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.operations import Body, Operation
from seglake.adapters.s3_protocol.payload import PayloadMode, anonymous_mode
from seglake.adapters.s3_protocol.request import RequestHead, parse_head
from seglake.adapters.s3_protocol.routing import route
from seglake.domain.model.credential import Identity
from seglake.domain.model.errors import SeglakeError
from seglake.domain.model.segment import CHUNK_BYTES
from seglake.domain.ports.log import Log
from seglake.domain.ports.system import Clock, Randomness

__all__ = ["FrontConfig", "S3Application", "Services"]

BODY_BYTES_MAX = 3 * CHUNK_BYTES
"""What one body holds at the most, however large it is: two chunks in ingest and what the connection has read ahead."""

Handler = Callable[[Exchange], Awaitable[web.StreamResponse]]


class S3Application:
    """Answers requests. One event loop; nothing here outlives a request but counters."""

    def __init__(
        self, services: Services, config: FrontConfig, *, clock: Clock, randomness: Randomness, log: Log
    ) -> None:
        self.config = config
        self.watch = Watch(clock.steady_s, bytes_per_s=config.body_bytes_per_s_min, window_s=config.stall_window_s)
        self.draining = False
        """Set when the server stops: every answer is then the last of its connection."""
        self._services = services
        self._clock = clock
        self._log = log
        self._regions = config.all_regions
        self._boot = randomness.bytes(4).hex().upper()
        self._count = 0
        self._budget = Budget(config.in_flight_bytes_max)
        # The key follows from its arguments alone, so a cached one is never stale; bounded by its size.
        self._derive = lru_cache(maxsize=256)(sigv4.signing_key)

    def new_request_id(self) -> str:
        """Unique within the life of the data directory for all practical purposes; 16 characters."""
        self._count += 1
        return f"{self._boot}{self._count:08X}"

    def note_bug(self, error: BaseException | None, request_id: str) -> None:
        """Logs what should not have happened."""
        self._log.error("request_failed", request_id=request_id, exc_info=error)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """aiohttp's entry: every request gets exactly one answer, or its connection is cut."""
        request_id = self.new_request_id()
        body: RequestBody | None = None
        try:
            exchange = self._admit(request, request_id)
            if isinstance(exchange, Answer):
                return exchange
            body = exchange.body
            response = await self._dispatch(exchange)
        except SeglakeError as error:
            response = self._refuse(request, error, request_id)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as bug:  # noqa: BLE001 - the one place that turns a bug into a 500; it is logged with its trace
            self.note_bug(bug, request_id)
            response = self._refuse(request, S3Error(ErrorCode.InternalError), request_id)
        if self.draining or ((body is None or body.unread) and "Expect" in request.headers):
            # Whether the client still sends its body is not known, so the next request could not be found.
            response.force_close()
        if body is not None and body.stalled and isinstance(response, Answer):
            response.force_close()
            response.hangs_up = True
        if self.config.access_log:
            self._log.info(
                "request", request_id=request_id, method=request.method, path=request.raw_path, status=response.status
            )
        return response

    def _admit(self, request: web.BaseRequest, request_id: str) -> Exchange | Answer:
        """Everything that is decided before the body is asked for."""
        raw_headers = request.raw_headers
        if sum([len(name) + len(value) for name, value in raw_headers]) > self.config.header_bytes_max:
            raise S3Error(ErrorCode.RequestHeaderSectionTooLarge)
        secure = request.scheme == "https"
        peer = request.transport.get_extra_info("peername") if request.transport is not None else None
        head = parse_head(
            request.method, request.raw_path, raw_headers, secure=secure, peer=str(peer[0]) if peer else ""
        )
        config = self.config
        address = locate(head.host, head.path, domains=config.domains, virtual_hosted=config.virtual_hosted)
        if head.method == "OPTIONS":
            return preflight(head, request_id)
        row = route(head.method, address, head.query, head.headers)
        identity, verified, mode = self._identify(head)
        if mode not in row.modes:
            raise S3Error(
                ErrorCode.InvalidRequest, f"x-amz-content-sha256 {mode.value} is not possible with {row.operation.name}"
            )
        bucket = address.bucket or ""
        self._services.access.authorize(identity, row.action(head.query), bucket)
        assert identity is not None, "anonymous requests are not authorised for anything yet"
        body = RequestBody(request, head, row.operation, mode, verified)
        return Exchange(
            request,
            head,
            row,
            (bucket, address.key or ""),
            identity,
            body,
            request_id,
            services=self._services,
            config=config,
            log=self._log,
        )

    def _identify(self, head: RequestHead) -> tuple[Identity | None, sigv4.Verified | None, PayloadMode]:
        """The one verifier: whose request this is, and how its body is vouched for (A1)."""
        claims = claimed.parse(head)
        if claims is None:
            return None, None, anonymous_mode(head.headers.get("x-amz-content-sha256"))
        known = self._services.access.lookup(claims.access_key)
        verified = sigv4.verify(
            head,
            claims,
            secret=None if known is None else known[1],
            now=self._clock.now_ms() / 1000,
            regions=self._regions,
            derive=self._derive,
        )
        assert known is not None, "an unknown key is refused by verify"
        return known[0], verified, claims.mode

    async def _dispatch(self, exchange: Exchange) -> web.StreamResponse:
        operation = exchange.route.operation
        if operation.body is not Body.NONE:
            length = exchange.body.length
            # The watch begins behind this: a client is not slow while it is the server that keeps it waiting.
            taken = await self._budget.take(BODY_BYTES_MAX if length is None else min(length, BODY_BYTES_MAX))
            try:
                return await self._watched(exchange)
            finally:
                self._budget.give_back(taken)
        if operation is Operation.GetObject:
            return await self._watched(exchange)
        return await HANDLERS[operation](exchange)

    async def _watched(self, exchange: Exchange) -> web.StreamResponse:
        transfer = exchange.transfer = self.watch.enter(exchange.request, exchange.body)
        try:
            return await HANDLERS[exchange.route.operation](exchange)
        finally:
            self.watch.leave(transfer)

    def _refuse(self, request: web.BaseRequest, error: SeglakeError, request_id: str) -> Answer:
        s3_error = to_s3(error)
        if type(error) in INTERNAL:
            self._log.error(
                "store_refused",
                request_id=request_id,
                kind=type(error).__name__,
                detail=error.hint,
                path=request.raw_path,
            )
        return refusal(
            s3_error, request_id=request_id, resource=request.raw_path.partition("?")[0], method=request.method
        )
