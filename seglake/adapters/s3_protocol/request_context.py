"""The condition keys of a request, made only when a policy looks at them; what the request does not say is missing.

Sources: IAM User Guide, "AWS global condition context keys"; Service Authorization Reference, "Condition keys for
Amazon S3".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from seglake.adapters.s3_protocol.claims import Claims
from seglake.adapters.s3_protocol.http_dates import iso_date, parse_iso_date
from seglake.adapters.s3_protocol.request import RequestHead
from seglake.domain.model.access import tag_values
from seglake.domain.model.object_lock import Retention
from seglake.domain.model.user import ACCOUNT

DAY_MS = 86_400_000

_REMAINING = "s3:object-lock-remaining-retention-days"


@dataclass(frozen=True, slots=True)
class _Request:
    """What the finders look at."""

    head: RequestHead
    claims: Claims | None
    now_ms: int
    tls_version: str


Finder = Callable[[_Request], str | None]


def _parameter(name: str) -> Finder:
    return lambda request: request.head.query.get(name)


def _header(name: str) -> Finder:
    return lambda request: request.head.headers.get(name)


def _auth_type(request: _Request) -> str | None:
    if request.claims is None:
        return None
    return "REST-QUERY-STRING" if request.claims.presigned else "REST-HEADER"


def _signature_age(request: _Request) -> str | None:
    claims = request.claims
    return None if claims is None else str(max(0, request.now_ms - claims.timestamp * 1000))


def _days_retained(request: _Request) -> str | None:
    until = request.head.headers.get("x-amz-object-lock-retain-until-date")
    until_ms = parse_iso_date(until) if until else None
    return None if until_ms is None else str(_days_left(until_ms, request.now_ms))


_FINDERS: dict[str, Finder] = {
    "aws:currenttime": lambda request: iso_date(request.now_ms),
    "aws:epochtime": lambda request: str(request.now_ms // 1000),
    "aws:principalaccount": lambda request: None if request.claims is None else ACCOUNT,
    "aws:referer": _header("referer"),
    "aws:securetransport": lambda request: "true" if request.head.secure else "false",
    "aws:sourceip": lambda request: request.head.peer or None,
    "aws:useragent": _header("user-agent"),
    "s3:authtype": _auth_type,
    "s3:delimiter": _parameter("delimiter"),
    "s3:if-match": _header("if-match"),
    "s3:if-none-match": _header("if-none-match"),
    "s3:max-keys": _parameter("max-keys"),
    "s3:object-lock-legal-hold": _header("x-amz-object-lock-legal-hold"),
    "s3:object-lock-mode": _header("x-amz-object-lock-mode"),
    _REMAINING: _days_retained,
    "s3:object-lock-retain-until-date": _header("x-amz-object-lock-retain-until-date"),
    "s3:prefix": _parameter("prefix"),
    "s3:resourceaccount": lambda _request: ACCOUNT,
    "s3:signatureage": _signature_age,
    "s3:signatureversion": lambda request: None if request.claims is None else "AWS4-HMAC-SHA256",
    "s3:tlsversion": lambda request: request.tls_version.removeprefix("TLSv") or None,
    "s3:versionid": _parameter("versionId"),
}
_SAME_NAME = "s3:x-amz-"
_ANY_HEADER = "header:"
_REQUEST_TAG = "s3:requestobjecttag"


def request_context(
    keys: Collection[str], head: RequestHead, claims: Claims | None, *, now_ms: int, tls_version: str = ""
) -> dict[str, tuple[str, ...]]:
    """The values of those of ``keys`` (lower-case condition keys) that the request has.

    ``tls_version`` is as Python's ssl module names it (``TLSv1.3``).
    """
    request = _Request(head, claims, now_ms, tls_version)
    context: dict[str, tuple[str, ...]] = {}
    for key in keys:
        if key.startswith(_REQUEST_TAG):
            tagging = head.headers.get("x-amz-tagging")
            if tagging:
                context.update(tag_facts(parse_qsl(tagging, keep_blank_values=True)))
            continue
        find = _FINDERS.get(key)
        if find is not None:
            value = find(request)
        elif key.startswith(_SAME_NAME):
            value = head.headers.get(key[3:])
        else:
            value = head.headers.get(key[len(_ANY_HEADER) :]) if key.startswith(_ANY_HEADER) else None
        if value is not None:
            context[key] = (value,)
    return context


def _days_left(until_ms: int, now_ms: int) -> int:
    return max(0, -(-(until_ms - now_ms) // DAY_MS))


def tag_facts(tags: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """What tags in a request are to policies."""
    pairs = tuple(tags)
    return {"s3:requestobjecttagkeys": tuple([name for name, _ in pairs]), **tag_values("s3:requestobjecttag/", pairs)}


def retention_facts(retention: Retention | None, now_ms: int) -> dict[str, tuple[str, ...]]:
    """What a retention in a document is to policies."""
    if retention is None:
        return {}
    return {
        "s3:object-lock-mode": (retention.mode.value,),
        "s3:object-lock-retain-until-date": (iso_date(retention.until_ms),),
        _REMAINING: (str(_days_left(retention.until_ms, now_ms)),),
    }
