"""Every answer is made here: the headers that all have, refusals as S3 documents, and bytes in bounded pieces."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web
from multidict import CIMultiDict

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, render_error

SERVER = "Seglake"
HOST_ID = "c2VnbGFrZQ=="
_XML = "application/xml"
_BODILESS = frozenset((204, 304))

Fields = Iterable[tuple[str, str]]


def answer(request_id: str, fields: Fields = (), *, status: int = 200, body: bytes | None = None) -> web.Response:
    """An answer with these header fields and the ones that every answer has."""
    headers: CIMultiDict[str] = CIMultiDict(fields)
    headers["x-amz-request-id"] = request_id
    headers["x-amz-id-2"] = HOST_ID
    headers["Server"] = SERVER
    return web.Response(status=status, headers=headers, body=body)


def document(request_id: str, xml: bytes, fields: Fields = ()) -> web.Response:
    """A 200 with an XML document."""
    return answer(request_id, (*fields, ("Content-Type", _XML)), body=xml)


def refusal(error: S3Error, *, request_id: str, resource: str, method: str) -> web.Response:
    """The S3 error document; bodiless for HEAD and for statuses that have none."""
    code = error.code
    if method == "HEAD" or code.status in _BODILESS:
        fields = [*error.headers]
        if code is not ErrorCode.NotModified:
            fields.append(("Content-Type", _XML))
        return answer(request_id, fields, status=code.status)
    xml = render_error(
        code.text, error.message, resource=resource, request_id=request_id, host_id=HOST_ID, extra=error.extra
    )
    return answer(request_id, (*error.headers, ("Content-Type", _XML)), status=code.status, body=xml)


class Streamed(web.StreamResponse):
    """A long answer whose writer may find damage: then the connection is cut, never ended as if whole."""

    def cut(self, request: web.BaseRequest) -> None:
        """Breaks the connection at once, with what was promised still owed."""
        self.force_close()
        if request.transport is not None:
            request.transport.abort()
