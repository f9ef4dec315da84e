"""Heads are parsed strictly: what is ambiguous is refused before anything looks at it."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.request import (
    HEADERS_MAX,
    QUERY_PARAMETERS_MAX,
    RequestHead,
    ascii_number,
    content_length,
    parse_head,
    percent_decode,
    percent_encode,
)
from tests.unit.adapters.s3_protocol.wire import attempt, head

HOST_FIELD = (b"Host", b"localhost:9000")


def refused(target: str = "/", *fields: tuple[bytes, bytes], method: str = "GET") -> S3Error:
    with pytest.raises(S3Error) as caught:
        parse_head(method, target, (HOST_FIELD, *fields))
    return caught.value


def test_a_plain_head() -> None:
    got = parse_head(
        "GET",
        "/b/a%20key?list-type=2&prefix=a+b%2Fc&empty",
        [(b"HOST", b"localhost:9000"), (b"Accept", b"a"), (b"accept", b" b ")],
        secure=True,
        peer="10.0.0.1",
    )
    assert got == RequestHead(
        method="GET",
        target="/b/a%20key?list-type=2&prefix=a+b%2Fc&empty",
        path="/b/a%20key",
        raw_query="list-type=2&prefix=a+b%2Fc&empty",
        query={"list-type": "2", "prefix": "a+b/c", "empty": ""},
        headers={"host": "localhost:9000", "accept": "a,b"},
        host="localhost:9000",
        secure=True,
        peer="10.0.0.1",
    )


@pytest.mark.parametrize(
    "target",
    [
        "",
        "*",
        "http://evil/b/k",
        "localhost:9000",
        "/b/k#frag",
        "/b/k?x=#",
        "/a b",
        "/a\tb",
        "/a\x00",
        "/a\r\nX: y",
        "/a\x7f",
    ],
)
def test_targets_that_are_no_origin_form_are_refused(target: str) -> None:
    assert refused(target).code is ErrorCode.InvalidURI


@pytest.mark.parametrize(
    "name", ["Host", "Authorization", "Content-Length", "Content-MD5", "Range", "X-Amz-Date", "x-amz-meta-a"]
)
def test_repeated_single_headers_are_refused(name: str) -> None:
    field = (name.encode(), b"1")
    assert refused("/", field, (name.lower().encode(), b"1")).code.status == 400


@pytest.mark.parametrize("value", [b"a\nb", b"a\rb", b"a\x00b"])
def test_line_breaks_in_values_cannot_forge_canonical_headers(value: bytes) -> None:
    assert refused("/", (b"x-amz-meta-a", value)).code is ErrorCode.BadRequest


@pytest.mark.parametrize("name", [b"a b", b"", b"x:y", b"caf\xc3\xa9", b"a" * 257])
def test_header_names_are_tokens(name: bytes) -> None:
    assert refused("/", (name, b"1")).code is ErrorCode.BadRequest


@pytest.mark.parametrize("host", [b"", b"a b", b"a,b", b"user@host", b"a/b", b"host:port", b"h:1:2", b"a?b"])
def test_host_must_be_a_host(host: bytes) -> None:
    with pytest.raises(S3Error):
        parse_head("GET", "/", [(b"Host", host)])


def test_a_head_without_host_is_refused() -> None:
    with pytest.raises(S3Error):
        parse_head("GET", "/", [])


def test_length_and_transfer_encoding_together_are_refused() -> None:
    assert refused("/", (b"Content-Length", b"3"), (b"Transfer-Encoding", b"chunked")).code is ErrorCode.InvalidRequest
    assert refused("/", (b"Transfer-Encoding", b"gzip, chunked")).code is ErrorCode.NotImplemented
    assert head("PUT", "/b/k", {"transfer-encoding": "Chunked"}).headers["transfer-encoding"] == "Chunked"


@pytest.mark.parametrize("target", ["/b?a=1&a=2", "/b?a&%61=", "/b?uploadId=x&uploadId=y"])
def test_repeated_query_parameters_are_refused(target: str) -> None:
    assert refused(target).code is ErrorCode.InvalidArgument


def test_counts_are_bounded() -> None:
    many = "&".join(f"a{i}" for i in range(QUERY_PARAMETERS_MAX + 1))
    assert refused(f"/b?{many}").code is ErrorCode.InvalidURI
    fields = [(f"h{i}".encode(), b"") for i in range(HEADERS_MAX)]
    assert refused("/", *fields).code is ErrorCode.RequestHeaderSectionTooLarge


@pytest.mark.parametrize("method", ["get", "", "GET ", "G\nT", "X" * 17])
def test_methods_are_upper_case_words(method: str) -> None:
    assert refused("/", method=method).code is ErrorCode.MethodNotAllowed


@pytest.mark.parametrize("text", ["%", "%1", "%zz", "a%2", "%%20", "%ff", "%c3", "%ed%a0%80", "\udcff"])
def test_broken_escapes_and_bytes_are_refused(text: str) -> None:
    with pytest.raises(S3Error) as caught:
        percent_decode(text)
    assert caught.value.code is ErrorCode.InvalidURI


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
@example("+")
@example("%2F")
def test_percent_decoding_reverses_encoding_once(text: str) -> None:
    assert percent_decode(percent_encode(text)) == text
    assert percent_decode(percent_encode(percent_encode(text))) == percent_encode(text)
    assert percent_decode(quote(text, safe="/")) == text


def test_plus_is_a_plus() -> None:
    assert head("GET", "/b?prefix=a+b").query == {"prefix": "a+b"}


@pytest.mark.parametrize("text", ["1_0", "+5", " 5", "5 ", "-1", "", "0x10", "٣", "²", "1" * 19, "1.0"])
def test_numbers_are_ascii_digits(text: str) -> None:
    with pytest.raises(S3Error):
        ascii_number(text, "n")


def test_content_length() -> None:
    assert content_length(head("PUT", "/b/k", {"content-length": "0042"})) == 42
    assert content_length(head("PUT", "/b/k")) is None


def test_a_presigned_url_may_carry_headers_in_its_query() -> None:
    got = head("PUT", "/b/k?X-Amz-Signature=00&x-amz-checksum-CRC32=AAAAAA%3D%3D&partNumber=1")
    assert got.headers["x-amz-checksum-crc32"] == "AAAAAA=="
    assert got.hoisted == {"x-amz-checksum-crc32"}
    assert got.query == {"X-Amz-Signature": "00", "partNumber": "1"}


def test_without_a_signature_nothing_is_taken_from_the_query_as_a_header() -> None:
    got = head("PUT", "/b/k?x-amz-copy-source=%2Fa%2Fb")
    assert got.query == {"x-amz-copy-source": "/a/b"}
    assert "x-amz-copy-source" not in got.headers


def test_a_header_cannot_be_sent_in_both_places() -> None:
    fields = (b"x-amz-acl", b"private")
    assert refused("/b/k?X-Amz-Signature=0&x-amz-acl=public-read", fields).code is ErrorCode.InvalidRequest
    assert refused("/b/k?X-Amz-Signature=0&x-amz-acl=a%0Ab").code is ErrorCode.InvalidArgument


NOISE = st.text(alphabet=st.characters(max_codepoint=0x2FF), max_size=40)


@settings(max_examples=300)
@given(st.sampled_from(["GET", "PUT", "x"]), NOISE, st.lists(st.tuples(st.binary(max_size=12), st.binary(max_size=30))))
def test_noise_gives_a_head_or_a_declared_error(method: str, target: str, fields: list[tuple[bytes, bytes]]) -> None:
    got = attempt(lambda: parse_head(method, "/" + target, [HOST_FIELD, *fields]))
    if isinstance(got, S3Error):
        assert 400 <= got.code.status <= 501
    else:
        assert got.path.startswith("/")
