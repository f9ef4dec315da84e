"""Clients that behave, in a process of their own: how long each of their requests took, as JSON on standard output.

Run as ``python -m tests.integration.good_clients PORT ACCESS_KEY SECRET BUCKET SECONDS CLIENTS``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator

from seglake.adapters.s3_protocol.signing import Signer
from tests.wire import Request, Wire, connect, signed

BODY = bytes(range(256)) * 64


def _round(signer: Signer, host: str, bucket: str, name: str) -> Iterator[Request]:
    """What one client does, again and again: a write, reads of it, a listing and a delete."""
    for method, target, body in (
        ("PUT", f"/{bucket}/good/{name}", BODY),
        ("GET", f"/{bucket}/good/{name}", b""),
        ("HEAD", f"/{bucket}/good/{name}", b""),
        ("GET", f"/{bucket}?list-type=2&prefix=good/&max-keys=10", b""),
        ("DELETE", f"/{bucket}/good/{name}", b""),
    ):
        yield signed(signer, method, target, {}, body, host=host, now=int(time.time()))


async def _client(port: int, signer: Signer, bucket: str, number: int, end: float) -> list[float]:
    took: list[float] = []
    turn = 0
    async with connect(port) as wire:
        while time.monotonic() < end:
            turn += 1
            for request in _round(signer, f"127.0.0.1:{port}", bucket, f"{number}-{turn}"):
                took.append(await _timed(wire, request))
                # People and programs pause; a client that never does measures its own queue.
                await asyncio.sleep(0.005)
    return took


async def _timed(wire: Wire, request: Request) -> float:
    began = time.monotonic()
    reply = await wire.ask(request)
    took = time.monotonic() - began
    assert reply.status in (200, 204), (request.method, request.target, reply.status, reply.body)
    if request.method == "GET" and "list-type" not in request.target:
        assert reply.body == BODY
    return took


async def _all(port: int, signer: Signer, bucket: str, seconds: float, clients: int) -> list[float]:
    end = time.monotonic() + seconds
    taken = await asyncio.gather(*[_client(port, signer, bucket, number, end) for number in range(clients)])
    return [one for many in taken for one in many]


def main() -> None:
    port, access_key, secret, bucket, seconds, clients = sys.argv[1:]
    took = asyncio.run(_all(int(port), Signer(access_key, secret), bucket, float(seconds), int(clients)))
    json.dump(took, sys.stdout)


if __name__ == "__main__":
    main()
