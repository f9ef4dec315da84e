"""POST policies as boto3 makes them, sent by a client that knows nothing of S3 but HTML forms."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.conftest import client_of
from tests.integration.endpoint import Endpoint
from tests.unit.adapters.http_s3.forms import BOUNDARY, encode


@pytest.fixture(params=["us-east-1", "eu-central-1"])
def signing(request: pytest.FixtureRequest, endpoint: Endpoint) -> Iterator[Any]:
    """boto3 with Signature Version 4: in us-east-1 it must be asked for it."""
    region = request.param
    config: dict[str, Any] = {"signature_version": "s3v4"} if region == "us-east-1" else {}
    client = client_of(replace(endpoint, region=region), **config)
    yield client
    client.close()


def submit(post: dict[str, Any], content: bytes, **more: Any) -> tuple[int, http.client.HTTPMessage, bytes]:
    """What a browser does with a form."""
    parts = urlsplit(post["url"])
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    body = encode(post["fields"], content, **more)
    try:
        connection.request(
            "POST", parts.path, body=body, headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        )
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_a_presigned_post_stores_what_it_allows(signing: Any, s3: Any, bucket: str) -> None:
    fields = {"Content-Type": "text/plain", "x-amz-meta-a": "1", "tagging": "<Tagging><TagSet/></Tagging>"}
    conditions = [{name: value} for name, value in fields.items()]
    post = signing.generate_presigned_post(
        bucket, "up/${filename}", fields, [*conditions, ["content-length-range", 1, 10]]
    )
    status, headers, _ = submit(post, b"0123456789", file_name="ü.txt")
    assert status == 204
    got = s3.get_object(Bucket=bucket, Key="up/ü.txt")
    assert (got["Body"].read(), got["ETag"]) == (b"0123456789", headers["ETag"])
    assert (got["ContentType"], got["Metadata"]) == ("text/plain", {"a": "1"})
    for content, code in ((b"", b"EntityTooSmall"), (b"0123456789a", b"EntityTooLarge")):
        status, _, answer = submit(post, content, file_name="other")
        assert status == 400
        assert code in answer
    post["fields"]["x-amz-meta-a"] = "2"
    status, _, answer = submit(post, b"0123456789", file_name="other")
    assert status == 403
    assert b"Policy Condition failed" in answer
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["up/ü.txt"]


def test_a_large_file_is_streamed(signing: Any, s3: Any, bucket: str) -> None:
    post = signing.generate_presigned_post(bucket, "big")
    content = bytes(range(256)) * 80_000
    assert submit(post, content)[0] == 204
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == content


def test_an_expired_post_is_refused(signing: Any, s3: Any, bucket: str) -> None:
    post = signing.generate_presigned_post(bucket, "k", ExpiresIn=-1)
    status, _, answer = submit(post, b"x")
    assert status == 403
    assert b"Policy expired" in answer


def test_version_2_is_refused_with_advice(s3: Any, bucket: str) -> None:
    post = s3.generate_presigned_post(bucket, "k")
    if "signature" not in post["fields"]:
        pytest.skip("this boto3 does not presign with Signature Version 2 any more")
    status, _, answer = submit(post, b"x")
    assert status == 400
    assert b"signature_version" in answer
