"""A request head is parsed once and strictly; nothing behind this module reads the raw target or raw headers again.

Sources: RFC 9112 section 3.2 (only origin-form is taken), RFC 9110 section 5 (fields), RFC 3986 section 2.1 (escapes).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, invalid_argument, not_implemented

QUERY_PARAMETERS_MAX = 100
HEADERS_MAX = 200

# Fields that must not be repeated; every x-amz-* field is one of them too (security rule A4).
_SINGLE = frozenset(
    (
        "authorization",
        "content-disposition",
        "content-length",
        "content-md5",
        "content-type",
        "date",
        "expect",
        "expires",
        "host",
        "if-modified-since",
        "if-unmodified-since",
        "origin",
        "range",
        "transfer-encoding",
    )
)
# Query parameters of the signature itself; other x-amz-* parameters of a presigned URL stand for headers.
SIGNATURE_PARAMETERS = frozenset(
    (
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Security-Token",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
    )
)
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_HOST = re.compile(r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BAD_TARGET = re.compile(r"[\x00-\x20\x7f#]")
_BAD_VALUE = re.compile(r"[\x00\r\n]")
_METHOD = re.compile(r"[A-Z]{1,16}", re.ASCII)
_NO_NAMES: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RequestHead:
    """One parsed head.

    ``path`` and ``raw_query`` are as received, still percent-encoded. ``query`` holds the decoded parameters (``+`` is
    a plus), without those that a presigned URL carries in place of headers: these are in ``headers``, and ``hoisted``
    names them. ``headers`` has lower-case names; repeated fields that may repeat are joined with a comma. Bytes that
    are not UTF-8 are kept as surrogate escapes. ``peer`` is the client's address as text.
    """

    method: str
    target: str
    path: str
    raw_query: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    host: str
    secure: bool = False
    peer: str = ""
    hoisted: frozenset[str] = _NO_NAMES


def parse_head(
    method: str,
    target: str,
    raw_headers: Iterable[tuple[bytes, bytes]],
    *,
    secure: bool = False,
    peer: str = "",
) -> RequestHead:
    """Parses what the HTTP parser saw (``target`` with undecodable bytes as surrogate escapes).

    Raises S3Error: InvalidURI for a target that is no origin-form, InvalidRequest or BadRequest for repeated or broken
    fields, InvalidArgument for repeated query parameters.
    """
    if not _METHOD.fullmatch(method):
        raise S3Error(ErrorCode.MethodNotAllowed, "the request method is not one that S3 has")
    if not target.startswith("/"):
        raise S3Error(
            ErrorCode.InvalidURI, "the request target must be a path that begins with '/', without scheme and host"
        )
    if _BAD_TARGET.search(target):
        raise S3Error(
            ErrorCode.InvalidURI, "the request target holds a control character, a space or '#'; percent-encode it"
        )
    headers = _parse_headers(raw_headers)
    host = headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise S3Error(
            ErrorCode.InvalidRequest, "the Host header is missing or is not a host name with an optional port"
        )
    if "transfer-encoding" in headers:
        _check_transfer_encoding(headers)
    path, mark, raw_query = target.partition("?")
    if not mark:
        return RequestHead(method, target, path, "", {}, headers, host, secure, peer)
    query = _parse_query(raw_query)
    hoisted = _hoist(query, headers) if "X-Amz-Signature" in query else _NO_NAMES
    return RequestHead(method, target, path, raw_query, query, headers, host, secure, peer, hoisted)


def content_length(head: RequestHead) -> int | None:
    """The Content-Length in bytes, None without one; InvalidArgument unless it is 1 to 18 ASCII digits."""
    text = head.headers.get("content-length")
    return None if text is None else ascii_number(text, "Content-Length")


def ascii_number(text: str, name: str, *, digits_max: int = 18) -> int:
    """A non-negative decimal number in ASCII digits only; InvalidArgument with ``name`` otherwise.

    ``int()`` alone would also take signs, underscores, spaces and other alphabets' digits (security rule A15).
    """
    if not (text.isascii() and text.isdigit() and len(text) <= digits_max):
        raise invalid_argument(name, text, "a number in decimal digits is expected")
    return int(text)


def percent_decode(text: str) -> str:
    """RFC 3986 decoding to UTF-8; ``+`` stays ``+``. InvalidURI for a broken escape or bytes that are not UTF-8."""
    return text if "%" not in text and text.isascii() else _percent_decode(text)


# The values of a signed query repeat: a client sends the same credential all day. Few entries, since they may be long.
@lru_cache(maxsize=256)
def _percent_decode(text: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise S3Error(
            ErrorCode.InvalidURI, "a '%' in the request target is not followed by two hex digits; write it as %25"
        )
    try:
        return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8")
    except UnicodeError:
        raise S3Error(ErrorCode.InvalidURI, "the request target is not UTF-8 after percent-decoding") from None


def percent_encode(text: str, *, keep_slash: bool = False) -> str:
    """The UriEncode function of SigV4: everything but ``A-Za-z0-9-._~`` (and ``/`` if kept) as upper-case ``%XX``."""
    return quote(text, safe="/~" if keep_slash else "~", errors="surrogateescape")


@lru_cache(maxsize=512)
def _header_name(raw: bytes) -> str:
    if not _NAME.fullmatch(raw):
        raise S3Error(ErrorCode.BadRequest, "a header name holds a character that no header name may have")
    return raw.decode("ascii").lower()


def _parse_headers(raw_headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw_headers:
        name = _header_name(raw_name)
        value = raw_value.strip(b" \t").decode("utf-8", "surrogateescape")
        if not value.isprintable() and _BAD_VALUE.search(value):
            raise S3Error(ErrorCode.BadRequest, f"the value of the header {name} holds a line break or a NUL")
        if name in headers:
            if name in _SINGLE or name.startswith("x-amz-"):
                raise S3Error(ErrorCode.InvalidRequest, f"the header {name} is sent more than once")
            value = f"{headers[name]},{value}"
        headers[name] = value
    if len(headers) > HEADERS_MAX:
        raise S3Error(ErrorCode.RequestHeaderSectionTooLarge, f"at most {HEADERS_MAX} headers are taken")
    return headers


def _check_transfer_encoding(headers: Mapping[str, str]) -> None:
    if "content-length" in headers:
        raise S3Error(ErrorCode.InvalidRequest, "Content-Length and Transfer-Encoding must not be sent together")
    if headers["transfer-encoding"].lower() != "chunked":
        raise not_implemented("a Transfer-Encoding other than chunked", header="Transfer-Encoding")


def _parse_query(raw_query: str) -> dict[str, str]:
    query: dict[str, str] = {}
    pairs = raw_query.split("&")
    if len(pairs) > QUERY_PARAMETERS_MAX:
        raise S3Error(ErrorCode.InvalidURI, f"at most {QUERY_PARAMETERS_MAX} query parameters are taken")
    for pair in pairs:
        if not pair:
            continue
        name, _, value = pair.partition("=")
        name = percent_decode(name)
        if name in query:
            raise invalid_argument(name, percent_decode(value), "this query parameter is sent more than once")
        query[name] = percent_decode(value)
    return query


def _hoist(query: dict[str, str], headers: dict[str, str]) -> frozenset[str]:
    """Moves what a presigned URL carries in place of headers; the SDKs for JavaScript and Go write such URLs."""
    names = [name for name in query if name not in SIGNATURE_PARAMETERS and name[:6].lower() == "x-amz-"]
    if not names:
        return _NO_NAMES
    for name in names:
        lower = name.lower()
        if lower in headers:
            raise S3Error(ErrorCode.InvalidRequest, f"{lower} is sent as a header and as a query parameter")
        value = query.pop(name)
        if _BAD_VALUE.search(value) or not lower.isascii():
            raise invalid_argument(name, value, "the value cannot stand in a header")
        headers[lower] = value
    return frozenset([name.lower() for name in names])
