from __future__ import annotations

from typing import Any

import pytest
from aiohttp.http import HttpVersion10, HttpVersion11

from seglake.adapters.http_s3.respond import HOST_ID, Answer, answer, document, refusal
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error


class FakeRequest:
    def __init__(self, method: str = "GET", version: Any = HttpVersion11, *, keep_alive: bool = True) -> None:
        self.method, self.version, self.keep_alive = method, version, keep_alive
        self.written = b""
        self.transport: Any = self
        self.closed = False
        self.protocol: Any = self

    def write(self, data: bytes) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def force_close(self) -> None:
        self.closed = True


async def written(one: Answer, request: FakeRequest) -> tuple[str, dict[str, str], bytes]:
    await one.prepare(request)  # type: ignore[arg-type]
    await one.write_eof()
    head, _, body = request.written.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, dict(line.lower().split(": ", 1) for line in lines), body


async def test_an_answer_has_its_ids_date_and_length() -> None:
    first, headers, body = await written(answer("ID", (("ETag", '"e"'),), body=b"body"), FakeRequest())
    assert first == "HTTP/1.1 200 OK"
    assert (headers["x-amz-request-id"], headers["x-amz-id-2"]) == ("id", HOST_ID.lower())
    assert (headers["etag"], headers["content-length"], headers["server"]) == ('"e"', "4", "seglake")
    assert headers["date"].endswith("gmt")
    assert "connection" not in headers
    assert body == b"body"


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_an_answer_that_has_no_body_has_none_and_no_length_of_its_own(method: str, status: int) -> None:
    _, headers, body = await written(answer("ID", status=status, body=b""), FakeRequest(method))
    assert body == b""
    assert "content-length" not in headers


async def test_head_keeps_the_length_that_the_handler_says() -> None:
    _, headers, _ = await written(answer("ID", (("Content-Length", "77"),)), FakeRequest("HEAD"))
    assert headers["content-length"] == "77"


@pytest.mark.parametrize(
    ("version", "keep", "word"),
    [(HttpVersion11, False, "close"), (HttpVersion10, True, "keep-alive"), (HttpVersion10, False, "close")],
)
async def test_the_end_of_a_connection_is_announced(version: Any, keep: bool, word: str) -> None:
    request = FakeRequest(version=version, keep_alive=keep)
    _, headers, _ = await written(answer("ID"), request)
    assert headers["connection"] == word


async def test_an_answer_may_hang_up() -> None:
    one, request = answer("ID"), FakeRequest()
    one.hangs_up = True
    await written(one, request)
    assert request.closed


async def test_a_header_value_never_breaks_the_head() -> None:
    for value in ("a\r\nSet-Cookie: b", "a\nb", "a\r\n\r\n<html>"):
        request = FakeRequest()
        with pytest.raises(Exception, match="line break"):
            await answer("ID", (("ETag", value),)).prepare(request)  # type: ignore[arg-type]
        assert request.written == b""


async def test_a_refusal_is_a_document_except_where_none_may_be() -> None:
    error = S3Error(ErrorCode.NoSuchKey, "there is <no> key", extra=(("Key", "a&b"),), headers=(("X-A", "1"),))
    _, headers, body = await written(refusal(error, request_id="ID", resource="/b/k", method="GET"), FakeRequest())
    assert headers["content-type"] == "application/xml"
    assert headers["x-a"] == "1"
    assert b"<Message>there is &lt;no&gt; key</Message><Key>a&amp;b</Key><Resource>/b/k</Resource>" in body
    head = refusal(error, request_id="ID", resource="/b/k", method="HEAD")
    _, headers, body = await written(head, FakeRequest("HEAD"))
    assert (body, headers["content-type"]) == (b"", "application/xml")
    unchanged = S3Error(ErrorCode.NotModified, headers=(("ETag", '"e"'),))
    first, headers, body = await written(refusal(unchanged, request_id="ID", resource="/", method="GET"), FakeRequest())
    assert (first, headers["etag"], body) == ("HTTP/1.1 304 Not Modified", '"e"', b"")
    assert "content-type" not in headers


async def test_every_error_code_has_a_status_line() -> None:
    for code in ErrorCode:
        request = FakeRequest()
        await refusal(S3Error(code), request_id="ID", resource="/", method="GET").prepare(request)  # type: ignore[arg-type]
        assert request.written.startswith(f"HTTP/1.1 {code.status} ".encode())


async def test_a_document_is_xml() -> None:
    _, headers, body = await written(document("ID", b"<a/>"), FakeRequest())
    assert (headers["content-type"], body) == ("application/xml", b"<a/>")
