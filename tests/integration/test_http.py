"""HTTP itself, byte by byte: connections, expectations, framing, and everything that smuggles."""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest

from tests.integration.asking import Asker
from tests.integration.endpoint import Endpoint, running_server
from tests.wire import ConnectionEnded, Mode, Request, Wire, connect

MIB = 1 << 20


async def test_every_answer_carries_its_ids_and_a_date(asker: Asker, wire: Wire) -> None:
    seen = set()
    for method, target in (
        ("PUT", "/{bucket}/k"),
        ("GET", "/{bucket}/k"),
        ("HEAD", "/{bucket}/no"),
        ("GET", "/nope-x"),
    ):
        reply = await wire.ask(asker.request(method, target))
        assert reply.headers["server"] == "Seglake"
        assert reply.headers["date"].endswith(" GMT")
        assert reply.headers["x-amz-id-2"]
        seen.add(reply.headers["x-amz-request-id"])
        if reply.body and reply.status >= 400:
            assert reply.element("RequestId") == reply.headers["x-amz-request-id"]
            assert reply.element("HostId") == reply.headers["x-amz-id-2"]
            assert reply.element("Resource") == target
            assert reply.headers["content-type"] == "application/xml"
    assert len(seen) == 4


async def test_a_connection_serves_many_requests_of_all_kinds(asker: Asker, wire: Wire) -> None:
    for number in range(30):
        body = b"x" * (number * 1000)
        mode = list(Mode)[number % len(Mode)]
        assert (await wire.ask(asker.request("PUT", "/{bucket}/k", {}, body, mode=mode))).status == 200
        assert (await wire.ask(asker.request("GET", "/{bucket}/k"))).body == body
        assert (await wire.ask(asker.request("HEAD", "/{bucket}/k"))).headers["content-length"] == str(len(body))
        assert (await wire.ask(asker.request("GET", "/{bucket}/absent"))).code == "NoSuchKey"
        assert (await wire.ask(asker.request("HEAD", "/{bucket}/absent"))).status == 404
        assert (await wire.ask(asker.request("DELETE", "/{bucket}/k"))).status == 204


async def test_pipelined_requests_are_answered_in_order(asker: Asker, wire: Wire) -> None:
    requests = []
    for number in range(20):
        requests.append(asker.request("PUT", f"/{{bucket}}/k{number}", {}, f"body {number}".encode()))
        requests.append(asker.request("GET", f"/{{bucket}}/k{number}"))
    await wire.send(b"".join(request.bytes() for request in requests))
    for number in range(20):
        assert (await wire.reply("PUT")).status == 200
        assert (await wire.reply("GET")).body == f"body {number}".encode()


async def test_a_head_answer_has_the_length_but_no_body(asker: Asker, wire: Wire) -> None:
    await wire.ask(asker.request("PUT", "/{bucket}/k", {}, b"body"))
    get, head = asker.request("GET", "/{bucket}/k"), asker.request("HEAD", "/{bucket}/k")
    await wire.send(head.bytes() + get.bytes())
    first = await wire.reply("HEAD")
    second = await wire.reply("GET")
    assert second.body == b"body", "no byte of a body came between"
    varying = {"x-amz-request-id", "date"}
    assert {n: v for n, v in first.headers.items() if n not in varying} == {
        n: v for n, v in second.headers.items() if n not in varying
    }


async def test_a_body_is_asked_for_only_after_authentication(asker: Asker, wire: Wire) -> None:
    request = asker.request("PUT", "/{bucket}/k", {"expect": "100-continue"}, b"x" * MIB)
    await wire.send(request.head())
    assert await wire.interim() == 100
    await wire.send(request.body)
    assert (await wire.reply("PUT")).status == 200
    assert (await wire.ask(asker.request("HEAD", "/{bucket}/k"))).headers["content-length"] == str(MIB)


