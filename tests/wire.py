"""S3 requests down to the bytes: built, signed in every mode, tampered with, and sent over a plain socket.

Nothing here normalises, retries or repairs anything, so a test says exactly what arrives at the server.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from hashlib import sha256

from awscrt import checksums

from seglake.adapters.s3_protocol.payload import EMPTY_SHA256, UNSIGNED_PAYLOAD
from seglake.adapters.s3_protocol.signing import Signer, presign, sign_header
from seglake.adapters.s3_protocol.sigv4 import signing_key

TRAILER = "x-amz-checksum-crc32"
CHUNK_BYTES = 16


class Mode(Enum):
    """How a request is authenticated and its body vouched for."""

    SIGNED = "header"
    UNSIGNED = "header, unsigned payload"
    PRESIGNED = "presigned"
    STREAMING_SIGNED = "streaming signed"
    STREAMING_SIGNED_TRAILER = "streaming signed trailer"
    STREAMING_UNSIGNED_TRAILER = "streaming unsigned trailer"

    @property
    def streaming(self) -> bool:
        return self.name.startswith("STREAMING")

    @property
    def trailing(self) -> bool:
        return self.name.endswith("TRAILER")


PAYLOADS = {
    Mode.UNSIGNED: UNSIGNED_PAYLOAD,
    Mode.STREAMING_SIGNED: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    Mode.STREAMING_SIGNED_TRAILER: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    Mode.STREAMING_UNSIGNED_TRAILER: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
}


@dataclass(frozen=True)
class Request:
    """What goes on the wire. Header names in lower case; ``body`` is sent as it is."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    more: tuple[tuple[str, str], ...] = ()
    """Headers after the others, where a name may stand again."""

    def head(self) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in (*self.headers.items(), *self.more)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")

    def bytes(self) -> bytes:
        return self.head() + self.body

    def with_header(self, name: str, value: str | None) -> Request:
        """The same with one header changed; None takes it away."""
        headers = {n: v for n, v in self.headers.items() if n != name}
        if value is not None:
            headers[name] = value
        return replace(self, headers=headers)


def crc32_text(data: bytes) -> str:
    """The value of x-amz-checksum-crc32."""
    return base64.b64encode(checksums.crc32(data).to_bytes(4, "big")).decode()


def signed(
    signer: Signer,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    host: str,
    now: int,
    mode: Mode = Mode.SIGNED,
    has_body: bool | None = None,
    expires_s: int = 600,
) -> Request:
    """A request that the server should take. ``headers`` are signed with it; lengths, hashes and framing are added."""
    own = {"host": host, **(headers or {})}
    carries = bool(body) or method in ("PUT", "POST") if has_body is None else has_body
    if mode is Mode.PRESIGNED:
        url = presign(signer, method, target, own, now=now, expires_s=expires_s)
        sent = {**own, "content-length": str(len(body))} if carries else own
        return Request(method, url, sent, body)
    framed = mode.streaming and has_body is not False
    if framed:
        own["x-amz-decoded-content-length"] = str(len(body))
        if mode.trailing:
            own["x-amz-trailer"] = TRAILER
    payload = PAYLOADS.get(mode) or (sha256(body).hexdigest() if body else EMPTY_SHA256)
    sent = sign_header(signer, method, target, own, now=now, payload=payload)
    if framed:
        body = chunked(signer, sent, body, mode)
    if carries or framed:
        sent["content-length"] = str(len(body))
    return Request(method, target, sent, body)


def chunked(
    signer: Signer,
    sent: Mapping[str, str],
    payload: bytes,
    mode: Mode,
    *,
    trailers: Mapping[str, str] | None = None,
    chunk: int = CHUNK_BYTES,
) -> bytes:
    """``payload`` as an aws-chunked body whose first signature follows from the headers ``sent``."""
    amz_date = sent["x-amz-date"]
    scope = f"{amz_date[:8]}/{signer.region}/s3/aws4_request"
    key = signing_key(signer.secret, amz_date[:8], signer.region)
    previous = sent["authorization"].rpartition("Signature=")[2]

    def sign(kind: str, *lines: str) -> str:
        text = "\n".join((f"AWS4-HMAC-SHA256-{kind}", amz_date, scope, previous, *lines))
        return hmac.new(key, text.encode(), "sha256").hexdigest()

    out = []
    for piece in [*[payload[at : at + chunk] for at in range(0, len(payload), chunk)], b""]:
        suffix = ""
        if mode is not Mode.STREAMING_UNSIGNED_TRAILER:
            previous = sign("PAYLOAD", EMPTY_SHA256, sha256(piece).hexdigest())
            suffix = f";chunk-signature={previous}"
        out.append(f"{len(piece):x}{suffix}\r\n".encode() + (piece + b"\r\n" if piece else b""))
    if mode.trailing:
        fields = {TRAILER: crc32_text(payload)} if trailers is None else trailers
        out += [f"{name}:{value}\r\n".encode() for name, value in fields.items()]
        if mode is Mode.STREAMING_SIGNED_TRAILER:
            lines = "".join(f"{name}:{value}\n" for name, value in fields.items())
            signature = sign("TRAILER", sha256(lines.encode()).hexdigest())
            out.append(f"x-amz-trailer-signature:{signature}\r\n".encode())
    return b"".join(out) + b"\r\n"


@dataclass(frozen=True)
class Reply:
    """One answer; header names in lower case. ``continued`` tells that ``100 Continue`` came before it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    continued: bool = False

    @property
    def code(self) -> str:
        """The S3 error code of the document, empty without one."""
        return self.element("Code")

    def element(self, name: str) -> str:
        """The text of the first element with this name, as it stands in the document."""
        return self.body.decode().partition(f"<{name}>")[2].partition(f"</{name}>")[0]


class ConnectionEnded(Exception):
    """The server closed the connection before or within an answer."""


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def ask(self, request: Request) -> Reply:
        """Sends a request and reads its answer."""
        await self.send(request.bytes())
        return await self.reply(request.method)

    async def reply(self, method: str = "GET") -> Reply:
        """The next final answer. ConnectionEnded when there is none."""
        continued = False
        while True:
            status, headers = await self._head()
            if status != 100:
                break
            continued = True
        body = b""
        try:
            if method != "HEAD" and status not in (204, 304):
                if "content-length" in headers:
                    body = await self.reader.readexactly(int(headers["content-length"]))
                elif headers.get("transfer-encoding") == "chunked":
                    raise AssertionError("the server never sends chunked answers")
        except (asyncio.IncompleteReadError, ConnectionError) as cut:
            raise ConnectionEnded("within the body") from cut
        return Reply(status, headers, body, continued)

    async def interim(self) -> int:
        """The status of the next head, whatever it is."""
        return (await self._head())[0]

    async def _head(self) -> tuple[int, dict[str, str]]:
        try:
            raw = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError) as cut:
            raise ConnectionEnded("before an answer") from cut
        first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            assert name.lower() not in headers, f"the answer repeats {name}"
            headers[name.lower()] = value.strip()
        return int(first.split(" ")[1]), headers

    async def ended(self, *, timeout_s: float = 5.0) -> bool:
        """True when the server closes within the time, without another byte."""
        try:
            return await asyncio.wait_for(self.reader.read(1), timeout_s) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False


@asynccontextmanager
async def connect(port: int, host: str = "127.0.0.1") -> AsyncIterator[Wire]:
    """A connection that is closed at the end."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        try:
            await writer.wait_closed()
        except ConnectionError:
            # The server cut it first, which is what some tests are about.
            return


Tamper = Callable[[Request], Request]
