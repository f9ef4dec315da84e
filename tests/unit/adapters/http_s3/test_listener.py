from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong

from seglake.adapters.http_s3.app import FrontConfig
from seglake.adapters.http_s3.listener import S3Listener, S3Protocol, S3Server
from seglake.domain.model.limits import Limits
from tests.unit.adapters.http_s3.front import Front, front
from tests.wire import ConnectionEnded, Request, Wire, connect


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


async def _unread(wire: Wire, request: Request, *, times: int) -> None:
    """Sends a request again and again without reading an answer, until nobody takes the next one."""
    wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
    try:
        async with asyncio.timeout(0.3):
            for _ in range(times):
                await wire.send(request.bytes())
    except TimeoutError:
        return


async def _alone(store: Front) -> None:
    """Waits until no connection is left in the server."""
    http = store.listener._http
    assert http is not None
    for _ in range(300):
        if not http.connections:
            return
        await asyncio.sleep(0.01)
    pytest.fail("a connection stays")


@pytest.mark.parametrize("idle_timeout_s", [0.1, 60.0])
async def test_answers_that_nobody_reads_are_cut(idle_timeout_s: float) -> None:
    """With the short idle time the connection is closed first, and still cannot end: its bytes are not taken."""
    times: dict[str, Any] = {"write_timeout_s": 0.3, "idle_timeout_s": idle_timeout_s, "body_bytes_per_s_min": 1000}
    async with front(**times) as store:
        await store.put("/alpha")
        await store.put("/alpha/k", b"x" * 250_000)
        async with store.wire() as wire:
            await _unread(wire, store.signed("GET", "/alpha/k"), times=200)
            await _alone(store)
        assert (await store.ask("GET", "/alpha/k")).status == 200


async def test_an_answer_that_is_taken_slowly_but_steadily_is_not_cut() -> None:
    async with front(write_timeout_s=0.4, body_bytes_per_s_min=1000) as store:
        await store.put("/alpha")
        await store.put("/alpha/k", b"x" * 250_000)
        async with store.wire() as wire:
            for _ in range(60):
                await wire.send(store.signed("GET", "/alpha/k").bytes())
            for _ in range(60):
                assert len((await wire.reply()).body) == 250_000
                await asyncio.sleep(0.03)


def _reader(left: int) -> tuple[S3Protocol, list[str], list[int]]:
    server = S3Server(Front(FrontConfig(), Limits()).application, 10, max_field_size=1000)
    connection = server()
    assert isinstance(connection, S3Protocol)
    said: list[str] = []
    buffer = [left]
    connection.untaken = None
    transport = SimpleNamespace(
        get_write_buffer_size=lambda: buffer[0], abort=lambda: said.append("cut"), get_extra_info=lambda _name: None
    )
    connection._socket = transport  # type: ignore[assignment]
    return connection, said, buffer


async def test_a_reader_is_judged_by_what_it_takes_in_a_window() -> None:
    connection, said, buffer = _reader(5000)
    rate: dict[str, Any] = {"bytes_per_s": 100, "window_s": 10.0}
    connection.check_reader(0.0, **rate)
    buffer[0] = 4000
    connection.check_reader(10.0, **rate)
    assert said == [], "a thousand bytes were taken"
    buffer[0] = 3001
    connection.check_reader(19.9, **rate)
    assert said == [], "the window is not over"
    connection.check_reader(20.0, **rate)
    assert said == ["cut"]


async def test_a_reader_that_has_everything_begins_anew() -> None:
    connection, said, buffer = _reader(500)
    rate: dict[str, Any] = {"bytes_per_s": 100, "window_s": 10.0}
    connection.check_reader(0.0, **rate)
    buffer[0] = 0
    connection.check_reader(9.0, **rate)
    buffer[0] = 500
    connection.check_reader(11.0, **rate)
    connection.check_reader(20.0, **rate)
    assert said == []
    connection.check_reader(21.0, **rate)
    assert said == ["cut"]


def test_the_limit_of_a_line_is_what_aiohttp_reports() -> None:
    """The two kinds of long lines are told apart by this argument."""
    assert LineTooLong(b"x", 4097).args[1] == 4097
    assert isinstance(LineTooLong(b"x", 1), BadHttpMessage)
