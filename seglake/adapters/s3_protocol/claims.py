"""What a request says about its sender is read strictly, and nothing of it is proven here.

Sources: Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header" and "Using Query
Parameters"; security rules A2 (one mechanism) and A15 (strict grammars).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.http_dates import basic_date, parse_basic_date, parse_http_date
from seglake.adapters.s3_protocol.payload import SHA256_HEX, UNSIGNED_PAYLOAD, PayloadMode, payload_mode
from seglake.adapters.s3_protocol.request import SIGNATURE_PARAMETERS, RequestHead

ALGORITHM = "AWS4-HMAC-SHA256"
PRESIGN_TTL_S_MAX = 7 * 24 * 3600

_ACCESS_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,128}", re.ASCII)
_DATE = re.compile(r"[0-9]{8}", re.ASCII)
_REGION = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)
_SIGNED_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a request says about its sender; nothing of it is proven.

    ``timestamp`` and ``expires_s`` (presigned only, else 0) are seconds, ``amz_date`` and ``date`` their text.
    ``payload`` is the last line of the canonical request: a SHA-256 in hex when ``mode`` is SIGNED.
    """

    access_key: str
    date: str
    region: str
    signed_headers: tuple[str, ...]
    signature: str
    mode: PayloadMode
    payload: str
    amz_date: str
    timestamp: int
    presigned: bool = False
    expires_s: int = 0

    @property
    def scope(self) -> str:
        """The credential scope without the access key."""
        return f"{self.date}/{self.region}/s3/aws4_request"


def parse(head: RequestHead) -> Claims | None:
    """The claims of a request, None when it carries none (anonymous).

    Raises S3Error: InvalidArgument for more than one mechanism, NotImplemented or InvalidRequest for SigV2 and SigV4A,
    AuthorizationHeaderMalformed or AuthorizationQueryParametersError, MissingSecurityHeader, InvalidToken.
    """
    authorization = head.headers.get("authorization")
    query = head.query
    if authorization is None:
        if not query:
            return None
        _refuse_sigv2_query(query)
        return None if SIGNATURE_PARAMETERS.isdisjoint(query) else _parse_presigned(head)
    if query and not SIGNATURE_PARAMETERS.isdisjoint(query):
        raise S3Error(
            ErrorCode.InvalidArgument,
            "Only one authentication mechanism is allowed: send the Authorization header or X-Amz-* query parameters",
        )
    _refuse_sigv2_query(query)
    return _parse_header(head, authorization)


def _parse_header(head: RequestHead, authorization: str) -> Claims:
    fields = _authorization_fields(authorization)
    access_key, date, region = parse_credential(fields["Credential"], malformed_header)
    signed = _signed_names(fields["SignedHeaders"], malformed_header)
    signature = fields["Signature"]
    if not SHA256_HEX.fullmatch(signature):
        raise malformed_header("the Signature must be 64 lower-case hex digits")
    headers = head.headers
    payload = headers.get("x-amz-content-sha256")
    if payload is None:
        raise S3Error(
            ErrorCode.MissingSecurityHeader,
            "Missing required header for this request: x-amz-content-sha256",
            extra=(("MissingHeaderName", "x-amz-content-sha256"),),
        )
    _refuse_token(headers.get("x-amz-security-token"))
    amz_date, timestamp = _header_time(head)
    if amz_date[:8] != date:
        raise malformed_header(f"the Credential's date {date} is not the day of the request, {amz_date[:8]}")
    return Claims(access_key, date, region, signed, signature, payload_mode(payload), payload, amz_date, timestamp)


def _authorization_fields(authorization: str) -> dict[str, str]:
    scheme, _, rest = authorization.partition(" ")
    if scheme != ALGORITHM:
        raise _unsupported_scheme(scheme)
    fields: dict[str, str] = {}
    for piece in rest.split(","):
        name, equals, value = piece.strip(" ").partition("=")
        if not equals or name in fields:
            raise malformed_header("Credential, SignedHeaders and Signature are expected once each")
        fields[name] = value
    if fields.keys() != {"Credential", "SignedHeaders", "Signature"}:
        raise malformed_header("exactly Credential, SignedHeaders and Signature are expected, separated by commas")
    return fields


def _unsupported_scheme(scheme: str) -> S3Error:
    if scheme == "AWS":
        return version_2()
    if scheme.startswith("AWS4-ECDSA"):
        return S3Error(
            ErrorCode.NotImplemented, f"SigV4A ({scheme[:40]}) is not implemented; sign with {ALGORITHM} and one region"
        )
    return S3Error(ErrorCode.InvalidArgument, f"Unsupported Authorization Type; only {ALGORITHM} is supported")


