"""The front end over a store in memory, on a real socket: what its tests talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from seglake.adapters.http_s3.app import FrontConfig, S3Application, Services
from seglake.adapters.http_s3.listener import S3Listener
from seglake.adapters.s3_protocol.signing import Signer
from seglake.domain.model.credential import Credential
from seglake.domain.model.events import UserPut
from seglake.domain.model.limits import Limits
from seglake.domain.model.user import User, UserState
from seglake.domain.services.access import KeyPair, PutCredential
from tests.unit.fixtures import Store
from tests.wire import Mode, Reply, Request, Wire, connect, signed

NOW = 1_700_000_000
ROOT = Signer("root-key", "root-secret-0123456789")


class Front:
    """A store with its endpoint on ``port``."""

    def __init__(self, config: FrontConfig, limits: Limits, public_buckets: frozenset[str] = frozenset()) -> None:
        store = self.store = Store(limits, root=KeyPair(ROOT.access_key, ROOT.secret), public_buckets=public_buckets)
        self.clock, self.log = store.clock, store.log
        self.services = Services(
            reads=store.reads,
            writes=store.writes,
            multipart=store.multipart,
            copying=store.copying,
            listings=store.listings,
            buckets=store.buckets,
            settings=store.settings,
            tagging=store.tagging,
            locking=store.locking,
            encrypting=store.encrypting,
            access=store.access,
            bucket_access=store.bucket_access,
            directory=store.directory,
            digests=store.digests,
            statistics=store.statistics,
        )
        self.application = S3Application(
            self.services,
            config,
            clock=store.clock,
            randomness=store.randomness,
            log=store.log,
            meter=store.meter,
        )
        self.port = 0
        self.listener: S3Listener

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def dump(self) -> list[str]:
        """Everything logical in the store."""
        return self.store.dump()

    async def add_key(self, signer: Signer, **fields: Any) -> None:
        """Stores a credential for ``signer``."""
        sealed = self.store.box.seal(signer.secret.encode(), signer.access_key.encode())
        await self.store.committer.commit(PutCredential(Credential(signer.access_key, sealed, **fields)))

    async def add_user(self, name: str, state: UserState = UserState.ACTIVE) -> None:
        """Stores a user."""
        user = User(name, state)
        await self.store.committer.commit(lambda tx: tx.record(UserPut(tx.tick(), user)))

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
        return signed(signer, method, target, headers, body, host=self.host, now=at, mode=mode, expires_s=expires_s)

    async def ask(self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Reply:
        """One request by root on a connection of its own."""
        async with connect(self.port) as wire:
            return await wire.ask(self.signed(method, target, headers, body))

    async def put(self, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        """A PUT that must succeed."""
        reply = await self.ask("PUT", target, headers, body)
        assert reply.status == 200, reply.body
        return reply

    def wire(self) -> AbstractAsyncContextManager[Wire]:
        """A connection."""
        return connect(self.port)


@asynccontextmanager
async def front(
    limits: Limits | None = None, *, public_buckets: frozenset[str] = frozenset(), **config: Any
) -> AsyncIterator[Front]:
    """A fresh store that listens; ``config`` goes to FrontConfig."""
    running = Front(FrontConfig(**config), limits or Limits(part_bytes_min=5), public_buckets)
    listener = running.listener = S3Listener(running.application)
    running.port = await listener.start("127.0.0.1", 0)
    try:
        yield running
    finally:
        await listener.close(1.0)
