"""Metrics and health of a running store: when they answer, what they say, and where they may listen."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from seglake.adapters.filesystem.layout import RESERVE_FILE
from seglake.domain.model.errors import StoreFailed
from seglake.entrypoints.lifespan import Running, lifespan
from seglake.entrypoints.places import CannotListen
from seglake.entrypoints.settings import Settings, SettingsInvalid, load_settings
from tests.unit.fixtures import RecordingLog


def settings(path: Path | None, **more: Any) -> Settings:
    place: dict[str, Any] = {"ephemeral": True} if path is None else {"data_dir": path / "data", "reserve": "1MiB"}
    given = {"addr": "127.0.0.1:0", "ops_addr": "127.0.0.1:0", "shutdown_timeout": 1, **place, **more}
    return load_settings(**given)


async def get(running: Running, path: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{running.ops_port}{path}"
    async with aiohttp.ClientSession() as client, client.get(url) as reply:
        return reply.status, await reply.text()


async def readiness(running: Running) -> tuple[int, Any]:
    status, text = await get(running, "/health/ready")
    return status, json.loads(text)["reasons"]


@pytest.mark.parametrize("on_disk", [False, True])
async def test_a_running_store_is_ready_and_tells_its_figures(tmp_path: Path, on_disk: bool) -> None:
    async with lifespan(settings(tmp_path if on_disk else None), RecordingLog()) as running:
        assert await readiness(running) == (200, {})
        status, text = await get(running, "/metrics")
        assert status == 200
        assert "seglake_ready 1.0" in text
        assert 'seglake_build_info{python="' in text
        assert "seglake_buckets 0.0" in text
        assert ("seglake_disk_free_bytes " in text) == on_disk


async def test_a_failed_store_is_alive_and_not_ready(tmp_path: Path) -> None:
    async with lifespan(settings(tmp_path), RecordingLog()) as running:
        running.failure.set_result(StoreFailed("the disk broke"))
        status, reasons = await readiness(running)
        assert (status, reasons["store"]) == (503, "the store failed: the disk broke")
        assert (await get(running, "/health/live"))[0] == 200
        assert "seglake_ready 0.0" in (await get(running, "/metrics"))[1]


async def test_a_disk_below_the_reserve_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with lifespan(settings(tmp_path), RecordingLog()) as running:
        held = os.stat(tmp_path / "data" / RESERVE_FILE).st_size
        assert held == 1 << 20, "the ballast is there, so half of it is the limit"
        free = (1 << 19) - 1
        monkeypatch.setattr("seglake.adapters.filesystem.os_files.OsFileSystem.free_bytes", lambda _self: free)
        assert await readiness(running) == (503, {"disk": f"{free} bytes are free, objects are taken from 524288 on"})


async def test_an_index_that_takes_no_commit_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_arguments: object) -> None:
        raise StoreFailed("read-only")

    async with lifespan(settings(tmp_path), RecordingLog()) as running:
        monkeypatch.setattr("seglake.adapters.sqlite.store.SqliteMetadataStore.apply", refuses)
        status, reasons = await readiness(running)
        assert status == 503
        assert "StoreFailed" in reasons["index"]
        monkeypatch.undo()


async def test_nobody_is_ready_before_recovery_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, Any]] = []
    port = free_port()

    async def recovering(*_arguments: object) -> None:
        url = f"http://127.0.0.1:{port}/health/ready"
        async with aiohttp.ClientSession() as client, client.get(url) as reply:
            seen.append((reply.status, await reply.json()))
        async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{port}/metrics") as reply:
            assert "seglake_ready 0.0" in await reply.text()
        raise StoreFailed("enough seen")

    monkeypatch.setattr("seglake.entrypoints.lifespan._open_store", recovering)
    with pytest.raises(StoreFailed, match="enough seen"):
        async with lifespan(settings(tmp_path, ops_addr=f"127.0.0.1:{port}"), RecordingLog()):
            pass
    assert seen == [(503, {"status": "not ready", "reasons": {"start": "the store is starting or stopping"}})]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_chosen_address_that_is_taken_ends_the_start(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(CannotListen, match=r"in use by another program; .*--ops-addr"):
            async with lifespan(settings(tmp_path, ops_addr=address), RecordingLog()):
                pass


async def test_the_default_address_that_is_taken_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = RecordingLog()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.delenv("SEGLAKE_OPS_ADDR", raising=False)
        monkeypatch.setattr(Settings.model_fields["ops_addr"], "default", address)
        Settings.model_rebuild(force=True)
        try:
            chosen = load_settings(addr="127.0.0.1:0", ephemeral=True)
            assert chosen.ops_addr == address
            async with lifespan(chosen, log) as running:
                assert running.ops_port is None
        finally:
            monkeypatch.undo()
            Settings.model_rebuild(force=True)
    assert log.events("warning") == ["ops_listener_closed"]


@pytest.mark.parametrize("address", ["", "off", "OFF", "none"])
async def test_it_can_be_turned_off(address: str) -> None:
    async with lifespan(settings(None, ops_addr=address), RecordingLog()) as running:
        assert running.ops_port is None


@pytest.mark.parametrize("address", [":9100", "0.0.0.0:9100", "[::]:9100", "192.0.2.1:9100", "host.example:9100"])
def test_other_machines_only_reach_it_when_that_is_said(address: str) -> None:
    with pytest.raises(SettingsInvalid, match="--ops-allow-remote"):
        load_settings(ops_addr=address)
    assert load_settings(ops_addr=address, ops_allow_remote=True).ops_addr == address


@pytest.mark.parametrize("address", ["127.0.0.1:0", "127.8.8.8:1", "[::1]:9100", "localhost:9100"])
def test_this_machine_is_fine(address: str) -> None:
    assert load_settings(ops_addr=address).ops_listen is not None


def test_wrong_words_are_refused() -> None:
    with pytest.raises(SettingsInvalid, match="--ops-addr"):
        load_settings(ops_addr="nowhere")
    with pytest.raises(SettingsInvalid, match="--access-log-file"):
        load_settings(access_log_format="s3")


async def test_the_access_log_has_its_file(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    chosen = settings(tmp_path, access_log_file=path, access_key="AKIA", secret_key="canary-secret-012345")
    async with lifespan(chosen, RecordingLog()) as running:
        assert running.reopen is not None
        async with aiohttp.ClientSession() as client:
            url = f"{running.endpoint}/bucket/k?X-Amz-Signature=canary&x=canary-secret-012345"
            async with client.get(url) as reply:
                assert reply.status == 501
        path.rename(tmp_path / "access.log.1")
        running.refresh()
        async with aiohttp.ClientSession() as client, client.get(f"{running.endpoint}/bucket/after") as reply:
            assert reply.status == 403
    old, new = (tmp_path / "access.log.1").read_text(), path.read_text()
    assert [json.loads(text)["status"] for text in (*old.splitlines(), *new.splitlines())] == [501, 403]
    assert "canary" not in old + new
    assert json.loads(new)["key"] == "after"


async def test_a_file_that_cannot_be_opened_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(CannotListen, match="--access-log-file"):
        async with lifespan(settings(tmp_path, access_log_file=tmp_path / "no" / "access.log"), RecordingLog()):
            pass


async def test_runs_of_the_lifecycle_are_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seglake.entrypoints.lifespan._FIRST_LIFECYCLE_RUN_S", 0.01)
    async with lifespan(settings(None), RecordingLog()) as running:
        text = ""
        for _ in range(500):
            text = (await get(running, "/metrics"))[1]
            if 'seglake_task_runs_total{outcome="ok",task="lifecycle"} 1.0' in text:
                break
            await asyncio.sleep(0.01)
        assert 'seglake_task_runs_total{outcome="ok",task="lifecycle"} 1.0' in text
        assert 'seglake_task_figures_total{figure="examined",task="lifecycle"} 0.0' in text


def test_the_library_that_writes_metrics_is_not_loaded_before_the_first_scrape() -> None:
    code = "import sys, seglake.entrypoints.server as s; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
