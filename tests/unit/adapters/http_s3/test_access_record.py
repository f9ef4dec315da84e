"""Every request leaves one record with what was learnt of it, however it ended."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from seglake.adapters.http_s3.handlers.reading import GATHER_BYTES_MAX
from seglake.domain.model.user import canonical_id, user_arn
from tests.unit.adapters.http_s3.front import ROOT, Front, front
from tests.wire import Mode


def lines(store: Front) -> list[dict[str, Any]]:
    return [fields for _, event, fields in store.log.lines if event == "request"]


async def test_a_put_and_a_get_are_told_of() -> None:
    async with front(access_log=True) as store:
        await store.put("/alpha")
        await store.put("/alpha/a%20key", b"12345", {"user-agent": "tester/1"})
        reply = await store.ask("GET", "/alpha/a%20key", {"referer": "http://from.example/"})
        created, put, got = lines(store)
    assert (created["operation"], created["bucket"]) == ("CreateBucket", "alpha")
    assert (put["operation"], put["key"], put["bytes_in"], put["bytes_out"]) == ("PutObject", "a%20key", 5, 0)
    assert (put["user_agent"], put["access_key"], put["user"]) == ("tester/1", ROOT.access_key, "root")
    assert (got["bytes_out"], got["status"], got["request_id"]) == (5, 200, reply.headers["x-amz-request-id"])
    assert (got["referer"], got["authentication"]) == ("http://from.example/", "AuthHeader")
    assert got["ttfb_ms"] == got["total_ms"]


async def test_a_streamed_answer_tells_when_it_began_and_how_much_left() -> None:
    size = GATHER_BYTES_MAX + 1000
    async with front(access_log=True) as store:
        await store.put("/alpha")
        await store.put("/alpha/k", b"x" * size)
        async with store.wire() as wire:
            reply = await wire.ask(store.signed("GET", "/alpha/k", mode=Mode.PRESIGNED))
        assert len(reply.body) == size
        got = lines(store)[-1]
    assert (got["bytes_out"], got["authentication"]) == (size, "QueryString")
    assert 0 <= got["ttfb_ms"] <= got["total_ms"]
    assert "X-Amz-Signature=REDACTED" in got["target"]


async def test_refusals_tell_their_code_and_what_was_asked_for() -> None:
    async with front(access_log=True) as store:
        await store.ask("GET", "/alpha/k")
        missing = lines(store)[-1]
        request = store.signed("GET", "/alpha/k?acl")
        wrong = request.headers["authorization"][:-4] + "0000"
        async with store.wire() as wire:
            await wire.ask(request.with_header("authorization", wrong))
        forged = lines(store)[-1]
        async with store.wire() as wire:
            await wire.ask(store.signed("GET", "/alpha?nonsense"))
        unknown = lines(store)[-1]
    assert (missing["status"], missing["code"], missing["operation"]) == (404, "NoSuchBucket", "GetObject")
    assert (forged["status"], forged["code"]) == (403, "SignatureDoesNotMatch")
    assert (forged["operation"], forged["bucket"], forged["key"]) == ("GetObjectAcl", "alpha", "k")
    assert "access_key" not in forged, "nobody proved to have it"
    assert "user" not in forged
    assert (unknown["status"], unknown["bucket"]) == (501, "alpha")
    assert "operation" not in unknown
    assert store.store.meter.figures()["authentication_failures"] == {"SignatureDoesNotMatch": 1}


async def test_people_are_told_by_their_canonical_ids() -> None:
    records: list[Any] = []
    async with front() as store:
        await store.add_user("ada")
        signer = type(ROOT)("ada-key", "secret of ada-key")
        await store.add_key(signer, user="ada")
        store.application._scribe = scribe(store, records)
        async with store.wire() as wire:
            await wire.ask(store.signed("PUT", "/adas", signer=signer))
            await wire.ask(store.signed("GET", "/adas"))
        site = store.store.directory.site
    by_ada, by_root = records
    assert (by_ada.requester, by_ada.owner) == (user_arn("ada"), "")
    assert (by_root.requester, by_root.owner) == (canonical_id(site, "root"), canonical_id(site, "ada"))


def scribe(store: Front, records: list[Any]) -> Any:
    from seglake.adapters.http_s3.access_record import Scribe

    return Scribe(records.append, store.store.directory, store.application.config)


async def test_a_cut_connection_is_a_record_without_status() -> None:
    async with front(access_log=True) as store:
        await store.put("/alpha")
        request = store.signed("PUT", "/alpha/k", {}, b"x" * 100_000)
        _, writer = await asyncio.open_connection("127.0.0.1", store.port)
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        writer.write(f"PUT /alpha/k HTTP/1.1\r\n{head}\r\n".encode() + b"x" * 1000)
        await writer.drain()
        await asyncio.sleep(0.05)
        assert store.store.meter.in_flight == 1
        writer.transport.abort()
        for _ in range(500):
            if store.store.meter.in_flight:
                await asyncio.sleep(0.01)
        told = lines(store)[-1]
        figures: Any = store.store.meter.figures()
    assert told["operation"] == "PutObject"
    assert (told["status"], told.get("code")) in ((0, None), (400, "IncompleteBody"))
    assert sum(figures["by_operation"]["PutObject"]["by_class"].values()) == 1


async def test_a_reader_who_leaves_is_an_aborted_request() -> None:
    size = 30_000_000
    async with front(access_log=True) as store:
        await store.put("/alpha")
        await store.put("/alpha/k", b"x" * size)
        request = store.signed("GET", "/alpha/k")
        reader, writer = await asyncio.open_connection("127.0.0.1", store.port)
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        writer.write(f"GET /alpha/k HTTP/1.1\r\n{head}\r\n".encode())
        assert b"200 OK" in await reader.readline()
        assert store.store.meter.in_flight == 1
        writer.transport.abort()
        for _ in range(500):
            if store.store.meter.in_flight:
                await asyncio.sleep(0.01)
        told = lines(store)[-1]
        figures: Any = store.store.meter.figures()
    assert (told["operation"], told["status"]) == ("GetObject", 0)
    assert 0 < told["bytes_out"] < size
    assert figures["by_operation"]["GetObject"]["by_class"] == {"aborted": 1}
    assert figures["by_key"][0]["errors"] == 1
    assert figures["in_flight"] == 0


async def test_heads_that_cannot_be_read_and_preflights_are_counted() -> None:
    async with front() as store:
        reader, writer = await asyncio.open_connection("127.0.0.1", store.port)
        writer.write(b"GET / HTTP/9.9 nonsense\r\n\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()
        async with store.wire() as wire:
            request = store.signed("GET", "/alpha")
            headers = {"host": store.host, "origin": "https://page.example", "access-control-request-method": "GET"}
            await wire.ask(type(request)("OPTIONS", "/alpha", headers, b""))
        figures: Any = store.store.meter.figures()
    assert figures["by_operation"]["Unknown"]["by_class"] == {"4xx": 1}
    assert figures["by_operation"]["Preflight"]["by_class"] == {"4xx": 1}
    assert figures["in_flight"] == 0


@pytest.mark.parametrize("blocks", [False, True])
async def test_replays_are_counted(blocks: bool) -> None:
    async with front(replay_ttl_s=60.0, replay_block=blocks) as store:
        await store.put("/alpha")
        request = store.signed("PUT", "/alpha/k", {}, b"x")
        async with store.wire() as wire:
            assert (await wire.ask(request)).status == 200
            assert (await wire.ask(request)).status == (403 if blocks else 200)
        figures: Any = store.store.meter.figures()
    assert figures["replays"] == {"noticed": 1, "refused": int(blocks)}
