from __future__ import annotations

import pytest

from seglake.adapters.http_s3.attributes import received, storage_class
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error


def test_what_describes_an_object_is_kept_and_nothing_else() -> None:
    attributes = received(
        {
            "content-type": "text/plain",
            "cache-control": "no-store",
            "content-disposition": "inline",
            "content-language": "de",
            "expires": "whenever",
            "x-amz-website-redirect-location": "/a",
            "x-amz-meta-b": "2",
            "x-amz-meta-a": "1",
            "x-amz-date": "20231114T221320Z",
            "x-seglake-secret": "no",
            "authorization": "no",
            "content-length": "5",
        },
        "owner",
    )
    assert dict(attributes.headers) == {
        "content-type": "text/plain",
        "cache-control": "no-store",
        "content-disposition": "inline",
        "content-language": "de",
        "expires": "whenever",
        "x-amz-website-redirect-location": "/a",
    }
    assert attributes.metadata == (("a", "1"), ("b", "2"))
    assert attributes.owner == "owner"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("aws-chunked", None),
        ("AWS-Chunked", None),
        ("gzip", "gzip"),
        ("aws-chunked,gzip", "gzip"),
        ("gzip, aws-chunked", "gzip"),
        ("gzip , br", "gzip,br"),
        ("", None),
    ],
)
def test_the_transfer_coding_of_the_sdks_is_not_the_objects_encoding(sent: str, kept: str | None) -> None:
    assert dict(received({"content-encoding": sent}, "o").headers).get("content-encoding") == kept


def test_a_standard_class_is_not_kept_and_an_archive_is_refused() -> None:
    assert received({"x-amz-storage-class": "STANDARD"}, "o").headers == ()
    assert received({"x-amz-storage-class": "STANDARD_IA"}, "o").headers == (("x-amz-storage-class", "STANDARD_IA"),)
    with pytest.raises(S3Error) as failed:
        storage_class({"x-amz-storage-class": "DEEP_ARCHIVE"})
    assert failed.value.code is ErrorCode.InvalidStorageClass
    assert ("StorageClassRequested", "DEEP_ARCHIVE") in failed.value.extra


def test_a_value_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(S3Error) as failed:
        received({"x-amz-meta-a": "gr\udcfcn"}, "o")
    assert failed.value.code is ErrorCode.InvalidArgument