@pytest.mark.parametrize(
    ("method", "target", "change", "code"),
    [
        ("PUT", "/{bucket}/k", ("authorization", "Signature=", "Signature=0"), "AuthorizationHeaderMalformed"),
        ("PUT", "/{bucket}/k", ("x-amz-date", "T", "T"), "SignatureDoesNotMatch"),
        ("PUT", "/no-such-bucket-at-all/k", None, "NoSuchBucket"),
        ("PUT", "/{bucket}/" + "k" * 1025, None, "KeyTooLongError"),
        ("PUT", "/{bucket}/k?partNumber=1&uploadId=nothing", None, "NoSuchUpload"),
    ],
)
async def test_a_refused_upload_costs_no_body(
    asker: Asker, wire: Wire, method: str, target: str, change: tuple[str, str, str] | None, code: str
) -> None:
    request = asker.request(method, target, {"expect": "100-continue"}, b"x" * MIB)
    if change is not None:
        name, old, new = change
        request = request.with_header(name, request.headers[name].replace(old, new))
        if old == new:
            request = request.with_header("x-amz-meta-late", None).with_header("authorization", _flip(request))
    await wire.send(request.head())
    reply = await wire.reply(method)
    assert (reply.continued, reply.code) == (False, code)
    assert reply.headers["connection"] == "close", "nobody knows whether the body is on its way"
    assert asker.holds() == ([], [], [])


async def test_what_follows_a_refused_expectation_is_never_a_request(asker: Asker, wire: Wire) -> None:
    bad = asker.request("PUT", "/{bucket}/k", {"expect": "100-continue"}, b"x" * 1000)
    await wire.send(bad.with_header("authorization", _flip(bad)).head())
    assert (await wire.reply("PUT")).code == "SignatureDoesNotMatch"
    await wire.send(asker.request("PUT", "/{bucket}/hidden", {}, b"body").bytes())
    assert await wire.ended(timeout_s=15)
    assert asker.holds() == ([], [], [])


def _flip(request: Request) -> str:
    text = request.headers["authorization"]
    return text[:-1] + ("0" if text[-1] != "0" else "1")


async def test_a_condition_that_fails_costs_no_body(asker: Asker, wire: Wire) -> None:
    await asker.ask("PUT", "/{bucket}/k", {}, b"first")
    headers = {"expect": "100-continue", "if-none-match": "*"}
    request = asker.request("PUT", "/{bucket}/k", headers, b"x" * MIB)
    await wire.send(request.head())
    reply = await wire.reply("PUT")
    assert (reply.continued, reply.code) == (False, "PreconditionFailed")


async def test_a_refusal_after_a_body_leaves_the_connection_usable(asker: Asker, wire: Wire) -> None:
    bad = asker.request("PUT", "/{bucket}/k", {}, b"x" * 100_000)
    reply = await wire.ask(bad.with_header("authorization", _flip(bad)))
    assert reply.code == "SignatureDoesNotMatch"
    assert (await wire.ask(asker.request("PUT", "/{bucket}/k", {}, b"good"))).status == 200
    assert (await wire.ask(asker.request("GET", "/{bucket}/k"))).body == b"good"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
        b"\x00" * 64 + b"\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX y: z\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded: z\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_garbage_is_refused_and_the_connection_ends(endpoint: Endpoint, wire: Wire, garbage: bytes) -> None:
    await wire.send(garbage)
    try:
        reply = await asyncio.wait_for(wire.reply("GET"), 10)
    except ConnectionEnded:
        pass  # an end without words is fine for what is not HTTP at all
    else:
        assert reply.status == 400
        assert reply.element("Code") in ("BadRequest", "InvalidURI", "InvalidRequest")
        assert reply.headers["connection"] == "close"
        assert await wire.ended()
    async with connect(endpoint.port) as other:
        await other.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await other.reply()).status == 403, "the server lives"


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\x0bchunked\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5_0\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x5\r\n",
    ],
)
async def test_a_second_request_cannot_be_smuggled(asker: Asker, wire: Wire, framing: str) -> None:
    hidden = asker.request("PUT", "/{bucket}/smuggled", {}, b"")
    outer = f"POST /{asker.bucket}/k HTTP/1.1\r\nHost: {asker.endpoint.host}\r\n{framing}\r\n".encode("latin-1")
    await wire.send(outer + b"0\r\n\r\n" + hidden.bytes())
    answers = []
    try:
        while True:
            answers.append((await asyncio.wait_for(wire.reply("POST"), 3)).status)
    except (ConnectionEnded, TimeoutError):
        pass
    assert 200 not in answers
    assert answers == [] or answers[0] in (400, 403, 411, 501)
    assert asker.holds() == ([], [], [])


