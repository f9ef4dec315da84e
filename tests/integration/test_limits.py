"""The flags that restrict, seen from outside: each changes what the real server answers."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from seglake.adapters.s3_protocol.signing import Signer
from tests.integration.asking import Asker
from tests.integration.conftest import client_of
from tests.integration.endpoint import Endpoint, running_server
from tests.wire import ConnectionEnded, Mode, Reply, Request, Wire, connect, signed

SETTINGS = """
# The secrets file holds settings of every kind; what stands here must have its effect.
SEGLAKE_REQUIRE_CONTENT_MD5=true
SEGLAKE_ALLOW_UNSIGNED_PAYLOAD=false
SEGLAKE_MAX_URL_LENGTH=2KiB
SEGLAKE_MAX_HEADER_BYTES=4KiB
SEGLAKE_MAX_OBJECT_SIZE=1MB
SEGLAKE_REPLAY_TTL=15m
SEGLAKE_REPLAY_BLOCK=true
SEGLAKE_REPLAY_CACHE_MAX=1000
SEGLAKE_TRUSTED_PROXIES=127.0.0.0/8
SEGLAKE_VIRTUAL_HOSTED=false
SEGLAKE_DOMAINS=s3.test
SEGLAKE_PUBLIC_BUCKETS=limits
SEGLAKE_AUTH_FAILURES_PER_MINUTE=5
SEGLAKE_REQUESTS_PER_KEY=2
SEGLAKE_MPU_COMPLETE_LIMIT=1
SEGLAKE_READ_HEADER_TIMEOUT=1s
SEGLAKE_READ_TIMEOUT=1s
SEGLAKE_WRITE_TIMEOUT=1s
SEGLAKE_IDLE_TIMEOUT=2s
SEGLAKE_MAX_CONNECTIONS=20
SEGLAKE_ACCESS_LOG=true
"""
BODY = b"some bytes"
MD5 = {"content-md5": base64.b64encode(hashlib.md5(BODY).digest()).decode()}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """A server with every limit close at hand."""
    place = tmp_path_factory.mktemp("strict")
    (place / "settings.env").write_text(SETTINGS)
    with running_server(place / "data", "--secrets-file", str(place / "settings.env")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def s3(strict: Endpoint) -> Iterator[Any]:
    client = client_of(strict)
    client.create_bucket(Bucket="limits")
    yield client
    client.close()


@pytest.fixture
def asker(strict: Endpoint, s3: Any) -> Asker:
    return Asker(strict, s3, "limits")


@asynccontextmanager
async def crowd(port: int, count: int) -> AsyncIterator[list[Wire]]:
    """Several connections."""
    wires = [connect(port) for _ in range(count)]
    try:
        yield [await one.__aenter__() for one in wires]
    finally:
        for one in wires:
            await one.__aexit__(None, None, None)


def access_log(endpoint: Endpoint) -> list[dict[str, Any]]:
    text = (endpoint.data_dir.parent / f"{endpoint.data_dir.name}.log").read_text()
    return [json.loads(line) for line in text.splitlines() if '"event":"request"' in line]


def test_boto3_works_within_all_of_them(s3: Any) -> None:
    s3.put_object(Bucket="limits", Key="boto3", Body=b"x" * 100_000)
    assert s3.get_object(Bucket="limits", Key="boto3")["Body"].read() == b"x" * 100_000
    with pytest.raises(ClientError, match="EntityTooLarge"):
        s3.put_object(Bucket="limits", Key="large", Body=b"x" * 1_000_001)
    s3.delete_object(Bucket="limits", Key="boto3")


async def test_a_body_without_a_digest_is_refused(asker: Asker) -> None:
    reply = await asker.ask("PUT", "/{bucket}/k", {}, BODY)
    assert (reply.status, reply.code) == (400, "InvalidRequest")
    assert "Content-MD5" in reply.element("Message")
    assert (await asker.ask("PUT", "/{bucket}/with", MD5, BODY)).status == 200


async def test_a_body_outside_the_signature_is_refused(asker: Asker) -> None:
    for mode in (Mode.UNSIGNED, Mode.STREAMING_UNSIGNED_TRAILER):
        reply = await asker.ask("PUT", "/{bucket}/k", MD5, BODY, mode=mode)
        assert (reply.status, reply.code) == (400, "InvalidRequest")
        assert "--no-allow-unsigned-payload" in reply.element("Message")
    assert (await asker.ask("PUT", "/{bucket}/p", MD5, BODY, mode=Mode.PRESIGNED)).status == 200


async def test_long_targets_and_heads_are_refused(asker: Asker) -> None:
    assert (await asker.ask("GET", "/{bucket}?prefix=" + "p" * 3000)).code == "URITooLong"
    headers = {f"x-filler-{number}": "v" * 500 for number in range(8)}
    assert (await asker.ask("GET", "/{bucket}", headers)).code == "RequestHeaderSectionTooLarge"


async def test_a_replayed_write_is_refused_and_logged(asker: Asker, strict: Endpoint) -> None:
    captured = asker.request("PUT", "/{bucket}/replayed", MD5, BODY)
    assert (await asker.send(captured)).status == 200
    reply = await asker.send(captured)
    assert (reply.status, reply.code) == (403, "AccessDenied")
    assert "received before" in reply.element("Message")
    assert "request_replayed" in (strict.data_dir.parent / "data.log").read_text()
    read = asker.request("GET", "/{bucket}/replayed", mode=Mode.PRESIGNED)
    assert [(await asker.send(read)).body for _ in range(2)] == [BODY, BODY]


async def test_the_address_is_the_one_that_the_proxy_saw(asker: Asker, strict: Endpoint) -> None:
    for number, (forwarded, expected) in enumerate(
        [("192.0.2.7", "192.0.2.7"), ("127.0.0.9, 192.0.2.8", "192.0.2.8"), ("unknown", "127.0.0.1")]
    ):
        target = f"/{{bucket}}?prefix=proxy-{number}"
        assert (await asker.ask("GET", target, {"x-forwarded-for": forwarded})).status == 200
        line = next(one for one in access_log(strict) if f"prefix=proxy-{number}" in one["target"])
        assert line["peer"] == expected


async def test_the_host_names_no_bucket(asker: Asker, s3: Any) -> None:
    host = f"limits.s3.test:{asker.endpoint.port}"
    reply = await asker.ask("GET", "/", host=host)
    assert reply.status == 200
    assert reply.element("Name") == "limits", "the first bucket of the list of buckets"
    assert "ListAllMyBucketsResult" in reply.body.decode()


async def test_wrong_signatures_get_a_short_answer_after_a_while(strict: Endpoint, asker: Asker) -> None:
    def attempt() -> Request:
        wrong = Signer(strict.access_key, "a guess at the secret")
        headers = {"x-forwarded-for": "198.51.100.1"}
        return signed(wrong, "GET", "/limits", headers, host=strict.host, now=int(time.time()))

    codes = [(await asker.send(attempt())).code for _ in range(8)]
    assert codes == ["SignatureDoesNotMatch"] * 5 + ["SlowDown"] * 3
    assert (await asker.ask("GET", "/{bucket}", {"x-forwarded-for": "198.51.100.1"})).status == 200


async def test_a_key_has_so_many_requests_under_way(asker: Asker, strict: Endpoint) -> None:
    """Two uploads hold the key's places; a third request waits until one of them ends."""
    uploads = [asker.request("PUT", f"/{{bucket}}/slot-{number}", MD5, BODY) for number in range(2)]
    async with crowd(strict.port, 3) as (one, two, third):
        await one.send(uploads[0].head())
        await two.send(uploads[1].head())
        await asyncio.sleep(0.2)
        waiting = asyncio.ensure_future(third.ask(asker.request("GET", "/{bucket}")))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await one.send(uploads[0].body)
        assert (await one.reply("PUT")).status == 200
        assert (await waiting).status == 200
        await two.send(uploads[1].body)
        assert (await two.reply("PUT")).status == 200


