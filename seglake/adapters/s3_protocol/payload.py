"""How a body is framed and vouched for is said once, in x-amz-content-sha256, and is part of the verified identity.

Source: Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)", the values of
x-amz-content-sha256.
"""

from __future__ import annotations

import re
from enum import Enum

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, invalid_argument, not_implemented

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
SHA256_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


class PayloadMode(Enum):
    """The value is the header's, except for SIGNED, whose header is the payload's SHA-256 in hex."""

    SIGNED = "SHA256"
    UNSIGNED = UNSIGNED_PAYLOAD
    STREAMING_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    STREAMING_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    STREAMING_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    def __init__(self, header: str) -> None:
        self.streaming = header.startswith("STREAMING-")
        """True when the body is aws-chunked."""
        self.signed_chunks = header.startswith("STREAMING-AWS4")
        """True when every chunk carries a signature."""
        self.trailing = header.endswith("-TRAILER")
        """True when trailing headers may follow the last chunk."""


_MODES = {mode.value: mode for mode in PayloadMode if mode is not PayloadMode.SIGNED}


def payload_mode(content_sha256: str) -> PayloadMode:
    """The mode that this value of x-amz-content-sha256 means; S3Error InvalidArgument or NotImplemented otherwise."""
    mode = _MODES.get(content_sha256)
    if mode is not None:
        return mode
    if SHA256_HEX.fullmatch(content_sha256):
        return PayloadMode.SIGNED
    if content_sha256.startswith("STREAMING-AWS4-ECDSA-"):
        raise not_implemented("SigV4A (AWS4-ECDSA)", header="x-amz-content-sha256")
    raise invalid_argument(
        "x-amz-content-sha256",
        content_sha256,
        f"it must be {UNSIGNED_PAYLOAD}, one of the STREAMING- values of S3, or a SHA-256 in 64 lower-case hex digits",
    )


def anonymous_mode(content_sha256: str | None) -> PayloadMode:
    """The mode of a request without credentials: nothing can be signed by it, but its hash and framing still hold."""
    mode = PayloadMode.UNSIGNED if content_sha256 is None else payload_mode(content_sha256)
    if mode.signed_chunks:
        raise S3Error(ErrorCode.AccessDenied, "a body of signed chunks needs a signed request")
    return mode
