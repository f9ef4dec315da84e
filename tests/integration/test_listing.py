"""Listings: every page size gives the same keys, in the binary order of UTF-8, rolled up as S3 does."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

KEYS = [
    "a",
    "a/",
    "a/b",
    "a/b/c",
    "a/b/d",
    "a//x",
    "a0",
    "b",
    "photos/2024/jan/1.jpg",
    "photos/2024/jan/2.jpg",
    "photos/2024/feb/1.jpg",
    "photos/2025/1.jpg",
    "with space/x",
    "with+plus/x",
    "with%percent/x",
    "z",
    "Z",
    "é",
    "\U0001f600",
    "￮",
    "<&>\"'",
    "new\nline",
]
ORDERED = sorted(KEYS, key=lambda key: key.encode())


@pytest.fixture
def full(s3: Any, bucket: str) -> str:
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


def rolled(prefix: str, delimiter: str) -> tuple[list[str], list[str]]:
    """(keys, common prefixes) as S3 defines them."""
    keys, prefixes = [], []
    for key in ORDERED:
        if not key.startswith(prefix):
            continue
        rest = key[len(prefix) :]
        if delimiter and delimiter in rest:
            common = prefix + rest.partition(delimiter)[0] + delimiter
            if common not in prefixes:
                prefixes.append(common)
        else:
            keys.append(key)
    return keys, prefixes


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 21, 22, 1000])
@pytest.mark.parametrize(
    ("prefix", "delimiter"),
    [("", ""), ("", "/"), ("a/", "/"), ("a", "/"), ("photos/", "/"), ("photos/2024/", "an/"), ("", "ph"), ("zz", "/")],
)
def test_all_page_sizes_give_the_same(s3: Any, full: str, prefix: str, delimiter: str, size: int) -> None:
    asked: dict[str, Any] = {"Bucket": full, "Prefix": prefix, "MaxKeys": size}
    if delimiter:
        asked["Delimiter"] = delimiter
    keys, prefixes = rolled(prefix, delimiter)
    for operation in ("list_objects_v2", "list_objects", "list_object_versions"):
        if operation == "list_objects" and not delimiter and size < 3:
            continue  # the same as size 3, and slow
        pages = list(s3.get_paginator(operation).paginate(**asked))
        entries = "Versions" if operation == "list_object_versions" else "Contents"
        assert [one["Key"] for page in pages for one in page.get(entries, [])] == keys
        assert [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])] == prefixes
        for page in pages:
            count = len(page.get(entries, [])) + len(page.get("CommonPrefixes", []))
            assert count <= size
            assert page["IsTruncated"] == (page is not pages[-1])
            if operation == "list_objects_v2":
                assert page["KeyCount"] == count


def test_the_fields_of_a_page(s3: Any, full: str) -> None:
    page = s3.list_objects_v2(Bucket=full, Prefix="a/b", MaxKeys=2, StartAfter="a/b", FetchOwner=True)
    assert [one["Key"] for one in page["Contents"]] == ["a/b/c", "a/b/d"]
    assert (page["Name"], page["Prefix"], page["MaxKeys"], page["KeyCount"]) == (full, "a/b", 2, 2)
    assert (page["StartAfter"], page["IsTruncated"], page["EncodingType"]) == ("a/b", False, "url")
    entry = page["Contents"][0]
    assert entry["Size"] == 5
    assert entry["StorageClass"] == "STANDARD"
    assert len(entry["Owner"]["ID"]) == 64
    assert entry["ETag"] == s3.head_object(Bucket=full, Key="a/b/c")["ETag"]
    assert "Owner" not in s3.list_objects_v2(Bucket=full)["Contents"][0]
    first = s3.list_objects(Bucket=full, Delimiter="/", MaxKeys=2, Marker="a/")
    assert first["Marker"] == "a/"
    assert first["NextMarker"]
    assert len(first["Contents"][0]["Owner"]["ID"]) == 64


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2", "list_object_versions"])
def test_a_page_of_nothing(s3: Any, full: str, operation: str) -> None:
    page = getattr(s3, operation)(Bucket=full, MaxKeys=0)
    assert page["IsTruncated"] is False
    assert page["MaxKeys"] == 0
    assert "Contents" not in page
    assert "Versions" not in page


def test_a_page_has_at_most_a_thousand_keys(s3: Any, full: str) -> None:
    assert s3.list_objects_v2(Bucket=full, MaxKeys=5000)["MaxKeys"] == 1000


def test_a_marker_between_keys_begins_after_it(s3: Any, full: str) -> None:
    for marker in ("", "a", "a/b0", "photos/2024/", "zzz", "\U0010ffff"):
        expected = [key for key in ORDERED if key.encode() > marker.encode()]
        v1 = s3.list_objects(Bucket=full, Marker=marker)
        v2 = s3.list_objects_v2(Bucket=full, StartAfter=marker)
        assert [one["Key"] for one in v1.get("Contents", [])] == expected
        assert [one["Key"] for one in v2.get("Contents", [])] == expected


@pytest.mark.parametrize(
    ("operation", "asked"),
    [
        ("list_objects_v2", {"MaxKeys": -1}),
        ("list_objects_v2", {"ContinuationToken": "not-a-token"}),
        ("list_objects", {"EncodingType": "base64"}),
        ("list_object_versions", {"VersionIdMarker": "null"}),
    ],
)
def test_arguments_that_mean_nothing_are_refused(s3: Any, full: str, operation: str, asked: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as failed:
        getattr(s3, operation)(Bucket=full, **asked)
    assert failed.value.response["Error"]["Code"] == "InvalidArgument"
    assert failed.value.response["Error"]["ArgumentName"]


def test_uploads_in_progress_are_listed_in_pages(s3: Any, bucket: str) -> None:
    begun = []
    for key in ("a", "a", "b/1", "b/2", "c", "ü"):
        upload = s3.create_multipart_upload(Bucket=bucket, Key=key, StorageClass="STANDARD_IA")
        begun.append((key, upload["UploadId"]))
    for size in (1, 2, 3, 6):
        pages = list(s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, MaxUploads=size))
        seen = [(one["Key"], one["UploadId"]) for page in pages for one in page.get("Uploads", [])]
        assert seen == begun
    page = s3.list_multipart_uploads(Bucket=bucket, Prefix="b", Delimiter="/")
    assert [one["Prefix"] for one in page["CommonPrefixes"]] == ["b/"]
    upload = s3.list_multipart_uploads(Bucket=bucket, Prefix="c")["Uploads"][0]
    assert upload["StorageClass"] == "STANDARD_IA"
    assert len(upload["Initiator"]["ID"]) == 64
    assert upload["Initiated"]


def test_buckets_are_listed_in_pages(s3: Any, bucket: str) -> None:
    names = [f"{bucket}-page-{number}" for number in range(5)]
    for name in names:
        s3.create_bucket(Bucket=name)
    pages = list(s3.get_paginator("list_buckets").paginate(Prefix=f"{bucket}-page-", PaginationConfig={"PageSize": 2}))
    assert [one["Name"] for page in pages for one in page["Buckets"]] == names
    assert [len(page["Buckets"]) for page in pages] == [2, 2, 1]
    everything = s3.list_buckets()
    assert set(names) <= {one["Name"] for one in everything["Buckets"]}
    assert len(everything["Owner"]["ID"]) == 64
    assert all(one["CreationDate"] for one in everything["Buckets"])
