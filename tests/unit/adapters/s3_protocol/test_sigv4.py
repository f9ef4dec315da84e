"""The verifier: what AWS's own examples sign is accepted, and each threat that others left open is refused."""

from __future__ import annotations

import hmac
from dataclasses import replace
from functools import lru_cache
from unittest.mock import patch

import pytest

from seglake.adapters.s3_protocol import sigv4
from seglake.adapters.s3_protocol.claims import parse
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.http_dates import parse_basic_date
from seglake.adapters.s3_protocol.payload import EMPTY_SHA256, PayloadMode
from seglake.adapters.s3_protocol.request import RequestHead, parse_head
from seglake.adapters.s3_protocol.signing import Signer, presign, sign_header
from seglake.adapters.s3_protocol.sigv4 import SKEW_S_MAX, signing_key, verify
from tests.unit.adapters.s3_protocol.wire import HOST, NOW, SECRET, SIGNER, check, head, presigned, signed, with_header

DOC_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
DOC_NOW = parse_basic_date("20130524T000000Z") or 0


def refusal(request: RequestHead, *, now: float = NOW, secret: str | None = SECRET) -> S3Error:
    with pytest.raises(S3Error) as caught:
        check(request, now=now, secret=secret)
    return caught.value


def documented(method: str, target: str, headers: dict[str, str], names: str, signature: str) -> RequestHead:
    authorization = (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders={names},Signature={signature}"
    )
    sent = {"host": "examplebucket.s3.amazonaws.com", "x-amz-date": "20130524T000000Z", **headers}
    return head(method, target, {**sent, "authorization": authorization})


