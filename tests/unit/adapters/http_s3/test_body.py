from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpVersion10, HttpVersion11

from seglake.adapters.http_s3.body import CONTINUE, RequestBody
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.operations import Operation
from seglake.adapters.s3_protocol.payload import PayloadMode
from seglake.adapters.s3_protocol.request import parse_head
from seglake.domain.model.digest import ChecksumAlgorithm
from seglake.domain.model.errors import IncompleteBody
from tests.wire import crc32_text


class Transport:
    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


class FakeRequest:
    """What RequestBody needs of aiohttp's request."""

    def __init__(self, version: Any = HttpVersion11) -> None:
        loop = asyncio.get_running_loop()
        self.content = StreamReader(BaseProtocol(loop), 2**16, loop=loop)
        self.transport = Transport()
        self.version = version

    def feed(self, *pieces: bytes, end: bool = True) -> None:
        for piece in pieces:
            self.content.feed_data(piece)
        if end:
            self.content.feed_eof()


def body_of(
    request: FakeRequest,
    headers: dict[str, str],
    mode: PayloadMode = PayloadMode.UNSIGNED,
    operation: Operation = Operation.PutObject,
) -> RequestBody:
    head = parse_head("PUT", "/b/k", [(n.encode(), v.encode()) for n, v in {"host": "h", **headers}.items()])
    return RequestBody(request, head, operation, mode, None)  # type: ignore[arg-type]


async def whole(body: RequestBody) -> bytes:
    pieces = []
    while piece := await body.read():
        pieces.append(bytes(piece))
    assert await body.read() == b"", "the end stays the end"
    return b"".join(pieces)


async def test_the_body_is_asked_for_once_and_only_when_it_is_read() -> None:
    request = FakeRequest()
    body = body_of(request, {"content-length": "4", "expect": "100-continue"})
    assert body.unread
    assert request.transport.written == b""
    request.feed(b"ab", b"cd")
    assert await whole(body) == b"abcd"
    assert request.transport.written == CONTINUE
    assert not body.unread


async def test_an_old_client_is_never_told_to_continue() -> None:
    request = FakeRequest(HttpVersion10)
    body = body_of(request, {"content-length": "2", "expect": "100-continue"})
    request.feed(b"ab")
    assert not body.unread
    assert await whole(body) == b"ab"
    assert request.transport.written == b""


@pytest.mark.parametrize("sent", [b"", b"abc"])
async def test_a_body_that_ends_early_is_incomplete(sent: bytes) -> None:
    request = FakeRequest()
    body = body_of(request, {"content-length": "4"})
    request.feed(*[sent] if sent else [])
    with pytest.raises(IncompleteBody) as failed:
        await whole(body)
    assert (failed.value.expected, failed.value.got) == (4, len(sent))


async def test_a_connection_that_breaks_is_an_incomplete_body() -> None:
    request = FakeRequest()
    body = body_of(request, {"content-length": "4"})
    request.feed(b"ab", end=False)
    assert await body.read() == b"ab"
    request.content.set_exception(ConnectionResetError())
    with pytest.raises(IncompleteBody):
        await body.read()


async def test_a_body_that_the_watch_ended_is_a_timeout() -> None:
    request = FakeRequest()
    body = body_of(request, {"content-length": "4"})
    body.stalled = True
    request.content.set_exception(ConnectionResetError())
    with pytest.raises(S3Error) as failed:
        await body.read()
    assert failed.value.code is ErrorCode.RequestTimeout


@pytest.mark.parametrize("step", [1, 3, 1000])
async def test_a_coded_body_is_decoded_and_its_trailer_known_at_the_end(step: int) -> None:
    request = FakeRequest()
    checksum = crc32_text(b"hello world")
    raw = f"5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:{checksum}\r\n\r\n".encode()
    headers = {
        "content-length": str(len(raw)),
        "x-amz-decoded-content-length": "11",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    body = body_of(request, headers, PayloadMode.STREAMING_UNSIGNED_TRAILER)
    assert body.length == 11
    assert body.expectations().algorithm is ChecksumAlgorithm.CRC32
    assert body.expectations().checksum is None
    request.feed(*[raw[at : at + step] for at in range(0, len(raw), step)])
    assert await whole(body) == b"hello world"
    found = body.expectations().checksum
    assert found is not None
    assert found.text == checksum


async def test_a_coded_body_without_its_end_never_ends_well() -> None:
    request = FakeRequest()
    headers = {"content-length": "10", "x-amz-decoded-content-length": "5"}
    body = body_of(request, headers, PayloadMode.STREAMING_UNSIGNED_TRAILER)
    request.feed(b"5\r\nhello\r\n")
    with pytest.raises(S3Error) as failed:
        await whole(body)
    assert failed.value.code is ErrorCode.IncompleteBody


@pytest.mark.parametrize("announced", [4, 6])
async def test_a_coded_body_of_another_length_is_incomplete(announced: int) -> None:
    request = FakeRequest()
    headers = {"content-length": "15", "x-amz-decoded-content-length": str(announced)}
    body = body_of(request, headers, PayloadMode.STREAMING_UNSIGNED_TRAILER)
    request.feed(b"5\r\nhello\r\n0\r\n\r\n")
    with pytest.raises(S3Error) as failed:
        await whole(body)
    assert failed.value.code is ErrorCode.IncompleteBody


async def test_checksum_headers_of_a_completion_speak_of_the_object() -> None:
    headers = {"content-length": "1", "x-amz-checksum-crc32": crc32_text(b"the object")}
    assert body_of(FakeRequest(), headers).expectations().checksum is not None
    completion = body_of(FakeRequest(), headers, operation=Operation.CompleteMultipartUpload)
    assert completion.expectations().checksum is None


async def test_an_operation_without_a_body_expects_nothing() -> None:
    headers = {"x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "COMPOSITE"}
    body = body_of(FakeRequest(), headers, operation=Operation.CreateMultipartUpload)
    assert body.expectations().algorithm is None
