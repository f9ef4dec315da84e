from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.form_claims import parse_form_claims, verify_form
from seglake.adapters.s3_protocol.signing import Signer
from tests.unit.adapters.http_s3.forms import signed_fields

SIGNER = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
REGIONS = frozenset(("us-east-1",))


# API Reference, "Example: Browser-based upload using HTTP POST (using AWS Signature Version 4)"; its lines end in CRLF.
EXAMPLE = """\
{ "expiration": "2015-12-30T12:00:00.000Z",
  "conditions": [
    {"bucket": "sigv4examplebucket"},
    ["starts-with", "$key", "user/user1/"],
    {"acl": "public-read"},
    {"success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},
    ["starts-with", "$Content-Type", "image/"],
    {"x-amz-meta-uuid": "14365123651274"},
    {"x-amz-server-side-encryption": "AES256"},
    ["starts-with", "$x-amz-meta-tag", ""],

    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},
    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},
    {"x-amz-date": "20151229T000000Z" }
  ]
}"""
EXAMPLE_SIGNATURE = "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"


def test_the_example_of_the_documentation_is_proven() -> None:
    policy = base64.b64encode(EXAMPLE.replace("\n", "\r\n").encode()).decode()
    fields = {
        "policy": policy,
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request",
        "x-amz-date": "20151229T000000Z",
        "x-amz-signature": EXAMPLE_SIGNATURE,
    }
    claims = parse_form_claims(fields)
    assert claims is not None
    verify_form(claims, secret=SIGNER.secret, regions=REGIONS)
    for changed in (replace(claims, policy=policy[:-4]), replace(claims, signature="0" * 64)):
        with pytest.raises(S3Error) as refused:
            verify_form(changed, secret=SIGNER.secret, regions=REGIONS)
        assert refused.value.code is ErrorCode.SignatureDoesNotMatch


def test_claims_are_those_of_the_fields() -> None:
    fields = signed_fields({"key": "k"}, signer=SIGNER)
    claims = parse_form_claims(fields)
    assert claims is not None
    assert (claims.access_key, claims.date, claims.region) == (SIGNER.access_key, "20231114", "us-east-1")
    assert (claims.policy, claims.signature) == (fields["policy"], fields["x-amz-signature"])
    assert claims.timestamp == 1_700_000_000
    verify_form(claims, secret=SIGNER.secret, regions=REGIONS)


def test_a_form_without_any_of_them_is_anonymous() -> None:
    assert parse_form_claims({"key": "k", "acl": "private", "x-amz-meta-a": "1"}) is None


@pytest.mark.parametrize("name", ["policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"])
def test_one_of_them_alone_is_no_anonymous_form(name: str) -> None:
    with pytest.raises(S3Error) as refused:
        parse_form_claims({"key": "k", name: "x"})
    assert refused.value.code is ErrorCode.InvalidArgument


def test_an_unknown_key_costs_the_same_and_is_refused() -> None:
    derived: list[str] = []
    claims = parse_form_claims(signed_fields({"key": "k"}, signer=SIGNER))
    assert claims is not None

    def derive(secret: str, date: str, region: str) -> bytes:
        derived.append(secret)
        return bytes(32)

    with pytest.raises(S3Error) as refused:
        verify_form(claims, secret=None, regions=REGIONS, derive=derive)
    assert refused.value.code is ErrorCode.InvalidAccessKeyId
    assert len(derived) == 1


def test_us_is_another_name_of_us_east_1() -> None:
    claims = parse_form_claims(signed_fields({"key": "k"}, signer=Signer("a", "b", "us")))
    assert claims is not None
    verify_form(claims, secret="b", regions=REGIONS)
    with pytest.raises(S3Error) as refused:
        verify_form(claims, secret="b", regions=frozenset(("eu-west-1",)))
    assert refused.value.code is ErrorCode.InvalidArgument
