from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong

from seglake.adapters.http_s3.app import FrontConfig
from seglake.adapters.http_s3.listener import S3Listener, S3Protocol, S3Server
from seglake.domain.model.limits import Limits
from tests.unit.adapters.http_s3.front import Front, front
from tests.wire import ConnectionEnded, connect


async def test_connections_above_the_limit_are_turned_away() -> None:
    async with front(connections_max=2) as store:
        async with store.wire() as one, store.wire() as two:
            for wire in (one, two):
                assert (await wire.ask(store.signed("GET", "/"))).status == 200
            async with store.wire() as three:
                assert await three.ended()
            assert (await one.ask(store.signed("GET", "/"))).status == 200
        await asyncio.sleep(0.05)
        assert (await store.ask("GET", "/")).status == 200, "places become free again"


@pytest.mark.parametrize(("url", "header"), [(4096, 4096), (4096, 8192), (8192, 4096)])
async def test_a_long_target_and_a_long_header_are_told_apart(url: int, header: int) -> None:
    async with front(url_length_max=url, header_bytes_max=header) as store:
        async with store.wire() as wire:
            await wire.send(f"GET /{'k' * (url + 10)} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            reply = await wire.reply()
            assert (reply.status, reply.code, reply.headers["connection"]) == (414, "URITooLong", "close")
        async with store.wire() as wire:
            await wire.send(f"GET /k HTTP/1.1\r\nHost: a\r\nX-A: /{'v' * (header + 10)}\r\n\r\n".encode())
            reply = await wire.reply()
            assert (reply.status, reply.code) == (400, "RequestHeaderSectionTooLarge")


async def test_many_headers_together_are_bounded() -> None:
    async with front(header_bytes_max=4096) as store:
        lines = "".join(f"X-{number}: {'v' * 100}\r\n" for number in range(50))
        async with store.wire() as wire:
            await wire.send(f"GET /k HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode())
            reply = await wire.reply()
            assert (reply.status, reply.code) == (400, "RequestHeaderSectionTooLarge")
            assert (await wire.ask(store.signed("GET", "/"))).status == 200


async def test_a_head_that_does_not_end_is_cut_while_others_are_served() -> None:
    async with front(head_timeout_s=0.3, idle_timeout_s=30.0) as store, store.wire() as slow, store.wire() as good:
        await slow.send(b"GET /alpha HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        for _ in range(3):
            await asyncio.sleep(0.15)
            assert (await good.ask(store.signed("GET", "/"))).status == 200
        assert await slow.ended()
        assert (await good.ask(store.signed("GET", "/"))).status == 200


async def test_a_request_that_begins_has_had_its_head() -> None:
    store = Front(FrontConfig(), Limits())
    server = S3Server(store.application, 10, max_field_size=1000)
    connection = server()
    assert isinstance(connection, S3Protocol)
    connection.head_since = 1.0  # as when body bytes come between the head and the start of its handler
    answering = server._begin(SimpleNamespace(protocol=connection))  # type: ignore[arg-type]
    assert asyncio.iscoroutine(answering)
    answering.close()
    assert connection.head_since is None


async def test_a_slow_body_and_an_idle_connection_are_not_taken_for_a_slow_head() -> None:
    async with front(head_timeout_s=0.2) as store, store.wire() as wire:
        await store.put("/alpha")
        request = store.signed("PUT", "/alpha/k", {}, b"x" * 1000)
        await wire.send(request.head() + request.body[:500])
        await asyncio.sleep(0.5)
        await wire.send(request.body[500:])
        assert (await wire.reply("PUT")).status == 200
        await asyncio.sleep(0.5)
        assert (await wire.ask(store.signed("GET", "/"))).status == 200


async def test_closing_lets_an_upload_end_and_ends_what_is_idle() -> None:
    store = Front(FrontConfig(), Limits())
    listener = S3Listener(store.application)
    store.port = await listener.start("127.0.0.1", 0)
    await store.put("/alpha")
    request = store.signed("PUT", "/alpha/k", {}, b"x" * 1000)
    async with store.wire() as busy, store.wire() as idle:
        await idle.ask(store.signed("GET", "/"))
        await busy.send(request.head() + request.body[:500])
        await asyncio.sleep(0.05)
        closing = asyncio.ensure_future(listener.close(5.0))
        await asyncio.sleep(0.1)
        with pytest.raises(ConnectionRefusedError):
            async with connect(store.port):
                pass
        await busy.send(request.body[500:])
        reply = await busy.reply("PUT")
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        await closing
        assert await idle.ended()
        assert await busy.ended()


async def test_closing_cuts_what_does_not_end_in_time() -> None:
    store = Front(FrontConfig(), Limits())
    listener = S3Listener(store.application)
    store.port = await listener.start("127.0.0.1", 0)
    await store.put("/alpha")
    before = store.dump()
    request = store.signed("PUT", "/alpha/k", {}, b"x" * 1000)
    async with store.wire() as wire:
        await wire.send(request.head() + request.body[:500])
        await asyncio.sleep(0.05)
        await listener.close(0.1)
        await listener.close(0.1)
        with pytest.raises(ConnectionEnded):
            await wire.reply("PUT")
    assert store.dump() == before


def test_the_limit_of_a_line_is_what_aiohttp_reports() -> None:
    """The two kinds of long lines are told apart by this argument."""
    assert LineTooLong(b"x", 4097).args[1] == 4097
    assert isinstance(LineTooLong(b"x", 1), BadHttpMessage)
