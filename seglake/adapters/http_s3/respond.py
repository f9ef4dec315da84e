"""Every answer is made here: the headers that all have, refusals as S3 documents, and bytes in bounded pieces."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import HttpVersion11

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, render_error

SERVER = "Seglake"
HOST_ID = "c2VnbGFrZQ=="
XML = "application/xml"
_BODILESS = frozenset((204, 304))
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}" for status in HTTPStatus}

Fields = Iterable[tuple[str, str]]


class Answer(web.StreamResponse):
    """A short answer, written with its head in one piece.

    aiohttp's own Response costs a fifth of a small request; this one knows what an S3 answer needs and nothing else.
    """

    def __init__(self, request_id: str, fields: Fields, *, status: int, body: bytes) -> None:
        super().__init__(status=status)
        self.request_id = request_id
        self.fields = fields
        self.body = body
        self.hangs_up = False
        """True when nothing that the client still sends is worth waiting for."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Writes the whole answer; waits only when the client does not take it."""
        keep_alive = self._keep_alive
        if keep_alive is None:
            # aiohttp asks the answer, afterwards, whether the connection goes on.
            keep_alive = self._keep_alive = request.keep_alive
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client is gone")
        bodiless = request.method == "HEAD" or self.status in _BODILESS
        head = self._head(bodiless=bodiless, keep_alive=keep_alive, newest=request.version >= HttpVersion11)
        transport.write(head if bodiless else head + self.body)
        if transport.get_write_buffer_size():
            await request.writer.drain()
        if self.hangs_up:
            request.protocol.force_close()
        return None

    def _head(self, *, bodiless: bool, keep_alive: bool, newest: bool) -> bytes:
        lines = [_STATUS_LINES[self.status]]
        lines += [f"{name}: {value}" for name, value in self.fields]
        if not bodiless:
            lines.append(f"Content-Length: {len(self.body)}")
        if not keep_alive:
            lines.append("Connection: close")
        elif not newest:
            lines.append("Connection: keep-alive")
        lines.append(
            f"x-amz-request-id: {self.request_id}\r\nx-amz-id-2: {HOST_ID}\r\n"
            f"Date: {rfc822_formatted_time()}\r\nServer: {SERVER}\r\n\r\n"
        )
        text = "\r\n".join(lines)
        assert text.count("\n") == len(lines) + 4, "a header value holds no line break"
        return text.encode()

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to write."""
        assert not data, "the answer was written whole"


def answer(request_id: str, fields: Fields = (), *, status: int = 200, body: bytes = b"") -> Answer:
    """An answer with these header fields and the ones that every answer has; to HEAD the body is left out."""
    return Answer(request_id, fields, status=status, body=body)


def document(request_id: str, xml: bytes, fields: Fields = ()) -> Answer:
    """A 200 with an XML document."""
    return Answer(request_id, (*fields, ("Content-Type", XML)), status=200, body=xml)


class Streamed(web.StreamResponse):
    """A long answer whose writer may find damage: then the connection is cut, never ended as if whole."""

    def cut(self, request: web.BaseRequest) -> None:
        """Breaks the connection at once, with what was promised still owed."""
        self.force_close()
        if request.transport is not None:
            request.transport.abort()


def refusal(error: S3Error, *, request_id: str, resource: str, method: str) -> Answer:
    """The S3 error document; bodiless for HEAD and for statuses that have none."""
    code = error.code
    if code is ErrorCode.NotModified:
        return answer(request_id, error.headers, status=code.status)
    fields = (*error.headers, ("Content-Type", XML))
    if method == "HEAD":
        return answer(request_id, fields, status=code.status)
    xml = render_error(
        code.text, error.message, resource=resource, request_id=request_id, host_id=HOST_ID, extra=error.extra
    )
    return answer(request_id, fields, status=code.status, body=xml)
