"""A request is who it says it is only if the HMAC over all that gives it meaning is right; this module decides that,
once.

Sources: Amazon S3 API Reference, "Signature Calculations for the Authorization Header" and "Authenticating Requests:
Using Query Parameters"; security rules A4 and A5. Pure: the clock, the secret and the regions are arguments.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import sha256

from seglake.adapters.s3_protocol import canonical
from seglake.adapters.s3_protocol.claims import ALGORITHM, Claims, malformed_header, malformed_query, parse
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.http_dates import basic_date
from seglake.adapters.s3_protocol.payload import PayloadMode
from seglake.adapters.s3_protocol.request import RequestHead

__all__ = ["DUMMY_SECRET", "SKEW_S_MAX", "Claims", "Verified", "parse", "signing_key", "verify"]

SKEW_S_MAX = 15 * 60
# Stands in for the secret of a key that does not exist, so that both cases cost the same.
DUMMY_SECRET = "no key has this secret" + "." * 18

DeriveKey = Callable[[str, str, str], bytes]


@dataclass(frozen=True, slots=True)
class Verified:
    """A proven identity: the claims and the signing key, which chunk signatures go on with (seed: the signature)."""

    claims: Claims
    signing_key: bytes

    @property
    def access_key(self) -> str:
        """The access key that signed."""
        return self.claims.access_key

    @property
    def mode(self) -> PayloadMode:
        """How the body is framed and vouched for."""
        return self.claims.mode


def signing_key(secret: str, date: str, region: str) -> bytes:
    """The key for one day (``YYYYMMDD``) and region: four chained HMACs, 32 bytes; worth caching for the day."""
    digest = hmac.digest
    key = digest(b"AWS4" + secret.encode("utf-8"), date.encode("ascii"), "sha256")
    key = digest(key, region.encode("ascii"), "sha256")
    return digest(digest(key, b"s3", "sha256"), b"aws4_request", "sha256")


def verify(
    head: RequestHead,
    claims: Claims,
    *,
    secret: str | None,
    now: float,
    regions: Collection[str],
    derive: DeriveKey = signing_key,
) -> Verified:
    """Proves ``claims`` at the time ``now`` (seconds since the epoch) or raises S3Error.

    ``secret`` is None for an access key that is not known: the same work is done and then InvalidAccessKeyId raised.
    ``derive`` may be a cached ``signing_key``. Raises RequestTimeTooSkewed, AccessDenied (expired, or headers that are
    not signed), AuthorizationHeaderMalformed (region), SignatureDoesNotMatch.
    """
    _check_time(claims, now)
    _check_region(claims, regions)
    _check_signed(head, claims)
    key = derive(DUMMY_SECRET if secret is None else secret, claims.date, claims.region)
    matches = _matches(head, claims, key)
    if secret is None:
        raise S3Error(
            ErrorCode.InvalidAccessKeyId,
            "The access key id you provided does not exist here; check the credentials and the endpoint.",
            extra=(("AWSAccessKeyId", claims.access_key),),
        )
    if not matches:
        raise _mismatch(head, claims)
    return Verified(claims, key)


def string_to_sign(amz_date: str, scope: str, canonical_request: str) -> str:
    """API: "Task 2: Create a String to Sign"."""
    hashed = sha256(canonical_request.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{ALGORITHM}\n{amz_date}\n{scope}\n{hashed}"


def hex_signature(key: bytes, text: str) -> str:
    """HMAC-SHA256 in lower-case hex."""
    return hmac.digest(key, text.encode("utf-8"), "sha256").hex()


def _matches(head: RequestHead, claims: Claims, key: bytes) -> bool:
    signed, payload, presigned, scope = claims.signed_headers, claims.payload, claims.presigned, claims.scope
    request = canonical.request(head, signed, payload, presigned=presigned)
    text = string_to_sign(claims.amz_date, scope, request)
    if hmac.compare_digest(hex_signature(key, text), claims.signature):
        return True
    for variant in canonical.variants(head, signed, payload, presigned=presigned):
        text = string_to_sign(claims.amz_date, scope, variant)
        if hmac.compare_digest(hex_signature(key, text), claims.signature):
            return True
    return False


def _check_time(claims: Claims, now: float) -> None:
    ahead = claims.timestamp - now
    if not claims.presigned:
        if abs(ahead) > SKEW_S_MAX:
            raise _skewed(claims, now)
        return
    if ahead > SKEW_S_MAX:
        raise S3Error(
            ErrorCode.AccessDenied,
            f"Request is not yet valid: X-Amz-Date is {_span(ahead)} ahead of the server's clock",
        )
    if now >= claims.timestamp + claims.expires_s:
        raise S3Error(
            ErrorCode.AccessDenied,
            f"Request has expired {_span(now - claims.timestamp - claims.expires_s)} ago; presign it anew",
            extra=(
                ("X-Amz-Expires", str(claims.expires_s)),
                ("Expires", _iso(claims.timestamp + claims.expires_s)),
                ("ServerTime", _iso(int(now))),
            ),
        )


def _skewed(claims: Claims, now: float) -> S3Error:
    ahead = claims.timestamp - now
    side = "ahead of" if ahead > 0 else "behind"
    return S3Error(
        ErrorCode.RequestTimeTooSkewed,
        f"The request's clock is {_span(abs(ahead))} {side} the "
        f"server's; at most 15 minutes are allowed. Set the clock.",
        extra=(
            ("RequestTime", claims.amz_date),
            ("ServerTime", _iso(int(now))),
            ("MaxAllowedSkewMilliseconds", str(SKEW_S_MAX * 1000)),
        ),
    )


def _span(seconds: float) -> str:
    whole = int(seconds)
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if whole >= 2 * size:
            return f"{whole // size} {unit}s"
    return f"{whole} seconds"


def _iso(epoch_s: int) -> str:
    text = basic_date(epoch_s)
    return f"{text[:4]}-{text[4:6]}-{text[6:11]}:{text[11:13]}:{text[13:]}"


def same_region(name: str) -> str:
    """``us`` is another name of ``us-east-1``."""
    return "us-east-1" if name == "us" else name


def _check_region(claims: Claims, regions: Collection[str]) -> None:
    if claims.region in regions or same_region(claims.region) in {same_region(region) for region in regions}:
        return
    expected = ", ".join(sorted(regions))
    message = f"the region '{claims.region}' is wrong; expecting '{expected}'"
    error = malformed_query(message) if claims.presigned else malformed_header(message)
    error.extra = (("Region", next(iter(sorted(regions)), "")),)
    raise error


def _check_signed(head: RequestHead, claims: Claims) -> None:
    """Rule A4: host, every x-amz-* header and Content-MD5 must be signed when present, and what is signed be
    present."""
    signed = claims.signed_headers
    headers = head.headers
    missing = [
        name
        for name in headers
        if (name.startswith("x-amz-") or name in ("host", "content-md5"))
        and name not in signed
        and name not in head.hoisted
    ]
    if missing:
        raise S3Error(
            ErrorCode.AccessDenied,
            f"There were headers present in the request which were not signed: {', '.join(missing)}",
            extra=(("HeadersNotSigned", ", ".join(missing)),),
        )
    for name in signed:
        if name not in headers or name in head.hoisted:
            raise S3Error(
                ErrorCode.SignatureDoesNotMatch,
                f"the header {name} is named in SignedHeaders but is not in the request",
            )


def _mismatch(head: RequestHead, claims: Claims) -> S3Error:
    request = canonical.request(head, claims.signed_headers, claims.payload, presigned=claims.presigned)
    shown = canonical.request(
        canonical.without_customer_keys(head), claims.signed_headers, claims.payload, presigned=claims.presigned
    )
    return S3Error(
        ErrorCode.SignatureDoesNotMatch,
        extra=(
            ("AWSAccessKeyId", claims.access_key),
            ("StringToSign", string_to_sign(claims.amz_date, claims.scope, request)),
            ("SignatureProvided", claims.signature),
            ("CanonicalRequest", shown),
        ),
    )
