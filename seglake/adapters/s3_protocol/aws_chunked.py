"""An aws-chunked body is whole only when its last chunk, its trailer and its decoded length have all been proven.

Sources: Amazon S3 API Reference, "Transferring Payload in Multiple Chunks (Chunked Upload)" and "Including Trailing
Headers (Chunked Upload)". Sans-io: bytes in, payload views out. Payload leaves before its chunk's signature is known,
since nothing may commit before ``finish`` has returned (security rule A6).

    chunk    = 1*16HEXDIG [";chunk-signature=" 64HEXDIG] CRLF data CRLF         HEXDIG of a signature: lower case
    last     = 1*16"0"    [";chunk-signature=" 64HEXDIG] CRLF
    trailer  = *(name ":" value (CRLF / LF)) ["x-amz-trailer-signature:" 64HEXDIG CRLF] CRLF

A line feed alone, or one before CRLF, ends a trailer line because minio-go writes them so and S3 takes them.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from enum import IntEnum
from hashlib import sha256

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.payload import EMPTY_SHA256, SHA256_HEX, PayloadMode
from seglake.adapters.s3_protocol.request import ascii_number
from seglake.adapters.s3_protocol.sigv4 import Verified, hex_signature

SIGNED_CHUNK_BYTES_MAX = 16 * 1024 * 1024
HEADER_BYTES_MAX = 128
TRAILER_BYTES_MAX = 4096
TRAILER_NAMES_MAX = 8

_UNSIGNED_HEADER = re.compile(rb"([0-9A-Fa-f]{1,16})")
_SIGNED_HEADER = re.compile(rb"([0-9A-Fa-f]{1,16});chunk-signature=([0-9a-f]{64})")
_TRAILER_LINE = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*([\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?)[ \t]*"
)
_TRAILER_SIGNATURE = "x-amz-trailer-signature"
_NO_TRAILERS: Mapping[str, str] = {}


class _State(IntEnum):
    HEADER = 0
    DATA = 1
    DATA_END = 2
    TRAILER = 3
    DONE = 4


def decoded_length(headers: Mapping[str, str]) -> int:
    """x-amz-decoded-content-length in bytes; S3Error MissingContentLength (411) or InvalidArgument."""
    text = headers.get("x-amz-decoded-content-length")
    if text is None:
        raise S3Error(
            ErrorCode.MissingContentLength,
            "You must provide the x-amz-decoded-content-length HTTP header with this body.",
        )
    return ascii_number(text, "x-amz-decoded-content-length")


def trailer_names(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The lower-case names that x-amz-trailer announces, empty without the header; S3Error InvalidRequest if too
    many."""
    text = headers.get("x-amz-trailer")
    if not text:
        return ()
    names = tuple([name.strip(" \t").lower() for name in text.split(",")])
    if len(names) > TRAILER_NAMES_MAX or len(set(names)) != len(names) or "" in names or _TRAILER_SIGNATURE in names:
        raise S3Error(ErrorCode.InvalidRequest, "The value specified in the x-amz-trailer header is not supported")
    return names


