"""Encryption as handlers need it: what a request asks for, which key it brings, what its answer says."""

from __future__ import annotations

from collections.abc import Mapping

from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.s3_protocol import encryption_headers as headers
from seglake.domain.model.encryption import Encryption, Protection
from seglake.domain.model.manifest import Pairs

_ON_READ = frozenset((*headers.ASKED_HEADERS, *headers.CUSTOMER_HEADERS))


def asked_protection(x: Exchange, fields: Mapping[str, str] | None = None) -> Protection | None:
    """What a write asks for, in its headers or in the fields of its form. S3Error."""
    asked = headers.asked(x.headers if fields is None else fields, x.config.all_regions)
    if asked is not None and asked.customer:
        _require_private(x)
    return asked


def reading_key(x: Exchange) -> bytes:
    """The customer's key that GET or HEAD brings, empty without one. S3Error."""
    if _ON_READ.isdisjoint(x.headers):
        return b""
    headers.refuse_method_on_read(x.headers)
    return _key(x, headers.CUSTOMER)


def part_key(x: Exchange) -> bytes:
    """The customer's key of the upload that the request is about, empty without one. S3Error."""
    return _key(x, headers.CUSTOMER)


def source_key(x: Exchange) -> bytes:
    """The customer's key of a copy's source, empty without one. S3Error."""
    return _key(x, headers.SOURCE_CUSTOMER)


def encryption_fields(x: Exchange, encryption: Encryption | None) -> Pairs:
    """What the answer says."""
    return () if encryption is None else headers.answered(encryption, x.config.region)


def _key(x: Exchange, prefix: str) -> bytes:
    key = headers.customer_key(x.headers, prefix)
    if key:
        _require_private(x)
    return key


def _require_private(x: Exchange) -> None:
    headers.require_private(secure=x.head.secure, peer=x.head.peer, anywhere=x.config.allow_insecure_sse_c)
