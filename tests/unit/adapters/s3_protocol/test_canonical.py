"""One spelling for everything that a signature covers."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.s3_protocol import canonical
from seglake.adapters.s3_protocol.request import parse_head
from tests.unit.adapters.s3_protocol.wire import head

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


@given(TEXT)
def test_every_spelling_of_a_path_has_one_canonical_form(text: str) -> None:
    expected = "/" + quote(text, safe="/-_.~")
    for safe in ("", "/", "/!$&'()*+,;=:@"):
        assert canonical.canonical_path("/" + quote(text, safe=safe)) == expected
    assert canonical.canonical_path(("/" + quote(text)).replace("%C3", "%c3")) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("acl", "acl="),
        ("b=2&a=1", "a=1&b=2"),
        ("a=2&b=1&a-=3", "a=2&a-=3&b=1"),
        ("A=1&a=1", "A=1&a=1"),
        ("a=b=c", "a=b%3Dc"),
        ("a=+", "a=%2B"),
        ("a=%20&&", "a=%20"),
        ("a=%7e%2f", "a=~%2F"),
        ("X-Amz-Signature=1&X-Amz-Date=2", "X-Amz-Date=2"),
        ("X%2DAmz-Signature=1&a", "a="),
    ],
)
def test_queries(raw: str, expected: str) -> None:
    assert canonical.canonical_query(raw, presigned=True) == expected


def test_a_signature_parameter_of_a_header_request_is_part_of_the_query() -> None:
    assert canonical.canonical_query("X-Amz-Signature=1", presigned=False) == "X-Amz-Signature=1"


def test_the_request_is_laid_out_as_documented() -> None:
    got = head("GET", "/b/k?x=1", {"x-amz-meta-a": " a   b\t c ", "x-amz-date": "d"})
    assert canonical.request(got, ("host", "x-amz-date", "x-amz-meta-a"), "P", presigned=False) == (
        "GET\n/b/k\nx=1\nhost:s3.localtest:9000\nx-amz-date:d\nx-amz-meta-a:a b c\n\nhost;x-amz-date;x-amz-meta-a\nP"
    )


def test_variants_cover_the_same_bytes() -> None:
    got = head("GET", "/b/a+b?c=d+e")
    first = canonical.request(got, ("host",), "P", presigned=False)
    (literal,) = canonical.variants(got, ("host",), "P", presigned=False)
    assert first.split("\n")[1:3] == ["/b/a%2Bb", "c=d%2Be"]
    assert literal.split("\n")[1:3] == ["/b/a+b", "c=d+e"]
    assert first.split("\n")[3:] == literal.split("\n")[3:]
    plain = head("GET", "/b/k")
    assert list(canonical.variants(plain, ("host",), "P", presigned=False)) == []


def test_bytes_that_are_no_utf_8_are_signed_as_they_are() -> None:
    got = parse_head("GET", "/", [(b"host", b"h"), (b"x-amz-meta-a", b"\xe9")])
    assert canonical.request(got, ("x-amz-meta-a",), "P", presigned=False).encode("utf-8", "surrogateescape") == (
        b"GET\n/\n\nx-amz-meta-a:\xe9\n\nx-amz-meta-a\nP"
    )
