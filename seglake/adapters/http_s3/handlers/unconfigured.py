"""Configurations that no bucket here has, over HTTP: one table of answers, and always NoSuchBucket first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from seglake.adapters.http_s3.documents import read_document
from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.respond import answer, document
from seglake.adapters.s3_protocol.documents.unconfigured import CHECKS, DEFAULTS, MISSING, UNCONFIGURED
from seglake.adapters.s3_protocol.errors import S3Error, invalid_argument
from seglake.adapters.s3_protocol.operations import Operation

Handler = Callable[[Exchange], Awaitable[web.StreamResponse]]

_NAMED = frozenset(
    operation
    for operation in MISSING
    if operation.subresource in ("analytics", "intelligent-tiering", "inventory", "metrics")
)


async def _reply(x: Exchange) -> web.StreamResponse:
    operation = x.route.operation
    x.services.buckets.get(x.bucket)
    check = CHECKS.get(operation)
    if check is not None:
        check(await read_document(x))
        return answer(x.request_id)
    if operation in _NAMED and not x.query.get("id"):
        raise invalid_argument("id", "", "the configuration must be named")
    missing = MISSING.get(operation)
    if missing is not None:
        raise S3Error(missing, extra=(("BucketName", x.bucket),))
    shown = DEFAULTS.get(operation)
    if shown is None:
        return answer(x.request_id, status=204)
    token = x.query.get("continuation-token")
    if token is not None:
        raise invalid_argument("continuation-token", token, "it is not a token of this store")
    return document(x.request_id, shown)


def _handler(operation: Operation) -> Handler:
    async def handle(x: Exchange) -> web.StreamResponse:
        return await _reply(x)

    handle.__name__ = operation.name
    handle.__doc__ = f"API: {operation.name}."
    return handle


HANDLERS: Mapping[Operation, Handler] = {operation: _handler(operation) for operation in UNCONFIGURED}
"""A handler for each operation of the table."""