async def test_one_completion_at_a_time(asker: Asker, strict: Endpoint) -> None:
    upload = (await asker.ask("POST", "/{bucket}/mpu?uploads")).element("UploadId")
    target = f"/{{bucket}}/mpu?uploadId={upload}"
    document = b"<CompleteMultipartUpload></CompleteMultipartUpload>"
    first = asker.request("POST", target, {"x-amz-meta-first": "1"}, document)
    async with crowd(strict.port, 1) as (one,):
        await one.send(first.head())
        await asyncio.sleep(0.2)
        reply = await asker.ask("POST", target, {"x-amz-meta-second": "2"}, document)
        assert (reply.status, reply.code, reply.headers["retry-after"]) == (503, "SlowDown", "1")
        await one.send(first.body)
        assert (await one.reply("POST")).status in (400, 501)


async def test_deadlines(asker: Asker, strict: Endpoint) -> None:
    """A head that does not end, a body and a reader that stop, a connection that says nothing: each has its time."""
    slow_body = asker.request("PUT", "/{bucket}/slow", MD5, BODY)
    began = time.monotonic()
    async with crowd(strict.port, 3) as (head, body, idle):
        await head.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        await body.send(slow_body.head() + slow_body.body[:3])
        reply = await asyncio.wait_for(body.reply("PUT"), 10)
        assert (reply.status, reply.code) == (400, "RequestTimeout")
        assert await head.ended(timeout_s=10)
        assert await idle.ended(timeout_s=10)
    assert time.monotonic() - began < 10