def _parse_presigned(head: RequestHead) -> Claims:
    query = head.query
    algorithm = query.get("X-Amz-Algorithm", "")
    if algorithm != ALGORITHM:
        if algorithm.startswith("AWS4-ECDSA"):
            raise _unsupported_scheme(algorithm)
        raise malformed_query(f"X-Amz-Algorithm must be {ALGORITHM}")
    try:
        credential, amz_date, signature = query["X-Amz-Credential"], query["X-Amz-Date"], query["X-Amz-Signature"]
        signed_headers, expires = query["X-Amz-SignedHeaders"], query["X-Amz-Expires"]
    except KeyError as missing:
        raise malformed_query(f"the query parameter {missing.args[0]} is missing") from None
    access_key, date, region = parse_credential(credential, malformed_query)
    signed = _signed_names(signed_headers, malformed_query)
    if not SHA256_HEX.fullmatch(signature):
        raise malformed_query("X-Amz-Signature must be 64 lower-case hex digits")
    timestamp = parse_basic_date(amz_date)
    if timestamp is None:
        raise malformed_query("X-Amz-Date must be a time in UTC in the form YYYYMMDDTHHMMSSZ")
    if amz_date[:8] != date:
        raise malformed_query(f"the credential's date {date} is not the day of X-Amz-Date, {amz_date[:8]}")
    expires_s = _expires(expires)
    _refuse_token(query.get("X-Amz-Security-Token") or head.headers.get("x-amz-security-token"))
    payload = head.headers.get("x-amz-content-sha256", UNSIGNED_PAYLOAD)
    mode = payload_mode(payload)
    if mode.streaming:
        raise S3Error(
            ErrorCode.InvalidRequest, "a presigned request cannot have a STREAMING- payload; send the plain bytes"
        )
    return Claims(access_key, date, region, signed, signature, mode, payload, amz_date, timestamp, True, expires_s)


def _expires(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise malformed_query("X-Amz-Expires must be a number of seconds")
    expires_s = int(text)
    if not 1 <= expires_s <= PRESIGN_TTL_S_MAX:
        raise malformed_query(f"X-Amz-Expires must be from 1 to {PRESIGN_TTL_S_MAX} seconds (a week)")
    return expires_s


# One client repeats its credential and its list of names in every request of a day.
@lru_cache(maxsize=1024)
def parse_credential(text: str, malformed: Callable[[str], S3Error]) -> tuple[str, str, str]:
    """Access key, date and region of ``AKID/YYYYMMDD/region/s3/aws4_request``; else raises what ``malformed`` makes."""
    pieces = text.rsplit("/", 4)
    if len(pieces) != 5:
        raise malformed("the Credential must be <access key>/<YYYYMMDD>/<region>/s3/aws4_request")
    access_key, date, region, service, terminator = pieces
    if not _ACCESS_KEY.fullmatch(access_key):
        raise malformed("the access key of the Credential is empty, too long or holds characters that no key has")
    if not _DATE.fullmatch(date):
        raise malformed(f"the date of the Credential must be YYYYMMDD, not {date[:20]!r}")
    if not _REGION.fullmatch(region):
        raise malformed(f"the region of the Credential is not a region name: {region[:80]!r}")
    if service != "s3":
        raise malformed(f"the service of the Credential must be s3, not {service[:40]!r}")
    if terminator != "aws4_request":
        raise malformed("the Credential must end with aws4_request")
    return access_key, date, region


@lru_cache(maxsize=1024)
def _signed_names(text: str, malformed: Callable[[str], S3Error]) -> tuple[str, ...]:
    names = tuple(text.split(";"))
    if len(set(names)) != len(names) or not all(map(_SIGNED_NAME.fullmatch, names)):
        raise malformed("SignedHeaders must be distinct lower-case header names separated by ';'")
    return names


def _header_time(head: RequestHead) -> tuple[str, int]:
    text = head.headers.get("x-amz-date")
    if text is not None:
        timestamp = parse_basic_date(text)
    else:
        text = head.headers.get("date")
        if text is None:
            raise S3Error(ErrorCode.AccessDenied, "a signed request requires a valid x-amz-date or Date header")
        timestamp = parse_basic_date(text)
        if timestamp is None and (timestamp := parse_http_date(text)) is not None:
            text = basic_date(timestamp)
    if timestamp is None:
        raise S3Error(ErrorCode.AccessDenied, "x-amz-date must be a time in UTC in the form YYYYMMDDTHHMMSSZ")
    return text, timestamp


def _refuse_token(token: str | None) -> None:
    if token:
        raise S3Error(ErrorCode.InvalidToken, "temporary credentials are not issued here; leave out the security token")


def _refuse_sigv2_query(query: Mapping[str, str]) -> None:
    if "Signature" in query and "AWSAccessKeyId" in query:
        raise version_2()


def version_2() -> S3Error:
    """The refusal of Signature Version 2, which boto3 still presigns with unless told otherwise."""
    return S3Error(
        ErrorCode.InvalidRequest,
        "The authorization mechanism you have provided (Signature Version 2) is not supported. Please use "
        f"{ALGORITHM} (Signature Version 4); for boto3: Config(signature_version='s3v4').",
    )


def malformed_header(reason: str) -> S3Error:
    """AuthorizationHeaderMalformed with the reason."""
    return S3Error(ErrorCode.AuthorizationHeaderMalformed, f"The authorization header is malformed; {reason}")


def malformed_query(reason: str) -> S3Error:
    """AuthorizationQueryParametersError with the reason."""
    return S3Error(
        ErrorCode.AuthorizationQueryParametersError, f"Error parsing the authorization query parameters; {reason}"
    )
