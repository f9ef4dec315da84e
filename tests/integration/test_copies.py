"""Copies through boto3: directives, conditions, versions, ranges, and the rule about copying onto oneself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

MIB = 1 << 20


def refused(call: Any, **fields: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as failed:
        call(**fields)
    response = failed.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@pytest.fixture
def source(s3: Any, bucket: str) -> dict[str, str]:
    s3.put_object(
        Bucket=bucket, Key="source", Body=b"the body", Metadata={"a": "1"}, ContentType="text/plain", CacheControl="x"
    )
    return {"Bucket": bucket, "Key": "source"}


def test_a_copy_has_the_bytes_and_the_metadata(s3: Any, bucket: str, source: dict[str, str]) -> None:
    answer = s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)["CopyObjectResult"]
    original, copy = s3.head_object(**source), s3.get_object(Bucket=bucket, Key="copy")
    assert copy["Body"].read() == b"the body"
    assert answer["ETag"] == copy["ETag"] == original["ETag"]
    assert answer["LastModified"] >= original["LastModified"]
    assert (copy["Metadata"], copy["ContentType"], copy["CacheControl"]) == ({"a": "1"}, "text/plain", "x")


def test_replacing_metadata_replaces_all_of_it(s3: Any, bucket: str, source: dict[str, str]) -> None:
    s3.copy_object(
        Bucket=bucket,
        Key="copy",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"b": "2"},
        ContentType="c/d",
    )
    copy = s3.get_object(Bucket=bucket, Key="copy")
    assert copy["Body"].read() == b"the body"
    assert (copy["Metadata"], copy["ContentType"]) == ({"b": "2"}, "c/d")
    assert "CacheControl" not in copy


def test_copying_ignores_new_metadata_without_the_directive(s3: Any, bucket: str, source: dict[str, str]) -> None:
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, Metadata={"b": "2"})
    assert s3.head_object(Bucket=bucket, Key="copy")["Metadata"] == {"a": "1"}


def test_a_copy_onto_itself_must_change_something(s3: Any, source: dict[str, str]) -> None:
    assert refused(s3.copy_object, **source, CopySource=source) == (400, "InvalidRequest")
    s3.copy_object(**source, CopySource=source, MetadataDirective="REPLACE", Metadata={"new": "1"})
    assert s3.head_object(**source)["Metadata"] == {"new": "1"}
    s3.copy_object(**source, CopySource=source, StorageClass="STANDARD_IA")
    head = s3.head_object(**source)
    assert (head["StorageClass"], head["Metadata"]) == ("STANDARD_IA", {"new": "1"})
    assert s3.get_object(**source)["Body"].read() == b"the body"


def test_a_copy_between_buckets_survives_its_source(s3: Any, bucket: str, source: dict[str, str]) -> None:
    other = f"{bucket}-other"
    s3.create_bucket(Bucket=other)
    s3.copy_object(Bucket=other, Key="copy", CopySource=source)
    s3.delete_object(**source)
    assert s3.get_object(Bucket=other, Key="copy")["Body"].read() == b"the body"


def test_conditions_on_the_source(s3: Any, bucket: str, source: dict[str, str]) -> None:
    etag = s3.head_object(**source)["ETag"]
    before, after = datetime(2001, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
    good: list[dict[str, Any]] = [
        {"CopySourceIfMatch": etag},
        {"CopySourceIfNoneMatch": '"other"'},
        {"CopySourceIfModifiedSince": before},
        {"CopySourceIfUnmodifiedSince": after},
        {"CopySourceIfMatch": etag, "CopySourceIfUnmodifiedSince": before},
    ]
    bad: list[dict[str, Any]] = [
        {"CopySourceIfMatch": '"other"'},
        {"CopySourceIfNoneMatch": etag},
        {"CopySourceIfUnmodifiedSince": before},
        {"CopySourceIfNoneMatch": etag, "CopySourceIfModifiedSince": before},
    ]
    for conditions in bad:
        asked = {"Bucket": bucket, "Key": "copy", "CopySource": source, **conditions}
        assert refused(s3.copy_object, **asked) == (412, "PreconditionFailed"), conditions
    assert refused(s3.head_object, Bucket=bucket, Key="copy")[0] == 404
    for conditions in good:
        s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, **conditions)


def test_conditions_on_the_destination(s3: Any, bucket: str, source: dict[str, str]) -> None:
    asked = {"Bucket": bucket, "Key": "copy", "CopySource": source}
    s3.copy_object(**asked, IfNoneMatch="*")
    assert refused(s3.copy_object, **asked, IfNoneMatch="*") == (412, "PreconditionFailed")
    assert refused(s3.copy_object, **asked, IfMatch='"other"') == (412, "PreconditionFailed")
    s3.copy_object(**asked, IfMatch=s3.head_object(Bucket=bucket, Key="copy")["ETag"])


def test_an_older_version_is_copied(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=bucket, Key="k", Body=b"old")["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"new")
    answer = s3.copy_object(Bucket=bucket, Key="k", CopySource={"Bucket": bucket, "Key": "k", "VersionId": old})
    assert answer["CopySourceVersionId"] == old
    assert answer["VersionId"] not in (old, None)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"old"
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    gone = {"Bucket": bucket, "Key": "k"}
    assert refused(s3.copy_object, Bucket=bucket, Key="c", CopySource=gone) == (404, "NoSuchKey")
    gone["VersionId"] = marker
    assert refused(s3.copy_object, Bucket=bucket, Key="c", CopySource=gone) == (400, "InvalidRequest")


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
def test_a_copy_may_ask_for_another_checksum(s3: Any, bucket: str, source: dict[str, str], algorithm: str) -> None:
    original = s3.put_object(Bucket=bucket, Key="known", Body=b"the body", ChecksumAlgorithm=algorithm)
    s3.put_object(**source, Body=b"the body", ChecksumAlgorithm="CRC64NVME")
    answer = s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, ChecksumAlgorithm=algorithm)
    field = f"Checksum{algorithm}"
    assert answer["CopyObjectResult"][field] == original[field]
    assert s3.head_object(Bucket=bucket, Key="copy", ChecksumMode="ENABLED")[field] == original[field]


def test_parts_are_copied_whole_and_in_ranges(s3: Any, bucket: str) -> None:
    body = bytes(range(256)) * (12 * MIB // 256)
    s3.put_object(Bucket=bucket, Key="source", Body=body)
    source = {"Bucket": bucket, "Key": "source"}
    begun = s3.create_multipart_upload(Bucket=bucket, Key="target")
    upload = {"Bucket": bucket, "Key": "target", "UploadId": begun["UploadId"]}
    spans = [(100, 6 * MIB + 99), (5, 5 * MIB + 4), (12 * MIB - 1, 12 * MIB - 1)]
    parts = []
    for number, (first, last) in enumerate(spans, start=1):
        answer = s3.upload_part_copy(
            **upload, PartNumber=number, CopySource=source, CopySourceRange=f"bytes={first}-{last}"
        )
        parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
        assert answer["CopyPartResult"]["LastModified"]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    expected = b"".join(body[first : last + 1] for first, last in spans)
    assert s3.get_object(Bucket=bucket, Key="target")["Body"].read() == expected


@pytest.mark.parametrize("span", ["bytes=0-8", "bytes=5-4", "bytes=-3", "bytes=3-", "0-3", "bytes=0-1,3-4"])
def test_a_copied_range_must_lie_in_the_source(s3: Any, bucket: str, source: dict[str, str], span: str) -> None:
    begun = s3.create_multipart_upload(Bucket=bucket, Key="target")
    asked = {"Bucket": bucket, "Key": "target", "UploadId": begun["UploadId"], "PartNumber": 1}
    assert refused(s3.upload_part_copy, **asked, CopySource=source, CopySourceRange=span) == (400, "InvalidArgument")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("no-such-bucket/k", (404, "NoSuchBucket")),
        ("{bucket}/absent", (404, "NoSuchKey")),
        ("{bucket}/source?versionId=nonsense", (400, "InvalidArgument")),
        ("{bucket}/source?versionId=00000000000000000000", (404, "NoSuchVersion")),
        ("{bucket}", (400, "InvalidArgument")),
        ("arn:aws:s3:us-east-1:123456789012:accesspoint/a/object/k", (501, "NotImplemented")),
    ],
)
def test_sources_that_cannot_be_copied(s3: Any, bucket: str, source: dict[str, str], text: str, answer: Any) -> None:
    asked = text.replace("{bucket}", bucket)
    assert refused(s3.copy_object, Bucket=bucket, Key="copy", CopySource=asked) == answer
    assert refused(s3.head_object, Bucket=bucket, Key="copy")[0] == 404


def test_odd_source_keys_in_every_spelling(s3: Any, bucket: str) -> None:
    for key in ("a b", "a+b", "100%", "ü/?#&=", "%41", "//x//", "new\nline"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
        s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
        assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == key.encode()
