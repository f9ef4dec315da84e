"""The source of a copy: one grammar, at most two readings, never another bucket than the one written."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.s3_protocol.copy_source import CopySource, parse_copy_range, parse_copy_source
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.domain.model.ranges import FromTo
from tests.unit.adapters.s3_protocol.wire import attempt


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/b/k", CopySource("b", ("k",))),
        ("b/k", CopySource("b", ("k",))),
        ("b/a/b//c", CopySource("b", ("a/b//c",))),
        ("/b//k", CopySource("b", ("/k",))),
        ("b%2Fk", CopySource("b", ("k",))),
        ("b/k?versionId=null", CopySource("b", ("k",), "null")),
        ("b/k%3FversionId=x", CopySource("b", ("k?versionId=x",))),
        ("b/k%3Fa?versionId=v%2B1", CopySource("b", ("k?a",), "v+1")),
        ("b/a+b", CopySource("b", ("a+b", "a b"))),
        ("b/a%2Bb", CopySource("b", ("a+b",))),
        ("b/a+b%2Bc%20d", CopySource("b", ("a+b+c d", "a b+c d"))),
        ("b/k?versionId=a+b", CopySource("b", ("k",), "a+b")),
        ("b/../c/k", CopySource("b", ("../c/k",))),
        ("b/caf\u00e9", CopySource("b", ("café",))),
    ],
)
def test_sources(text: str, expected: CopySource) -> None:
    assert parse_copy_source(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "b",
        "/b",
        "b/",
        "//k",
        "b/k?versionId=",
        "b/k?x=1",
        "b/k?versionId=a&b=c",
        "b/%",
        "b/%ff",
        "b/k?versionId=%zz",
    ],
)
def test_what_is_no_source_is_refused(text: str) -> None:
    with pytest.raises(S3Error) as caught:
        parse_copy_source(text)
    assert caught.value.code is ErrorCode.InvalidArgument


@pytest.mark.parametrize("text", ["arn:aws:s3:us-east-1:1:accesspoint/a/object/k", "arn%3Aaws%3As3", "/arn:aws:s3"])
def test_access_points_are_not_implemented(text: str) -> None:
    with pytest.raises(S3Error) as caught:
        parse_copy_source(text)
    assert caught.value.code is ErrorCode.NotImplemented


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1), st.sampled_from(["", "/", "/+"]))
def test_every_key_comes_through(key: str, safe: str) -> None:
    got = parse_copy_source(f"/bucket/{quote(key, safe=safe)}?versionId=v")
    assert (got.bucket, got.keys[0], got.version) == ("bucket", key, "v")


@given(st.text(alphabet="ab/%2F?versionId=+&\x00é", max_size=40))
def test_noise_is_a_source_or_a_declared_error(text: str) -> None:
    got = attempt(lambda: parse_copy_source(text))
    if isinstance(got, S3Error):
        assert got.code in (ErrorCode.InvalidArgument, ErrorCode.NotImplemented)
    else:
        assert got.bucket
        assert 1 <= len(got.keys) <= 2


def test_ranges_of_a_copy() -> None:
    assert parse_copy_range("bytes=0-9") == FromTo(0, 9)
    for text in (
        "",
        "bytes=0-",
        "bytes=-5",
        "bytes=5-4",
        "bytes=0-1,2-3",
        "0-9",
        "Bytes=0-9",
        "bytes=0-9 ",
        "bytes=٣-٤",
    ):
        with pytest.raises(S3Error) as caught:
            parse_copy_range(text)
        assert caught.value.code is ErrorCode.InvalidArgument
