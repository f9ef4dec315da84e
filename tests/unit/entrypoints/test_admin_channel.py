"""Commands of administration find the store whoever has it, and do the same either way."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from seglake.adapters.admin_socket.client import AdminClient
from seglake.adapters.admin_socket.place import SOCKET_FILE, bind_socket
from seglake.adapters.admin_socket.token import TOKEN_FILE, read_token
from seglake.domain.model.admin_errors import NoSuchUser
from seglake.domain.model.errors import DataDirLocked, DataDirUnusable, SeglakeError
from seglake.entrypoints import admin_channel as module
from seglake.entrypoints.admin_channel import Channel, open_channel
from seglake.entrypoints.lifespan import lifespan
from seglake.entrypoints.offline import locked, open_store
from seglake.entrypoints.settings import Settings, load_settings
from seglake.entrypoints.unserved import Offline
from tests.unit.adapters.admin_socket.test_operations import SCRIPT
from tests.unit.fixtures import RecordingLog


def _settings(path: Path) -> Settings:
    return load_settings(data_dir=path / "data", addr="127.0.0.1:0", reserve=0)


def _started_once(settings: Settings) -> Settings:
    async def start() -> None:
        async with lifespan(settings, RecordingLog()):
            pass

    asyncio.run(start())
    return settings


@contextmanager
def _served(settings: Settings) -> Iterator[None]:
    """A server in a thread; its root key is in the store, as for a command without a server."""
    ready: Future[None] = Future()
    stop = threading.Event()

    async def serve() -> None:
        async with lifespan(settings, RecordingLog()):
            ready.set_result(None)
            await asyncio.to_thread(stop.wait, 60)

    server = threading.Thread(target=asyncio.run, args=(serve(),))
    server.start()
    try:
        ready.result(10)
        yield
    finally:
        stop.set()
        server.join()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_times(one) for name, one in value.items() if name not in ("created", "access_key")}
    return [_without_times(one) for one in value] if isinstance(value, list) else value


def _outcomes(channel: Channel) -> list[Any]:
    found: list[Any] = []
    for method, parameters in SCRIPT:
        try:
            found.append(_without_times(channel.call(method, parameters)))
        except SeglakeError as error:
            found.append(error.hint)
    return found


def test_every_operation_does_the_same_with_and_without_a_server(tmp_path: Path) -> None:
    with_server, without = tmp_path / "with", tmp_path / "without"
    one, other = _started_once(_settings(with_server)), _started_once(_settings(without))
    with _served(one), open_channel(one, RecordingLog()) as channel:
        assert isinstance(channel, AdminClient)
        online = _outcomes(channel)
    with open_channel(other, RecordingLog()) as channel:
        assert isinstance(channel, Offline)
        offline = _outcomes(channel)
    assert online == offline
    assert any(isinstance(outcome, str) for outcome in online)


def test_what_was_done_without_a_server_is_there_when_it_starts(tmp_path: Path) -> None:
    settings = _started_once(_settings(tmp_path))
    with open_channel(settings, RecordingLog()) as channel:
        channel.call("user.create", {"name": "alice"})
    with _served(settings), open_channel(settings, RecordingLog()) as channel:
        assert [user["name"] for user in channel.call("user.list", {})["users"]] == ["alice"]
        channel.call("user.create", {"name": "bob"})
    with open_channel(settings, RecordingLog()) as channel:
        assert [user["name"] for user in channel.call("user.list", {})["users"]] == ["alice", "bob"]


def test_a_refusal_leaves_the_store_closed_in_good_order(tmp_path: Path) -> None:
    settings = _started_once(_settings(tmp_path))

    def work() -> None:
        with open_channel(settings, RecordingLog()) as channel:
            channel.call("user.create", {"name": "alice"})
            channel.call("user.delete", {"name": "nobody"})

    with pytest.raises(NoSuchUser):
        work()
    with open_store(settings, RecordingLog()) as store:
        assert [user.name for user in store.metadata.read(lambda view: list(view.users.scan()))] == ["alice"]
        states = store.metadata.read(lambda view: {str(segment.state) for segment in view.segments.scan()})
    assert len(states) == 1, states


def test_a_store_that_was_never_started_is_none(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    with pytest.raises(DataDirUnusable), open_channel(settings, RecordingLog()):
        pass
    assert not settings.data_dir.exists()


def test_a_process_without_a_socket_is_named(tmp_path: Path) -> None:
    settings = _started_once(_settings(tmp_path))
    bind_socket(settings.data_dir).close()
    with (
        locked(settings, RecordingLog()),
        pytest.raises(DataDirLocked, match=f"pid {os.getpid()}"),
        open_channel(settings, RecordingLog(), patience_s=0.0),
    ):
        pass


def test_a_process_that_is_nearly_done_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_AGAIN_S", 0.01)
    settings = _started_once(_settings(tmp_path))
    free, have = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(settings, RecordingLog()):
            have.set()
            free.wait(10)
            time.sleep(0.1)

    holder = threading.Thread(target=hold)
    holder.start()
    have.wait(10)
    free.set()
    with open_channel(settings, RecordingLog()) as channel:
        assert channel.call("user.list", {}) == {"users": []}
    holder.join()


async def test_a_server_offers_the_channel_and_takes_it_away(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    async with lifespan(settings, RecordingLog()):
        first = read_token(settings.data_dir)
        result = await asyncio.to_thread(AdminClient(settings.data_dir).describe)
        assert "user.create" in result["methods"]
    assert not {SOCKET_FILE, TOKEN_FILE} & set(os.listdir(settings.data_dir))
    bind_socket(settings.data_dir).close()
    async with lifespan(settings, RecordingLog()):
        assert await asyncio.to_thread(AdminClient(settings.data_dir).is_there)
        assert read_token(settings.data_dir) != first


async def test_a_server_that_cannot_offer_the_channel_says_so_and_serves(tmp_path: Path) -> None:
    settings, log = _settings(tmp_path), RecordingLog()
    async with lifespan(settings, log):
        pass
    await asyncio.to_thread((settings.data_dir / SOCKET_FILE).mkdir)
    async with lifespan(settings, log) as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.close()
    assert "admin_channel_closed" in log.events("error")


async def test_a_store_in_memory_has_no_channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with lifespan(load_settings(ephemeral=True, addr="127.0.0.1:0"), RecordingLog()):
        assert os.listdir(tmp_path) == []
