"""Bad input: each refusal has S3's code and status, helps, stores nothing and leaves the connection usable."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seglake.adapters.s3_protocol.signing import Signer, sign_header
from tests.integration.asking import Asker
from tests.integration.conftest import client_of
from tests.integration.endpoint import Endpoint, running_server
from tests.wire import TRAILER, Mode, Reply, Request, Wire, chunked, connect, signed

MIB = 1 << 20


class Refusal:
    """Sends one bad request and checks all that a refusal promises."""

    def __init__(self, asker: Asker, wire: Wire) -> None:
        self.asker = asker
        self.wire = wire

    async def __call__(self, request: Request, status: int, code: str, says: str = "", *, ends: bool = False) -> Reply:
        before = self.asker.holds()
        reply = await self.wire.ask(request)
        assert (reply.status, reply.code) == (status, code), reply.body
        assert says.lower() in reply.element("Message").lower()
        assert len(reply.element("Message")) > 10
        assert self.asker.holds() == before
        if ends:
            assert reply.headers["connection"] == "close"
        else:
            assert "connection" not in reply.headers
            again = await self.wire.ask(self.asker.request("GET", "/{bucket}?location"))
            assert again.status == 200, "the connection is usable"
        return reply


@pytest.fixture
async def refuse(asker: Asker, wire: Wire) -> Refusal:
    return Refusal(asker, wire)


def with_body(request: Request, body: bytes) -> Request:
    return replace(request.with_header("content-length", str(len(body))), body=body)


async def test_a_key_that_is_not_known(refuse: Refusal, asker: Asker) -> None:
    other = signed(
        Signer("nobody", "x" * 20), "PUT", f"/{asker.bucket}/k", {}, b"b", host=asker.endpoint.host, now=_now()
    )
    reply = await refuse(other, 403, "InvalidAccessKeyId", "credentials")
    assert reply.element("AWSAccessKeyId") == "nobody"


def _now() -> int:
    return int(time.time())


async def test_a_wrong_secret(refuse: Refusal, asker: Asker) -> None:
    wrong = Signer(asker.endpoint.access_key, "not the secret at all")
    request = signed(wrong, "PUT", f"/{asker.bucket}/k", {}, b"b", host=asker.endpoint.host, now=_now())
    reply = await refuse(request, 403, "SignatureDoesNotMatch", "check your key")
    assert reply.element("StringToSign").startswith("AWS4-HMAC-SHA256\n")
    assert reply.element("CanonicalRequest").startswith(f"PUT\n/{asker.bucket}/k\n")
    assert asker.endpoint.secret not in reply.body.decode()


async def test_clocks_that_differ(refuse: Refusal, asker: Asker) -> None:
    late = asker.request("PUT", "/{bucket}/k", {}, b"b", late_s=22 * 60)
    reply = await refuse(late, 403, "RequestTimeTooSkewed", "22 minutes behind the server's")
    assert reply.element("ServerTime")
    assert reply.element("RequestTime") == late.headers["x-amz-date"]
    early = asker.request("PUT", "/{bucket}/k", {}, b"b", late_s=-3 * 3600)
    await refuse(early, 403, "RequestTimeTooSkewed", "2 hours ahead of the server's")


async def test_a_presigned_url_that_expired(refuse: Refusal, asker: Asker) -> None:
    request = asker.request("PUT", "/{bucket}/k", {}, b"b", mode=Mode.PRESIGNED, late_s=601)
    await refuse(request, 403, "AccessDenied", "expired")


async def test_no_credentials_at_all(refuse: Refusal, asker: Asker) -> None:
    host = {"host": asker.endpoint.host}
    await refuse(Request("GET", f"/{asker.bucket}", host), 403, "AccessDenied", "signed")
    put = Request("PUT", f"/{asker.bucket}/k", {**host, "content-length": "1"}, b"x")
    await refuse(put, 403, "AccessDenied", "signed")


@pytest.mark.parametrize(
    ("name", "value", "status", "code"),
    [
        ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==", 400, "BadDigest"),
        ("content-md5", "short", 400, "InvalidDigest"),
        ("x-amz-checksum-crc32", "AAAAAA==", 400, "BadDigest"),
        ("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=", 400, "BadDigest"),
        ("x-amz-checksum-sha256", "AAAA", 400, "InvalidRequest"),
        ("x-amz-checksum-crc32", "AAAAAA", 400, "InvalidRequest"),
        ("x-amz-sdk-checksum-algorithm", "CRC32", 400, "InvalidRequest"),
        ("x-amz-sdk-checksum-algorithm", "MD6", 400, "InvalidRequest"),
        ("x-amz-trailer", "x-amz-checksum-crc32", 400, "InvalidRequest"),
    ],
)
@pytest.mark.parametrize("size", [5, 300_000])
async def test_digests_that_do_not_match(
    refuse: Refusal, asker: Asker, name: str, value: str, status: int, code: str, size: int
) -> None:
    request = asker.request("PUT", "/{bucket}/k", {name: value}, b"x" * size)
    await refuse(request, status, code)
    begun = await asker.ask("POST", "/{bucket}/k?uploads")
    part = f"/{{bucket}}/k?partNumber=1&uploadId={begun.element('UploadId')}"
    await refuse(asker.request("PUT", part, {name: value}, b"x" * size), status, code)


async def test_two_checksums(refuse: Refusal, asker: Asker) -> None:
    two = {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-crc32c": "AAAAAA=="}
    await refuse(asker.request("PUT", "/{bucket}/k", two, b""), 400, "InvalidRequest", "single")


async def test_a_body_that_is_not_the_one_signed(refuse: Refusal, asker: Asker) -> None:
    for size in (4, 300_000):
        request = asker.request("PUT", "/{bucket}/k", {}, b"x" * size)
        reply = await refuse(replace(request, body=b"y" * size), 400, "XAmzContentSHA256Mismatch")
        assert reply.element("ClientComputedContentSHA256") == request.headers["x-amz-content-sha256"]


@pytest.mark.parametrize("mode", [Mode.STREAMING_SIGNED_TRAILER, Mode.STREAMING_UNSIGNED_TRAILER])
@pytest.mark.parametrize(
    ("trailers", "code"),
    [
        ({}, "MalformedTrailerError"),
        ({TRAILER: "AAAAAA=="}, "BadDigest"),
        ({TRAILER: "not base64"}, "InvalidRequest"),
        ({"x-amz-checksum-sha1": "AAAA"}, "MalformedTrailerError"),
    ],
)
async def test_trailers_that_are_wrong_or_missing(
    refuse: Refusal, asker: Asker, mode: Mode, trailers: dict[str, str], code: str
) -> None:
    request = asker.request("PUT", "/{bucket}/k", {}, b"some bytes", mode=mode)
    body = chunked(asker.endpoint.signer, request.headers, b"some bytes", mode, trailers=trailers)
    await refuse(with_body(request, body), 400, code)


async def test_a_chunk_with_another_signature(refuse: Refusal, asker: Asker) -> None:
    request = asker.request("PUT", "/{bucket}/k", {}, b"x" * 100, mode=Mode.STREAMING_SIGNED)
    at = request.body.index(b"signature=") + 10
    flipped = request.body[:at] + (b"0" if request.body[at : at + 1] != b"0" else b"1") + request.body[at + 1 :]
    await refuse(with_body(request, flipped), 403, "SignatureDoesNotMatch", "chunk")


@pytest.mark.parametrize("length", [99, 101, 0, 10**12])
async def test_a_wrong_decoded_length(refuse: Refusal, asker: Asker, length: int) -> None:
    mode = Mode.STREAMING_UNSIGNED_TRAILER
    headers = {"x-amz-decoded-content-length": str(length)}
    good = asker.request("PUT", "/{bucket}/k", {}, b"x" * 100, mode=mode)
    # Signed with the wrong length from the start, so that the signature is right.
    resigned = _resigned(asker, good, headers)
    code = "EntityTooLarge" if length == 10**12 else "IncompleteBody"
    await refuse(resigned, 400, code)


def _resigned(asker: Asker, request: Request, changes: dict[str, str]) -> Request:
    own = {n: v for n, v in request.headers.items() if n not in ("authorization", "content-length", "x-amz-date")}
    payload = own.pop("x-amz-content-sha256")
    sent = sign_header(
        asker.endpoint.signer, request.method, request.target, {**own, **changes}, now=_now(), payload=payload
    )
    sent["content-length"] = str(len(request.body))
    return replace(request, headers=sent)


@pytest.mark.parametrize("text", ["1_0", "+5", "-1", "٣", "", "1e3", "9" * 30])
async def test_a_decoded_length_that_is_no_number(refuse: Refusal, asker: Asker, text: str) -> None:
    good = asker.request("PUT", "/{bucket}/k", {}, b"x" * 100, mode=Mode.STREAMING_UNSIGNED_TRAILER)
    request = _resigned(asker, good, {"x-amz-decoded-content-length": text})
    await refuse(request, 400, "InvalidArgument", "x-amz-decoded-content-length")


@pytest.mark.parametrize("mode", [Mode.SIGNED, Mode.UNSIGNED, Mode.STREAMING_SIGNED])
@pytest.mark.parametrize("size", [1000, 600_000])
async def test_a_body_that_is_cut_off(asker: Asker, mode: Mode, size: int) -> None:
    request = asker.request("PUT", "/{bucket}/k", {}, b"x" * size, mode=mode)
    async with connect(asker.endpoint.port) as wire:
        await wire.send(request.head() + request.body[: size // 2])
        wire.writer.write_eof()
        try:
            reply = await wire.reply("PUT")
        except Exception:  # noqa: BLE001 - an end without an answer is as good: nobody listens any more
            pass
        else:
            assert (reply.status, reply.code) == (400, "IncompleteBody")
    await asyncio.sleep(0.1)
    assert asker.holds() == ([], [], [])


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        (b"", "MalformedXML"),
        (b"not xml", "MalformedXML"),
        (b"<Delete>", "MalformedXML"),
        (b"<Other/>", "MalformedXML"),
        (b"<Delete></Delete>", "MalformedXML"),
        (b"<Delete><Object><Key></Key></Object></Delete>", "MalformedXML"),
        (b"<Delete><Object><Key>a</Key><Nope/></Object></Delete>", "MalformedXML"),
        (b"<Delete><Object><Key>a</Key></Object></Delete>trailing", "MalformedXML"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Delete><Object><Key>&b;</Key></Object></Delete>', "MalformedXML"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><Delete/>', "MalformedXML"),
        (b'<Delete xmlns="http://other/"><Object><Key>a</Key></Object></Delete>', "MalformedXML"),
        (b"<Delete>" + b"<a>" * 100 + b"</a>" * 100 + b"</Delete>", "MalformedXML"),
        (b"<Delete><Object><Key>" + b"k" * 5000 + b"</Key></Object></Delete>", "MalformedXML"),
        (b'<?xml version="1.0" encoding="utf-7"?><Delete/>', "MalformedXML"),
        (b"<Delete>" + b" " * (2 * MIB) + b"</Delete>", "MaxMessageLengthExceeded"),
    ],
)
async def test_documents_that_are_not_what_they_should_be(refuse: Refusal, asker: Asker, xml: bytes, code: str) -> None:
    await asker.ask("PUT", "/{bucket}/a", {}, b"body")
    md5 = base64.b64encode(hashlib.md5(xml).digest()).decode()
    await refuse(asker.request("POST", "/{bucket}?delete", {"content-md5": md5}, xml), 400, code)


async def test_an_upload_is_completed_or_configured_only_by_its_own_document(refuse: Refusal, asker: Asker) -> None:
    begun = await asker.ask("POST", "/{bucket}/k?uploads")
    target = f"/{{bucket}}/k?uploadId={begun.element('UploadId')}"
    for xml in (b"", b"<CompleteMultipartUpload/>", b"<Delete><Object><Key>a</Key></Object></Delete>"):
        await refuse(asker.request("POST", target, {}, xml), 400, "MalformedXML")
    bad = b"<CompleteMultipartUpload><Part><PartNumber>0</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>"
    await refuse(asker.request("POST", target, {}, bad), 400, "MalformedXML")
    wrong = b"<VersioningConfiguration><Status>enabled</Status></VersioningConfiguration>"
    await refuse(asker.request("PUT", "/{bucket}?versioning", {}, wrong), 400, "MalformedXML")
    empty = b"<VersioningConfiguration/>"
    await refuse(
        asker.request("PUT", "/{bucket}?versioning", {}, empty), 400, "IllegalVersioningConfigurationException"
    )
    mfa = b"<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>"
    await refuse(asker.request("PUT", "/{bucket}?versioning", {}, mfa), 501, "NotImplemented", "MFA")


async def test_delete_objects_needs_a_digest(refuse: Refusal, asker: Asker) -> None:
    xml = b"<Delete><Object><Key>a</Key></Object></Delete>"
    await refuse(asker.request("POST", "/{bucket}?delete", {}, xml), 400, "InvalidRequest", "Content-MD5")


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("PUT", "/{bucket}?website"),
        ("PUT", "/{bucket}?replication"),
        ("GET", "/{bucket}/k?torrent"),
        ("GET", "/{bucket}/k?nonsense=1"),
        ("PUT", "/{bucket}/k?versionId=null"),
        ("GET", "/?prefix=a&nonsense"),
        ("POST", "/{bucket}"),
    ],
)
async def test_sub_resources_and_parameters_that_do_not_exist(
    refuse: Refusal, asker: Asker, method: str, target: str
) -> None:
    await refuse(asker.request(method, target), 501, "NotImplemented")


async def test_methods_that_a_place_does_not_have(refuse: Refusal, asker: Asker) -> None:
    for method, target in (("PATCH", "/{bucket}/k"), ("POST", "/{bucket}/k"), ("DELETE", "/"), ("PUT", "/")):
        reply = await refuse(asker.request(method, target), 405, "MethodNotAllowed")
        assert "GET" in reply.headers["allow"]


async def test_sub_resources_that_exclude_each_other(refuse: Refusal, asker: Asker) -> None:
    await refuse(asker.request("GET", "/{bucket}?versioning&location"), 400, "InvalidArgument", "combined")


@pytest.mark.parametrize(
    ("header", "value", "status", "code"),
    [
        ("x-amz-server-side-encryption", "aws:kms:dsse", 501, "NotImplemented"),
        ("x-amz-object-lock-mode", "GOVERNANCE", 400, "InvalidArgument"),
        ("x-amz-tagging", "a=b&a=c", 400, "InvalidArgument"),
        ("x-amz-expected-bucket-owner", "111122223333", 403, "AccessDenied"),
        ("x-amz-unheard-of", "1", 501, "NotImplemented"),
        ("x-amz-acl", "public-read", 400, "AccessControlListNotSupported"),
        ("x-amz-acl", "public", 400, "InvalidArgument"),
        ("x-amz-acl", "aws-exec-read", 501, "NotImplemented"),
        ("x-amz-grant-read", "id=1", 400, "InvalidArgument"),
        (
            "x-amz-grant-read",
            "uri=http://acs.amazonaws.com/groups/global/AllUsers",
            400,
            "AccessControlListNotSupported",
        ),
        ("x-amz-grant-write", "id=1", 501, "NotImplemented"),
        ("x-amz-storage-class", "GLACIER", 400, "InvalidStorageClass"),
        ("x-amz-security-token", "token", 400, "InvalidToken"),
        ("if-none-match", '"etag"', 501, "NotImplemented"),
        ("if-modified-since", "Mon, 03 Feb 2031 04:05:06 GMT", 501, "NotImplemented"),
    ],
)
async def test_headers_that_would_change_the_meaning(
    refuse: Refusal, asker: Asker, header: str, value: str, status: int, code: str
) -> None:
    await refuse(asker.request("PUT", "/{bucket}/k", {header: value}, b"body"), status, code)


async def test_a_key_that_is_too_long(refuse: Refusal, asker: Asker) -> None:
    for key in ("k" * 1025, "%C3%A9" * 513):
        reply = await refuse(asker.request("PUT", f"/{{bucket}}/{key}", {}, b"x"), 400, "KeyTooLongError", "1024")
        assert reply.element("MaxSizeAllowed") == "1024"
        await refuse(asker.request("POST", f"/{{bucket}}/{key}?uploads"), 400, "KeyTooLongError")


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "a" * 64,
        "Upper",
        "under_score",
        "-dash",
        "dash-",
        "two..dots",
        "dot.-dash",
        "192.168.1.1",
        "xn--a",
        "a%00b",
    ],
)
async def test_bucket_names_have_their_rules(refuse: Refusal, asker: Asker, name: str) -> None:
    reply = await refuse(asker.request("PUT", f"/{name}"), 400, "InvalidBucketName", "not a bucket name")
    assert reply.element("BucketName")


async def test_an_object_that_is_too_large(refuse: Refusal, asker: Asker, wire: Wire) -> None:
    big = asker.request("PUT", "/{bucket}/k", {"expect": "100-continue"}, mode=Mode.UNSIGNED)
    request = replace(big.with_header("content-length", str((1 << 30) + 1)), body=b"")
    reply = await refuse(request, 400, "EntityTooLarge", "--max-object-size", ends=True)
    assert reply.element("MaxSizeAllowed") == str(1 << 30)
    assert not reply.continued, "the body was never asked for"


async def test_a_request_target_that_is_too_long(asker: Asker, wire: Wire) -> None:
    request = asker.request("GET", "/{bucket}?prefix=" + "p" * 40_000)
    reply = await wire.ask(request)
    assert (reply.status, reply.code) == (414, "URITooLong")
    assert "--max-url-length" in reply.element("Message")
    assert await wire.ended()


@pytest.mark.parametrize("headers", [{"x-amz-meta-a": "v" * 40_000}, {f"x-header-{n}": "v" * 500 for n in range(80)}])
async def test_headers_that_are_too_long(asker: Asker, wire: Wire, headers: dict[str, str]) -> None:
    reply = await wire.ask(asker.request("PUT", "/{bucket}/k", headers, b"body"))
    assert (reply.status, reply.code) == (400, "RequestHeaderSectionTooLarge")
    assert asker.holds() == ([], [], [])


async def test_metadata_that_is_too_large(refuse: Refusal, asker: Asker) -> None:
    headers = {f"x-amz-meta-{n}": "v" * 100 for n in range(25)}
    await refuse(asker.request("PUT", "/{bucket}/k", headers, b"body"), 400, "MetadataTooLarge", "2048")
    await refuse(asker.request("POST", "/{bucket}/k?uploads", headers), 400, "MetadataTooLarge")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("max-keys=abc", "max-keys"),
        ("max-keys=1_0", "max-keys"),
        ("max-keys=%2B5", "max-keys"),
        ("max-keys=-1", "max-keys"),
        ("list-type=3", "list-type"),
        ("list-type=2&continuation-token=", "continuation-token"),
        ("list-type=2&continuation-token=%21", "continuation-token"),
        ("encoding-type=xml", "encoding-type"),
        ("prefix=a&prefix=b", "prefix"),
    ],
)
async def test_list_parameters_that_mean_nothing(refuse: Refusal, asker: Asker, query: str, name: str) -> None:
    reply = await refuse(asker.request("GET", f"/{{bucket}}?{query}"), 400, "InvalidArgument")
    assert reply.element("ArgumentName") == name


async def test_wrong_copy_sources(refuse: Refusal, asker: Asker) -> None:
    await asker.ask("PUT", "/{bucket}/a%20b", {}, b"spaced")
    for source in ("nothing", "/", "//k", "/b/", "b/k?versionId=", "b/k?other=1", "b/%zz", "b/%ff"):
        request = asker.request("PUT", "/{bucket}/k", {"x-amz-copy-source": source})
        await refuse(request, 400, "InvalidArgument", "x-amz-copy-source")
    spaced = await asker.ask("PUT", "/{bucket}/k", {"x-amz-copy-source": f"/{asker.bucket}/a+b"})
    assert spaced.status == 200, "a plus is read as a space when no such key exists"
    assert (await asker.ask("GET", "/{bucket}/k")).body == b"spaced"


async def test_wrong_directives(refuse: Refusal, asker: Asker) -> None:
    await asker.ask("PUT", "/{bucket}/a", {}, b"body")
    headers = {"x-amz-copy-source": f"/{asker.bucket}/a", "x-amz-metadata-directive": "MERGE"}
    await refuse(asker.request("PUT", "/{bucket}/k", headers), 400, "InvalidArgument", "COPY, REPLACE")


async def test_an_upload_that_trickles_is_ended(tmp_path: Path) -> None:
    """With a window of a second: fewer than the least bytes in it, and the body is refused."""
    flags = ("--read-timeout", "1s", "--write-timeout", "1s", "--body-min-rate", "1000")
    with running_server(tmp_path / "data", *flags) as endpoint:
        s3 = client_of(endpoint)
        s3.create_bucket(Bucket="trickle")
        asker = Asker(endpoint, s3, "trickle")
        request = asker.request("PUT", "/{bucket}/k", {}, b"x" * 100_000)
        async with connect(endpoint.port) as wire:
            await wire.send(request.head() + request.body[:100])
            reply = await asyncio.wait_for(wire.reply("PUT"), 10)
            assert (reply.status, reply.code) == (400, "RequestTimeout")
            assert reply.headers["connection"] == "close"
            assert await wire.ended(timeout_s=10)
        async with connect(endpoint.port) as wire:
            await wire.send(request.head())
            for at in range(0, 100_000, 10_000):
                await wire.send(request.body[at : at + 10_000])
                await asyncio.sleep(0.15)
            reply = await wire.reply("PUT")
            assert reply.status == 200, f"slow but steady is fine: {reply.body!r}"
        await _stalled_reader_is_cut(asker, s3)
        s3.close()


async def _stalled_reader_is_cut(asker: Asker, s3: Any) -> None:
    s3.put_object(Bucket="trickle", Key="big", Body=b"x" * (32 * MIB))
    async with connect(asker.endpoint.port) as wire:
        await wire.send(asker.request("GET", "/{bucket}/big").bytes())
        await asyncio.sleep(2.5)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await wire.reader.readexactly(32 * MIB)


async def test_heads_that_never_end_are_ended(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", "--read-header-timeout", "1s", "--idle-timeout", "1s") as endpoint:
        async with connect(endpoint.port) as silent, connect(endpoint.port) as slow:
            await slow.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
            assert await silent.ended(timeout_s=10)
            assert await slow.ended(timeout_s=10)
        async with connect(endpoint.port) as used:
            await used.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await used.reply()).status == 403
            assert await used.ended(timeout_s=10)


def test_many_idle_connections_do_not_hinder_others(endpoint: Endpoint, s3: Any, bucket: str) -> None:
    idle = [socket.create_connection(("127.0.0.1", endpoint.port)) for _ in range(300)]
    try:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    finally:
        for one in idle:
            one.close()
