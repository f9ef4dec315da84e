"""A server on a socket in a directory, with a store in memory behind it and whoever the test wants at the other end."""

from __future__ import annotations

import json
from asyncio import BaseTransport
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp

from seglake.adapters.admin_socket.operation import AdminServices, Checks, Result, Upkeep
from seglake.adapters.admin_socket.place import socket_path
from seglake.adapters.admin_socket.server import AdminServer, Peer, PeerReader, kernel_peer
from seglake.adapters.admin_socket.token import read_token
from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.adapters.system.clock import SystemClock
from seglake.adapters.system.ids import SystemRandom
from seglake.domain.ports.progress import Stages
from seglake.domain.services.jobs import Jobs
from seglake.domain.services.maintenance import MaintenanceMode, WriteGate
from seglake.entrypoints.administration import services_of
from seglake.entrypoints.settings import load_settings
from tests.unit.fixtures import RecordingLog, Store


class NoUpkeep(Upkeep):
    """A store in memory has nothing to keep up."""

    def snapshot(self, stages: Stages, /, **_parameters: Any) -> Result:
        raise NotImplementedError

    def check_index(self, stages: Stages, /) -> Result:
        raise NotImplementedError

    def reindex(self, stages: Stages, /) -> Result:
        raise NotImplementedError

    def support(self, stages: Stages, /, *, with_keys: bool) -> Result:
        raise NotImplementedError

    def gc_plan(self, stages: Stages, /, **_parameters: Any) -> Result:
        raise NotImplementedError

    def gc_run(self, stages: Stages, /, **_parameters: Any) -> Result:
        raise NotImplementedError

    def rewrite_plan(self, stages: Stages, /, **_parameters: Any) -> Result:
        raise NotImplementedError

    def rewrite_run(self, stages: Stages, /, **_parameters: Any) -> Result:
        raise NotImplementedError

    def uploads_plan(self, stages: Stages, /, **_parameters: Any) -> Result:
        raise NotImplementedError

    def uploads_run(self, stages: Stages, /, **_parameters: Any) -> Result:
        raise NotImplementedError


class NoChecks(Checks):
    """No whole store is looked at here."""

    def status(self, stages: Stages, /, **_parameters: Any) -> Result:
        raise NotImplementedError

    def fsck(self, stages: Stages, /, **_parameters: Any) -> Result:
        raise NotImplementedError

    def scrub(self, stages: Stages, /, **_parameters: Any) -> Result:
        raise NotImplementedError

    def repair(self, stages: Stages, /, **_parameters: Any) -> Result:
        raise NotImplementedError

    def rebuild(self, stages: Stages, /) -> Result:
        raise NotImplementedError


def services(store: Store, **settings: Any) -> AdminServices:
    """The operations' services on a store in memory."""
    return services_of(
        load_settings(**settings),
        metadata=store.metadata,
        committer=store.committer,
        box=store.box,
        clock=store.clock,
        randomness=store.randomness,
        maintenance=MaintenanceMode(
            store.metadata, store.committer, store.clock, store.log, store.clock.pause, WriteGate()
        ),
        jobs=Jobs(store.offload, store.clock, store.log),
        upkeep=NoUpkeep(),
        checks=NoChecks(),
    )


def peer_with(uid: int) -> PeerReader:
    """A kernel that says that everybody is this user."""

    def read(_transport: BaseTransport, /) -> Peer | None:
        return Peer(4711, uid)

    return read


@dataclass
class Rig:
    """A running server."""

    place: Path
    store: Store
    log: RecordingLog
    server: AdminServer

    async def ask(
        self,
        path: str,
        body: BytesIO | str | dict[str, Any] | None = None,
        *,
        verb: str = "POST",
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """(status, document)."""
        if headers is None:
            known = read_token(self.place) if token is None else token
            headers = {"Authorization": f"Bearer {known}"}
        data = json.dumps(body) if isinstance(body, dict) else body
        with socket_path(self.place) as name:
            connector = aiohttp.UnixConnector(path=name)
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                session.request(verb, f"http://localhost{path}", data=data, headers=headers) as answer,
            ):
                assert answer.content_type == "application/json"
                return answer.status, json.loads(await answer.read())

    async def error(self, *arguments: Any, **fields: Any) -> tuple[int, str]:
        """(status, code) of a refusal."""
        status, document = await self.ask(*arguments, **fields)
        assert list(document) == ["error"], document
        return status, document["error"]["code"]


@asynccontextmanager
async def running(place: Path, peer_of: PeerReader = kernel_peer, store: Store | None = None) -> AsyncIterator[Rig]:
    """A server that listens while the block runs."""
    store, log = store or Store(), RecordingLog()
    server = AdminServer(
        services(store),
        version="1.2.3",
        clock=SystemClock(),
        randomness=SystemRandom(),
        log=log,
        peer_of=peer_of,
    )
    await server.start(OsFileSystem(place), place)
    try:
        yield Rig(place, store, log, server)
    finally:
        await server.close()
