"""P16: good clients do not feel it when others send slowly, read slowly, idle, and try every bomb.

The one test that measures time: the promise is a time. It is generous, since the attackers, the good clients and the
server share the machine.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import resource
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from seglake.adapters.s3_protocol.signing import Signer
from tests.integration.conftest import client_of
from tests.integration.endpoint import ROOT, Endpoint, clean_environment, running_server
from tests.wire import ConnectionEnded, Mode, Reply, Request, connect, signed

MIB = 1 << 20
BUCKET = "abused"
GOOD_CLIENTS = 8
SECONDS = 12.0
IDLE_CONNECTIONS = 2000
P99_S_MAX = 1.0
RSS_BYTES_MAX = 1 << 30
DESCRIPTORS_LEFT_MAX = 30
"""Readers of the index, segments and threads come with the first load and stay."""

FLAGS = (
    *("--read-header-timeout", "2s", "--read-timeout", "2s", "--write-timeout", "2s", "--idle-timeout", "20s"),
    *("--max-in-flight", "64MiB", "--auth-failures-per-minute", "100"),
)


@dataclass
class Attackers:
    """What all of them share: the target, the end, and what became of their attempts."""

    endpoint: Endpoint
    end: float
    upload: str
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.end

    def request(
        self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b"", *, mode: Mode
    ) -> Request:
        """Slow ones are presigned, as an attacker has them who was given a URL: they take the bearer's places. The
        others are signed with the very key of the good clients."""
        return signed(
            self.endpoint.signer,
            method,
            target,
            headers,
            body,
            host=self.endpoint.host,
            now=int(time.time()),
            mode=mode,
        )

    async def again(self, name: str, attack: Callable[[], Awaitable[None]]) -> None:
        """Repeats an attack until the end, however its connection ends: not as fast as it can, which is plain load."""
        while self.goes_on:
            try:
                await attack()
            except (ConnectionError, ConnectionEnded, asyncio.IncompleteReadError, TimeoutError):
                self.seen[f"{name}: cut"] += 1
            else:
                self.seen[f"{name}: answered"] += 1
            await asyncio.sleep(0.1)

    async def slow_head(self) -> None:
        async with connect(self.endpoint.port) as wire:
            await wire.send(b"GET /abused HTTP/1.1\r\nHost: a\r\nX-Slow: ")
            while self.goes_on:
                await wire.send(b"a")
                if await wire.ended(timeout_s=0.3):
                    raise ConnectionResetError

    async def slow_body(self) -> None:
        request = self.request("PUT", "/abused/slow", {}, b"x" * 1_000_000, mode=Mode.PRESIGNED)
        async with connect(self.endpoint.port) as wire:
            await wire.send(request.head())
            reply = asyncio.ensure_future(wire.reply("PUT"))
            while self.goes_on and not reply.done():
                await wire.send(b"x" * 20)
                await asyncio.wait([reply], timeout=0.3)
            if not reply.done():
                reply.cancel()
                await asyncio.wait([reply])
            elif not reply.exception():
                self.seen[reply.result().code] += 1

    async def slow_reader(self) -> None:
        with await _narrow(self.endpoint.port) as plain:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(plain, self.request("GET", "/abused/big", mode=Mode.PRESIGNED).bytes())
            for _ in range(16):
                await asyncio.wait_for(loop.sock_recv(plain, 64), 10)
                await asyncio.sleep(0.3)
            # By now the connection is cut: a few bytes that had come, then the end.
            while await asyncio.wait_for(loop.sock_recv(plain, 65536), 5):
                pass
            raise ConnectionResetError

    async def unread_answers(self) -> None:
        """Small answers, asked for again and again and not read until the connection is cut."""
        with await _narrow(self.endpoint.port) as plain:
            loop = asyncio.get_running_loop()
            requests = self.request("GET", "/abused/small", mode=Mode.SIGNED).bytes() * 200
            await asyncio.wait_for(loop.sock_sendall(plain, requests), 5)
            await asyncio.sleep(5.0)
            while await asyncio.wait_for(loop.sock_recv(plain, 65536), 5):
                pass
            raise ConnectionResetError

    async def one(self, request: Request) -> None:
        """Sends a request and counts its answer by code."""
        async with connect(self.endpoint.port) as wire:
            reply: Reply = await asyncio.wait_for(wire.ask(request), 10)
            self.seen[reply.code or str(reply.status)] += 1

    async def entity_bomb(self) -> None:
        entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
        bomb = f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY e0 "ha">{entities}]><Delete>&e11;</Delete>'.encode()
        md5 = base64.b64encode(hashlib.md5(bomb).digest()).decode()
        await self.one(self.request("POST", "/abused?delete", {"content-md5": md5}, bomb, mode=Mode.SIGNED))

    async def deep_document(self) -> None:
        deep = b"<Delete>" + b"<Object>" * 20_000 + b"</Object>" * 20_000 + b"</Delete>"
        md5 = base64.b64encode(hashlib.md5(deep).digest()).decode()
        await self.one(self.request("POST", "/abused?delete", {"content-md5": md5}, deep, mode=Mode.SIGNED))

    async def range_bomb(self) -> None:
        many = "bytes=" + ",".join(f"{n}-" for n in range(2000))
        await self.one(self.request("HEAD", "/abused/big", {"range": many}, mode=Mode.SIGNED))
        overlapping = "bytes=" + ",".join("0-" for _ in range(16))
        async with connect(self.endpoint.port) as wire:
            await wire.send(self.request("GET", "/abused/big", {"range": overlapping}, mode=Mode.SIGNED).head())
            assert await wire.interim() in (200, 206)

    async def part_flood(self) -> None:
        async with connect(self.endpoint.port) as wire:
            for number in range(1, 40):
                target = f"/abused/parts?partNumber={number * 250}&uploadId={self.upload}"
                reply = await wire.ask(self.request("PUT", target, {}, b"p" * 100, mode=Mode.SIGNED))
                self.seen[f"part {reply.status}"] += 1

    async def wrong_signatures(self) -> None:
        wrong = Signer(self.endpoint.access_key, "a guess at the secret")
        async with connect(self.endpoint.port) as wire:
            for _ in range(20):
                request = signed(wrong, "GET", "/abused", host=self.endpoint.host, now=int(time.time()))
                self.seen[(await wire.ask(request)).code] += 1

    async def garbage(self) -> None:
        async with connect(self.endpoint.port) as wire:
            await wire.send(b"\x16\x03\x01" + bytes(range(256)) * 40)
            await wire.reply()


async def _narrow(port: int) -> socket.socket:
    """A connection whose receive buffer is as small as the system allows."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", port))
    return plain


