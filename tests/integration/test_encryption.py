"""Encryption as boto3 uses it, against the real server, and what lies on its disk."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.conftest import client_of
from tests.integration.endpoint import Endpoint, running_server

KEY, OTHER = b"0123456789abcdef" * 2, b"fedcba9876543210" * 2
TEXT = b64encode(KEY).decode()
MD5 = b64encode(md5(KEY, usedforsecurity=False).digest()).decode()
CUSTOMER = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": KEY}
WRONG = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": OTHER}
SOURCE = {"CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": KEY}
MARK = b"marked plaintext "
LARGE = MARK * 600_000
PART = 5 << 20

ASKED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"ServerSideEncryption": "AES256"}, {}),
    ({"ServerSideEncryption": "aws:kms", "BucketKeyEnabled": True}, {}),
    (CUSTOMER, CUSTOMER),
]


def _refusal(call: Any, **arguments: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@pytest.mark.parametrize(("put", "get"), ASKED)
def test_put_get_head_ranges_and_copy(s3: Any, bucket: str, put: dict[str, Any], get: dict[str, Any]) -> None:
    for key, body in (("small", b"small"), ("empty", b""), ("large", LARGE)):
        answer = s3.put_object(Bucket=bucket, Key=key, Body=body, **put)
        assert answer.get("ServerSideEncryption") == put.get("ServerSideEncryption")
        assert s3.get_object(Bucket=bucket, Key=key, **get)["Body"].read() == body
        head = s3.head_object(Bucket=bucket, Key=key, **get)
        assert (head["ContentLength"], head["ETag"]) == (len(body), answer["ETag"])
        copied = {"Bucket": bucket, "Key": "copy", "CopySource": {"Bucket": bucket, "Key": key}}
        s3.copy_object(**copied, **put, **(SOURCE if get else {}))
        assert s3.get_object(Bucket=bucket, Key="copy", **get)["Body"].read() == body
        s3.copy_object(**copied, **(SOURCE if get else {}))
        assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == body
    at = (4 << 20) - 40
    ranged = s3.get_object(Bucket=bucket, Key="large", Range=f"bytes={at}-{at + 79}", **get)
    assert ranged["Body"].read() == LARGE[at : at + 80]
    # For this operation botocore sends the key as it is given, and leaves its MD5 to the caller.
    encoded = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": TEXT, "SSECustomerKeyMD5": MD5} if get else {}
    sizes = s3.get_object_attributes(Bucket=bucket, Key="large", ObjectAttributes=["ObjectSize"], **encoded)
    assert sizes["ObjectSize"] == len(LARGE)


@pytest.mark.parametrize(("put", "get"), ASKED)
def test_multipart(s3: Any, bucket: str, put: dict[str, Any], get: dict[str, Any]) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big", **put)["UploadId"]
    named = {"Bucket": bucket, "Key": "big", "UploadId": upload}
    s3.put_object(Bucket=bucket, Key="source", Body=LARGE)
    first = s3.upload_part(**named, PartNumber=1, Body=LARGE[:PART], **get)
    copied = s3.upload_part_copy(
        **named,
        PartNumber=2,
        CopySource={"Bucket": bucket, "Key": "source"},
        CopySourceRange=f"bytes=7-{PART + 6}",
        **get,
    )
    last = s3.upload_part(**named, PartNumber=3, Body=b"last", **get)
    if get:
        assert _refusal(s3.upload_part, **named, PartNumber=4, Body=b"x") == (400, "InvalidRequest")
        assert _refusal(s3.upload_part, **named, PartNumber=4, Body=b"x", **WRONG) == (400, "InvalidRequest")
    etags = [first["ETag"], copied["CopyPartResult"]["ETag"], last["ETag"]]
    listed = s3.list_parts(**named)["Parts"]
    assert [part["ETag"] for part in listed] == etags
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]
    s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    whole = LARGE[:PART] + LARGE[7 : PART + 7] + b"last"
    assert s3.get_object(Bucket=bucket, Key="big", **get)["Body"].read() == whole
    assert s3.get_object(Bucket=bucket, Key="big", PartNumber=3, **get)["Body"].read() == b"last"


def test_a_customers_object_opens_to_its_key_alone(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=LARGE, **CUSTOMER)
    assert _refusal(s3.get_object, Bucket=bucket, Key="key") == (400, "InvalidRequest")
    assert _refusal(s3.get_object, Bucket=bucket, Key="key", **WRONG) == (403, "AccessDenied")
    assert _refusal(s3.head_object, Bucket=bucket, Key="key", **WRONG)[0] == 403
    s3.put_object(Bucket=bucket, Key="plain", Body=b"x")
    assert _refusal(s3.get_object, Bucket=bucket, Key="plain", **CUSTOMER) == (400, "InvalidRequest")


def test_a_buckets_default(s3: Any, bucket: str) -> None:
    missing = (404, "ServerSideEncryptionConfigurationNotFoundError")
    assert _refusal(s3.get_bucket_encryption, Bucket=bucket) == missing
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"] == [rule]
    answer = s3.put_object(Bucket=bucket, Key="key", Body=b"x")
    assert (answer["ServerSideEncryption"], answer["BucketKeyEnabled"]) == ("aws:kms", True)
    s3.delete_bucket_encryption(Bucket=bucket)
    assert _refusal(s3.get_bucket_encryption, Bucket=bucket) == missing
    assert "ServerSideEncryption" not in s3.put_object(Bucket=bucket, Key="key", Body=b"x")


@pytest.fixture
def encrypting(tmp_path: Path) -> Iterator[Endpoint]:
    """A server that encrypts everything."""
    with running_server(tmp_path / "data", "--default-encryption", "AES256", "--reserve", "0") as running:
        yield running


def test_nothing_of_an_encrypted_object_lies_on_the_disk(encrypting: Endpoint) -> None:
    client = client_of(encrypting)
    try:
        client.create_bucket(Bucket="bucket")
        default = client.get_bucket_encryption(Bucket="bucket")["ServerSideEncryptionConfiguration"]["Rules"]
        assert default[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        for key, body in (("small", MARK), ("large", LARGE)):
            assert client.put_object(Bucket="bucket", Key=key, Body=body)["ServerSideEncryption"] == "AES256"
            client.put_object(Bucket="bucket", Key=f"{key}-c", Body=body, **CUSTOMER)
        for key, body in (("small", MARK), ("large", LARGE)):
            assert client.get_object(Bucket="bucket", Key=key)["Body"].read() == body
    finally:
        client.close()
    seen = 0
    for folder, _, names in os.walk(encrypting.data_dir):
        for name in names:
            data = (Path(folder) / name).read_bytes() if not name.endswith(".sock") else b""
            seen += len(data)
            assert MARK not in data, name
            assert KEY not in data, name
    assert seen > 2 * len(LARGE)
