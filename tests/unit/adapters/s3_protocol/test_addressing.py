"""Bucket and key: path style and virtual-hosted style, each key byte kept."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.s3_protocol.addressing import SERVICE, Address, bucket_of_host, locate
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error

DOMAINS = ("s3.example.com", "store.example.org")


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/", SERVICE),
        ("/b", Address("b", None)),
        ("/b/", Address("b", None)),
        ("/b/k", Address("b", "k")),
        ("/b//k", Address("b", "/k")),
        ("/b/k//x/", Address("b", "k//x/")),
        ("/b/./../k", Address("b", "./../k")),
        ("/b/%2E%2E%2Fk", Address("b", "../k")),
        ("/b/a+b", Address("b", "a+b")),
        ("/b/a%2Bb%20c", Address("b", "a+b c")),
        ("/b/%25", Address("b", "%")),
        ("/b/%2525", Address("b", "%25")),
        ("/b/%00", Address("b", "\x00")),
        ("/b/caf\u00e9", Address("b", "café")),
        ("/%2Fb/k", Address("/b", "k")),
    ],
)
def test_path_style(path: str, address: Address) -> None:
    assert locate("127.0.0.1:9000", path) == address


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        ("localhost", None),
        ("localhost:9000", None),
        ("LOCALHOST:9000", None),
        ("b.localhost:9000", "b"),
        ("My.Bucket.localhost", "my.bucket"),
        ("127.0.0.1:9000", None),
        ("10.1.2.3", None),
        ("[::1]:9000", None),
        ("[::1]", None),
        ("server", None),
        ("server:9000", None),
        ("s3.example.com", None),
        ("S3.Example.Com:443", None),
        ("b.s3.example.com", "b"),
        ("a.b.S3.example.com:443", "a.b"),
        ("bs3.example.com", None),
        ("b.store.example.org", "b"),
        ("b.elsewhere.org", None),
    ],
)
def test_bucket_of_a_host(host: str, bucket: str | None) -> None:
    assert bucket_of_host(host, DOMAINS) == bucket


def test_virtual_hosted_style_takes_the_whole_path_as_key() -> None:
    assert locate("b.localhost", "/k//x%20") == Address("b", "k//x ", virtual=True)
    assert locate("b.localhost", "//k") == Address("b", "/k", virtual=True)
    assert locate("b.localhost", "/") == Address("b", None, virtual=True)
    assert locate("b.localhost", "/x/y", virtual_hosted=False) == Address("x", "y")


def test_an_empty_bucket_segment_is_refused() -> None:
    for path in ("//", "//k", "///"):
        with pytest.raises(S3Error) as caught:
            locate("localhost", path)
        assert caught.value.code is ErrorCode.InvalidBucketName


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_key_survives_its_way_over_the_wire(key: str) -> None:
    for safe in ("", "/", "/~!*'()"):
        assert locate("h:1", "/bucket/" + quote(key, safe=safe)).key == key
        assert locate("bucket.localhost", "/" + quote(key, safe=safe)).key == key


def test_the_verifier_and_the_router_see_the_same_key() -> None:
    """Authorisation on the encoded path and service on the decoded one let requests through elsewhere."""
    assert locate("h", "/b/%2e%2e/secret").key == "../secret"
    assert locate("h", "/b%2Fsecret").bucket == "b/secret"
