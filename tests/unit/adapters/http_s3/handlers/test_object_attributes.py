from __future__ import annotations

import base64
import zlib

import pytest

from tests.unit.adapters.http_s3.front import Front

ENABLED = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
ALL = {"x-amz-object-attributes": "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"}
PARTS = (b"first part", b"second", b"3")


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


async def upload(store: Front, headers: dict[str, str] | None = None) -> None:
    """``/alpha/big`` in three parts."""
    begun = await store.ask("POST", "/alpha/big?uploads", headers or {})
    number = begun.element("UploadId")
    named = []
    for index, data in enumerate(PARTS, 1):
        sent = {"x-amz-checksum-crc32": crc32(data)} if headers else {}
        part = await store.put(f"/alpha/big?partNumber={index}&uploadId={number}", data, sent)
        named.append(f"<Part><PartNumber>{index}</PartNumber><ETag>{part.headers['etag']}</ETag></Part>")
    whole = f"<CompleteMultipartUpload>{''.join(named)}</CompleteMultipartUpload>".encode()
    assert (await store.ask("POST", f"/alpha/big?uploadId={number}", {}, whole)).status == 200


async def test_the_attributes_of_a_plain_object(store: Front) -> None:
    put = await store.put("/alpha/k", b"body", {"x-amz-checksum-crc32": crc32(b"body")})
    reply = await store.ask("GET", "/alpha/k?attributes", ALL)
    assert reply.status == 200
    assert "last-modified" in reply.headers
    assert f'"{reply.element("ETag")}"' == put.headers["etag"]
    assert (reply.element("ChecksumCRC32"), reply.element("ChecksumType")) == (crc32(b"body"), "FULL_OBJECT")
    assert (reply.element("ObjectSize"), reply.element("StorageClass")) == ("4", "STANDARD")
    assert b"ObjectParts" not in reply.body


async def test_the_parts_of_an_upload_with_checksums(store: Front) -> None:
    await upload(store, {"x-amz-checksum-algorithm": "CRC32"})
    reply = await store.ask("GET", "/alpha/big?attributes", {**ALL, "x-amz-max-parts": "2"})
    assert (reply.element("PartsCount"), reply.element("IsTruncated")) == ("3", "true")
    assert reply.element("NextPartNumberMarker") == "2"
    assert crc32(PARTS[1]) in reply.body.decode()
    rest = await store.ask("GET", "/alpha/big?attributes", {**ALL, "x-amz-part-number-marker": "2"})
    assert (rest.element("PartNumber"), rest.element("Size"), rest.element("IsTruncated")) == ("3", "1", "false")


async def test_versions_and_what_has_none(store: Front) -> None:
    await store.put("/alpha?versioning", ENABLED)
    one = (await store.put("/alpha/k", b"1")).headers["x-amz-version-id"]
    await store.put("/alpha/k", b"22")
    reply = await store.ask("GET", f"/alpha/k?attributes&versionId={one}", ALL)
    assert (reply.element("ObjectSize"), reply.headers["x-amz-version-id"]) == ("1", one)
    marker = (await store.ask("DELETE", "/alpha/k")).headers["x-amz-version-id"]
    hidden = await store.ask("GET", "/alpha/k?attributes", ALL)
    assert (hidden.status, hidden.headers["x-amz-delete-marker"]) == (404, "true")
    assert (await store.ask("GET", f"/alpha/k?attributes&versionId={marker}", ALL)).status == 405


async def test_what_is_not_understood_is_refused(store: Front) -> None:
    await store.put("/alpha/k", b"1")
    assert (await store.ask("GET", "/alpha/k?attributes")).code == "InvalidArgument"
    assert (
        await store.ask("GET", "/alpha/k?attributes", {"x-amz-object-attributes": "Owner"})
    ).code == "InvalidArgument"
    assert (await store.ask("GET", "/alpha/k?attributes", {**ALL, "if-match": '"other"'})).code == "PreconditionFailed"


async def test_a_part_is_read_by_its_number(store: Front) -> None:
    await upload(store, {"x-amz-checksum-algorithm": "CRC32"})
    whole = b"".join(PARTS)
    first = 0
    for number, data in enumerate(PARTS, 1):
        for method in ("GET", "HEAD"):
            reply = await store.ask(method, f"/alpha/big?partNumber={number}", {"x-amz-checksum-mode": "ENABLED"})
            assert reply.status == 206
            assert reply.headers["content-range"] == f"bytes {first}-{first + len(data) - 1}/{len(whole)}"
            assert (reply.headers["content-length"], reply.headers["x-amz-mp-parts-count"]) == (str(len(data)), "3")
            assert reply.headers["x-amz-checksum-crc32"] == crc32(data)
            assert reply.body == (data if method == "GET" else b"")
        first += len(data)
    plain = await store.ask("GET", "/alpha/big", {"x-amz-checksum-mode": "ENABLED"})
    assert "x-amz-mp-parts-count" not in plain.headers
    assert plain.headers["x-amz-checksum-crc32"].endswith("-3")


async def test_parts_without_checksums_are_counted_and_show_none(store: Front) -> None:
    await upload(store)
    reply = await store.ask("GET", "/alpha/big?attributes", ALL)
    assert (reply.element("PartsCount"), b"<Part>" in reply.body) == ("3", False)
    part = await store.ask("GET", "/alpha/big?partNumber=1", {"x-amz-checksum-mode": "ENABLED"})
    assert [name for name in part.headers if name.startswith("x-amz-checksum")] == []


async def test_a_plain_object_is_its_own_first_part(store: Front) -> None:
    await store.put("/alpha/k", b"body")
    await store.put("/alpha/empty")
    reply = await store.ask("HEAD", "/alpha/k?partNumber=1", {"x-amz-checksum-mode": "ENABLED"})
    assert (reply.status, reply.headers["content-range"]) == (206, "bytes 0-3/4")
    assert "x-amz-mp-parts-count" not in reply.headers
    assert "x-amz-checksum-crc64nvme" in reply.headers
    empty = await store.ask("GET", "/alpha/empty?partNumber=1")
    assert (empty.status, empty.body) == (200, b"")


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [
        ("2", 416, "InvalidPartNumber"),
        ("10000", 416, "InvalidPartNumber"),
        ("0", 400, "InvalidArgument"),
        ("10001", 400, "InvalidArgument"),
        ("-1", 400, "InvalidArgument"),
        ("", 400, "InvalidArgument"),
    ],
)
async def test_a_part_that_is_not_there_is_refused(store: Front, number: str, status: int, code: str) -> None:
    await store.put("/alpha/k", b"body")
    reply = await store.ask("GET", f"/alpha/k?partNumber={number}")
    assert (reply.status, reply.code) == (status, code)
    if status == 416:
        assert (reply.element("PartNumberRequested"), reply.element("ActualPartCount")) == (number, "1")


@pytest.mark.parametrize("text", ["bytes=0-1", "nonsense"])
async def test_a_part_and_a_range_exclude_each_other(store: Front, text: str) -> None:
    await store.put("/alpha/k", b"body")
    assert (await store.ask("GET", "/alpha/k?partNumber=1", {"range": text})).code == "InvalidRequest"