async def test_connections_above_the_limit_are_turned_away(asker: Asker, strict: Endpoint) -> None:
    async with crowd(strict.port, 30) as wires:
        ended = 0
        for wire in wires[-5:]:
            ended += await wire.ended(timeout_s=1)
        assert ended == 5
    await asyncio.sleep(0.2)
    assert (await asker.ask("GET", "/{bucket}")).status == 200


async def _bytes_taken(wire: Wire) -> int:
    taken = 0
    try:
        while data := await wire.reader.read(1 << 20):
            taken += len(data)
    except ConnectionError:
        return taken
    return taken


async def test_a_reader_that_stops_is_cut(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", "--write-timeout", "1s", "--read-timeout", "20s") as endpoint:
        s3 = client_of(endpoint)
        s3.create_bucket(Bucket="limits")
        s3.put_object(Bucket="limits", Key="big", Body=b"x" * (32 << 20))
        asker = Asker(endpoint, s3, "limits")
        async with connect(endpoint.port) as wire:
            await wire.send(asker.request("GET", "/{bucket}/big").bytes())
            await asyncio.sleep(4)
            assert await _bytes_taken(wire) < 32 << 20
        s3.close()


async def test_a_stop_waits_for_a_request_as_long_as_it_is_told(tmp_path: Path) -> None:
    for timeout, done in (("20s", True), ("0s", False)):
        place = tmp_path / timeout
        place.mkdir()
        with running_server(place / "data", "--shutdown-timeout", timeout, stopped_inside=True) as endpoint:
            s3 = client_of(endpoint)
            s3.create_bucket(Bucket="limits")
            asker = Asker(endpoint, s3, "limits")
            request = asker.request("PUT", "/{bucket}/k", {}, BODY)
            async with connect(endpoint.port) as wire:
                await wire.send(request.head())
                await asyncio.sleep(0.2)
                _stop(endpoint)
                await asyncio.sleep(0.5)
                assert await _finish(wire, request) == done
            s3.close()


def _stop(endpoint: Endpoint) -> None:
    os.kill(endpoint.pid, signal.SIGTERM)


async def _finish(wire: Wire, request: Request) -> bool:
    try:
        await wire.send(request.body)
        reply: Reply = await wire.reply("PUT")
    except (ConnectionError, ConnectionEnded):
        return False
    return reply.status == 200


def test_flags_win_over_the_secrets_file(tmp_path: Path) -> None:
    (tmp_path / "settings.env").write_text("SEGLAKE_REQUIRE_CONTENT_MD5=true\nSEGLAKE_MAX_OBJECT_SIZE=10\n")
    flags = ("--secrets-file", str(tmp_path / "settings.env"), "--no-require-content-md5")
    with running_server(tmp_path / "data", *flags) as endpoint:
        s3 = client_of(endpoint, request_checksum_calculation="when_required")
        s3.create_bucket(Bucket="limits")
        s3.put_object(Bucket="limits", Key="k", Body=b"1234567890")
        with pytest.raises(ClientError, match="EntityTooLarge"):
            s3.put_object(Bucket="limits", Key="k", Body=b"12345678901")
        s3.close()
