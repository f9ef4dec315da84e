"""GET and HEAD of objects: no byte of an answer leaves before its chunk was verified."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from seglake.adapters.http_s3.attributes import checksum_fields, shown
from seglake.adapters.http_s3.encryption import encryption_fields, reading_key
from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.handlers.lifecycle import expiration_of_opened
from seglake.adapters.http_s3.handlers.locks import shown_lock
from seglake.adapters.http_s3.respond import HOST_ID, SERVER, Streamed, answer
from seglake.adapters.s3_protocol.conditions import read_conditions
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.range_header import parse_range
from seglake.adapters.s3_protocol.request import ascii_number
from seglake.domain.model.errors import SeglakeError
from seglake.domain.model.ranges import ByteRange
from seglake.domain.model.segment import CHUNK_BYTES
from seglake.domain.services.object_reads import Opened, ReadObject

GATHER_BYTES_MAX = 256 << 10
"""Up to this size an answer is one write; longer ones are streamed chunk by chunk."""

PIECE_BYTES = 1 << 20
"""What is handed to the socket at once."""

STREAM_BYTES = 2 * CHUNK_BYTES + PIECE_BYTES
"""What a streamed answer holds: the chunk it sends, the one read ahead, and what the socket has not taken."""

FRUGAL_PIECE_BYTES = 256 << 10
"""What it holds when there is no memory left for that."""


def _command(x: Exchange) -> ReadObject:
    headers, query = x.headers, x.query
    text = headers.get("range")
    ranges = (parse_range(text) or ()) if text else ()
    if not query:
        return ReadObject(x.bucket, x.key, None, read_conditions(headers), ranges, None, reading_key(x))
    number = query.get("partNumber")
    if number is not None and text is not None:
        raise S3Error(ErrorCode.InvalidRequest, "Cannot specify both Range header and partNumber query parameter")
    part = None if number is None else ascii_number(number, "partNumber")
    return ReadObject(x.bucket, x.key, x.version, read_conditions(headers), ranges, part, reading_key(x))


def _fields(x: Exchange, opened: Opened) -> list[tuple[str, str]]:
    """The describing fields; a checksum only of what the answer holds whole, and of the rest what may be seen."""
    fields = shown(opened, x.query)
    if x.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
        fields.extend(checksum_fields(opened.checksum))
    if opened.part is not None and opened.manifest.parts:
        fields.append(("x-amz-mp-parts-count", str(len(opened.manifest.parts))))
    version = opened.version
    if version.manifest.encryption is not None:
        fields.extend(encryption_fields(x, version.manifest.encryption))
    if version.tags:
        asked = x.query.get("versionId")
        action = "s3:GetObjectTagging" if asked is None else "s3:GetObjectVersionTagging"
        if x.may(action, x.bucket, x.key, asked):
            fields.append(("x-amz-tagging-count", str(len(version.tags))))
    if version.lock.hold or version.lock.retention is not None:
        fields.extend(shown_lock(x, opened))
    if x.grounds.configs:
        fields.extend(expiration_of_opened(x, opened))
    return fields


async def head_object(x: Exchange) -> web.StreamResponse:
    """API: HeadObject."""
    opened = x.services.reads.open(_command(x))
    fields = _fields(x, opened)
    size = opened.manifest.size
    if opened.ranges:
        chosen = opened.ranges[0]
        fields.append(("Content-Range", f"bytes {chosen.first}-{chosen.last}/{size}"))
        fields.append(("Content-Length", str(chosen.length)))
        return answer(x.request_id, fields, status=206)
    fields.append(("Content-Length", str(size)))
    return answer(x.request_id, fields)


async def get_object(x: Exchange) -> web.StreamResponse:
    """API: GetObject, whole or with one or several ranges."""
    opened = x.services.reads.open(_command(x))
    fields = _fields(x, opened)
    size, ranges = opened.manifest.size, opened.ranges
    if len(ranges) > 1:
        return await _several(x, opened, fields)
    whole = ByteRange(0, size) if not ranges else ranges[0]
    status = 200
    if ranges:
        status = 206
        fields.append(("Content-Range", f"bytes {whole.first}-{whole.last}/{size}"))
    if whole.length <= GATHER_BYTES_MAX:
        views = x.services.reads.stream(opened, whole.first, whole.length)
        body = b"".join([view async for view in views])
        return answer(x.request_id, fields, status=status, body=body)
    return await _send(x, fields, status, whole.length, _views(x, opened, whole))


async def _views(x: Exchange, opened: Opened, chosen: ByteRange) -> AsyncIterator[memoryview]:
    """The bytes of a range: whole chunks, or, where ``_send`` found no memory for them, small copies. For each of these
    the chunk is read and verified anew, so that a reader who takes his time holds none."""
    if x.answers is not None:
        async for view in x.services.reads.stream(opened, chosen.first, chosen.length):
            yield view
        return
    end = chosen.first + chosen.length
    for first in range(chosen.first, end, FRUGAL_PIECE_BYTES):
        length = min(FRUGAL_PIECE_BYTES, end - first)
        copied = b"".join([view async for view in x.services.reads.stream(opened, first, length)])
        yield memoryview(copied)


async def _send(
    x: Exchange, fields: list[tuple[str, str]], status: int, length: int, views: AsyncIterator[memoryview]
) -> web.StreamResponse:
    """Streams within the memory that all streamed answers share: whole chunks while there is room for them."""
    answers = x.answers
    if answers is None or not answers.spare(STREAM_BYTES):
        x.answers = None
        return await _stream(x, fields, status, length, views)
    try:
        return await _stream(x, fields, status, length, views)
    finally:
        answers.give_back(STREAM_BYTES)


async def _stream(
    x: Exchange, fields: list[tuple[str, str]], status: int, length: int, views: AsyncIterator[memoryview]
) -> web.StreamResponse:
    """Damage in the first chunk is still a clean refusal, later damage cuts the connection."""
    first = await anext(views)
    response = Streamed(status=status)
    response.headers.extend(fields)
    if x.extra:
        response.headers.extend(x.extra)
    response.headers["x-amz-request-id"] = x.request_id
    response.headers["x-amz-id-2"] = HOST_ID
    response.headers["Server"] = SERVER
    response.content_length = length
    await response.prepare(x.request)
    if x.watches_start is not None:
        x.watches_start()
    await _write(x, response, first)
    del first
    try:
        async for view in views:
            await _write(x, response, view)
    except SeglakeError as damage:
        response.cut(x.request)
        x.note_damage(damage)
        raise ConnectionAbortedError("the object's bytes are damaged; the answer was cut") from damage
    await response.write_eof()
    return response


async def _write(x: Exchange, response: web.StreamResponse, view: memoryview) -> None:
    for at in range(0, len(view), PIECE_BYTES):
        piece = view[at : at + PIECE_BYTES]
        await response.write(piece)
        if x.transfer is not None:
            x.transfer.sent += len(piece)


async def _several(x: Exchange, opened: Opened, fields: list[tuple[str, str]]) -> web.StreamResponse:
    """multipart/byteranges (RFC 9110 section 14.6); the ranges together are at most the object's size."""
    size = opened.manifest.size
    boundary = f"seglake-{x.request_id}"
    kind = next((value for name, value in fields if name.lower() == "content-type"), "")
    rest = [pair for pair in fields if pair[0].lower() != "content-type"]
    rest.append(("Content-Type", f"multipart/byteranges; boundary={boundary}"))
    heads = [
        (f"\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: bytes {r.first}-{r.last}/{size}\r\n\r\n").encode()
        for r in opened.ranges
    ]
    tail = f"\r\n--{boundary}--\r\n".encode()
    length = sum([len(h) for h in heads]) + len(tail) + sum([r.length for r in opened.ranges])

    async def pieces() -> AsyncIterator[memoryview]:
        for head, chosen in zip(heads, opened.ranges, strict=True):
            views = _views(x, opened, chosen)
            view = await anext(views)
            yield memoryview(head)
            yield view
            async for more in views:
                yield more
        yield memoryview(tail)

    return await _send(x, rest, 206, length, pieces())
