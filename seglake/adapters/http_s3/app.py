"""One road for every request: parse, authenticate, route, authorise, handle; one place where refusals are written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from functools import lru_cache

from aiohttp import web

from seglake.adapters.http_s3.access_record import AccessSink, Scribe
from seglake.adapters.http_s3.authorisation import authorise, discreet
from seglake.adapters.http_s3.body import RequestBody
from seglake.adapters.http_s3.budget import Budget
from seglake.adapters.http_s3.config import FrontConfig
from seglake.adapters.http_s3.cross_origin import CrossOrigin
from seglake.adapters.http_s3.exchange import Exchange, Services
from seglake.adapters.http_s3.failures import Failures
from seglake.adapters.http_s3.form_gate import FormGate
from seglake.adapters.http_s3.handlers.table import HANDLERS
from seglake.adapters.http_s3.payload_rules import check_payload
from seglake.adapters.http_s3.preflight import preflight
from seglake.adapters.http_s3.proxies import TrustedProxies
from seglake.adapters.http_s3.replay import Replays
from seglake.adapters.http_s3.respond import Answer, refusal
from seglake.adapters.http_s3.throttle import Throttle
from seglake.adapters.http_s3.watch import Watch
from seglake.adapters.s3_protocol import claims as claimed
from seglake.adapters.s3_protocol import sigv4
from seglake.adapters.s3_protocol.access_log import AccessRecord, as_fields
from seglake.adapters.s3_protocol.addressing import locate
from seglake.adapters.s3_protocol.claims import Claims
from seglake.adapters.s3_protocol.domain_errors import INTERNAL, to_s3
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.operations import Body, Operation
from seglake.adapters.s3_protocol.payload import PayloadMode, anonymous_mode
from seglake.adapters.s3_protocol.request import RequestHead, parse_head
from seglake.adapters.s3_protocol.request_context import request_context
from seglake.adapters.s3_protocol.routing import route
from seglake.domain.model.access import Context
from seglake.domain.model.credential import Identity
from seglake.domain.model.errors import SeglakeError, VersionDamaged
from seglake.domain.model.segment import CHUNK_BYTES
from seglake.domain.ports.log import Log
from seglake.domain.ports.system import Clock, Randomness
from seglake.domain.ports.telemetry import RequestMeter, Served, Unmetered
from seglake.domain.services.access import Grounds
from seglake.domain.services.maintenance import WriteGate

__all__ = ["FrontConfig", "S3Application", "Services"]

BODY_BYTES_MAX = 3 * CHUNK_BYTES
"""What one body holds at the most, however large it is: two chunks in ingest, and either what the connection has read
ahead or, while it is encrypted, the stored form of one of them."""

_READING = ("GET", "HEAD")

Handler = Callable[[Exchange], Awaitable[web.StreamResponse]]


class S3Application:
    """Answers requests. One event loop; nothing here outlives a request but counters."""

    def __init__(
        self,
        services: Services,
        config: FrontConfig,
        *,
        clock: Clock,
        randomness: Randomness,
        log: Log,
        gate: WriteGate | None = None,
        meter: RequestMeter | None = None,
        access_log: AccessSink | None = None,
    ) -> None:
        self.config = config
        self.watch = Watch(
            clock.steady_s,
            bytes_per_s=config.body_bytes_per_s_min,
            read_window_s=config.read_timeout_s,
            write_window_s=config.write_timeout_s,
        )
        self.draining = False
        """Set when the server stops: every answer is then the last of its connection."""
        self._services = services
        self.gate = gate or WriteGate()
        """Counts writes under way; shut in maintenance."""
        self._meter = meter or Unmetered()
        self._clock = clock
        self._log = log
        self._regions = config.all_regions
        self._boot = randomness.bytes(4).hex().upper()
        self._count = 0
        self._budget = Budget(config.in_flight_bytes_max)
        self._answers = Budget(config.in_flight_bytes_max)
        self._restricts_payload = config.require_content_md5 or not config.allow_unsigned_payload
        self._proxies = TrustedProxies(config.trusted_proxies) if config.trusted_proxies else None
        self._places = Throttle(config.requests_per_key_max) if config.requests_per_key_max else None
        self._completing = Throttle(config.mpu_complete_max, waiting=0) if config.mpu_complete_max else None
        steady_s = clock.steady_s
        self._failures = (
            Failures(config.auth_failures_per_min, steady_s=steady_s, log=log) if config.auth_failures_per_min else None
        )
        self._replays = (
            Replays(
                ttl_s=config.replay_ttl_s,
                entries_max=config.replay_entries_max,
                block=config.replay_block,
                steady_s=steady_s,
                log=log,
                meter=self._meter,
            )
            if config.replay_ttl_s
            else None
        )
        # The key follows from its arguments alone, so a cached one is never stale; bounded by its size.
        self._derive = lru_cache(maxsize=256)(sigv4.signing_key)
        if access_log is None and config.access_log:
            access_log = self._log_record
        self._scribe = None if access_log is None else Scribe(access_log, services.directory, config)
        self._cross_origin = CrossOrigin(services.access, config)
        self._forms = FormGate(
            services.access, clock, regions=self._regions, derive=self._derive, failures=self._failures
        )

    def _log_record(self, record: AccessRecord, /) -> None:
        self._log.info("request", **as_fields(record))

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
        served = self._meter.begin()
        body: RequestBody | None = None
        exchange: Exchange | None = None
        try:
            admitted = self._admit(request, request_id, served)
            if isinstance(admitted, Answer):
                self._ended(request, served, None, admitted, request_id=request_id)
                return admitted
            exchange = admitted
            body = exchange.body
            if self._scribe is not None:
                exchange.watches_start = self._starting(served)
            origin = exchange.headers.get("origin")
            if origin is not None:
                exchange.extra = self._cross_origin.fields(exchange.grounds, origin, request.method)
            reads = exchange.head.method in _READING
            response = await (self._in_turn(exchange) if reads else self._writing(exchange))
            if exchange.extra and isinstance(response, Answer):
                response.fields = (*response.fields, *exchange.extra)
        except SeglakeError as error:
            response = self._refuse(request, discreet(exchange, error), request_id, served)
        except (ConnectionError, asyncio.CancelledError):
            self._settle_replay(exchange, done=False)
            self._ended(request, served, exchange, None, request_id=request_id)
            raise
        except Exception as bug:  # noqa: BLE001 - the one place that turns a bug into a 500; it is logged with its trace
            self.note_bug(bug, request_id)
            response = self._refuse(request, S3Error(ErrorCode.InternalError), request_id, served)
        if self._replays is not None:
            self._settle_replay(exchange, done=response.status < 400)
        if self.draining or ((body is None or body.unread) and "Expect" in request.headers):
            # Whether the client still sends its body is not known, so the next request could not be found.
            response.force_close()
        if body is not None and body.stalled and isinstance(response, Answer):
            response.force_close()
            response.hangs_up = True
        self._ended(request, served, exchange, response, request_id=request_id)
        return response

    def note_unreadable(self) -> None:
        """Counts a request whose head could not be read; it never gets to ``handle``."""
        served = self._meter.begin()
        served.status = 400
        self._meter.end(served)

    def _ended(
        self,
        request: web.BaseRequest,
        served: Served,
        exchange: Exchange | None,
        response: web.StreamResponse | None,
        *,
        request_id: str,
    ) -> None:
        """Counts a request whose answer is made, or whose connection was cut (None), and has it logged."""
        if response is not None:
            served.status = response.status
            if isinstance(response, Answer) and request.method != "HEAD":
                served.bytes_out = len(response.body)
        if exchange is not None:
            served.bytes_in = exchange.body.received
            if exchange.transfer is not None:
                served.bytes_out += exchange.transfer.sent
        self._meter.end(served)
        if self._scribe is not None:
            peer, at_ms = self._origin(request)[0], self._clock.now_ms()
            self._scribe.note(request, served, exchange, response, request_id=request_id, at_ms=at_ms, peer=peer)

    def _starting(self, served: Served) -> Callable[[], None]:
        def started() -> None:
            served.first_byte_s = self._clock.steady_s()

        return started

    def _settle_replay(self, exchange: Exchange | None, *, done: bool) -> None:
        """A request that was not done has not spent its signature."""
        if self._replays is not None and exchange is not None and exchange.replay_mark is not None and not done:
            self._replays.forget(exchange.replay_mark)

    def _origin(self, request: web.BaseRequest) -> tuple[str, bool]:
        """The client's address, and whether it spoke TLS (A13)."""
        name = request.transport.get_extra_info("peername") if request.transport is not None else None
        peer, secure = str(name[0]) if name else "", request.scheme == "https"
        if self._proxies is None:
            return peer, secure
        return self._proxies.origin(peer, request.raw_headers, secure=secure)

    def _admit(self, request: web.BaseRequest, request_id: str, served: Served) -> Exchange | Answer:
        """Everything that is decided before the body is asked for; ``served`` learns what is found out."""
        raw_headers = request.raw_headers
        if sum([len(name) + len(value) for name, value in raw_headers]) > self.config.header_bytes_max:
            raise S3Error(ErrorCode.RequestHeaderSectionTooLarge)
        peer, secure = self._origin(request)
        head = parse_head(request.method, request.raw_path, raw_headers, secure=secure, peer=peer)
        config = self.config
        address = locate(head.host, head.path, domains=config.domains, virtual_hosted=config.virtual_hosted)
        if head.method == "OPTIONS":
            served.operation = Operation.Preflight.title
            return preflight(head, address, self._cross_origin, request_id)
        row = route(head.method, address, head.query, head.headers)
        served.operation = row.operation.title
        bucket, key = address.bucket or "", address.key or ""
        claims = claimed.parse(head)
        identity, grounds, verified, mode = self._identify(head, claims, bucket)
        if identity is not None:
            served.access_key = identity.access_key
        if mode not in row.modes:
            raise S3Error(
                ErrorCode.InvalidRequest, f"x-amz-content-sha256 {mode.value} is not possible with {row.operation.name}"
            )

        def context(keys: Collection[str]) -> Context:
            tls = request.transport.get_extra_info("ssl_object") if secure and request.transport is not None else None
            now_ms = self._clock.now_ms()
            return request_context(keys, head, claims, now_ms=now_ms, tls_version="" if tls is None else tls.version())

        authorise(self._services.access, row, head, (bucket, key), identity, context=context, grounds=grounds)
        if grounds.bucket is not None:
            served.bucket = bucket
        body = RequestBody(request, head, row.operation, mode, verified)
        if self._restricts_payload:
            in_header = claims is not None and not claims.presigned
            check_payload(config, row.operation, mode, in_header=in_header, expected=body.expectations())
        exchange = Exchange(
            request,
            head,
            row,
            (bucket, key),
            identity,
            body,
            request_id,
            grounds=grounds,
            context=context,
            services=self._services,
            config=config,
            log=self._log,
        )
        if self._replays is not None and claims is not None:
            exchange.replay_mark = self._replays.note(head, claims, request_id)
        return exchange

    def _identify(
        self, head: RequestHead, claims: Claims | None, bucket: str
    ) -> tuple[Identity | None, Grounds, sigv4.Verified | None, PayloadMode]:
        """The one verifier: whose request this is, and how its body is vouched for (A1)."""
        access = self._services.access
        if claims is None:
            return None, access.grounds(bucket), None, anonymous_mode(head.headers.get("x-amz-content-sha256"))
        known = access.lookup(claims.access_key, bucket)
        try:
            verified = sigv4.verify(
                head,
                claims,
                secret=None if known is None else known.secret,
                now=self._clock.now_ms() / 1000,
                regions=self._regions,
                derive=self._derive,
            )
        except S3Error as error:
            self._meter.authentication_failed(error.code.text)
            if self._failures is None:
                raise
            key = None if known is None else claims.access_key
            raise self._failures.explain(error, peer=head.peer, known_key=key) from None
        assert known is not None, "an unknown key is refused by verify"
        return known.identity, known.grounds, verified, claims.mode

    async def _writing(self, exchange: Exchange) -> web.StreamResponse:
        """Refused before its body while the store is in maintenance; else maintenance waits for its end."""
        gate = self.gate
        gate.enter()
        try:
            return await self._in_turn(exchange)
        finally:
            gate.leave()

    async def _in_turn(self, exchange: Exchange) -> web.StreamResponse:
        """Within what one key may have under way, and what all may have of the dearest operation (A14)."""
        if exchange.route.operation is Operation.CompleteMultipartUpload and self._completing is not None:
            if not self._completing.enter(""):
                await self._completing.turn("")
            try:
                return await self._placed(exchange)
            finally:
                self._completing.leave("")
        return await self._placed(exchange)

    async def _placed(self, exchange: Exchange) -> web.StreamResponse:
        places = self._places
        if places is None:
            return await self._dispatch(exchange)
        holder = exchange.holder
        waits = not places.enter(holder)
        if waits:
            await places.turn(holder)
        try:
            if waits and exchange.request.transport is None:
                raise ConnectionResetError("the client is gone")
            return await self._dispatch(exchange)
        finally:
            places.leave(holder)

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
            exchange.answers = self._answers
            return await self._watched(exchange)
        if operation is Operation.CopyObject or operation is Operation.UploadPartCopy:
            # What is encrypted otherwise than its source passes through ingest as a body does.
            taken = await self._budget.take(BODY_BYTES_MAX)
            try:
                return await HANDLERS[operation](exchange)
            finally:
                self._budget.give_back(taken)
        return await HANDLERS[operation](exchange)

    async def _watched(self, exchange: Exchange) -> web.StreamResponse:
        transfer = exchange.transfer = self.watch.enter(exchange.request, exchange.body)
        try:
            operation = exchange.route.operation
            if operation.body is Body.FORM:
                exchange = await self._forms.admit(exchange)
            return await HANDLERS[operation](exchange)
        finally:
            self.watch.leave(transfer)

    def _refuse(self, request: web.BaseRequest, error: SeglakeError, request_id: str, served: Served) -> Answer:
        s3_error = to_s3(error)
        served.code = s3_error.code.text
        if type(error) in INTERNAL:
            self._log.error(
                # What is known to be damaged has a code of its own: nothing new happened, and a restore is what helps.
                "version_damaged" if isinstance(error, VersionDamaged) else "store_refused",
                request_id=request_id,
                kind=type(error).__name__,
                detail=error.hint,
                path=request.raw_path,
            )
        path = request.raw_path.partition("?")[0]
        refused = refusal(s3_error, request_id=request_id, resource=path, method=request.method)
        origin = request.headers.get("Origin")
        if origin is not None:
            # A page learns why it was refused, as from any other answer.
            more = self._cross_origin.fields_of_refusal(request.headers.get("Host", ""), path, origin, request.method)
            refused.fields = (*refused.fields, *more)
        return refused
