"""Tags, attributes and parts through boto3."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.test_versions import refused

TAGS = [{"Key": "b", "Value": "2"}, {"Key": "a/ü", "Value": ""}]
PART = 5 << 20


def test_tags_of_objects(s3: Any, bucket: str) -> None:
    place = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**place, Body=b"body", Tagging="b=2&a%2F%C3%BC=")
    assert s3.get_object_tagging(**place)["TagSet"] == TAGS
    assert s3.get_object(**place)["TagCount"] == 2
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == TAGS
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", TaggingDirective="REPLACE", Tagging="n=1")
    assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "n", "Value": "1"}]
    s3.put_object_tagging(**place, Tagging={"TagSet": [{"Key": "n", "Value": "2"}]})
    assert s3.get_object_tagging(**place)["TagSet"] == [{"Key": "n", "Value": "2"}]
    s3.delete_object_tagging(**place)
    assert s3.get_object_tagging(**place)["TagSet"] == []
    many = {"TagSet": [{"Key": str(n), "Value": ""} for n in range(11)]}
    assert refused(s3.put_object_tagging, **place, Tagging=many) == (400, "BadRequest")
    long = {"TagSet": [{"Key": "k" * 129, "Value": ""}]}
    assert refused(s3.put_object_tagging, **place, Tagging=long) == (400, "InvalidTag")


def test_tags_of_buckets(s3: Any, bucket: str) -> None:
    assert refused(s3.get_bucket_tagging, Bucket=bucket) == (404, "NoSuchTagSet")
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": TAGS})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == TAGS
    s3.delete_bucket_tagging(Bucket=bucket)
    assert refused(s3.get_bucket_tagging, Bucket=bucket) == (404, "NoSuchTagSet")


@pytest.mark.parametrize("algorithm", [None, "SHA256", "CRC32"])
def test_parts_and_attributes_of_an_upload(s3: Any, bucket: str, algorithm: str | None) -> None:
    chosen = {} if algorithm is None else {"ChecksumAlgorithm": algorithm}
    place = {"Bucket": bucket, "Key": "big"}
    upload = s3.create_multipart_upload(**place, Tagging="up=1", **chosen)["UploadId"]
    bodies, named, sums = [b"a" * PART, b"b" * 10], [], []
    for number, body in enumerate(bodies, 1):
        part = s3.upload_part(**place, UploadId=upload, PartNumber=number, Body=body, **chosen)
        checksum = {name: value for name, value in part.items() if name == f"Checksum{algorithm}"}
        named.append({"PartNumber": number, "ETag": part["ETag"], **checksum})
        sums.append(checksum)
    done = s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": named})
    assert s3.get_object_tagging(**place)["TagSet"] == [{"Key": "up", "Value": "1"}]
    wanted = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    got = s3.get_object_attributes(**place, ObjectAttributes=wanted)
    assert (f'"{got["ETag"]}"', got["ObjectSize"], got["StorageClass"]) == (done["ETag"], PART + 10, "STANDARD")
    assert got["ObjectParts"]["TotalPartsCount"] == 2
    if algorithm is None:
        assert "Parts" not in got["ObjectParts"]
    else:
        assert got["Checksum"][f"Checksum{algorithm}"] == done[f"Checksum{algorithm}"]
        sizes = [{"PartNumber": n, "Size": len(body), **sums[n - 1]} for n, body in enumerate(bodies, 1)]
        assert got["ObjectParts"]["Parts"] == sizes
        assert got["ObjectParts"]["IsTruncated"] is False
    for number, body in enumerate(bodies, 1):
        part = s3.get_object(**place, PartNumber=number, ChecksumMode="ENABLED")
        assert part["Body"].read() == body, "read and, where there is a checksum, verified by the SDK"
        assert (part["PartsCount"], part["ResponseMetadata"]["HTTPStatusCode"]) == (2, 206)
        assert {name: value for name, value in part.items() if name == f"Checksum{algorithm}"} == sums[number - 1]
    assert refused(s3.get_object, **place, PartNumber=3) == (416, "InvalidPartNumber")
    assert s3.head_object(**place, PartNumber=1)["ContentLength"] == PART
