"""A line of the access log is one line with the fields it is said to have, and never shows a signature."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.s3_protocol.access_log import (
    TEXT_MAX,
    AccessRecord,
    as_fields,
    operation_word,
    redacted,
    render_json,
    render_s3,
)
from seglake.adapters.s3_protocol.operations import Operation

RECORD = AccessRecord(
    at_ms=1_549_411_238_123,
    request_id="3E57427F3EXAMPLE",
    method="GET",
    target="/photos/2019/puppy%20dog.jpg?versionId=null",
    status=206,
    peer="192.0.2.3",
    access_key="AKIA",
    user="root",
    requester="79a59df9",
    owner="89a59df9",
    operation="GetObject",
    bucket="photos",
    key="2019/puppy dog.jpg",
    version_id="null",
    bytes_out=113,
    object_bytes=3462992,
    seconds=0.0701,
    first_byte_s=0.0102,
    referer="http://www.example.com/webservices",
    user_agent='S3Console/0.4 "quoted"',
    host="photos.s3.example",
    host_id="hostid=",
    authentication="AuthHeader",
    tls="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384",
    region="us-east-1",
)
S3_FIELDS = re.compile(r'"[^"]*"|\[[^]]*\]|\S+')


def test_the_s3_format_has_the_documented_fields_in_order() -> None:
    """Amazon S3 User Guide, "Amazon S3 server access log format"."""
    line = render_s3(RECORD)
    assert S3_FIELDS.findall(line) == [
        "89a59df9",
        "photos",
        "[06/Feb/2019:00:00:38 +0000]",
        "192.0.2.3",
        "79a59df9",
        "3E57427F3EXAMPLE",
        "REST.GET.OBJECT",
        "2019/puppy%20dog.jpg",
        '"GET /photos/2019/puppy%20dog.jpg?versionId=null HTTP/1.1"',
        "206",
        "-",
        "113",
        "3462992",
        "70",
        "10",
        '"http://www.example.com/webservices"',
        '"S3Console/0.4 \\x22quoted\\x22"',
        "null",
        "hostid=",
        "SigV4",
        "TLS_AES_256_GCM_SHA384",
        "AuthHeader",
        "photos.s3.example",
        "TLSv1.3",
        "-",
        "-",
        "us-east-1",
    ]


def test_what_is_unknown_is_a_dash_or_left_out() -> None:
    bare = AccessRecord(0, "ID", "GET", "/", 0)
    words = S3_FIELDS.findall(render_s3(bare))
    assert len(words) == 27
    assert words[2] == "[01/Jan/1970:00:00:00 +0000]"
    assert words[6] == "REST.GET.UNKNOWN"
    assert words[15] == words[16] == '"-"'
    assert {words[number] for number in (0, 1, 3, 4, 7, 9, 10, 11, 12, 14, *range(17, 27))} == {"-"}
    assert as_fields(bare) == {
        "time": "1970-01-01T00:00:00.000Z",
        "request_id": "ID",
        "method": "GET",
        "target": "/",
        "status": 0,
        "bytes_in": 0,
        "bytes_out": 0,
        "total_ms": 0.0,
    }


def test_the_json_format() -> None:
    assert json.loads(render_json(replace(RECORD, code="NoSuchKey"))) == {
        "time": "2019-02-06T00:00:38.123Z",
        "request_id": "3E57427F3EXAMPLE",
        "peer": "192.0.2.3",
        "access_key": "AKIA",
        "user": "root",
        "operation": "GetObject",
        "bucket": "photos",
        "key": "2019/puppy%20dog.jpg",
        "version_id": "null",
        "method": "GET",
        "target": "/photos/2019/puppy%20dog.jpg?versionId=null",
        "status": 206,
        "code": "NoSuchKey",
        "bytes_in": 0,
        "bytes_out": 113,
        "total_ms": 70.1,
        "ttfb_ms": 10.2,
        "user_agent": 'S3Console/0.4 "quoted"',
        "referer": "http://www.example.com/webservices",
        "host": "photos.s3.example",
        "authentication": "AuthHeader",
        "tls": "TLSv1.3",
    }


@pytest.mark.parametrize(
    "name",
    [
        "X-Amz-Signature",
        "x-amz-signature",
        "X%2DAmz%2DSignature",
        "Signature",
        "X-Amz-Security-Token",
        "x-amz-server-side-encryption-customer-key",
        "password",
        "client_secret",
    ],
)
def test_secrets_in_the_query_are_not_shown(name: str) -> None:
    target = f"/b/k?a=1&{name}=CANARY&X-Amz-Credential=AKIA&partNumber=3"
    assert redacted(target) == f"/b/k?a=1&{name}=REDACTED&X-Amz-Credential=AKIA&partNumber=3"
    for line in (render_json(replace(RECORD, target=target)), render_s3(replace(RECORD, target=target))):
        assert "CANARY" not in line


@pytest.mark.parametrize("name", ["continuation-token", "X-Amz-SignedHeaders", "key-marker", "uploadId"])
def test_what_is_no_secret_stays(name: str) -> None:
    assert redacted(f"/b?{name}=value") == f"/b?{name}=value"


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.text(alphabet='"\\ \r\n\t\x00\x1b[]-\x7f\x85\u2028é', max_size=20),
    st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
)
TEXTS = [one.name for one in fields(AccessRecord) if one.type == "str"]
FREE = ["target", "bucket", "key", "version_id", "referer", "user_agent", "host", "peer", "method"]


@given(st.fixed_dictionaries(dict.fromkeys(FREE, HOSTILE)))
def test_nobody_can_forge_a_line_or_a_field(texts: dict[str, str]) -> None:
    assert set(FREE) < set(TEXTS)
    record = replace(RECORD, **texts)  # type: ignore[arg-type]
    plain, structured = render_s3(record), render_json(record)
    for line in (plain, structured):
        assert line.isascii()
        assert line.isprintable()
    assert len(S3_FIELDS.findall(plain)) == 27
    assert " ".join(S3_FIELDS.findall(plain)) == plain
    assert json.loads(structured)["request_id"] == RECORD.request_id


def test_long_texts_are_cut() -> None:
    long = replace(RECORD, user_agent="u" * 50_000, referer="r" * 50_000)
    assert len(render_s3(long)) < 3 * TEXT_MAX
    assert len(json.loads(render_json(long))["user_agent"]) == TEXT_MAX


@pytest.mark.parametrize(
    ("operation", "word"),
    [
        (Operation.PutObject, "REST.PUT.OBJECT"),
        (Operation.HeadBucket, "REST.HEAD.BUCKET"),
        (Operation.ListObjectsV2, "REST.GET.BUCKET"),
        (Operation.GetBucketVersioning, "REST.GET.VERSIONING"),
        (Operation.UploadPart, "REST.PUT.PART"),
        (Operation.CopyObject, "REST.COPY.OBJECT"),
        (Operation.GetBucketPolicy, "REST.GET.BUCKETPOLICY"),
        (Operation.PutObjectLegalHold, "REST.PUT.LEGAL_HOLD"),
        (Operation.DeleteObjects, "REST.POST.MULTI_OBJECT_DELETE"),
    ],
)
def test_operations_have_amazons_words(operation: Operation, word: str) -> None:
    assert operation_word(operation.title, operation.method) == word


@pytest.mark.parametrize("operation", Operation)
def test_every_operation_has_a_word(operation: Operation) -> None:
    assert re.fullmatch(r"REST\.[A-Z]+\.[A-Z_]+", operation_word(operation.title, operation.method))
