"""An aws-chunked body is read whole, byte by byte and with garbage, and nothing of it passes unproven."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from functools import partial
from io import BytesIO

import pytest
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum
from hypothesis import given, settings
from hypothesis import strategies as st

from seglake.adapters.s3_protocol.aws_chunked import (
    HEADER_BYTES_MAX,
    SIGNED_CHUNK_BYTES_MAX,
    TRAILER_BYTES_MAX,
    AwsChunkedDecoder,
    decoded_length,
    trailer_names,
)
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.payload import PayloadMode
from seglake.adapters.s3_protocol.sigv4 import Verified
from tests.unit.adapters.s3_protocol.test_sigv4 import DOC_NOW, DOC_SECRET, documented
from tests.unit.adapters.s3_protocol.wire import attempt, check, chunked, signed

SIGNED = PayloadMode.STREAMING_SIGNED
SIGNED_TRAILER = PayloadMode.STREAMING_SIGNED_TRAILER
UNSIGNED = PayloadMode.STREAMING_UNSIGNED_TRAILER
TRAILERS = {"x-amz-checksum-crc32": "AAAAAA=="}
PAYLOAD = bytes(range(256)) * 10


def identity(mode: PayloadMode) -> Verified | None:
    return check(signed("PUT", payload=mode.value)) if mode.signed_chunks else None


def body_of(mode: PayloadMode, payload: bytes = PAYLOAD, *, chunk: int = 1000, style: str = "aws") -> bytes:
    return chunked(
        payload, verified=identity(mode), chunk=chunk, trailers=TRAILERS if mode.trailing else None, style=style
    )


def decoder(
    mode: PayloadMode, length: int = len(PAYLOAD), announced: tuple[str, ...] | None = None
) -> AwsChunkedDecoder:
    names = tuple(TRAILERS) if announced is None and mode.trailing else announced or ()
    return AwsChunkedDecoder(mode, length, announced=names, verified=identity(mode))


def decode(reader: AwsChunkedDecoder, body: bytes, step: int = 0) -> bytes:
    out = []
    for at in range(0, len(body), step or len(body) or 1):
        out += [bytes(view) for view in reader.feed(body[at : at + (step or len(body))])]
    reader.finish()
    return b"".join(out)


def refusal(
    mode: PayloadMode, body: bytes, length: int = len(PAYLOAD), announced: tuple[str, ...] | None = None
) -> S3Error:
    """The refusal of ``body``, which must be the same fed whole and byte by byte."""
    whole = attempt(lambda: decode(decoder(mode, length, announced), body))
    slow = attempt(lambda: decode(decoder(mode, length, announced), body, 1))
    assert isinstance(whole, S3Error)
    assert isinstance(slow, S3Error)
    assert whole.code is slow.code
    return whole


MODES = pytest.mark.parametrize("mode", [SIGNED, SIGNED_TRAILER, UNSIGNED], ids=lambda mode: mode.name)


@MODES
@pytest.mark.parametrize("step", [0, 1, 7, 64, 1000])
@pytest.mark.parametrize("payload", [b"", b"x", PAYLOAD], ids=len)
@pytest.mark.parametrize("style", ["aws", "minio"])
def test_a_body_is_read_in_any_pieces(mode: PayloadMode, step: int, payload: bytes, style: str) -> None:
    reader = decoder(mode, len(payload))
    assert decode(reader, body_of(mode, payload, style=style), step) == payload
    assert reader.done
    assert reader.finish() == (TRAILERS if mode.trailing else {})


@MODES
@pytest.mark.parametrize("garbage", [b"x", b"\r\n", b"0\r\n\r\n", b"\x00" * 10])
def test_trailing_garbage_is_refused(mode: PayloadMode, garbage: bytes) -> None:
    assert refusal(mode, body_of(mode) + garbage).code is ErrorCode.InvalidRequest


@MODES
def test_a_body_cut_anywhere_is_incomplete(mode: PayloadMode) -> None:
    body = body_of(mode, b"0123456789" * 3, chunk=10)
    for at in range(len(body)):
        error = refusal(mode, body[:at], 30)
        assert error.code in (ErrorCode.IncompleteBody, ErrorCode.MalformedTrailerError)


@pytest.mark.parametrize("mode", [SIGNED, SIGNED_TRAILER], ids=lambda mode: mode.name)
def test_every_changed_byte_of_a_signed_body_is_refused(mode: PayloadMode) -> None:
    body = body_of(mode, b"0123456789" * 3, chunk=10)
    for at in range(len(body)):
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        assert isinstance(attempt(partial(decode, decoder(mode, 30), changed)), S3Error), at


def test_the_signature_of_the_last_chunk_counts() -> None:
    """A decoder that stops at the last byte of data never sees that the body was cut or continued."""
    body = body_of(SIGNED)
    last = body.rindex(b"0;chunk-signature=")
    flipped = body[:-5] + (b"0" if body[-5:-4] != b"0" else b"1") + body[-4:]
    assert refusal(SIGNED, flipped).code is ErrorCode.SignatureDoesNotMatch
    assert refusal(SIGNED, body[:last] + b"0\r\n\r\n").code is ErrorCode.InvalidRequest
    assert refusal(SIGNED, body[:last]).code is ErrorCode.IncompleteBody


def test_chunks_can_be_neither_dropped_nor_swapped_nor_repeated() -> None:
    body = body_of(SIGNED, b"a" * 10 + b"b" * 10 + b"c" * 10, chunk=10)
    first, second, third, last = [m.start() for m in re.finditer(rb"[0-9a-f]+;chunk", body)]
    a, b, c, end = body[first:second], body[second:third], body[third:last], body[last:]
    assert decode(decoder(SIGNED, 30), a + b + c + end) == b"a" * 10 + b"b" * 10 + b"c" * 10
    for changed, length in ((b + a + c + end, 30), (a + c + end, 20), (a + a + b + c + end, 40), (a + b + end, 20)):
        assert refusal(SIGNED, changed, length).code is ErrorCode.SignatureDoesNotMatch


def test_chunks_of_another_request_are_refused() -> None:
    other = check(signed("PUT", "/bucket/other", payload=SIGNED.value))
    body = chunked(PAYLOAD, verified=other)
    assert refusal(SIGNED, body).code is ErrorCode.SignatureDoesNotMatch


def test_the_seed_is_the_signature_of_the_head() -> None:
    verified = identity(SIGNED)
    assert verified is not None
    forged = replace(verified, claims=replace(verified.claims, signature="0" * 64))
    assert refusal(SIGNED, chunked(PAYLOAD, verified=forged)).code is ErrorCode.SignatureDoesNotMatch


@MODES
@pytest.mark.parametrize("length", [0, 1, len(PAYLOAD) - 1, len(PAYLOAD) + 1, 10**17])
def test_the_decoded_length_must_be_right(mode: PayloadMode, length: int) -> None:
    assert refusal(mode, body_of(mode), length).code is ErrorCode.IncompleteBody


@MODES
def test_no_byte_beyond_the_announced_length_is_given_out(mode: PayloadMode) -> None:
    reader = decoder(mode, 999)
    with pytest.raises(S3Error) as caught:
        reader.feed(body_of(mode)[:100])
    assert caught.value.code is ErrorCode.IncompleteBody


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"0x5",
        b"+5",
        b"5 ",
        b" 5",
        b"1_0",
        b"-1",
        b"g",
        b"5;",
        b"5;ext=1",
        b"5;chunk-signature=" + b"0" * 64,
        b"\xd9\xa3",
        b"0" * 17,
    ],
)
def test_an_unsigned_chunk_header_is_hex_and_nothing_else(head: bytes) -> None:
    error = refusal(UNSIGNED, head + b"\r\nabcde\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", 5)
    assert error.code is ErrorCode.InvalidRequest


@pytest.mark.parametrize(
    "head",
    [
        b"5",
        b"5;chunk-signature=",
        b"5;chunk-signature=" + b"0" * 63,
        b"5;chunk-signature=" + b"0" * 65,
        b"5;chunk-signature=" + b"A" * 64,
        b"5; chunk-signature=" + b"0" * 64,
        b"5;Chunk-Signature=" + b"0" * 64,
    ],
)
def test_a_signed_chunk_header_has_a_signature_in_lower_case_hex(head: bytes) -> None:
    """CVE-2025-31489: a body that said it was signed was taken without signatures."""
    assert refusal(SIGNED, head + b"\r\nabcde\r\n", 5).code is ErrorCode.InvalidRequest


@pytest.mark.parametrize("end", [b"\n", b"", b"x\r\n", b"\r\r", b"\r\n "])
def test_data_ends_with_crlf(end: bytes) -> None:
    body = b"5\r\nabcde" + end + b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
    assert refusal(UNSIGNED, body, 5).code is ErrorCode.InvalidRequest


def test_lengths_of_headers_chunks_and_trailers_are_bounded() -> None:
    assert refusal(UNSIGNED, b"0" * (HEADER_BYTES_MAX + 1), 5).code is ErrorCode.InvalidRequest
    big = f"{SIGNED_CHUNK_BYTES_MAX + 1:x};chunk-signature={'0' * 64}\r\n".encode()
    assert refusal(SIGNED, big, 2**40).code is ErrorCode.InvalidChunkSizeError
    endless = b"0\r\n" + b"x-amz-checksum-crc32:" + b"A" * (TRAILER_BYTES_MAX + 1)
    assert refusal(UNSIGNED, endless, 0).code is ErrorCode.MalformedTrailerError


@pytest.mark.parametrize(
    "trailer",
    [
        b"",
        b"x-amz-checksum-crc32\r\n",
        b"x-amz-checksum-crc32:\r\n",
        b":AAAAAA==\r\n",
        b"x-amz-checksum-sha1:AAAAAA==\r\n",
        b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-meta-a:1\r\n",
        b"x-amz-checksum-crc32:AAAAAA==\r\nX-Amz-Checksum-CRC32:AAAAAA==\r\n",
        b"x-amz-checksum-crc32:AAAA\x00AA==\r\n",
        b"x-amz-checksum-crc32:\xc3\xa4\r\n",
        b"x-amz-checksum-crc32 :AAAAAA==\r\n",
        b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:" + b"0" * 64 + b"\r\n",
    ],
)
def test_a_trailer_is_what_was_announced(trailer: bytes) -> None:
    assert refusal(UNSIGNED, b"0\r\n" + trailer + b"\r\n", 0).code is ErrorCode.MalformedTrailerError


def test_an_unannounced_trailer_is_refused() -> None:
    assert refusal(UNSIGNED, body_of(UNSIGNED), announced=()).code is ErrorCode.MalformedTrailerError
    assert decode(decoder(UNSIGNED, 0, ()), b"0\r\n\r\n") == b""


def test_a_mode_without_trailers_has_none() -> None:
    verified = identity(SIGNED)
    body = chunked(PAYLOAD, verified=verified, trailers=TRAILERS)
    assert refusal(SIGNED, body).code is ErrorCode.MalformedTrailerError


def test_the_signature_of_a_trailer_counts() -> None:
    """CVE-2026-40344: the trailer's signature was not looked at."""
    body = body_of(SIGNED_TRAILER)
    assert refusal(SIGNED_TRAILER, body.replace(b"AAAAAA==", b"BBBBBB==")).code is ErrorCode.SignatureDoesNotMatch
    line = re.compile(rb"x-amz-trailer-signature:[0-9a-f]{64}\r\n")
    assert refusal(SIGNED_TRAILER, line.sub(b"", body)).code is ErrorCode.MalformedTrailerError
    zeros = b"x-amz-trailer-signature:" + b"0" * 64 + b"\r\n"
    assert refusal(SIGNED_TRAILER, line.sub(zeros, body)).code is ErrorCode.SignatureDoesNotMatch
    assert refusal(SIGNED_TRAILER, line.sub(zeros.upper(), body)).code is ErrorCode.SignatureDoesNotMatch
    first = line.sub(b"", body).replace(b"x-amz-checksum-crc32", zeros + b"x-amz-checksum-crc32")
    assert refusal(SIGNED_TRAILER, first).code is ErrorCode.MalformedTrailerError


