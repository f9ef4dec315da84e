"""Presigned URLs made by boto3 and fetched by a client that knows nothing of S3; and both ways to name a bucket."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from seglake.adapters.s3_protocol.signing import presign
from tests.integration.conftest import client_of
from tests.integration.endpoint import Endpoint


def fetch(
    url: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """One plain HTTP request."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


@pytest.fixture(params=["path", "virtual"])
def signing(request: pytest.FixtureRequest, endpoint: Endpoint) -> Iterator[Any]:
    """A client that addresses buckets in one of both styles; ``*.localhost`` is this machine."""
    url = f"http://localhost:{endpoint.port}" if request.param == "virtual" else ""
    client = client_of(endpoint, url=url, s3={"addressing_style": request.param}, signature_version="s3v4")
    yield client
    client.close()


@pytest.mark.parametrize("key", ["plain", "with space+and%", "ü/ä//..", "a?b#c&d=e"])
def test_put_get_head_and_delete_by_url(signing: Any, s3: Any, bucket: str, key: str, resolved: None) -> None:
    named = {"Bucket": bucket, "Key": key}
    status, headers, _ = fetch(signing.generate_presigned_url("put_object", named), "PUT", b"by url")
    assert (status, headers["ETag"]) == (200, s3.head_object(**named)["ETag"])
    status, headers, body = fetch(signing.generate_presigned_url("get_object", named))
    assert (status, body, headers["Content-Length"]) == (200, b"by url", "6")
    status, headers, body = fetch(signing.generate_presigned_url("head_object", named), "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", "6")
    status, _, body = fetch(signing.generate_presigned_url("list_objects_v2", {"Bucket": bucket}))
    assert status == 200
    assert b"<KeyCount>1</KeyCount>" in body
    assert fetch(signing.generate_presigned_url("delete_object", named), "DELETE")[0] == 204
    assert fetch(signing.generate_presigned_url("get_object", named))[0] == 404


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """``something.localhost`` is this machine, whatever the resolver of the system thinks."""
    real = socket.getaddrinfo

    def local(host: Any, *rest: Any, **more: Any) -> Any:
        return real("127.0.0.1" if str(host).endswith("localhost") else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", local)


def test_multipart_by_url(signing: Any, s3: Any, bucket: str, resolved: None) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    named = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    status, headers, _ = fetch(signing.generate_presigned_url("upload_part", {**named, "PartNumber": 1}), "PUT", b"x")
    assert status == 200
    xml = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{headers['ETag']}</ETag></Part>"
    url = signing.generate_presigned_url("complete_multipart_upload", named)
    status, _, body = fetch(url, "POST", f"{xml}</CompleteMultipartUpload>".encode())
    assert status == 200, body
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_signed_headers_must_be_sent_as_signed(signing: Any, s3: Any, bucket: str, resolved: None) -> None:
    fields = {"Bucket": bucket, "Key": "k", "ContentType": "text/plain", "Metadata": {"a": "1"}}
    url = signing.generate_presigned_url("put_object", fields)
    assert fetch(url, "PUT", b"x", {"content-type": "text/html"})[0] == 403
    assert fetch(url, "PUT", b"x")[0] == 403
    status, _, body = fetch(url, "PUT", b"x", {"content-type": "text/plain", "x-amz-meta-a": "1"})
    assert status == 200, body
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"a": "1"}


def test_response_overrides_are_part_of_the_signature(signing: Any, s3: Any, bucket: str, resolved: None) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    fields = {"Bucket": bucket, "Key": "k", "ResponseContentDisposition": 'attachment; filename="ü b.txt"'}
    url = signing.generate_presigned_url("get_object", fields)
    assert fetch(url)[0] == 200
    assert fetch(url.replace("attachment", "inline"))[0] == 403


def test_an_expired_url_says_so(endpoint: Endpoint, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    now = int(time.time())
    target = f"/{bucket}/k"
    for begun, expires_s, status in ((now - 3600, 3700, 200), (now - 3600, 3599, 403), (now - 8 * 86400, 604800, 403)):
        url = presign(endpoint.signer, "GET", target, {"host": endpoint.host}, now=begun, expires_s=expires_s)
        answer = fetch(f"http://{endpoint.host}{url}")
        assert answer[0] == status
        if status == 403:
            assert b"<Code>AccessDenied</Code>" in answer[2]
            assert b"expired" in answer[2]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD"])
def test_a_url_is_good_for_its_own_method_only(signing: Any, s3: Any, bucket: str, method: str, resolved: None) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    url = signing.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
    assert fetch(url, method, b"y" if method == "PUT" else None)[0] == 403
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_a_url_of_the_old_signature_is_refused_clearly(endpoint: Endpoint, bucket: str) -> None:
    old = client_of(endpoint, signature_version="s3")
    status, _, body = fetch(old.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"}))
    old.close()
    assert status == 400
    assert b"<Code>InvalidRequest</Code>" in body
    assert b"Signature Version 2" in body
    assert b"signature_version='s3v4'" in body


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_both_ways_to_name_a_bucket(endpoint: Endpoint, s3: Any, bucket: str, style: str, resolved: None) -> None:
    url = f"http://localhost:{endpoint.port}"
    client = client_of(endpoint, url=url, s3={"addressing_style": style})
    client.put_object(Bucket=bucket, Key="a/b", Body=b"x")
    assert client.get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"x"
    assert [one["Key"] for one in client.list_objects_v2(Bucket=bucket)["Contents"]] == ["a/b"]
    client.create_bucket(Bucket=f"{bucket}-{style}")
    client.head_bucket(Bucket=f"{bucket}-{style}")
    client.copy_object(Bucket=f"{bucket}-{style}", Key="k", CopySource={"Bucket": bucket, "Key": "a/b"})
    client.delete_object(Bucket=f"{bucket}-{style}", Key="k")
    client.delete_bucket(Bucket=f"{bucket}-{style}")
    with pytest.raises(ClientError) as failed:
        client.head_bucket(Bucket=f"{bucket}-{style}")
    assert failed.value.response["Error"]["Code"] == "404"
    client.close()


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1", "mars-north-1"])
def test_a_region_is_accepted_or_the_right_one_is_named(endpoint: Endpoint, bucket: str, region: str) -> None:
    """boto3 signs again for the region that the refusal names, so a wrong one costs it a round trip."""
    client = client_of(Endpoint(endpoint.port, endpoint.data_dir, endpoint.pid, region=region))
    answers: list[int] = []
    client.meta.events.register(
        "response-received.s3", lambda **seen: answers.append(seen["response_dict"]["status_code"])
    )
    client.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert answers[-1] == 200 if region != "mars-north-1" else 400 in answers
    client.close()