def test_the_examples_of_the_api_reference_verify() -> None:
    """API Reference, "Examples: Signature Calculations": GET Object, PUT Object, GET lifecycle, List Objects."""
    empty = {"x-amz-content-sha256": EMPTY_SHA256}
    common = "host;x-amz-content-sha256;x-amz-date"
    body = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
    put = {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}
    requests = [
        documented(
            "GET",
            "/test.txt",
            {"range": "bytes=0-9", **empty},
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        documented(
            "PUT",
            "/test%24file.text",
            {**put, "x-amz-content-sha256": body},
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        documented(
            "GET", "/?lifecycle", empty, common, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        ),
        documented(
            "GET",
            "/?max-keys=2&prefix=J",
            empty,
            common,
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ]
    for request in requests:
        assert check(request, now=DOC_NOW, secret=DOC_SECRET).access_key == "AKIAIOSFODNN7EXAMPLE"


def test_the_presigned_example_of_the_api_reference_verifies() -> None:
    target = (
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3"
        "%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
    request = head("GET", target, {"host": "examplebucket.s3.amazonaws.com"})
    assert check(request, now=DOC_NOW + 86399, secret=DOC_SECRET).claims.presigned
    assert refusal(request, now=DOC_NOW + 86400, secret=DOC_SECRET).code is ErrorCode.AccessDenied


def test_a_verified_identity_carries_what_chunks_go_on_with() -> None:
    verified = check(signed("PUT", payload=PayloadMode.STREAMING_SIGNED.value))
    assert verified.access_key == "AKIDEXAMPLE"
    assert verified.mode is PayloadMode.STREAMING_SIGNED
    assert verified.signing_key == signing_key(SECRET, "20231114", "us-east-1")
    assert verified.claims.scope == "20231114/us-east-1/s3/aws4_request"


@pytest.mark.parametrize("request_", [signed(), presigned()], ids=["header", "presigned"])
def test_a_wrong_secret_is_refused(request_: RequestHead) -> None:
    error = refusal(request_, secret=SECRET + "x")
    assert error.code is ErrorCode.SignatureDoesNotMatch
    shown = dict(error.extra)
    assert shown["AWSAccessKeyId"] == "AKIDEXAMPLE"
    assert shown["StringToSign"].startswith("AWS4-HMAC-SHA256\n20231114T221320Z\n20231114/us-east-1/s3/aws4_request\n")
    assert shown["CanonicalRequest"].startswith("GET\n/bucket/key\n")
    assert SECRET not in repr(error.extra) + error.message


def test_customer_keys_do_not_appear_in_the_error() -> None:
    name = "x-amz-server-side-encryption-customer-key"
    error = refusal(signed(headers={name: "c2VjcmV0"}), secret="other")
    assert "c2VjcmV0" not in repr(error.extra)
    assert f"{name}:***" in dict(error.extra)["CanonicalRequest"]


@pytest.mark.parametrize("request_", [signed(), presigned()], ids=["header", "presigned"])
def test_an_unknown_key_costs_the_same_work(request_: RequestHead) -> None:
    with patch("hmac.compare_digest", wraps=hmac.compare_digest) as compare:
        assert refusal(request_, secret=None).code is ErrorCode.InvalidAccessKeyId
        unknown = compare.call_count
        assert refusal(request_, secret="wrong").code is ErrorCode.SignatureDoesNotMatch
    assert unknown == compare.call_count - unknown > 0


def test_a_signature_by_the_dummy_secret_is_refused_too() -> None:
    forged = signed(signer=Signer("AKIDUNKNOWN", sigv4.DUMMY_SECRET))
    assert refusal(forged, secret=None).code is ErrorCode.InvalidAccessKeyId


def test_signatures_are_compared_in_constant_time() -> None:
    with patch("hmac.compare_digest", wraps=hmac.compare_digest) as compare:
        check(signed())
    assert compare.call_count == 1


@pytest.mark.parametrize("off", [SKEW_S_MAX + 1, -SKEW_S_MAX - 1, 86400])
def test_a_clock_off_by_more_than_15_minutes_is_refused(off: int) -> None:
    assert SKEW_S_MAX == 900
    error = refusal(signed(), now=NOW + off)
    assert error.code is ErrorCode.RequestTimeTooSkewed
    assert ("behind" if off > 0 else "ahead of") in error.message


@pytest.mark.parametrize("off", [SKEW_S_MAX, -SKEW_S_MAX, 0])
def test_a_clock_off_by_15_minutes_is_accepted(off: int) -> None:
    check(signed(), now=NOW + off)


def test_the_message_of_a_skewed_clock_says_by_how_much() -> None:
    assert "clock is 22 minutes behind the server's" in refusal(signed(), now=NOW + 22 * 60).message


@pytest.mark.parametrize("expires_s", [1, 600, 604800])
def test_a_presigned_url_ends_on_the_second(expires_s: int) -> None:
    request = presigned(expires_s=expires_s)
    check(request, now=NOW + expires_s - 1)
    error = refusal(request, now=NOW + expires_s)
    assert error.code is ErrorCode.AccessDenied
    assert dict(error.extra)["X-Amz-Expires"] == str(expires_s)
    assert "expired" in error.message


def test_a_presigned_url_of_the_future_is_refused() -> None:
    check(presigned(), now=NOW - SKEW_S_MAX)
    assert refusal(presigned(), now=NOW - SKEW_S_MAX - 1).code is ErrorCode.AccessDenied


@pytest.mark.parametrize("value", ["604801", "60", "6000"])
def test_the_lifetime_is_signed(value: str) -> None:
    request = presigned(expires_s=600)
    changed = head("GET", request.target.replace("X-Amz-Expires=600", f"X-Amz-Expires={value}"))
    with pytest.raises(S3Error):
        check(changed)


@pytest.mark.parametrize(
    ("signed_for", "regions", "accepted"),
    [
        ("us-east-1", ("us-east-1",), True),
        ("us", ("us-east-1",), True),
        ("us-east-1", ("us",), True),
        ("eu-west-1", ("us-east-1", "eu-west-1"), True),
        ("eu-west-1", ("us-east-1",), False),
        ("us-west-1", ("us",), False),
    ],
)
def test_regions(signed_for: str, regions: tuple[str, ...], accepted: bool) -> None:
    request = signed(signer=replace(SIGNER, region=signed_for))
    claims = parse(request)
    assert claims is not None
    if accepted:
        verify(request, claims, secret=SECRET, now=NOW, regions=regions)
        return
    with pytest.raises(S3Error) as caught:
        verify(request, claims, secret=SECRET, now=NOW, regions=regions)
    assert caught.value.code is ErrorCode.AuthorizationHeaderMalformed
    assert caught.value.extra == (("Region", min(regions)),)


@pytest.mark.parametrize(
    "name", ["x-amz-copy-source", "x-amz-acl", "x-amz-meta-a", "x-amz-tagging", "content-md5", "x-amz-trailer"]
)
@pytest.mark.parametrize("request_", [signed("PUT"), presigned("PUT")], ids=["header", "presigned"])
def test_a_header_added_without_signing_is_refused(request_: RequestHead, name: str) -> None:
    """CVE-2026-39360: an unsigned x-amz-copy-source turned a presigned PUT into a copy of somebody else's object."""
    error = refusal(with_header(request_, name, "value"))
    assert error.code is ErrorCode.AccessDenied
    assert error.extra == (("HeadersNotSigned", name),)


def test_other_headers_may_be_added_on_the_way() -> None:
    check(with_header(signed("PUT"), "x-forwarded-for", "10.0.0.1"))
    check(with_header(presigned("PUT"), "content-type", "text/plain"))


@pytest.mark.parametrize("name", ["host", "x-amz-date", "x-amz-content-sha256", "x-amz-meta-a"])
def test_a_signed_header_can_neither_change_nor_go(name: str) -> None:
    request = signed(headers={"x-amz-meta-a": "1"})
    for value in ("20231114T221321Z" if name == "x-amz-date" else "x", None):
        try:
            check(with_header(request, name, value))
        except S3Error as error:
            refused = error
        else:
            pytest.fail(f"{name} changed to {value}")
        assert refused.code.status in (400, 403)


def test_a_signed_header_that_is_not_sent_is_refused() -> None:
    request = presigned(headers={"x-amz-meta-a": "1"})
    assert refusal(with_header(request, "x-amz-meta-a", None)).code is ErrorCode.SignatureDoesNotMatch


def test_host_must_be_among_the_signed_headers() -> None:
    sent = sign_header(SIGNER, "GET", "/bucket/key", {"host": HOST}, now=NOW, payload=EMPTY_SHA256)
    authorization = sent["authorization"].replace("SignedHeaders=host;", "SignedHeaders=")
    assert refusal(head("GET", "/bucket/key", {**sent, "authorization": authorization})).code is ErrorCode.AccessDenied


def test_headers_hoisted_into_a_presigned_url_are_covered_by_it() -> None:
    """The JavaScript SDK writes x-amz-* headers into the query of a presigned URL."""
    target = "/bucket/key?x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32"
    request = presigned("PUT", target)
    assert check(request).claims.presigned
    changed = head("PUT", request.target.replace("AAAAAA", "BBBBBB"))
    assert refusal(changed).code is ErrorCode.SignatureDoesNotMatch


def test_a_hoisted_header_cannot_stand_in_for_a_signed_one() -> None:
    target = presign(SIGNER, "PUT", "/bucket/key?x-amz-meta-a=1", {"host": HOST, "x-amz-meta-a": "1"}, now=NOW)
    error = refusal(head("PUT", target))
    assert error.code is ErrorCode.SignatureDoesNotMatch
    assert "x-amz-meta-a" in error.message


def test_the_payload_hash_of_a_presigned_url_counts_when_it_is_signed() -> None:
    request = presigned("PUT", headers={"x-amz-content-sha256": EMPTY_SHA256})
    assert check(request).mode is PayloadMode.SIGNED
    assert refusal(presigned("PUT", extra={"x-amz-content-sha256": EMPTY_SHA256})).code is ErrorCode.AccessDenied


def test_the_payload_mode_is_signed() -> None:
    """A streaming mode put in place of a signed hash would let another body through."""
    request = signed("PUT", payload=EMPTY_SHA256)
    for mode in PayloadMode:
        if mode is not PayloadMode.SIGNED:
            changed = with_header(request, "x-amz-content-sha256", mode.value)
            assert refusal(changed).code is ErrorCode.SignatureDoesNotMatch


def test_the_derived_key_may_be_cached() -> None:
    derive = lru_cache(maxsize=4)(signing_key)
    for _ in range(3):
        request = signed()
        claims = parse(request)
        assert claims is not None
        verify(request, claims, secret=SECRET, now=NOW, regions=("us-east-1",), derive=derive)
    assert derive.cache_info().hits == 2


@pytest.mark.parametrize(
    "target",
    [
        "/b/a+b",
        "/b/a%2Bb",
        "/b/%E6%BC%A2?prefix=a%20b&x",
        "/b/a(b)!*'",
        "/b/a%2fb",
        "/b//x/../y/.",
        "/b/a\\b",
        "/b/~x?a=b=c",
    ],
)
@pytest.mark.parametrize("make", [signed, presigned], ids=["header", "presigned"])
def test_odd_targets_verify(target: str, make: object) -> None:
    assert callable(make)
    check(make("GET", target))


def test_a_latin_1_value_that_was_signed_as_utf_8_verifies() -> None:
    """http.client puts text on the wire as Latin-1, while botocore signs its UTF-8."""
    sent = sign_header(
        SIGNER, "PUT", "/b/k", {"host": HOST, "content-disposition": "café"}, now=NOW, payload=EMPTY_SHA256
    )
    check(head("PUT", "/b/k", sent))
    check(parse_head("PUT", "/b/k", [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]))
