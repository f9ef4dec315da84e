"""Ranges over a plain socket: what RFC 9110 and S3 say to each form of the header."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from tests.integration.endpoint import Endpoint
from tests.wire import Reply, Wire, signed

BODY = bytes(range(256)) * 20_000  # more than one chunk
SIZE = len(BODY)


@pytest.fixture
def target(s3: Any, bucket: str) -> str:
    s3.put_object(Bucket=bucket, Key="k", Body=BODY, ContentType="text/x-body")
    return f"/{bucket}/k"


async def get(wire: Wire, endpoint: Endpoint, target: str, text: str, method: str = "GET", **more: str) -> Reply:
    headers = {"range": text, **more}
    return await wire.ask(signed(endpoint.signer, method, target, headers, host=endpoint.host, now=int(time.time())))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=5-9", 5, 9),
        ("bytes=4194300-4194310", 4194300, 4194310),
        ("bytes=4194304-", 4194304, SIZE - 1),
        ("bytes=-7", SIZE - 7, SIZE - 1),
        ("bytes=-99999999999", 0, SIZE - 1),
        ("bytes=0-99999999999", 0, SIZE - 1),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        ("Bytes=1-2", 1, 2),
        ("bytes= 1-2", 1, 2),
    ],
)
async def test_one_range(wire: Wire, endpoint: Endpoint, target: str, text: str, first: int, last: int) -> None:
    reply = await get(wire, endpoint, target, text)
    assert reply.status == 206
    assert reply.headers["content-range"] == f"bytes {first}-{last}/{SIZE}"
    assert reply.headers["content-length"] == str(last - first + 1)
    assert reply.headers["content-type"] == "text/x-body"
    assert reply.headers["accept-ranges"] == "bytes"
    assert reply.headers["etag"]
    assert reply.body == BODY[first : last + 1]
    head = await get(wire, endpoint, target, text, "HEAD")
    assert (head.status, head.headers["content-range"]) == (206, reply.headers["content-range"])
    assert head.headers["content-length"] == reply.headers["content-length"]


@pytest.mark.parametrize("text", [f"bytes={SIZE}-", "bytes=99999999999-", "bytes=-0", f"bytes={SIZE}-{SIZE + 5},-0"])
async def test_a_range_beyond_the_object_is_416(wire: Wire, endpoint: Endpoint, target: str, text: str) -> None:
    reply = await get(wire, endpoint, target, text)
    assert (reply.status, reply.code) == (416, "InvalidRange")
    assert reply.headers["content-range"] == f"bytes */{SIZE}"
    assert reply.element("ActualObjectSize") == str(SIZE)
    assert (await get(wire, endpoint, target, "bytes=0-1")).status == 206, "the connection goes on"


@pytest.mark.parametrize(
    "text", ["bytes", "bytes=", "bytes=a-b", "bytes=5-4", "items=0-1", "bytes=0-1-2", "bytes=٣-٤", "bytes=+1-2", "0-1"]
)
async def test_a_range_that_is_none_is_ignored(wire: Wire, endpoint: Endpoint, target: str, text: str) -> None:
    reply = await get(wire, endpoint, target, text)
    assert (reply.status, reply.body) == (200, BODY)
    assert "content-range" not in reply.headers


async def test_several_ranges_are_a_multipart_answer(wire: Wire, endpoint: Endpoint, target: str) -> None:
    reply = await get(wire, endpoint, target, "bytes=0-3, 4194300-4194310 ,-5")
    assert reply.status == 206
    kind, _, boundary = reply.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/byteranges"
    assert "content-range" not in reply.headers
    pieces = reply.body.split(f"\r\n--{boundary}".encode())
    assert (pieces[0], pieces[-1]) == (b"", b"--\r\n")
    found = []
    for piece in pieces[1:-1]:
        head, _, body = piece.partition(b"\r\n\r\n")
        assert b"Content-Type: text/x-body" in head
        match = re.search(rb"Content-Range: bytes (\d+)-(\d+)/(\d+)", head)
        assert match is not None
        found.append((int(match[1]), int(match[2]), int(match[3]), body))
    spans = [(0, 3), (4194300, 4194310), (SIZE - 5, SIZE - 1)]
    assert found == [(first, last, SIZE, BODY[first : last + 1]) for first, last in spans]
    again = await get(wire, endpoint, target, "bytes=0-1")
    assert again.status == 206, "the length was right, so the connection goes on"


async def test_ranges_that_cannot_be_satisfied_are_left_out(wire: Wire, endpoint: Endpoint, target: str) -> None:
    reply = await get(wire, endpoint, target, "bytes=99999999-,7-8")
    assert (reply.status, reply.headers["content-range"], reply.body) == (206, f"bytes 7-8/{SIZE}", BODY[7:9])


async def test_ranges_never_amplify(wire: Wire, endpoint: Endpoint, target: str) -> None:
    overlapping = await get(wire, endpoint, target, "bytes=0-,0-,0-,0-")
    assert overlapping.status == 206
    assert len(overlapping.body) == SIZE
    too_many = await get(wire, endpoint, target, "bytes=" + ",".join(f"{n}-{n}" for n in range(17)))
    assert (too_many.status, len(too_many.body)) == (200, SIZE)


async def test_a_range_of_nothing(wire: Wire, endpoint: Endpoint, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    for text in ("bytes=0-", "bytes=0-0", "bytes=-1"):
        assert (await get(wire, endpoint, f"/{bucket}/empty", text)).status == 416


async def test_conditions_come_before_ranges(wire: Wire, endpoint: Endpoint, target: str) -> None:
    reply = await get(wire, endpoint, target, "bytes=0-1", **{"if-match": '"other"'})
    assert reply.status == 412
    etag = (await get(wire, endpoint, target, "bytes=0-1")).headers["etag"]
    assert (await get(wire, endpoint, target, "bytes=99999999-", **{"if-none-match": etag})).status == 304
