"""The ops listener answers GET of its few paths and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from seglake.adapters.telemetry.health import Health
from seglake.adapters.telemetry.ops_listener import CONNECTIONS_MAX, OpsListener
from seglake.testing.contracts.doubles import ManualClock


@asynccontextmanager
async def listening(health: Health) -> AsyncIterator[str]:
    async def scrape(accept: str) -> tuple[bytes, str]:
        return f"accepts {accept}".encode(), "text/plain; version=0.0.4; charset=utf-8"

    listener = OpsListener(health, scrape, "1.2.3")
    port = await listener.start("127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await listener.close()
        await listener.close()


@pytest.fixture
async def health() -> Health:
    return Health(ManualClock().steady_s)


async def test_its_paths(health: Health) -> None:
    async with listening(health) as url, aiohttp.ClientSession() as client:
        async with client.get(f"{url}/metrics", headers={"Accept": "this"}) as reply:
            assert (reply.status, await reply.text()) == (200, "accepts this")
            assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        async with client.get(f"{url}/health/live") as reply:
            assert (reply.status, await reply.json()) == (200, {"status": "live", "version": "1.2.3"})
        async with client.get(f"{url}/health/ready?x=1") as reply:
            assert reply.status == 503
            assert (await reply.json())["reasons"] == {"start": "the store is starting or stopping"}
        health.started = True
        async with client.get(f"{url}/health/ready") as reply:
            assert (reply.status, await reply.json()) == (200, {"status": "ready", "reasons": {}})
        async with client.head(f"{url}/health/ready") as reply:
            assert reply.status == 200
        async with client.get(f"{url}/") as reply:
            assert "/metrics" in json.dumps(await reply.json())
        for path in ("/v1/meta/stats", "/metrics/", "//metrics"):
            async with client.get(f"{url}{path}", allow_redirects=False) as reply:
                assert reply.status == 404
        async with client.post(f"{url}/metrics", data=b"x") as reply:
            assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD")


async def test_who_only_sits_there_keeps_nobody_from_asking(health: Health) -> None:
    async with listening(health) as url:
        host, port = url.removeprefix("http://").split(":")
        idle = [await asyncio.open_connection(host, int(port)) for _ in range(CONNECTIONS_MAX)]
        async with aiohttp.ClientSession() as client, client.get(f"{url}/health/live") as reply:
            assert reply.status == 200
        for reader, writer in idle:
            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()
