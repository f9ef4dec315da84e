"""Requests and bodies as clients put them on the wire, for the protocol's tests only."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import TypeVar

from seglake.adapters.s3_protocol.errors import S3Error
from seglake.adapters.s3_protocol.payload import EMPTY_SHA256
from seglake.adapters.s3_protocol.request import RequestHead, parse_head
from seglake.adapters.s3_protocol.signing import Signer, presign, sign_header
from seglake.adapters.s3_protocol.sigv4 import Verified, parse, verify

T = TypeVar("T")
NOW = 1_700_000_000
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SIGNER = Signer("AKIDEXAMPLE", SECRET)
HOST = "s3.localtest:9000"


def head(method: str, target: str, headers: dict[str, str] | None = None) -> RequestHead:
    sent = {"host": HOST, **(headers or {})}
    return parse_head(method, target, [(n.encode(), v.encode("utf-8", "surrogateescape")) for n, v in sent.items()])


def signed(
    method: str = "GET",
    target: str = "/bucket/key",
    headers: dict[str, str] | None = None,
    *,
    payload: str = EMPTY_SHA256,
    now: int = NOW,
    signer: Signer = SIGNER,
) -> RequestHead:
    sent = sign_header(signer, method, target, {"host": HOST, **(headers or {})}, now=now, payload=payload)
    return head(method, target, sent)


def presigned(
    method: str = "GET",
    target: str = "/bucket/key",
    headers: dict[str, str] | None = None,
    *,
    now: int = NOW,
    expires_s: int = 600,
    extra: dict[str, str] | None = None,
) -> RequestHead:
    """``headers`` are signed, ``extra`` are sent beside them."""
    own = {"host": HOST, **(headers or {})}
    url = presign(SIGNER, method, target, own, now=now, expires_s=expires_s)
    return head(method, url, {**own, **(extra or {})})


def with_header(request: RequestHead, name: str, value: str | None) -> RequestHead:
    """``request`` with one header changed after signing; None takes it away."""
    headers = {n: v for n, v in request.headers.items() if n != name}
    if value is not None:
        headers[name] = value
    return replace(request, headers=headers, host=headers.get("host", ""))


def check(request: RequestHead, *, now: float = NOW, secret: str | None = SECRET) -> Verified:
    claims = parse(request)
    assert claims is not None
    return verify(request, claims, secret=secret, now=now, regions=("us-east-1",))


def attempt(call: Callable[[], T]) -> T | S3Error:
    """What ``call`` gives, or its refusal; anything else that it raises goes on."""
    try:
        return call()
    except S3Error as error:
        return error


def chunked(
    payload: bytes,
    *,
    verified: Verified | None = None,
    chunk: int = 1000,
    trailers: dict[str, str] | None = None,
    style: str = "aws",
) -> bytes:
    """An aws-chunked body: signed when ``verified`` is given, with a trailer when ``trailers`` is; style aws or
    minio-go."""
    out = []
    previous = verified.claims.signature if verified else ""
    pieces = [payload[i : i + chunk] for i in range(0, len(payload), chunk)] + [b""]
    for piece in pieces:
        suffix = b""
        if verified:
            text = (
                f"AWS4-HMAC-SHA256-PAYLOAD\n{verified.claims.amz_date}\n{verified.claims.scope}\n{previous}\n"
                f"{EMPTY_SHA256}\n{sha256(piece).hexdigest()}"
            )
            previous = hmac.new(verified.signing_key, text.encode(), "sha256").hexdigest()
            suffix = b";chunk-signature=" + previous.encode()
        out.append(f"{len(piece):x}".encode() + suffix + b"\r\n" + (piece + b"\r\n" if piece else b""))
    if trailers is not None:
        end = b"\r\n" if style == "aws" else b"\n"
        out += [f"{name}:{value}".encode() + end for name, value in trailers.items()]
        if style == "minio":
            out.append(b"\r\n")
        if verified:
            lines = "".join(f"{name}:{value}\n" for name, value in trailers.items())
            text = (
                f"AWS4-HMAC-SHA256-TRAILER\n{verified.claims.amz_date}\n{verified.claims.scope}\n{previous}\n"
                f"{sha256(lines.encode()).hexdigest()}"
            )
            signature = hmac.new(verified.signing_key, text.encode(), "sha256").hexdigest()
            out.append(f"x-amz-trailer-signature:{signature}\r\n".encode())
    out.append(b"\r\n")
    return b"".join(out)
