"""OPTIONS: a browser asks whether a page of another origin may send a request; the rules alone decide, nobody signs.

Sources: Fetch Standard, "CORS-preflight fetch"; Amazon S3 User Guide, "How does Amazon S3 evaluate the CORS
configuration on a bucket?".
"""

from __future__ import annotations

import re

from seglake.adapters.http_s3.cross_origin import CrossOrigin, allowing
from seglake.adapters.http_s3.respond import Answer, answer, refusal
from seglake.adapters.s3_protocol.addressing import Address
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.request import RequestHead
from seglake.domain.model.cors import METHODS, find_rule

HEADERS_MAX = 100
"""Headers that a page may ask for; each is compared with all that the rules allow."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+", re.ASCII)
_KINDS = ("SERVICE", "BUCKET", "OBJECT")


def preflight(head: RequestHead, address: Address, cross_origin: CrossOrigin, request_id: str) -> Answer:
    """200 with what is allowed, 403 AccessForbidden when no rule fits, 400 when it is no preflight."""
    try:
        return answer(request_id, _allowed(head, address, cross_origin))
    except S3Error as error:
        return refusal(error, request_id=request_id, resource=head.path, method=head.method)


def _allowed(head: RequestHead, address: Address, cross_origin: CrossOrigin) -> tuple[tuple[str, str], ...]:
    origin = head.headers.get("origin")
    if origin is None:
        raise S3Error(ErrorCode.BadRequest, "Insufficient information. Origin request header needed.")
    method = head.headers.get("access-control-request-method", "null")
    if method not in METHODS:
        raise S3Error(ErrorCode.BadRequest, f"Invalid Access-Control-Request-Method: {method[:40]}")
    extra = (("Method", method), ("ResourceType", _KINDS[(address.bucket is not None) + (address.key is not None)]))
    rules = cross_origin.rules_of(address.bucket or "")
    if not rules:
        raise S3Error(ErrorCode.AccessForbidden, extra=extra)
    asked = _asked(head.headers.get("access-control-request-headers", ""))
    found = None if asked is None else find_rule(rules, origin, method, asked)
    if found is None or asked is None:
        raise S3Error(
            ErrorCode.AccessForbidden,
            "CORSResponse: This CORS request is not allowed. This is usually because the evaluation of Origin, request "
            "method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the "
            "resource's CORS spec.",
            extra=extra,
        )
    return allowing(found, asked)


def _asked(text: str) -> tuple[str, ...] | None:
    """The headers asked for, in lower case; None when they are too many or are no names."""
    names = tuple([name for one in text.split(",") if (name := one.strip(" \t").lower())])
    if len(names) > HEADERS_MAX or not all(map(_TOKEN.fullmatch, names)):
        return None
    return names