class AwsChunkedDecoder:
    """Decodes one body. Feed it what arrives, then call ``finish``.

    ``mode`` is one of the streaming modes, ``length`` the announced decoded length in bytes, ``announced`` the names of
    x-amz-trailer. ``verified`` is needed for signed chunks. After any S3Error the decoder must not be used again.
    """

    __slots__ = (
        "_announced",
        "_chunk_hash",
        "_chunk_left",
        "_chunk_signature",
        "_left",
        "_length",
        "_mode",
        "_pending",
        "_previous",
        "_state",
        "_trailers",
        "_verified",
    )

    def __init__(
        self,
        mode: PayloadMode,
        length: int,
        *,
        announced: tuple[str, ...] = (),
        verified: Verified | None = None,
    ) -> None:
        assert mode.streaming, "only streaming payload modes are aws-chunked"
        assert verified is not None or not mode.signed_chunks, "signed chunks need the identity that signs them"
        self._mode = mode
        self._length = length
        self._left = length
        self._announced = announced
        self._verified = verified
        self._previous = verified.claims.signature if verified is not None else ""
        self._state = _State.HEADER
        self._pending = b""
        self._chunk_left = 0
        self._chunk_signature = ""
        self._chunk_hash = sha256()
        self._trailers: Mapping[str, str] = _NO_TRAILERS

    @property
    def done(self) -> bool:
        """True once the end of the body has been read and proven; more bytes are then an error."""
        return self._state is _State.DONE

    def feed(self, data: bytes) -> list[memoryview]:
        """The payload in ``data``, as views into it and without copies; empty views are left out.

        Raises S3Error: SignatureDoesNotMatch, IncompleteBody, InvalidChunkSizeError, InvalidRequest for a broken frame,
        MalformedTrailerError.
        """
        if self._pending:
            data = self._pending + data
            self._pending = b""
        out: list[memoryview] = []
        view = memoryview(data)
        at, end = 0, len(data)
        while at < end:
            state = self._state
            if state is _State.DATA:
                stop = min(end, at + self._chunk_left)
                piece = view[at:stop]
                out.append(piece)
                if self._mode.signed_chunks:
                    self._chunk_hash.update(piece)
                self._chunk_left -= stop - at
                at = stop
                if not self._chunk_left:
                    self._state = _State.DATA_END
                continue
            if state is _State.HEADER:
                following = self._header(data, at)
            elif state is _State.DATA_END:
                following = self._data_end(data, at)
            elif state is _State.TRAILER:
                following = self._trailer(data, at)
            else:
                raise _broken("bytes follow the end of the body")
            if following == at:
                self._pending = data[at:]
                break
            at = following
        return out

    def finish(self) -> Mapping[str, str]:
        """The trailers by lower-case name, once the whole body has been fed; IncompleteBody when it was cut off."""
        if self._state is not _State.DONE:
            raise S3Error(
                ErrorCode.IncompleteBody,
                f"the body ended early: {self._length - self._left} of "
                f"{self._length} bytes and no end of the last chunk came",
            )
        return self._trailers

    def _header(self, data: bytes, at: int) -> int:
        """Reads a chunk header at ``at`` and returns where its data begins, or ``at`` while it is incomplete."""
        line_end = data.find(b"\r\n", at, at + HEADER_BYTES_MAX)
        if line_end < 0:
            if len(data) - at >= HEADER_BYTES_MAX:
                raise _broken("a chunk header is too long")
            return at
        signed = self._mode.signed_chunks
        match = (_SIGNED_HEADER if signed else _UNSIGNED_HEADER).fullmatch(data, at, line_end)
        if match is None:
            raise _broken("a chunk header does not follow the grammar of aws-chunked")
        size = int(match[1], 16)
        if size > self._left:
            raise S3Error(
                ErrorCode.IncompleteBody,
                f"the chunks hold more than the {self._length} bytes of x-amz-decoded-content-length",
            )
        if signed:
            if size > SIGNED_CHUNK_BYTES_MAX:
                raise S3Error(
                    ErrorCode.InvalidChunkSizeError,
                    f"a signed chunk has at most {SIGNED_CHUNK_BYTES_MAX} bytes, not {size}",
                )
            self._chunk_signature = match[2].decode("ascii")
            self._chunk_hash = sha256()
        self._chunk_left = size
        self._left -= size
        if size:
            self._state = _State.DATA
        else:
            self._last_chunk()
        return line_end + 2

    def _data_end(self, data: bytes, at: int) -> int:
        if len(data) - at < 2:
            return at
        if data[at : at + 2] != b"\r\n":
            raise _broken("the data of a chunk is not followed by CRLF")
        if self._mode.signed_chunks:
            self._check_chunk(self._chunk_hash.hexdigest())
        self._state = _State.HEADER
        return at + 2

    def _last_chunk(self) -> None:
        if self._left:
            raise S3Error(
                ErrorCode.IncompleteBody,
                f"x-amz-decoded-content-length announces "
                f"{self._length} bytes, the chunks hold {self._length - self._left}",
            )
        if self._mode.signed_chunks:
            self._check_chunk(EMPTY_SHA256)
        self._state = _State.TRAILER

    def _check_chunk(self, hashed: str) -> None:
        verified = self._verified
        assert verified is not None
        claims = verified.claims
        text = (
            f"AWS4-HMAC-SHA256-PAYLOAD\n{claims.amz_date}\n{claims.scope}\n{self._previous}\n{EMPTY_SHA256}\n{hashed}"
        )
        expected = hex_signature(verified.signing_key, text)
        if not hmac.compare_digest(expected, self._chunk_signature):
            raise S3Error(ErrorCode.SignatureDoesNotMatch, "the signature of a chunk does not match its bytes")
        self._previous = expected

    def _trailer(self, data: bytes, at: int) -> int:
        if data.startswith(b"\r\n", at):
            block, following = b"", at + 2
        else:
            found = data.find(b"\r\n\r\n", at, at + TRAILER_BYTES_MAX)
            if found < 0:
                if len(data) - at >= TRAILER_BYTES_MAX:
                    raise _malformed_trailer("it is too long")
                return at
            block, following = data[at:found], found + 4
        if not self._mode.trailing and block:
            raise _malformed_trailer("this payload mode has none")
        self._take_trailers(block)
        self._state = _State.DONE
        return following

    def _take_trailers(self, block: bytes) -> None:
        lines = [line for line in block.replace(b"\r\n", b"\n").split(b"\n") if line]
        trailers: dict[str, str] = {}
        for line in lines:
            match = _TRAILER_LINE.fullmatch(line)
            if match is None:
                raise _malformed_trailer("a line is not 'name:value' in ASCII")
            name = match[1].decode("ascii").lower()
            if name in trailers or _TRAILER_SIGNATURE in trailers:
                raise _malformed_trailer(f"{name} is repeated or follows the signature")
            trailers[name] = match[2].decode("ascii")
        signature = trailers.pop(_TRAILER_SIGNATURE, None)
        if self._mode is PayloadMode.STREAMING_SIGNED_TRAILER:
            self._check_trailer(trailers, signature)
        elif signature is not None:
            raise _malformed_trailer("an unsigned body has no trailer signature")
        if set(trailers) != set(self._announced):
            raise _malformed_trailer("its names are not those that x-amz-trailer announced")
        self._trailers = trailers

    def _check_trailer(self, trailers: Mapping[str, str], signature: str | None) -> None:
        if signature is None or not SHA256_HEX.fullmatch(signature):
            raise _malformed_trailer("x-amz-trailer-signature is missing or is not 64 lower-case hex digits")
        verified = self._verified
        assert verified is not None
        claims = verified.claims
        lines = "".join([f"{name}:{value}\n" for name, value in trailers.items()])
        hashed = sha256(lines.encode("ascii")).hexdigest()
        text = f"AWS4-HMAC-SHA256-TRAILER\n{claims.amz_date}\n{claims.scope}\n{self._previous}\n{hashed}"
        if not hmac.compare_digest(hex_signature(verified.signing_key, text), signature):
            raise S3Error(ErrorCode.SignatureDoesNotMatch, "the signature of the trailer does not match it")


def _broken(reason: str) -> S3Error:
    return S3Error(ErrorCode.InvalidRequest, f"The aws-chunked body is broken: {reason}")


def _malformed_trailer(reason: str) -> S3Error:
    return S3Error(
        ErrorCode.MalformedTrailerError, f"{ErrorCode.MalformedTrailerError.message} The trailer is wrong: {reason}"
    )
