"""Objects through boto3 as it comes: what is put is what is got, with every header that AWS documents."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.conftest import client_of
from tests.integration.endpoint import Endpoint

ODD_KEYS = [
    "plain",
    "with space",
    " leading and trailing ",
    "plus+sign",
    "per%cent",
    "percent%2Fescape",
    "double//slash",
    "/leading/slash",
    "///",
    "trailing/",
    "dot/./segment",
    "dots/../segment",
    "..",
    ".",
    "../../etc/passwd",
    "emoji-\U0001f600\U0001f469‍\U0001f680",
    "umlaut-äöü",
    "umlaut-a\u0308",
    "日本語/キー",
    "quote'\"<>&",
    "back\\slash",
    "new\nline",
    "tab\tand\rreturn",
    "query?a=b&c=d",
    "hash#fragment",
    "semi;colon:at@comma,equal=",
    "brackets[]{}()|^~`!$*",
    "CASE",
    "case",
    "delete-\x7f",
    "k" * 1024,
    "é" * 512,
    "\U0001f600" * 256,
    f"{'s' * 200}/{'t' * 200}",
]


def code_of(failed: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    response = failed.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@pytest.mark.parametrize("key", ODD_KEYS, ids=lambda key: ascii(key)[:30])
def test_any_key_of_utf8_comes_back_as_it_was(s3: Any, bucket: str, key: str) -> None:
    body = key.encode() * 2
    put = s3.put_object(Bucket=bucket, Key=key, Body=body)
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(body)
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.copy_object(Bucket=bucket, Key=f"{key[:100]}-copy", CopySource={"Bucket": bucket, "Key": key})
    assert s3.get_object(Bucket=bucket, Key=f"{key[:100]}-copy")["Body"].read() == body
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"{key[:100]}-copy"}]})
    assert [one["Key"] for one in deleted["Deleted"]] == [f"{key[:100]}-copy"]
    s3.delete_object(Bucket=bucket, Key=key)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_key_that_no_xml_can_hold_lives_and_dies_by_its_url(s3: Any, bucket: str) -> None:
    key = "control-\x01\x1f"
    s3.put_object(Bucket=bucket, Key=key, Body=b"body")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"body"
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    with pytest.raises(ClientError) as failed:
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert code_of(failed) == (400, "MalformedXML")
    s3.delete_object(Bucket=bucket, Key=key)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_odd_keys_live_beside_each_other(s3: Any, bucket: str) -> None:
    for key in ODD_KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    listed = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert listed == sorted(ODD_KEYS, key=lambda key: key.encode())
    for key in ODD_KEYS:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()


@pytest.mark.parametrize("size", [0, 1, 4096, 65536, 65537, 262144, 262145, 4 << 20, (4 << 20) + 1, 9 << 20])
def test_every_size_around_the_limits_comes_back(s3: Any, bucket: str, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == body
    assert got["ContentLength"] == size
    assert got["ETag"] == put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'


def test_what_is_kept_with_an_object_comes_back_with_get_and_head(s3: Any, bucket: str) -> None:
    expires = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
    s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=b"body",
        Metadata={"color": "blue", "mixed-case": "Value With  Spaces", "empty": ""},
        ContentType="text/html; charset=utf-8",
        CacheControl="max-age=60, public",
        ContentDisposition='attachment; filename="a b.txt"',
        ContentEncoding="gzip",
        ContentLanguage="de, en",
        Expires=expires,
        WebsiteRedirectLocation="/elsewhere",
        StorageClass="STANDARD_IA",
    )
    for answer in (s3.get_object(Bucket=bucket, Key="k"), s3.head_object(Bucket=bucket, Key="k")):
        assert answer["Metadata"] == {"color": "blue", "mixed-case": "Value With  Spaces", "empty": ""}
        assert answer["ContentType"] == "text/html; charset=utf-8"
        assert answer["CacheControl"] == "max-age=60, public"
        assert answer["ContentDisposition"] == 'attachment; filename="a b.txt"'
        assert answer["ContentEncoding"] == "gzip"
        assert answer["ContentLanguage"] == "de, en"
        assert answer["ExpiresString"] == "Mon, 03 Feb 2031 04:05:06 GMT"
        assert answer["WebsiteRedirectLocation"] == "/elsewhere"
        assert answer["StorageClass"] == "STANDARD_IA"
        assert answer["AcceptRanges"] == "bytes"
        assert answer["ContentLength"] == 4
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        assert headers["server"] == "Seglake"
        assert headers["x-amz-request-id"]
        assert headers["x-amz-id-2"]
        assert headers["date"]
        assert abs((answer["LastModified"] - datetime.now(UTC)).total_seconds()) < 60
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["StorageClass"] == "STANDARD_IA"


def test_an_object_without_a_type_is_binary_and_a_standard_class_is_not_named(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    headers = s3.head_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPHeaders"]
    assert headers["content-type"] == "binary/octet-stream"
    assert "x-amz-storage-class" not in headers
    assert "x-amz-version-id" not in headers


def test_an_overwrite_replaces_everything(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"one", Metadata={"a": "1"}, ContentType="text/plain")
    s3.put_object(Bucket=bucket, Key="k", Body=b"second")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["Body"].read(), got["Metadata"], got["ContentType"]) == (b"second", {}, "binary/octet-stream")


def test_a_signed_get_may_override_response_headers(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"body", ContentType="text/plain", CacheControl="no-store")
    got = s3.get_object(
        Bucket=bucket,
        Key="k",
        ResponseContentType="application/x-other",
        ResponseCacheControl="max-age=1",
        ResponseContentDisposition="inline",
        ResponseContentEncoding="identity",
        ResponseContentLanguage="fr",
        ResponseExpires=datetime(2030, 1, 1, tzinfo=UTC),
    )
    headers = got["ResponseMetadata"]["HTTPHeaders"]
    assert headers["content-type"] == "application/x-other"
    assert headers["cache-control"] == "max-age=1"
    assert headers["content-disposition"] == "inline"
    assert headers["content-encoding"] == "identity"
    assert headers["content-language"] == "fr"
    assert "2030" in headers["expires"]


def test_what_is_not_there_is_404(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as failed:
        s3.get_object(Bucket=bucket, Key="nothing")
    assert code_of(failed) == (404, "NoSuchKey")
    assert failed.value.response["Error"]["Key"] == "nothing"
    with pytest.raises(ClientError) as failed:
        s3.head_object(Bucket=bucket, Key="nothing")
    assert code_of(failed) == (404, "404")
    with pytest.raises(ClientError) as failed:
        s3.get_object(Bucket="no-such-bucket", Key="nothing")
    assert code_of(failed) == (404, "NoSuchBucket")
    assert failed.value.response["Error"]["BucketName"] == "no-such-bucket"
    assert s3.delete_object(Bucket=bucket, Key="nothing")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_delete_objects_answers_each_key(s3: Any, bucket: str) -> None:
    keys = [f"k{number:04}" for number in range(1000)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key), keys[:40]))
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
    assert [one["Key"] for one in answer["Deleted"]] == keys
    assert "Errors" not in answer
    s3.put_object(Bucket=bucket, Key="last")
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "last"}], "Quiet": True})
    assert "Deleted" not in quiet
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_delete_objects_refuses_more_than_a_thousand(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k0")
    with pytest.raises(ClientError) as failed:
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"k{n}"} for n in range(1001)]})
    assert code_of(failed) == (400, "MalformedXML")
    s3.head_object(Bucket=bucket, Key="k0")


def test_delete_objects_decides_conditions_key_by_key(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"a")["ETag"]
    s3.put_object(Bucket=bucket, Key="b", Body=b"b")
    answer = s3.delete_objects(
        Bucket=bucket,
        Delete={
            "Objects": [{"Key": "a", "ETag": etag}, {"Key": "b", "ETag": etag}, {"Key": "c", "ETag": etag}],
        },
    )
    assert [one["Key"] for one in answer["Deleted"]] == ["a"]
    assert {one["Key"]: one["Code"] for one in answer["Errors"]} == {"b": "PreconditionFailed", "c": "NoSuchKey"}
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["b"]


def test_conditional_reads_follow_rfc_9110(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"body")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    before, after = datetime(2001, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
    accepted: list[dict[str, Any]] = [
        {"IfMatch": etag},
        {"IfMatch": "*"},
        {"IfMatch": etag, "IfUnmodifiedSince": before},
        {"IfNoneMatch": '"other"'},
        {"IfNoneMatch": '"other"', "IfModifiedSince": after},
        {"IfModifiedSince": before},
        {"IfUnmodifiedSince": after},
        {"IfUnmodifiedSince": modified},
    ]
    for conditions in accepted:
        assert s3.get_object(Bucket=bucket, Key="k", **conditions)["Body"].read() == b"body", conditions
        assert s3.head_object(Bucket=bucket, Key="k", **conditions)["ETag"] == etag
    refused: list[tuple[dict[str, Any], int]] = [
        ({"IfMatch": '"other"'}, 412),
        ({"IfUnmodifiedSince": before}, 412),
        ({"IfNoneMatch": etag}, 304),
        ({"IfNoneMatch": "*"}, 304),
        ({"IfModifiedSince": modified}, 304),
        ({"IfNoneMatch": etag, "IfModifiedSince": before}, 304),
        ({"IfMatch": '"other"', "IfNoneMatch": etag}, 412),
    ]
    for conditions, status in refused:
        for read in (s3.get_object, s3.head_object):
            with pytest.raises(ClientError) as failed:
                read(Bucket=bucket, Key="k", **conditions)
            answer = failed.value.response["ResponseMetadata"]
            assert answer["HTTPStatusCode"] == status, conditions
            if status == 304:
                assert answer["HTTPHeaders"]["etag"] == etag


def test_conditional_writes(s3: Any, bucket: str) -> None:
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    with pytest.raises(ClientError) as failed:
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    assert code_of(failed) == (412, "PreconditionFailed")
    assert failed.value.response["Error"]["Condition"] == "If-None-Match"
    with pytest.raises(ClientError) as failed:
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch='"0123"')
    assert code_of(failed) == (412, "PreconditionFailed")
    with pytest.raises(ClientError) as failed:
        s3.put_object(Bucket=bucket, Key="absent", Body=b"2", IfMatch=first)
    assert code_of(failed) == (404, "NoSuchKey")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=first)["ETag"]
    with pytest.raises(ClientError) as failed:
        s3.delete_object(Bucket=bucket, Key="k", IfMatch=first)
    assert code_of(failed) == (412, "PreconditionFailed")
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=second)
    with pytest.raises(ClientError) as failed:
        s3.delete_object(Bucket=bucket, Key="k", IfMatch="*")
    assert code_of(failed) == (404, "NoSuchKey")


def test_of_sixteen_racing_creators_exactly_one_wins(endpoint: Endpoint, bucket: str) -> None:
    clients = [client_of(endpoint) for _ in range(16)]
    barrier = threading.Barrier(16)

    def create(client: Any, number: int, round_: int) -> int:
        barrier.wait(30)
        try:
            client.put_object(Bucket=bucket, Key=f"r{round_}", Body=f"{number}".encode(), IfNoneMatch="*")
        except ClientError as error:
            return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        return 200

    with ThreadPoolExecutor(16) as pool:
        for round_ in range(8):
            asked = [pool.submit(create, client, number, round_) for number, client in enumerate(clients)]
            statuses = [one.result() for one in asked]
            assert statuses.count(200) == 1
            assert set(statuses) <= {200, 409, 412}
            winner = statuses.index(200)
            assert clients[0].get_object(Bucket=bucket, Key=f"r{round_}")["Body"].read() == f"{winner}".encode()
    for client in clients:
        client.close()


def test_of_sixteen_racing_replacers_exactly_one_wins_each_round(endpoint: Endpoint, bucket: str) -> None:
    clients = [client_of(endpoint) for _ in range(16)]
    etag = clients[0].put_object(Bucket=bucket, Key="pointer", Body=b"start")["ETag"]
    barrier = threading.Barrier(16)

    def replace(client: Any, number: int, round_: int, seen: str) -> str:
        barrier.wait(30)
        try:
            body = f"{round_}/{number}".encode()
            return str(client.put_object(Bucket=bucket, Key="pointer", Body=body, IfMatch=seen)["ETag"])
        except ClientError as error:
            return f"refused {error.response['ResponseMetadata']['HTTPStatusCode']}"

    with ThreadPoolExecutor(16) as pool:
        for round_ in range(8):
            asked = [pool.submit(replace, client, n, round_, etag) for n, client in enumerate(clients)]
            won = [one.result() for one in asked if not one.result().startswith("refused")]
            assert len(won) == 1
            assert {one.result() for one in asked} <= {*won, "refused 409", "refused 412"}
            etag = won[0]
            assert clients[0].head_object(Bucket=bucket, Key="pointer")["ETag"] == etag
    for client in clients:
        client.close()


def test_user_metadata_has_its_limit(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="fits", Metadata={"a": "v" * 2047})
    assert s3.head_object(Bucket=bucket, Key="fits")["Metadata"] == {"a": "v" * 2047}
    with pytest.raises(ClientError) as failed:
        s3.put_object(Bucket=bucket, Key="too-much", Metadata={"a": "v" * 2048})
    assert code_of(failed) == (400, "MetadataTooLarge")
    with pytest.raises(ClientError):
        s3.head_object(Bucket=bucket, Key="too-much")