def test_the_example_of_the_api_reference_decodes() -> None:
    """API Reference, chunked upload: a PUT of 66,560 bytes 'a' in chunks of 65,536 and 1,024."""
    signatures = (
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    )
    body = b"".join(
        f"{size:x};chunk-signature={signature}\r\n".encode() + b"a" * size + b"\r\n"
        for size, signature in zip((65536, 1024, 0), signatures, strict=True)
    )
    request = documented(
        "PUT",
        "/examplebucket/chunkObject.txt",
        {
            "content-encoding": "aws-chunked",
            "content-length": "66824",
            "host": "s3.amazonaws.com",
            "x-amz-content-sha256": SIGNED.value,
            "x-amz-decoded-content-length": "66560",
            "x-amz-storage-class": "REDUCED_REDUNDANCY",
        },
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
        "x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    )
    verified = check(request, now=DOC_NOW, secret=DOC_SECRET)
    reader = AwsChunkedDecoder(SIGNED, decoded_length(request.headers), verified=verified)
    assert len(body) == 66824
    assert decode(reader, body, 1000) == b"a" * 66560


def test_what_botocore_frames_is_read() -> None:
    wrapper = AwsChunkedWrapper(BytesIO(PAYLOAD), Crc32Checksum, "x-amz-checksum-crc32", chunk_size=777)
    body = wrapper.read()
    reader = decoder(UNSIGNED)
    assert decode(reader, body) == PAYLOAD
    checksum = Crc32Checksum()
    checksum.update(PAYLOAD)
    assert reader.finish() == {"x-amz-checksum-crc32": checksum.b64digest()}


def test_payload_is_not_copied() -> None:
    body = body_of(UNSIGNED, bytes(100_000), chunk=50_000)
    views = decoder(UNSIGNED, 100_000).feed(body)
    assert [len(view) for view in views] == [50_000, 50_000]
    assert all(view.obj is body for view in views)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=300), st.integers(1, 50), st.integers(1, 60), st.sampled_from([SIGNED, SIGNED_TRAILER, UNSIGNED])
)
def test_round_trip(payload: bytes, chunk: int, step: int, mode: PayloadMode) -> None:
    assert decode(decoder(mode, len(payload)), body_of(mode, payload, chunk=chunk), step) == payload


