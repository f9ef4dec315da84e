"""The front end over a store in memory, on a real socket: what its tests talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from seglake.adapters.http_s3.app import FrontConfig, S3Application, Services
from seglake.adapters.http_s3.listener import S3Listener
from seglake.adapters.memory.metadata import MemoryMetadataStore
from seglake.adapters.s3_protocol.signing import Signer
from seglake.adapters.system.ids import SystemRandom
from seglake.adapters.system.threads import InlineOffload
from seglake.domain.model.credential import Credential, KeyPolicy
from seglake.domain.model.limits import Limits
from seglake.domain.services.access import Access, KeyPair, PutCredential
from seglake.domain.services.buckets import Buckets
from seglake.domain.services.copying import Copying
from seglake.domain.services.dump import logical_dump
from seglake.domain.services.ingest import Ingest
from seglake.domain.services.listing import Listings
from seglake.domain.services.multipart import Multipart
from seglake.domain.services.object_reads import ObjectReads
from seglake.domain.services.object_writes import ObjectWrites
from tests.unit.adapters.http_s3.stand_ins import DirectCommits, OpenBox, PlainDigests, RamSegments
from tests.wire import Mode, Reply, Request, Wire, connect, signed

NOW = 1_700_000_000
ROOT = Signer("root-key", "root-secret-0123456789")


class FixedClock:
    """Stands still unless told otherwise."""

    def __init__(self) -> None:
        self.now_s: float = NOW
        self.steady: float = 0.0

    def now_ms(self) -> int:
        return int(self.now_s * 1000)

    def steady_s(self) -> float:
        return self.steady


class NotedLog:
    """Keeps what was logged."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, Mapping[str, Any]]] = []

    def info(self, event: str, /, **fields: Any) -> None:
        self.lines.append(("info", event, fields))

    def warning(self, event: str, /, **fields: Any) -> None:
        self.lines.append(("warning", event, fields))

    def error(self, event: str, /, **fields: Any) -> None:
        self.lines.append(("error", event, fields))


class Front:
    """A store with its endpoint on ``port``."""

    def __init__(self, config: FrontConfig, limits: Limits) -> None:
        self.clock = FixedClock()
        self.log = NotedLog()
        randomness, digests, offload = SystemRandom(), PlainDigests(), InlineOffload()
        self.metadata = MemoryMetadataStore(self.clock, randomness)
        self.segments: Any = RamSegments()
        self.committer = DirectCommits(self.metadata, self.segments)
        self.box = OpenBox()
        ingest = Ingest(self.segments, digests, offload, inline_bytes_max=limits.inline_bytes_max)
        writes = (self.metadata, self.committer)
        self.services = Services(
            reads=ObjectReads(self.metadata, self.segments),
            writes=ObjectWrites(*writes, ingest, limits),
            multipart=Multipart(*writes, ingest, digests, randomness, limits),
            copying=Copying(*writes, self.segments, digests, offload, limits),
            listings=Listings(self.metadata),
            buckets=Buckets(*writes),
            access=Access(self.metadata, self.box, KeyPair(ROOT.access_key, ROOT.secret)),
            digests=digests,
        )
        self.application = S3Application(
            self.services, config, clock=self.clock, randomness=randomness, log=self.log
        )
        self.port = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def dump(self) -> list[str]:
        """Everything logical in the store."""
        return self.metadata.read(lambda view: list(logical_dump(view)))

    async def add_key(self, signer: Signer, **fields: Any) -> None:
        """Stores a credential for ``signer``."""
        sealed = self.box.seal(signer.secret.encode(), signer.access_key.encode())
        await self.committer.commit(PutCredential(Credential(signer.access_key, sealed, **fields)))

    def signed(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        signer: Signer = ROOT,
        mode: Mode = Mode.SIGNED,
        now: int | None = None,
        expires_s: int = 600,
    ) -> Request:
        """A signed request for this server."""
        at = NOW if now is None else now
        return signed(
            signer, method, target, headers, body, host=self.host, now=at, mode=mode, expires_s=expires_s
        )

    async def ask(self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Reply:
        """One request by root on a connection of its own."""
        async with connect(self.port) as wire:
            return await wire.ask(self.signed(method, target, headers, body))

    async def put(self, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        """A PUT that must succeed."""
        reply = await self.ask("PUT", target, headers, body)
        assert reply.status == 200, reply.body
        return reply

    def wire(self) -> Any:
        """A connection, as an async context manager of `Wire`."""
        return connect(self.port)


@asynccontextmanager
async def front(limits: Limits | None = None, **config: Any) -> AsyncIterator[Front]:
    """A fresh store that listens; ``config`` goes to FrontConfig."""
    running = Front(FrontConfig(**config), limits or Limits(part_bytes_min=5))
    listener = S3Listener(running.application)
    running.port = await listener.start("127.0.0.1", 0)
    try:
        yield running
    finally:
        await listener.close(1.0)


__all__ = ["NOW", "ROOT", "Front", "KeyPolicy", "Wire", "front"]