async def test_an_absolute_target_is_refused(asker: Asker, wire: Wire) -> None:
    await asker.ask("PUT", "/{bucket}/k", {}, b"body")
    good = asker.request("GET", "/{bucket}/k")
    for target in (
        f"http://{asker.endpoint.host}{good.target}",
        f"http://evil.example{good.target}",
        "*",
        f"{good.target}#fragment",
    ):
        reply = await asker.send(replace(good, target=target))
        assert reply.status == 400, target
        assert b"body" not in reply.body.replace(b"body that", b"")


@pytest.mark.parametrize("name", ["host", "content-length", "authorization", "x-amz-date", "x-amz-meta-a", "range"])
async def test_repeated_headers_are_refused(asker: Asker, name: str) -> None:
    request = asker.request("PUT", "/{bucket}/k", {"x-amz-meta-a": "1", "range": "bytes=0-1"}, b"body")
    reply = await asker.send(replace(request, more=((name, request.headers[name]),)))
    assert reply.status == 400
    assert asker.holds() == ([], [], [])


async def test_chunked_transfer_coding_with_a_decoded_length_is_taken(asker: Asker) -> None:
    """pyarrow and the JavaScript SDK send so."""
    for mode in (Mode.STREAMING_UNSIGNED_TRAILER, Mode.STREAMING_SIGNED, Mode.STREAMING_SIGNED_TRAILER):
        request = asker.request("PUT", "/{bucket}/k", {}, b"seven times" * 7, mode=mode)
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (request.body[:50], request.body[50:]))
        chunked = replace(request.with_header("content-length", None), body=body + b"0\r\n\r\n")
        reply = await asker.send(replace(chunked, more=(("Transfer-Encoding", "chunked"),)))
        assert reply.status == 200, reply.body
        assert (await asker.ask("GET", "/{bucket}/k")).body == b"seven times" * 7


async def test_a_plain_body_without_any_length_is_411(asker: Asker, wire: Wire) -> None:
    request = asker.request("PUT", "/{bucket}/k", {}, b"body").with_header("content-length", None)
    chunked = replace(request, more=(("Transfer-Encoding", "chunked"),), body=b"4\r\nbody\r\n0\r\n\r\n")
    reply = await wire.ask(chunked)
    assert (reply.status, reply.code) == (411, "MissingContentLength")
    assert (await wire.ask(asker.request("GET", "/{bucket}/k"))).code == "NoSuchKey"


@pytest.mark.parametrize("key", ["..", ".", "../up", "a//b", "//a", "a%2Fb", "a+b", "a%2Bb", "%41", "%00", "a%00b"])
async def test_no_key_is_normalised(asker: Asker, s3: Any, key: str) -> None:
    """Slashes, dots and escapes belong to the key; NUL is a character like any other."""
    assert (await asker.ask("PUT", f"/{{bucket}}/{key}", {}, key.encode())).status == 200
    assert (await asker.ask("GET", f"/{{bucket}}/{key}")).body == key.encode()
    listed = await asker.ask("GET", "/{bucket}?encoding-type=url&list-type=2")
    assert unquote(listed.element("Key")) == unquote(key)


async def test_two_spellings_of_one_key_are_one_object(asker: Asker) -> None:
    assert (await asker.ask("PUT", "/{bucket}/a-b~c", {}, b"body")).status == 200
    assert (await asker.ask("GET", "/{bucket}/%61%2Db%7Ec")).body == b"body"


@pytest.mark.parametrize("key", ["%", "%zz", "%ff%fe", "%c3%28", "%ed%a0%80", "%C0%AF"])
async def test_keys_that_are_no_utf8_are_refused(asker: Asker, wire: Wire, key: str) -> None:
    good = asker.request("PUT", "/{bucket}/k", {}, b"body")
    reply = await wire.ask(replace(good, target=f"/{asker.bucket}/{key}"))
    assert (reply.status, reply.code) == (400, "InvalidURI")
    assert (await wire.ask(asker.request("PUT", "//k", {}, b"body"))).code == "InvalidBucketName"
    assert asker.holds() == ([], [], [])