@MODES
def test_damaged_bodies_give_their_payload_or_a_declared_error(mode: PayloadMode) -> None:
    rng = random.Random(7)
    body = body_of(mode, b"0123456789" * 5, chunk=7)
    for _ in range(1500):
        changed = bytearray(body)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(changed))
            match rng.randrange(3):
                case 0:
                    changed[at] = rng.randrange(256)
                case 1:
                    del changed[at : at + rng.randint(1, 9)]
                case _:
                    changed[at:at] = rng.choice((b"\r\n", b"0", b"\n", b";", bytes(rng.randbytes(3))))
        got = attempt(partial(decode, decoder(mode, 50), bytes(changed), 13))
        if isinstance(got, S3Error):
            assert got.code.status in (400, 403)
        elif mode.signed_chunks:
            assert got == b"0123456789" * 5
        else:
            assert len(got) == 50


@pytest.mark.parametrize("value", ["1_0", "+1", "-1", "", "1" * 19, " 1", "0x1"])
def test_the_decoded_length_is_digits(value: str) -> None:
    with pytest.raises(S3Error) as caught:
        decoded_length({"x-amz-decoded-content-length": value})
    assert caught.value.code is ErrorCode.InvalidArgument


def test_a_missing_decoded_length_is_411() -> None:
    with pytest.raises(S3Error) as caught:
        decoded_length({})
    assert caught.value.code.status == 411


def test_announced_trailers() -> None:
    assert trailer_names({}) == ()
    assert trailer_names({"x-amz-trailer": "X-Amz-Checksum-CRC32 , a"}) == ("x-amz-checksum-crc32", "a")
    for value in ("a,a", "a,", ",", "x-amz-trailer-signature", ",".join("abcdefghi")):
        with pytest.raises(S3Error):
            trailer_names({"x-amz-trailer": value})
