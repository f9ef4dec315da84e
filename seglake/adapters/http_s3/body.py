"""The body is asked for only after authentication, and ends only when every signature, trailer and length was right."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web
from aiohttp.http import HttpVersion11
from aiohttp.http_exceptions import HttpProcessingError

from seglake.adapters.s3_protocol.aws_chunked import AwsChunkedDecoder, decoded_length, trailer_names
from seglake.adapters.s3_protocol.checksums import expectations, from_trailers
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.operations import Body, Operation
from seglake.adapters.s3_protocol.payload import PayloadMode
from seglake.adapters.s3_protocol.request import RequestHead, content_length
from seglake.adapters.s3_protocol.sigv4 import Verified
from seglake.domain.model.digest import Expectations
from seglake.domain.model.errors import IncompleteBody

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EMPTY = b""
NOTHING = Expectations()


class RequestBody:
    """The payload of one request as the domain reads it (port ``Body``), with whatever coding it came in undone.

    ``received`` counts raw bytes, for the watch that ends slow bodies; ``stalled`` is set by that watch.
    """

    __slots__ = (
        "_decoder",
        "_ended",
        "_expectations",
        "_expects_continue",
        "_head",
        "_length",
        "_pending",
        "_request",
        "received",
        "stalled",
    )

    def __init__(
        self,
        request: web.BaseRequest,
        head: RequestHead,
        operation: Operation,
        mode: PayloadMode,
        verified: Verified | None,
    ) -> None:
        headers = head.headers
        self._request = request
        self._head = head
        # RFC 9110 section 10.1.1: the expectation of an HTTP/1.0 client is ignored, it cannot read an interim answer.
        self._expects_continue = "expect" in headers and request.version >= HttpVersion11
        self._ended = False
        self._pending: list[memoryview] = []
        self._decoder: AwsChunkedDecoder | None = None
        self.received = 0
        self.stalled = False
        if mode.streaming:
            self._length: int | None = decoded_length(headers)
            names = trailer_names(headers)
            self._decoder = AwsChunkedDecoder(mode, self._length, announced=names, verified=verified)
        else:
            self._length = content_length(head)
        self._expectations = NOTHING
        if operation.body is not Body.NONE:
            payload = verified.claims.payload if verified is not None else headers.get("x-amz-content-sha256", "")
            of_object = operation is Operation.CompleteMultipartUpload
            self._expectations = expectations(headers, mode=mode, payload=payload, of_object=of_object)

    @property
    def length(self) -> int | None:
        """Decoded bytes announced, None when the client announced none."""
        return self._length

    @property
    def unread(self) -> bool:
        """True when a body was announced by ``Expect: 100-continue`` and never asked for."""
        return self._expects_continue

    def expectations(self) -> Expectations:
        """The digests announced; those of the trailer only after the end."""
        return self._expectations

    async def read(self) -> bytes | memoryview:
        """The next payload bytes, empty at the proven end."""
        if self._expects_continue:
            self._ask()
        if self._decoder is not None:
            return await self._read_decoded(self._decoder)
        data = await self._receive()
        if not data:
            self._check_end()
        return data

    def _ask(self) -> None:
        self._expects_continue = False
        transport = self._request.transport
        if transport is not None:
            transport.write(CONTINUE)

    async def _receive(self) -> bytes:
        """The next raw bytes, empty at the end. IncompleteBody when the connection ended first."""
        content = self._request.content
        try:
            data, _ = await content.readchunk()
            while not data and not content.at_eof():
                data, _ = await content.readchunk()
        except (ConnectionError, HttpProcessingError, web.PayloadAccessError) as cut:
            if self.stalled:
                raise S3Error(ErrorCode.RequestTimeout, "the body came too slowly; send it again") from cut
            raise IncompleteBody(self._length or 0, self.received) from cut
        self.received += len(data)
        return data

    async def _read_decoded(self, decoder: AwsChunkedDecoder) -> bytes | memoryview:
        pending = self._pending
        while not pending:
            if self._ended:
                return EMPTY
            data = await self._receive()
            if data:
                pending.extend(reversed(decoder.feed(data)))
                continue
            self._ended = True
            trailers = decoder.finish()
            if trailers:
                self._expectations = replace(self._expectations, checksum=from_trailers(trailers))
        return pending.pop()

    def _check_end(self) -> None:
        if self._length is not None and self.received != self._length:
            raise IncompleteBody(self._length, self.received)
