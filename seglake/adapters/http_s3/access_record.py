"""What the access log tells of a request is gathered after its answer, and only when somebody writes it down."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from seglake.adapters.http_s3.config import FrontConfig
from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.respond import HOST_ID
from seglake.adapters.s3_protocol.access_log import AccessRecord
from seglake.adapters.s3_protocol.addressing import locate
from seglake.adapters.s3_protocol.errors import S3Error
from seglake.domain.model.user import canonical_id, user_arn
from seglake.domain.ports.telemetry import Served
from seglake.domain.services.directory import Directory

AccessSink = Callable[[AccessRecord], None]
"""Takes what is known of each request that ended; must not wait."""

_VERSION_FIELD = "x-amz-version-id"
_NOWHERE = ("", "")


class Scribe:
    """Makes the records of one endpoint."""

    def __init__(self, sink: AccessSink, directory: Directory, config: FrontConfig) -> None:
        self._sink = sink
        self._directory = directory
        self._config = config

    def note(
        self,
        request: web.BaseRequest,
        served: Served,
        exchange: Exchange | None,
        response: web.StreamResponse | None,
        *,
        request_id: str,
        at_ms: int,
        peer: str,
    ) -> None:
        """Hands one record on; the request ended ``at_ms``, ``response`` is None when the connection was cut."""
        bucket, key = self._place(request) if exchange is None else (exchange.bucket, exchange.key)
        headers = request.headers
        tls, cipher = _tls(request)
        user, requester, owner = self._people(exchange)
        self._sink(
            AccessRecord(
                at_ms=at_ms - round(served.seconds * 1000),
                request_id=request_id,
                method=request.method,
                target=request.raw_path,
                status=served.status,
                peer=peer,
                access_key=served.access_key,
                user=user,
                requester=requester,
                owner=owner,
                operation=served.operation,
                bucket=bucket,
                key=key,
                version_id="" if exchange is None else _version(exchange, response),
                code=served.code,
                bytes_in=served.bytes_in,
                bytes_out=served.bytes_out,
                object_bytes=_object_bytes(exchange),
                seconds=served.seconds,
                first_byte_s=_first_byte(served, response),
                referer=headers.get("Referer", ""),
                user_agent=headers.get("User-Agent", ""),
                host=headers.get("Host", ""),
                host_id=HOST_ID,
                authentication=_authentication(request, served),
                tls=tls,
                cipher=cipher,
                region=self._config.region,
            )
        )

    def _place(self, request: web.BaseRequest) -> tuple[str, str]:
        """What a request that was refused early is about, as far as it can be told."""
        host, path = request.headers.get("Host", ""), request.raw_path.partition("?")[0]
        try:
            config = self._config
            address = locate(host, path, domains=config.domains, virtual_hosted=config.virtual_hosted)
        except S3Error:
            return _NOWHERE
        return address.bucket or "", address.key or ""

    def _people(self, exchange: Exchange | None) -> tuple[str, str, str]:
        """Name and canonical id (for a user that is not root, the ARN) of who asks, canonical id of the bucket's
        owner."""
        if exchange is None:
            return "", "", ""
        site = self._directory.site
        bucket = exchange.grounds.bucket
        owner = "" if bucket is None else canonical_id(site, bucket.owner)
        identity = exchange.identity
        if identity is None:
            return "", "", owner
        requester = canonical_id(site, identity.user) if identity.is_root else user_arn(identity.user)
        return identity.user, requester, owner


def _version(exchange: Exchange, response: web.StreamResponse | None) -> str:
    asked = exchange.query.get("versionId", "")
    fields = getattr(response, "fields", None) or ()
    return asked or next((value for name, value in fields if name.lower() == _VERSION_FIELD), "")


def _object_bytes(exchange: Exchange | None) -> int | None:
    """The size of what was uploaded; of what was read it is the bytes sent, but for ranges."""
    return None if exchange is None else exchange.body.length


def _first_byte(served: Served, response: web.StreamResponse | None) -> float | None:
    if served.first_byte_s:
        return served.first_byte_s - served.begun_s
    return None if response is None else served.seconds


def _authentication(request: web.BaseRequest, served: Served) -> str:
    if not served.access_key:
        return ""
    return "AuthHeader" if "Authorization" in request.headers else "QueryString"


def _tls(request: web.BaseRequest) -> tuple[str, str]:
    found = None if request.transport is None else request.transport.get_extra_info("ssl_object")
    if found is None:
        return "", ""
    cipher = found.cipher()
    return found.version() or "", cipher[0] if cipher else ""
