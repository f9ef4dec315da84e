"""Multipart uploads through boto3: parts, order, sizes, repeats, and what must be refused."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

MIB = 1 << 20


def begin(s3: Any, bucket: str, key: str = "k", **fields: Any) -> dict[str, str]:
    answer = s3.create_multipart_upload(Bucket=bucket, Key=key, **fields)
    assert (answer["Bucket"], answer["Key"]) == (bucket, key)
    return {"Bucket": bucket, "Key": key, "UploadId": answer["UploadId"]}


def send(s3: Any, upload: dict[str, str], number: int, body: bytes) -> dict[str, Any]:
    etag = s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]
    assert etag == f'"{hashlib.md5(body).hexdigest()}"'
    return {"PartNumber": number, "ETag": etag}


def complete(s3: Any, upload: dict[str, str], parts: list[dict[str, Any]], **conditions: Any) -> Any:
    return s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **conditions)


def refused(call: Any, *arguments: Any, **fields: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as failed:
        call(*arguments, **fields)
    response = failed.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def test_a_whole_upload(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket, "dir/k ü", Metadata={"a": "1"}, ContentType="text/plain", CacheControl="no-cache")
    bodies = {7: b"a" * (5 * MIB), 2: b"b" * (6 * MIB), 9000: b"end"}
    parts = {number: send(s3, upload, number, body) for number, body in bodies.items()}
    listed = s3.list_parts(**upload)
    assert [(one["PartNumber"], one["Size"], one["ETag"]) for one in listed["Parts"]] == [
        (number, len(bodies[number]), parts[number]["ETag"]) for number in sorted(bodies)
    ]
    assert listed["StorageClass"] == "STANDARD"
    assert len(listed["Owner"]["ID"]) == len(listed["Initiator"]["ID"]) == 64
    in_order = [parts[number] for number in sorted(parts)]
    answer = complete(s3, upload, in_order)
    md5s = b"".join(hashlib.md5(bodies[number]).digest() for number in sorted(bodies))
    assert answer["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-3"'
    assert (answer["Bucket"], answer["Key"]) == (bucket, "dir/k ü")
    assert answer["Location"].endswith(f"/{bucket}/dir/k%20%C3%BC")
    got = s3.get_object(Bucket=bucket, Key="dir/k ü")
    assert got["Body"].read() == b"".join(bodies[number] for number in sorted(bodies))
    assert (got["ETag"], got["Metadata"], got["ContentType"]) == (answer["ETag"], {"a": "1"}, "text/plain")
    assert got["CacheControl"] == "no-cache"
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    assert refused(s3.list_parts, **upload) == (404, "NoSuchUpload")
    assert complete(s3, upload, in_order)["ETag"] == answer["ETag"], "a repeated completion answers as the first"


def test_parts_are_listed_in_pages(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    for number in range(1, 8):
        send(s3, upload, number, b"x" * number)
    for size in (1, 2, 3, 7, 1000):
        pages = list(s3.get_paginator("list_parts").paginate(**upload, PaginationConfig={"PageSize": size}))
        assert [one["PartNumber"] for page in pages for one in page["Parts"]] == list(range(1, 8))
        assert all(page["IsTruncated"] == (page is not pages[-1]) for page in pages)


def test_the_last_of_two_uploads_of_a_part_counts(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    first = send(s3, upload, 1, b"first")
    second = send(s3, upload, 1, b"second")
    assert refused(complete, s3, upload, [first]) == (400, "InvalidPart")
    complete(s3, upload, [second])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"second"


def test_parts_that_are_not_named_are_left_out(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    one, _two, three = (send(s3, upload, number, bytes([64 + number]) * (5 * MIB)) for number in (1, 2, 3))
    complete(s3, upload, [one, three])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"A" * (5 * MIB) + b"C" * (5 * MIB)


def test_wrong_completions_are_refused_and_leave_the_upload(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    small = send(s3, upload, 1, b"small")
    last = send(s3, upload, 2, b"last")
    wrong_etag = {"PartNumber": 1, "ETag": '"0123456789abcdef0123456789abcdef"'}
    assert refused(complete, s3, upload, [last, small]) == (400, "InvalidPartOrder")
    assert refused(complete, s3, upload, [small, small]) == (400, "InvalidPartOrder")
    assert refused(complete, s3, upload, [small, last]) == (400, "EntityTooSmall")
    assert refused(complete, s3, upload, [wrong_etag]) == (400, "InvalidPart")
    assert refused(complete, s3, upload, [{"PartNumber": 3, "ETag": small["ETag"]}]) == (400, "InvalidPart")
    assert refused(complete, s3, upload, []) == (400, "MalformedXML")
    assert refused(complete, s3, upload, [{"PartNumber": 1}]) == (400, "MalformedXML")
    assert refused(s3.head_object, Bucket=bucket, Key="k")[0] == 404
    assert len(s3.list_parts(**upload)["Parts"]) == 2
    complete(s3, upload, [small])


def test_aborting_drops_the_upload(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    part = send(s3, upload, 1, b"x")
    assert s3.abort_multipart_upload(**upload)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(s3.abort_multipart_upload, **upload) == (404, "NoSuchUpload")
    assert refused(complete, s3, upload, [part]) == (404, "NoSuchUpload")
    assert refused(s3.upload_part, **upload, PartNumber=2, Body=b"x") == (404, "NoSuchUpload")


def test_an_upload_belongs_to_its_bucket_and_key(s3: Any, bucket: str) -> None:
    other = f"{bucket}-other"
    s3.create_bucket(Bucket=other)
    upload = begin(s3, bucket)
    part = send(s3, upload, 1, b"x")
    for stolen in ({**upload, "Key": "else"}, {**upload, "Bucket": other}, {**upload, "UploadId": "../../k"}):
        assert refused(s3.upload_part, **stolen, PartNumber=2, Body=b"x") == (404, "NoSuchUpload")
        assert refused(s3.list_parts, **stolen) == (404, "NoSuchUpload")
        assert refused(complete, s3, stolen, [part]) == (404, "NoSuchUpload")
        assert refused(s3.abort_multipart_upload, **stolen) == (404, "NoSuchUpload")
    complete(s3, upload, [part])


@pytest.mark.parametrize("number", [0, 10_001, -1])
def test_part_numbers_have_their_range(s3: Any, bucket: str, number: int) -> None:
    upload = begin(s3, bucket)
    assert refused(s3.upload_part, **upload, PartNumber=number, Body=b"x") == (400, "InvalidArgument")


def test_a_completion_may_be_conditional(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    part = send(s3, upload, 1, b"multi")
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"plain")["ETag"]
    assert refused(complete, s3, upload, [part], IfNoneMatch="*") == (412, "PreconditionFailed")
    assert refused(complete, s3, upload, [part], IfMatch='"other"') == (412, "PreconditionFailed")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"plain"
    complete(s3, upload, [part], IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"multi"


def test_boto3s_own_transfers_make_the_same_bytes(s3: Any, bucket: str) -> None:
    body = bytes(range(256)) * (21 * MIB // 256) + b"tail"
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
    s3.upload_fileobj(io.BytesIO(body), bucket, "big", Config=config, ExtraArgs={"Metadata": {"a": "1"}})
    head = s3.head_object(Bucket=bucket, Key="big")
    assert head["ETag"].endswith('-5"')
    target = io.BytesIO()
    s3.download_fileobj(bucket, "big", target, Config=config)
    assert target.getvalue() == body
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy", Config=config)
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == body


def test_a_bucket_with_an_upload_is_not_empty(s3: Any, bucket: str) -> None:
    upload = begin(s3, bucket)
    assert refused(s3.delete_bucket, Bucket=bucket) == (409, "BucketNotEmpty")
    s3.abort_multipart_upload(**upload)
    s3.delete_bucket(Bucket=bucket)
