"""The condition keys of a request, made only when a policy looks at them; what the request does not say is missing.

Sources: IAM User Guide, "AWS global condition context keys"; Service Authorization Reference, "Condition keys for
Amazon S3".
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl

from seglake.adapters.s3_protocol.claims import Claims
from seglake.adapters.s3_protocol.http_dates import iso_date, parse_iso_date
from seglake.adapters.s3_protocol.request import RequestHead
from seglake.domain.model.access import tag_values
from seglake.domain.model.object_lock import Retention
from seglake.domain.model.user import ACCOUNT

DAY_MS = 86_400_000
_REMAINING = "s3:object-lock-remaining-retention-days"

# Condition keys that are a query parameter, and those that are a header of the same name.
_PARAMETERS = {
    "prefix": "s3:prefix",
    "delimiter": "s3:delimiter",
    "max-keys": "s3:max-keys",
    "versionId": "s3:versionid",
}
_HEADERS = (
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-metadata-directive",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
)
_NAMED = {
    "referer": "aws:referer",
    "user-agent": "aws:useragent",
    "if-match": "s3:if-match",
    "if-none-match": "s3:if-none-match",
    "x-amz-object-lock-mode": "s3:object-lock-mode",
    "x-amz-object-lock-legal-hold": "s3:object-lock-legal-hold",
    "x-amz-object-lock-retain-until-date": "s3:object-lock-retain-until-date",
}


def request_context(
    head: RequestHead, claims: Claims | None, *, now_ms: int, tls_version: str = ""
) -> dict[str, tuple[str, ...]]:
    """Lower-case condition keys with their values. ``tls_version`` is as Python's ssl module names it (``TLSv1.3``)."""
    headers = head.headers
    context: dict[str, tuple[str, ...]] = {
        "aws:currenttime": (iso_date(now_ms),),
        "aws:epochtime": (str(now_ms // 1000),),
        "aws:securetransport": ("true" if head.secure else "false",),
        "s3:resourceaccount": (ACCOUNT,),
    }
    if head.peer:
        context["aws:sourceip"] = (head.peer,)
    if tls_version:
        context["s3:tlsversion"] = (tls_version.removeprefix("TLSv"),)
    for name, key in _PARAMETERS.items():
        if name in head.query:
            context[key] = (head.query[name],)
    for name in _HEADERS:
        if name in headers:
            context[f"s3:{name}"] = (headers[name],)
    for name, key in _NAMED.items():
        if name in headers:
            context[key] = (headers[name],)
    for name, value in headers.items():
        context[f"header:{name}"] = (value,)
    _add_signature(context, claims, now_ms)
    _add_tags(context, headers.get("x-amz-tagging"))
    _add_retention(context, headers.get("x-amz-object-lock-retain-until-date"), now_ms)
    return context


def _add_signature(context: dict[str, tuple[str, ...]], claims: Claims | None, now_ms: int) -> None:
    if claims is None:
        return
    context["aws:principalaccount"] = (ACCOUNT,)
    context["s3:signatureversion"] = ("AWS4-HMAC-SHA256",)
    context["s3:authtype"] = ("REST-QUERY-STRING" if claims.presigned else "REST-HEADER",)
    context["s3:signatureage"] = (str(max(0, now_ms - claims.timestamp * 1000)),)


def _add_tags(context: dict[str, tuple[str, ...]], tagging: str | None) -> None:
    if tagging:
        context.update(tag_facts(parse_qsl(tagging, keep_blank_values=True)))


def _add_retention(context: dict[str, tuple[str, ...]], until: str | None, now_ms: int) -> None:
    until_ms = parse_iso_date(until) if until else None
    if until_ms is not None:
        context[_REMAINING] = (str(_days_left(until_ms, now_ms)),)


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
