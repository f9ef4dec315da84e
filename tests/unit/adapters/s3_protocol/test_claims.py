"""Claims are read strictly: one mechanism, one grammar, SigV2 and SigV4A refused in words that help."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seglake.adapters.s3_protocol.claims import PRESIGN_TTL_S_MAX, Claims, parse
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.payload import EMPTY_SHA256, PayloadMode
from tests.unit.adapters.s3_protocol.wire import NOW, attempt, head, presigned, signed, with_header

SIGNATURE = "0" * 64
SCOPE = "AKIDEXAMPLE/20231114/us-east-1/s3/aws4_request"
GOOD = f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host;x-amz-date, Signature={SIGNATURE}"
DATED = {"x-amz-date": "20231114T221320Z", "x-amz-content-sha256": EMPTY_SHA256}


def with_authorization(value: str) -> Claims | S3Error | None:
    return attempt(lambda: parse(head("GET", "/b/k", {**DATED, "authorization": value})))


def refused_query(**changes: str | None) -> S3Error:
    parameters: dict[str, str | None] = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": SCOPE.replace("/", "%2F"),
        "X-Amz-Date": "20231114T221320Z",
        "X-Amz-Expires": "60",
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": SIGNATURE,
    }
    for name, value in changes.items():
        parameters["X-Amz-" + name] = value
    target = "/b/k?" + "&".join(f"{name}={value}" for name, value in parameters.items() if value is not None)
    with pytest.raises(S3Error) as caught:
        parse(head("GET", target))
    return caught.value


def test_the_claims_of_a_header() -> None:
    assert with_authorization(GOOD) == Claims(
        access_key="AKIDEXAMPLE",
        date="20231114",
        region="us-east-1",
        signed_headers=("host", "x-amz-date"),
        signature=SIGNATURE,
        mode=PayloadMode.SIGNED,
        payload=EMPTY_SHA256,
        amz_date="20231114T221320Z",
        timestamp=NOW,
    )


@pytest.mark.parametrize("value", [GOOD.replace(", ", ","), GOOD.replace(", ", " ,  ")])
def test_spaces_around_the_commas_do_not_matter(value: str) -> None:
    assert isinstance(with_authorization(value), Claims)


def test_the_claims_of_a_presigned_url() -> None:
    claims = parse(presigned(expires_s=77))
    assert claims is not None
    assert (claims.presigned, claims.expires_s, claims.mode) == (True, 77, PayloadMode.UNSIGNED)
    assert claims.signed_headers == ("host",)


def test_no_credentials_are_no_claims() -> None:
    assert parse(head("GET", "/b/k")) is None
    assert parse(head("GET", "/b/k?versionId=1")) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 ",
        GOOD[:-1],
        GOOD[:-64] + "A" * 64,
        GOOD[:-64] + "g" * 64,
        GOOD + "0",
        GOOD + ",",
        GOOD + ", Signature=" + SIGNATURE,
        GOOD + ", Extra=1",
        GOOD.replace("SignedHeaders=host;x-amz-date, ", ""),
        GOOD.replace("host;x-amz-date", ""),
        GOOD.replace("host;x-amz-date", "host;host"),
        GOOD.replace("host;x-amz-date", "Host;x-amz-date"),
        GOOD.replace("host;x-amz-date", "host;;x-amz-date"),
        GOOD.replace("host;x-amz-date", "host; x-amz-date"),
        GOOD.replace("/s3/", "/ec2/"),
        GOOD.replace("aws4_request", "aws4_requests"),
        GOOD.replace("20231114", "2023111"),
        GOOD.replace("20231114", "20231115"),
        GOOD.replace("20231114", "2023111٤"),
        GOOD.replace("us-east-1", "US East"),
        GOOD.replace("AKIDEXAMPLE", ""),
        GOOD.replace("AKIDEXAMPLE", "a" * 129),
        GOOD.replace("AKIDEXAMPLE/", ""),
    ],
)
def test_a_header_that_does_not_follow_the_grammar_is_refused(value: str) -> None:
    got = with_authorization(value)
    assert isinstance(got, S3Error)
    assert got.code.status == 400


@pytest.mark.parametrize("name", ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"])
def test_every_query_parameter_is_needed(name: str) -> None:
    assert refused_query(**{name: None}).code is ErrorCode.AuthorizationQueryParametersError


@pytest.mark.parametrize("value", ["0", "604801", "-1", "1_0", "+5", "", "٣", "1.5", "9" * 30])
def test_a_presigned_url_lives_a_second_to_a_week(value: str) -> None:
    assert refused_query(Expires=value).code is ErrorCode.AuthorizationQueryParametersError
    assert PRESIGN_TTL_S_MAX == 604800


@pytest.mark.parametrize(
    "value", ["20231114T221320", "2023-11-14T22:13:20Z", "20231314T221320Z", "20231114T251320Z", ""]
)
def test_a_presigned_date_has_one_form(value: str) -> None:
    assert refused_query(Date=value).code is ErrorCode.AuthorizationQueryParametersError


def test_signature_version_2_is_refused_clearly() -> None:
    got = with_authorization("AWS AKIDEXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=")
    assert isinstance(got, S3Error)
    assert got.code is ErrorCode.InvalidRequest
    assert "Signature Version 2" in got.message
    with pytest.raises(S3Error, match="Signature Version 2"):
        parse(head("GET", "/b/k?AWSAccessKeyId=AK&Expires=1700000000&Signature=x%3D"))


def test_sigv4a_is_refused_clearly() -> None:
    got = with_authorization(GOOD.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"))
    assert isinstance(got, S3Error)
    assert (got.code, "SigV4A" in got.message) == (ErrorCode.NotImplemented, True)
    assert refused_query(Algorithm="AWS4-ECDSA-P256-SHA256").code is ErrorCode.NotImplemented


@pytest.mark.parametrize("value", ["Basic dXNlcjpwYXNz", "Bearer token", "aws4-hmac-sha256 Credential=x"])
def test_other_schemes_are_refused(value: str) -> None:
    got = with_authorization(value)
    assert isinstance(got, S3Error)
    assert got.code is ErrorCode.InvalidArgument


def test_two_mechanisms_in_one_request_are_refused() -> None:
    """CVE-2026-40344: a second credential chose the identity after the first had been verified."""
    both = presigned()
    assert parse(both) is not None
    with pytest.raises(S3Error) as caught:
        parse(with_header(both, "authorization", signed().headers["authorization"]))
    assert caught.value.code is ErrorCode.InvalidArgument
    for parameter in ("X-Amz-Credential=x", "X-Amz-Expires=5", "AWSAccessKeyId=AK&Signature=s"):
        with pytest.raises(S3Error) as caught:
            parse(head("GET", f"/b/k?{parameter}", {**DATED, "authorization": GOOD}))
        assert caught.value.code.status == 400


def test_a_url_whose_signature_was_cut_off_is_not_anonymous() -> None:
    target = presigned().target.partition("&X-Amz-Signature")[0]
    with pytest.raises(S3Error) as caught:
        parse(head("GET", target))
    assert caught.value.code is ErrorCode.AuthorizationQueryParametersError


def test_a_signed_header_request_says_what_its_payload_is() -> None:
    with pytest.raises(S3Error) as caught:
        parse(with_header(signed(), "x-amz-content-sha256", None))
    assert caught.value.code is ErrorCode.MissingSecurityHeader


@pytest.mark.parametrize("mode", [mode for mode in PayloadMode if mode.streaming])
def test_a_presigned_request_cannot_be_streaming(mode: PayloadMode) -> None:
    """CVE-2025-31489, CVE-2026-40344: streaming uploads with query credentials skipped the signature elsewhere."""
    with pytest.raises(S3Error) as caught:
        parse(presigned("PUT", headers={"x-amz-content-sha256": mode.value}))
    assert caught.value.code is ErrorCode.InvalidRequest


def test_session_tokens_are_refused() -> None:
    with pytest.raises(S3Error) as caught:
        parse(signed(headers={"x-amz-security-token": "t"}))
    assert caught.value.code is ErrorCode.InvalidToken
    with pytest.raises(S3Error) as caught:
        parse(presigned(target="/b/k?X-Amz-Security-Token=t"))
    assert caught.value.code is ErrorCode.InvalidToken


@pytest.mark.parametrize(
    ("date", "accepted"),
    [
        ("Tue, 14 Nov 2023 22:13:20 GMT", True),
        ("20231114T221320Z", True),
        ("Tuesday, 14-Nov-23 22:13:20 GMT", True),
        ("yesterday", False),
    ],
)
def test_the_date_header_serves_when_there_is_no_amz_date(date: str, accepted: bool) -> None:
    headers = {"x-amz-content-sha256": EMPTY_SHA256, "date": date, "authorization": GOOD}
    got = attempt(lambda: parse(head("GET", "/b/k", headers)))
    assert (isinstance(got, Claims) and got.timestamp == NOW) is accepted


def test_a_request_without_any_date_is_refused() -> None:
    with pytest.raises(S3Error) as caught:
        parse(head("GET", "/b/k", {"x-amz-content-sha256": EMPTY_SHA256, "authorization": GOOD}))
    assert caught.value.code is ErrorCode.AccessDenied


PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126)
CHANGES = st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 4), st.text(PRINTABLE, max_size=4)), max_size=4)


@settings(max_examples=400)
@given(CHANGES)
def test_a_damaged_header_gives_claims_or_a_declared_error(changes: list[tuple[int, int, str]]) -> None:
    value = GOOD
    for at, cut, text in changes:
        value = value[:at] + text + value[at + cut :]
    got = with_authorization(value)
    assert got is not None
    if isinstance(got, S3Error):
        assert got.code.status in (400, 403, 501)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 330), st.integers(0, 4), st.text(PRINTABLE, max_size=4)), max_size=4))
def test_a_damaged_presigned_url_gives_claims_or_a_declared_error(changes: list[tuple[int, int, str]]) -> None:
    target = presigned().target[4:]
    for at, cut, text in changes:
        target = target[:at] + text + target[at + cut :]
    got = attempt(lambda: parse(head("GET", "/b/k" + target)))
    if isinstance(got, S3Error):
        assert got.code.status in (400, 403, 501)