@asynccontextmanager
async def idle_connections(port: int, count: int) -> AsyncIterator[None]:
    """Connections that say nothing; half of them have been served before."""
    held: list[asyncio.StreamWriter] = []
    for number in range(count):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        if number % 2:
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        held.append(writer)
    try:
        yield
    finally:
        for writer in held:
            writer.transport.abort()


def _many_descriptors() -> int:
    """Raises this process's limit; how many idle connections it and the server may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 16_000 if hard == resource.RLIM_INFINITY else min(hard, 16_000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    return max(soft, wanted) - 2500


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _peak_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    raise AssertionError("the kernel does not say")


@contextmanager
def good_clients(endpoint: Endpoint, seconds: float) -> Iterator[Callable[[], list[float]]]:
    """Runs them; the value waits for their end and returns how long each request took, in seconds, sorted."""
    arguments = [endpoint.port, endpoint.access_key, endpoint.secret, BUCKET, seconds, GOOD_CLIENTS]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.good_clients", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=clean_environment(endpoint.data_dir.parent),
    )

    def wait() -> list[float]:
        out, errors = process.communicate(timeout=seconds + 60)
        assert process.returncode == 0, errors.decode()[-4000:]
        return sorted(json.loads(out))

    try:
        yield wait
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture
def prepared(tmp_path: Path) -> Iterator[tuple[Endpoint, str]]:
    """A server with something to read, and an upload to flood."""
    with running_server(tmp_path / "data", *FLAGS) as endpoint:
        s3: Any = client_of(endpoint)
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="big", Body=b"b" * (16 * MIB))
        s3.put_object(Bucket=BUCKET, Key="small", Body=b"s" * 200_000)
        upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
        s3.close()
        yield endpoint, upload


@pytest.mark.slow
async def test_good_clients_do_not_feel_the_others(prepared: tuple[Endpoint, str], scale: int) -> None:
    endpoint, upload = prepared
    alone = await _work(endpoint, 2.0)
    before = _descriptors(endpoint.pid)
    seconds = SECONDS * scale
    idle = min(IDLE_CONNECTIONS * scale, 9000, _many_descriptors())
    async with idle_connections(endpoint.port, idle):
        them = Attackers(endpoint, time.monotonic() + seconds, upload)
        crowds = {them.slow_head: 100, them.slow_body: 60, them.slow_reader: 60, them.unread_answers: 60}
        single = (them.entity_bomb, them.deep_document, them.range_bomb, them.part_flood, them.wrong_signatures)
        attacks = [attack for attack, count in crowds.items() for _ in range(count)]
        attacks += [*single, them.garbage]
        attacking = asyncio.gather(*[them.again(attack.__name__, attack) for attack in attacks])
        took = await _work(endpoint, seconds)
        await attacking
    print(f"alone {_shown(alone)}; under attack {_shown(took)}; peak {_peak_bytes(endpoint.pid) >> 20} MiB")
    # A machine that is busy with other things is slow for the good clients alone, too.
    assert _p99(took) < max(P99_S_MAX, 5 * _p99(alone))
    assert len(took) > GOOD_CLIENTS * seconds, "they got along"
    _check_attackers(them.seen)
    assert _peak_bytes(endpoint.pid) < RSS_BYTES_MAX
    await _descriptors_come_back(endpoint.pid, before)


async def _work(endpoint: Endpoint, seconds: float) -> list[float]:
    """The good clients' times."""
    with good_clients(endpoint, seconds) as wait:
        return await asyncio.get_running_loop().run_in_executor(None, wait)


def _p99(took: list[float]) -> float:
    return took[int(len(took) * 0.99)]


def _shown(took: list[float]) -> str:
    return f"{len(took)} requests, p50 {took[len(took) // 2]:.3f} s, p99 {_p99(took):.3f} s, max {took[-1]:.3f} s"


def _check_attackers(seen: Counter[str]) -> None:
    """Each kind was really tried, and ended as it should."""
    print(dict(seen))
    for name in ("slow_head", "slow_reader", "unread_answers"):
        assert seen[f"{name}: cut"] > 0, f"{name} was never cut"
    assert seen["RequestTimeout"] > 0, "a slow body is told so"
    assert seen["MalformedXML"] > 10
    assert seen["SignatureDoesNotMatch"] > 0
    assert seen["SlowDown"] > 0, "wrong signatures get a short answer after a while"
    assert seen["part 200"] > 100
    assert not seen["InternalError"]


async def _descriptors_come_back(pid: int, before: int) -> None:
    for _ in range(150):
        if _descriptors(pid) <= before + DESCRIPTORS_LEFT_MAX:
            return
        await asyncio.sleep(0.2)
    pytest.fail(f"{_descriptors(pid)} descriptors are open, {before} were before")
