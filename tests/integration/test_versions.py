"""Versions through boto3: enabled, suspended and the null version; buckets and their configuration."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.conftest import client_of
from tests.integration.endpoint import Endpoint


def refused(call: Any, **fields: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as failed:
        call(**fields)
    response = failed.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def configure(s3: Any, bucket: str, status: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == status


def put(s3: Any, bucket: str, body: bytes, key: str = "k") -> str:
    return str(s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"])


def history(s3: Any, bucket: str) -> list[tuple[str, bool]]:
    """(version id, is latest) of versions and markers, newest first."""
    page = s3.list_object_versions(Bucket=bucket)
    rows = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    rows.sort(key=lambda row: row["LastModified"], reverse=True)
    return [(row["VersionId"], row["IsLatest"]) for row in rows]


def test_every_version_stays_readable(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    configure(s3, bucket, "Enabled")
    ids = [put(s3, bucket, body) for body in (b"one", b"two", b"three")]
    assert len(set(ids)) == 3
    bodies = {"null": b"before", ids[0]: b"one", ids[1]: b"two", ids[2]: b"three"}
    for version, body in bodies.items():
        got = s3.get_object(Bucket=bucket, Key="k", VersionId=version)
        assert (got["Body"].read(), got["VersionId"]) == (body, version)
        assert s3.head_object(Bucket=bucket, Key="k", VersionId=version)["ContentLength"] == len(body)
    assert s3.get_object(Bucket=bucket, Key="k")["VersionId"] == ids[2]
    page = s3.list_object_versions(Bucket=bucket)
    assert [row["VersionId"] for row in page["Versions"]] == [*reversed(ids), "null"]
    assert [row["IsLatest"] for row in page["Versions"]] == [True, False, False, False]
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 1


def test_a_delete_marker_hides_and_its_removal_reveals(s3: Any, bucket: str) -> None:
    configure(s3, bucket, "Enabled")
    version = put(s3, bucket, b"body")
    deleted = s3.delete_object(Bucket=bucket, Key="k")
    marker = deleted["VersionId"]
    assert deleted["DeleteMarker"] is True
    with pytest.raises(ClientError) as failed:
        s3.get_object(Bucket=bucket, Key="k")
    headers = failed.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert (headers["x-amz-delete-marker"], headers["x-amz-version-id"]) == ("true", marker)
    assert failed.value.response["Error"]["Code"] == "NoSuchKey"
    assert refused(s3.get_object, Bucket=bucket, Key="k", VersionId=marker) == (405, "MethodNotAllowed")
    assert refused(s3.head_object, Bucket=bucket, Key="k", VersionId=marker) == (405, "405")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    page = s3.list_object_versions(Bucket=bucket)
    assert (page["DeleteMarkers"][0]["VersionId"], page["DeleteMarkers"][0]["IsLatest"]) == (marker, True)
    assert page["Versions"][0]["IsLatest"] is False
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=version)["Body"].read() == b"body"
    removed = s3.delete_object(Bucket=bucket, Key="k", VersionId=marker)
    assert (removed["DeleteMarker"], removed["VersionId"]) == (True, marker)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"body"
    assert s3.delete_object(Bucket=bucket, Key="k", VersionId=version)["VersionId"] == version
    assert refused(s3.get_object, Bucket=bucket, Key="k", VersionId=version) == (404, "NoSuchVersion")
    assert s3.delete_object(Bucket=bucket, Key="k", VersionId=version)["VersionId"] == version, "idempotent"


def test_a_suspended_bucket_keeps_one_null_version(s3: Any, bucket: str) -> None:
    configure(s3, bucket, "Enabled")
    kept = put(s3, bucket, b"kept")
    configure(s3, bucket, "Suspended")
    assert put(s3, bucket, b"null one") == "null"
    assert put(s3, bucket, b"null two") == "null"
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"null two"
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=kept)["Body"].read() == b"kept"
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 2
    deleted = s3.delete_object(Bucket=bucket, Key="k")
    assert (deleted["VersionId"], deleted["DeleteMarker"]) == ("null", True)
    page = s3.list_object_versions(Bucket=bucket)
    assert [row["VersionId"] for row in page["DeleteMarkers"]] == ["null"]
    assert [row["VersionId"] for row in page["Versions"]] == [kept]
    s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"kept"


def test_versions_are_listed_in_pages_of_any_size(s3: Any, bucket: str) -> None:
    configure(s3, bucket, "Enabled")
    for key in ("a", "b", "b/c"):
        for number in range(3):
            put(s3, bucket, f"{number}".encode(), key)
        s3.delete_object(Bucket=bucket, Key=key)
    whole = s3.list_object_versions(Bucket=bucket)
    expected = [(row["Key"], row["VersionId"]) for row in whole["Versions"]]
    markers = [(row["Key"], row["VersionId"]) for row in whole["DeleteMarkers"]]
    assert (len(expected), len(markers)) == (9, 3)
    for size in (1, 2, 3, 4, 5, 12):
        pages = list(s3.get_paginator("list_object_versions").paginate(Bucket=bucket, MaxKeys=size))
        assert [(row["Key"], row["VersionId"]) for page in pages for row in page.get("Versions", [])] == expected
        assert [(row["Key"], row["VersionId"]) for page in pages for row in page.get("DeleteMarkers", [])] == markers
        latest = [row["Key"] for page in pages for row in page.get("DeleteMarkers", []) if row["IsLatest"]]
        assert latest == ["a", "b", "b/c"]


def test_delete_objects_removes_versions_and_makes_markers(s3: Any, bucket: str) -> None:
    configure(s3, bucket, "Enabled")
    first, second = put(s3, bucket, b"1"), put(s3, bucket, b"2")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": first}, {"Key": "k"}]})
    removed, marked = answer["Deleted"]
    assert (removed["VersionId"], "DeleteMarker" in removed) == (first, False)
    assert marked["DeleteMarker"] is True
    assert marked["DeleteMarkerVersionId"]
    assert {version for version, _ in history(s3, bucket)} == {second, marked["DeleteMarkerVersionId"]}
    assert refused(s3.delete_bucket, Bucket=bucket) == (409, "BucketNotEmpty")


def test_a_version_that_is_not_there_is_404(s3: Any, bucket: str) -> None:
    configure(s3, bucket, "Enabled")
    version = put(s3, bucket, b"body")
    for absent in ("null", "0" * 20):
        assert refused(s3.get_object, Bucket=bucket, Key="k", VersionId=absent) == (404, "NoSuchVersion")
    assert refused(s3.get_object, Bucket=bucket, Key="other", VersionId=version) == (404, "NoSuchVersion")


@pytest.mark.parametrize("version", ["nonsense", "../x", "0" * 21, "NULL"])
def test_a_version_that_never_could_be_is_400(s3: Any, bucket: str, version: str) -> None:
    put_at = s3.put_object(Bucket=bucket, Key="k", Body=b"body")
    for operation in (s3.get_object, s3.delete_object):
        assert refused(operation, Bucket=bucket, Key="k", VersionId=version) == (400, "InvalidArgument")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": version}]})
    assert [(one["Key"], one["VersionId"], one["Code"]) for one in answer["Errors"]] == [
        ("k", version, "NoSuchVersion")
    ]
    assert s3.head_object(Bucket=bucket, Key="k")["ETag"] == put_at["ETag"]


def test_the_life_of_a_bucket(s3: Any, bucket: str) -> None:
    head = s3.head_bucket(Bucket=bucket)
    assert head["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    again = s3.create_bucket(Bucket=bucket)
    assert again["Location"] == f"/{bucket}"
    s3.put_object(Bucket=bucket, Key="k")
    assert refused(s3.delete_bucket, Bucket=bucket) == (409, "BucketNotEmpty")
    s3.delete_object(Bucket=bucket, Key="k")
    assert s3.delete_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(s3.head_bucket, Bucket=bucket) == (404, "404")
    assert refused(s3.delete_bucket, Bucket=bucket) == (404, "NoSuchBucket")
    assert refused(s3.list_objects_v2, Bucket=bucket) == (404, "NoSuchBucket")
    assert refused(s3.put_object, Bucket=bucket, Key="k") == (404, "NoSuchBucket")
    s3.create_bucket(Bucket=bucket)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_buckets_of_every_configured_region(endpoint: Endpoint, s3: Any, bucket: str) -> None:
    name = f"{bucket}-eu"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-central-1"
    assert s3.head_bucket(Bucket=name)["BucketRegion"] == "eu-central-1"
    asked = {"LocationConstraint": "ap-south-1"}
    status = refused(s3.create_bucket, Bucket=f"{bucket}-ap", CreateBucketConfiguration=asked)
    assert status == (400, "InvalidLocationConstraint")
    s3.create_bucket(Bucket=f"{bucket}-us", CreateBucketConfiguration={"LocationConstraint": "us-east-1"})


SELECTED: dict[str, Any] = {"InputSerialization": {"CSV": {}}, "OutputSerialization": {"CSV": {}}}


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("put_bucket_website", {"WebsiteConfiguration": {"IndexDocument": {"Suffix": "i"}}}),
        ("put_object", {"Key": "k", "ServerSideEncryption": "aws:kms:dsse"}),
        ("put_object", {"Key": "k", "GrantWriteACP": "id=1", "SSEKMSEncryptionContext": "e30="}),
        ("restore_object", {"Key": "k", "RestoreRequest": {"Days": 1}}),
        ("select_object_content", {"Key": "k", "Expression": "select 1", "ExpressionType": "SQL"} | SELECTED),
    ],
)
def test_what_does_not_exist_here_is_refused_and_not_ignored(
    s3: Any, bucket: str, operation: str, fields: dict[str, Any]
) -> None:
    assert refused(getattr(s3, operation), Bucket=bucket, **fields) == (501, "NotImplemented")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_an_acl_other_than_the_default_is_not_supported(s3: Any, bucket: str) -> None:
    answer = refused(s3.put_object, Bucket=bucket, Key="k", ACL="public-read")
    assert answer == (400, "AccessControlListNotSupported")
    s3.put_object(Bucket=bucket, Key="k", ACL="private")


def test_the_versioning_header_of_this_store(endpoint: Endpoint, bucket: str) -> None:
    client = client_of(endpoint)

    def add(request: Any, **_: Any) -> None:
        request.headers["x-seglake-versioning"] = "enabled"

    client.meta.events.register("before-sign.s3.CreateBucket", add)
    client.create_bucket(Bucket=f"{bucket}-versioned")
    assert client.get_bucket_versioning(Bucket=f"{bucket}-versioned")["Status"] == "Enabled"
    client.close()
