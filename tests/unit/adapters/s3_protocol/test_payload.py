"""Payload modes are a closed set."""

from __future__ import annotations

import pytest

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.payload import EMPTY_SHA256, PayloadMode, anonymous_mode, payload_mode


@pytest.mark.parametrize(
    ("mode", "streaming", "signed_chunks", "trailing"),
    [
        (PayloadMode.SIGNED, False, False, False),
        (PayloadMode.UNSIGNED, False, False, False),
        (PayloadMode.STREAMING_SIGNED, True, True, False),
        (PayloadMode.STREAMING_SIGNED_TRAILER, True, True, True),
        (PayloadMode.STREAMING_UNSIGNED_TRAILER, True, False, True),
    ],
)
def test_what_a_mode_means(mode: PayloadMode, *, streaming: bool, signed_chunks: bool, trailing: bool) -> None:
    assert (mode.streaming, mode.signed_chunks, mode.trailing) == (streaming, signed_chunks, trailing)
    assert payload_mode(EMPTY_SHA256 if mode is PayloadMode.SIGNED else mode.value) is mode


@pytest.mark.parametrize(
    "value", ["", "SHA256", "unsigned-payload", "STREAMING-", EMPTY_SHA256.upper(), EMPTY_SHA256[1:], "0" * 65]
)
def test_anything_else_is_refused(value: str) -> None:
    with pytest.raises(S3Error) as caught:
        payload_mode(value)
    assert caught.value.code is ErrorCode.InvalidArgument


def test_sigv4a_chunks_are_refused_clearly() -> None:
    with pytest.raises(S3Error) as caught:
        payload_mode("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")
    assert caught.value.code is ErrorCode.NotImplemented


def test_an_anonymous_body_cannot_have_signed_chunks() -> None:
    assert anonymous_mode(None) is PayloadMode.UNSIGNED
    assert anonymous_mode("STREAMING-UNSIGNED-PAYLOAD-TRAILER") is PayloadMode.STREAMING_UNSIGNED_TRAILER
    with pytest.raises(S3Error) as caught:
        anonymous_mode("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
    assert caught.value.code is ErrorCode.AccessDenied