async def test_a_preflight_is_answered_without_credentials(endpoint: Endpoint, wire: Wire) -> None:
    host = {"host": endpoint.host}
    assert (await wire.ask(Request("OPTIONS", "/b/k", host))).status == 400
    asked = {**host, "origin": "https://a.example", "access-control-request-method": "PUT"}
    reply = await wire.ask(Request("OPTIONS", "/b/k", asked))
    assert (reply.status, reply.code) == (403, "AccessForbidden")


async def test_an_old_http_version_gets_its_answer_and_the_end(endpoint: Endpoint, wire: Wire) -> None:
    await wire.send(f"GET / HTTP/1.0\r\nHost: {endpoint.host}\r\n\r\n".encode())
    assert (await wire.reply()).status == 403
    assert await wire.ended()


async def test_a_client_may_end_the_connection(asker: Asker, wire: Wire) -> None:
    reply = await wire.ask(asker.request("GET", "/{bucket}", {"connection": "close"}))
    assert (reply.status, reply.headers["connection"]) == (200, "close")
    assert await wire.ended()


async def test_small_answers_are_not_held_back(endpoint: Endpoint, wire: Wire) -> None:
    """40 ms for a small GET is Nagle against delayed acknowledgement: the option must be set on accepted sockets."""
    await wire.send(f"GET / HTTP/1.1\r\nHost: {endpoint.host}\r\n\r\n".encode())
    await wire.reply()
    name = wire.writer.get_extra_info("sockname")
    assert _nodelay_of_peer(endpoint, int(name[1]))


def _nodelay_of_peer(endpoint: Endpoint, port: int) -> bool:
    """TCP_NODELAY of the server's end, by duplicating its descriptor where the system allows it."""
    pidfd_getfd = 438  # the system call of Linux on every architecture
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(endpoint.pid)
    try:
        for entry in os.listdir(f"/proc/{endpoint.pid}/fd"):
            if not os.readlink(f"/proc/{endpoint.pid}/fd/{entry}").startswith("socket:"):
                continue
            copy = libc.syscall(pidfd_getfd, pidfd, int(entry), 0)
            if copy < 0:
                pytest.skip("this system does not let a test look at another process's sockets")
            with socket.socket(fileno=copy) as peer:
                try:
                    if peer.getpeername()[1] == port:
                        return bool(peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                except (OSError, IndexError):
                    continue  # a listening or a local socket
    finally:
        os.close(pidfd)
    raise AssertionError("the server has no such connection")


async def test_many_answers_go_out_whole_to_a_reader_that_dawdles(asker: Asker, wire: Wire) -> None:
    body = os.urandom(12 * MIB)
    await asker.ask("PUT", "/{bucket}/big", {}, body)
    await wire.send(asker.request("GET", "/{bucket}/big").bytes())
    await asyncio.sleep(0.5)
    assert (await wire.reply()).body == body


def test_a_stopping_server_lets_requests_end(tmp_path: Any) -> None:
    """SIGTERM in the middle of an upload: the upload is finished and acknowledged."""

    async def upload(endpoint: Endpoint) -> None:
        asker = Asker(endpoint, None, "slow-upload")
        assert (await asker.ask("PUT", "/{bucket}")).status == 200
        async with connect(endpoint.port) as wire:
            request = asker.request("PUT", "/{bucket}/k", {}, b"x" * 1000)
            await wire.send(request.head() + request.body[:500])
            await asyncio.sleep(0.2)
            os.kill(endpoint.pid, 15)
            await asyncio.sleep(0.5)
            await wire.send(request.body[500:])
            assert (await wire.reply("PUT")).status == 200

    with running_server(tmp_path / "data", "--shutdown-timeout", "10s", stopped_inside=True) as endpoint:
        asyncio.run(upload(endpoint))
