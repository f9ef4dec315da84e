from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from seglake.adapters.http_s3.app import FrontConfig
from seglake.adapters.http_s3.handshakes import bound_sockets
from seglake.adapters.http_s3.listener import S3Listener
from seglake.domain.model.limits import Limits
from tests.certificates import make_certificate, name_of
from tests.unit.adapters.http_s3.front import Front
from tests.wire import ConnectionEnded, Wire, connect


class Scene:
    """A store that speaks TLS, and what its clients trust."""

    def __init__(self, place: Path) -> None:
        self.chain, self.key = place / "chain.pem", place / "key.pem"
        self.store: Front

    def context(self, name: str = "first") -> ssl.SSLContext:
        make_certificate(self.chain, self.key, name=name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[Wire]:
        trust = ssl.create_default_context(cafile=str(self.chain))
        reader, writer = await asyncio.open_connection("127.0.0.1", self.store.port, ssl=trust)
        try:
            yield Wire(reader, writer)
        finally:
            writer.close()
            try:
                await writer.wait_closed()
            except ConnectionError:
                pass

    @asynccontextmanager
    async def running(self, **config: Any) -> AsyncIterator[None]:
        self.store = Front(FrontConfig(**config), Limits())
        listener = self.store.listener = S3Listener(self.store.application)
        self.store.port = await listener.start("127.0.0.1", 0, tls=self.context())
        try:
            yield
        finally:
            await listener.close(1.0)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def shown_name(wire: Wire) -> str:
    seen = wire.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return name_of(seen)


async def _serves(scene: Scene) -> None:
    body = bytes(range(256)) * 8192
    async with scene.running(), scene.wire() as wire:
        store = scene.store
        assert (await wire.ask(store.signed("PUT", "/alpha"))).status == 200
        assert (await wire.ask(store.signed("PUT", "/alpha/k", {}, body))).status == 200
        assert (await wire.ask(store.signed("GET", "/alpha/k"))).body == body


async def test_requests_are_served_over_tls(scene: Scene) -> None:
    await _serves(scene)


def test_requests_are_served_over_tls_by_uvloop_too(scene: Scene) -> None:
    uvloop.run(_serves(scene))


async def test_an_open_connection_survives_a_renewal_and_new_ones_see_it(scene: Scene) -> None:
    async with scene.running(), scene.wire() as old:
        assert (await old.ask(scene.store.signed("GET", "/"))).status == 200
        scene.store.listener.renew(scene.context("second"))
        async with scene.wire() as new:
            assert shown_name(new) == "second"
            assert (await new.ask(scene.store.signed("GET", "/"))).status == 200
        assert (await old.ask(scene.store.signed("GET", "/"))).status == 200
        assert shown_name(old) == "first"


async def test_plain_http_gets_no_answer(scene: Scene) -> None:
    async with scene.running(), connect(scene.store.port) as wire:
        with pytest.raises(ConnectionEnded):
            await wire.ask(scene.store.signed("GET", "/"))


async def test_a_handshake_that_does_not_begin_is_ended(scene: Scene) -> None:
    async with scene.running(head_timeout_s=0.3), connect(scene.store.port) as silent:
        assert await silent.ended()
        async with scene.wire() as wire:
            assert (await wire.ask(scene.store.signed("GET", "/"))).status == 200


async def test_a_connection_counts_before_its_handshake(scene: Scene) -> None:
    async with scene.running(connections_max=3), scene.wire() as good:
        async with connect(scene.store.port) as one, connect(scene.store.port), connect(scene.store.port) as above:
            assert await above.ended()
            assert (await good.ask(scene.store.signed("GET", "/"))).status == 200
            assert not await one.ended(timeout_s=0.1)
        await asyncio.sleep(0.1)
        async with scene.wire() as again:
            assert (await again.ask(scene.store.signed("GET", "/"))).status == 200


async def test_the_sockets_are_those_of_every_interface_or_of_one() -> None:
    several = await bound_sockets(None, 0)
    assert {one.family for one in several} <= {socket.AF_INET, socket.AF_INET6}
    assert len(several) == len({one.family for one in several})
    for one in several:
        one.close()
    (local,) = await bound_sockets("127.0.0.1", 0)
    with local:
        local.listen()
        with pytest.raises(OSError, match="in use") as caught:
            await bound_sockets("127.0.0.1", local.getsockname()[1])
        assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises(OSError, match="assign") as caught:
        await bound_sockets("192.0.2.1", 0)
    assert caught.value.errno == errno.EADDRNOTAVAIL


async def test_without_a_descriptor_it_waits_and_goes_on(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene.running():
        loop = asyncio.get_running_loop()
        accept = loop.sock_accept
        failures = [OSError(errno.EMFILE, "none left"), OSError(errno.ECONNABORTED, "gone")]

        async def failing(listening: socket.socket) -> Any:
            if failures:
                (await accept(listening))[0].close()
                raise failures.pop()
            return await accept(listening)

        monkeypatch.setattr(loop, "sock_accept", failing)
        for _ in range(3):
            async with connect(scene.store.port):
                await asyncio.sleep(0.05)
        assert failures == []
        await asyncio.sleep(0.15)
        async with scene.wire() as wire:
            assert (await wire.ask(scene.store.signed("GET", "/"))).status == 200


async def test_closing_ends_handshakes_under_way(scene: Scene) -> None:
    async with scene.running():
        silent = connect(scene.store.port)
        wire = await silent.__aenter__()
        await asyncio.sleep(0.05)
    assert await wire.ended()
    await silent.__aexit__(None, None, None)


async def test_bytes_right_behind_the_handshake_are_not_lost(scene: Scene) -> None:
    """The client speaks as soon as it may, before the server's side has its HTTP protocol in place."""
    async with scene.running():
        store = scene.store
        trust = ssl.create_default_context(cafile=str(scene.chain))
        request = store.signed("GET", "/").bytes()

        def once() -> bytes:
            with socket.create_connection(("127.0.0.1", store.port)) as plain:
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                tls = trust.wrap_bio(incoming, outgoing, server_hostname="localhost")
                while True:
                    try:
                        tls.do_handshake()
                    except ssl.SSLWantReadError:
                        plain.sendall(outgoing.read())
                        incoming.write(plain.recv(65536))
                    else:
                        break
                # The last flight of the handshake and the request leave in one piece.
                tls.write(request)
                plain.sendall(outgoing.read())
                while True:
                    try:
                        return tls.read(12)
                    except ssl.SSLWantReadError:
                        incoming.write(plain.recv(65536))

        loop = asyncio.get_running_loop()
        for _ in range(5):
            assert await loop.run_in_executor(None, once) == b"HTTP/1.1 200"
