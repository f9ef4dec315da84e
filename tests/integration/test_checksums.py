"""Every checksum algorithm through boto3: verified on the way in, kept, and verified again on the way out."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from awscrt import checksums
from botocore.exceptions import ClientError

from tests.integration.conftest import client_of
from tests.integration.endpoint import Endpoint

ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]
MIB = 1 << 20


def digest_of(algorithm: str, data: bytes) -> bytes:
    match algorithm:
        case "CRC32":
            return int(checksums.crc32(data)).to_bytes(4, "big")
        case "CRC32C":
            return int(checksums.crc32c(data)).to_bytes(4, "big")
        case "CRC64NVME":
            return int(checksums.crc64nvme(data)).to_bytes(8, "big")
        case _:
            return hashlib.new(algorithm.lower(), data).digest()


def text_of(algorithm: str, data: bytes) -> str:
    return base64.b64encode(digest_of(algorithm, data)).decode()


@pytest.mark.parametrize("size", [0, 5, 70_000, 5 * MIB])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_checksum_that_the_client_computes_is_kept(s3: Any, bucket: str, algorithm: str, size: int) -> None:
    body = b"checksum!" * (size // 9 + 1)
    body = body[:size]
    field, expected = f"Checksum{algorithm}", text_of(algorithm, body)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, ChecksumAlgorithm=algorithm)
    assert put[field] == expected
    assert put["ChecksumType"] == "FULL_OBJECT"
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[field] == expected
    assert head["ChecksumType"] == "FULL_OBJECT"
    assert field not in s3.head_object(Bucket=bucket, Key="k")
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == body
    assert got[field] == expected
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == ([algorithm], "FULL_OBJECT")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_wrong_checksum_is_refused_and_stores_nothing(s3: Any, bucket: str, algorithm: str) -> None:
    wrong = {f"Checksum{algorithm}": text_of(algorithm, b"something else")}
    with pytest.raises(ClientError) as failed:
        s3.put_object(Bucket=bucket, Key="k", Body=b"body", **wrong)
    assert failed.value.response["Error"]["Code"] == "BadDigest"
    assert text_of(algorithm, b"body") in failed.value.response["Error"]["Message"]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_without_any_checksum_crc64nvme_is_kept(endpoint: Endpoint, bucket: str) -> None:
    bare = client_of(endpoint, request_checksum_calculation="when_required")
    put = bare.put_object(Bucket=bucket, Key="k", Body=b"body")
    assert put["ChecksumCRC64NVME"] == text_of("CRC64NVME", b"body")
    bare.close()


def test_the_default_of_boto3_is_verified_on_get(s3: Any, bucket: str) -> None:
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"body")["ChecksumCRC32"] == text_of("CRC32", b"body")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["ChecksumCRC32"] == text_of("CRC32", b"body"), "boto3 asks for checksums by default"
    got["Body"].read()
    ranged = s3.get_object(Bucket=bucket, Key="k", Range="bytes=1-2")
    assert "ChecksumCRC32" not in ranged, "a part has not the checksum of the whole"
    assert ranged["Body"].read() == b"od"


def _upload(s3: Any, bucket: str, parts: list[bytes], algorithm: str, **kind: Any) -> tuple[Any, dict[str, Any]]:
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm, **kind)
    assert begun["ChecksumAlgorithm"] == algorithm
    upload = {"Bucket": bucket, "Key": "k", "UploadId": begun["UploadId"]}
    field, done = f"Checksum{algorithm}", []
    for number, part in enumerate(parts, start=1):
        answer = s3.upload_part(**upload, PartNumber=number, Body=part, ChecksumAlgorithm=algorithm)
        assert answer[field] == text_of(algorithm, part)
        done.append({"PartNumber": number, "ETag": answer["ETag"], field: answer[field]})
    listed = s3.list_parts(**upload)
    assert [one[field] for one in listed["Parts"]] == [text_of(algorithm, part) for part in parts]
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == (algorithm, begun["ChecksumType"])
    return upload, {"MultipartUpload": {"Parts": done}}


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("CRC32", None),
        ("CRC32", "COMPOSITE"),
        ("CRC32", "FULL_OBJECT"),
        ("CRC32C", None),
        ("CRC32C", "FULL_OBJECT"),
        ("CRC64NVME", None),
        ("CRC64NVME", "FULL_OBJECT"),
        ("SHA1", "COMPOSITE"),
        ("SHA1", None),
        ("SHA256", None),
    ],
)
def test_multipart_checksums_of_both_types(s3: Any, bucket: str, algorithm: str, kind: str | None) -> None:
    parts = [b"a" * (5 * MIB), b"b" * (5 * MIB + 1), b"c" * 3]
    asked = {"ChecksumType": kind} if kind else {}
    upload, completion = _upload(s3, bucket, parts, algorithm, **asked)
    whole = b"".join(parts)
    full = (kind or ("FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE")) == "FULL_OBJECT"
    composite = text_of(algorithm, b"".join(digest_of(algorithm, part) for part in parts)) + "-3"
    expected = text_of(algorithm, whole) if full else composite
    field = f"Checksum{algorithm}"
    answer = s3.complete_multipart_upload(**upload, **completion, **asked, **{field: expected})
    assert answer[field] == expected
    assert answer["ChecksumType"] == ("FULL_OBJECT" if full else "COMPOSITE")
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == whole
    assert (got[field], got["ChecksumType"]) == (expected, "FULL_OBJECT" if full else "COMPOSITE")


@pytest.mark.parametrize(("algorithm", "kind"), [("SHA1", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")])
def test_types_that_an_algorithm_cannot_have_are_refused(s3: Any, bucket: str, algorithm: str, kind: str) -> None:
    with pytest.raises(ClientError) as failed:
        s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm, ChecksumType=kind)
    assert failed.value.response["Error"]["Code"] == "InvalidRequest"
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_a_wrong_checksum_at_completion_is_refused(s3: Any, bucket: str) -> None:
    upload, completion = _upload(s3, bucket, [b"a" * 10], "CRC64NVME")
    wrong = text_of("CRC64NVME", b"other")
    with pytest.raises(ClientError) as failed:
        s3.complete_multipart_upload(**upload, **completion, ChecksumCRC64NVME=wrong)
    assert failed.value.response["Error"]["Code"] == "BadDigest"
    assert text_of("CRC64NVME", b"a" * 10) in failed.value.response["Error"]["Message"], "the object's, not the body's"
    completion["MultipartUpload"]["Parts"][0]["ChecksumCRC64NVME"] = wrong
    with pytest.raises(ClientError) as failed:
        s3.complete_multipart_upload(**upload, **completion)
    assert failed.value.response["Error"]["Code"] == "InvalidPart"
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_the_size_claimed_at_completion_is_checked(s3: Any, bucket: str) -> None:
    upload, completion = _upload(s3, bucket, [b"a" * 10], "CRC64NVME")
    with pytest.raises(ClientError) as failed:
        s3.complete_multipart_upload(**upload, **completion, MpuObjectSize=11)
    assert failed.value.response["Error"]["Code"] == "InvalidRequest"
    s3.complete_multipart_upload(**upload, **completion, MpuObjectSize=10)


def test_content_md5_is_verified(s3: Any, bucket: str) -> None:
    good = base64.b64encode(hashlib.md5(b"body").digest()).decode()
    s3.put_object(Bucket=bucket, Key="k", Body=b"body", ContentMD5=good)
    with pytest.raises(ClientError) as failed:
        s3.put_object(Bucket=bucket, Key="k", Body=b"other", ContentMD5=good)
    assert failed.value.response["Error"]["Code"] == "BadDigest"
    with pytest.raises(ClientError) as failed:
        s3.put_object(Bucket=bucket, Key="k", Body=b"other", ContentMD5="bm90IG1kNQ==")
    assert failed.value.response["Error"]["Code"] == "InvalidDigest"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"body"
