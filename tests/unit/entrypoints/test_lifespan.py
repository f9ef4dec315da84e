from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seglake.adapters.filesystem.store import FilesystemSegmentStore
from seglake.adapters.sqlite.store import SqliteMetadataStore
from seglake.domain.model.errors import DataDirLocked, DataDirUnusable, StoreFailed
from seglake.entrypoints import lifespan as module
from seglake.entrypoints.lifespan import Running, lifespan
from seglake.entrypoints.places import CannotListen
from seglake.entrypoints.settings import Settings, SettingsInvalid, load_settings
from tests.certificates import make_certificate, name_of
from tests.unit.fixtures import RecordingLog


def _settings(path: Path | None, **more: Any) -> Settings:
    place: dict[str, Any] = {"ephemeral": True} if path is None else {"data_dir": path / "data", "reserve": "1MiB"}
    return load_settings(**{"addr": "127.0.0.1:0", "ops_addr": "off", "shutdown_timeout": 1, **place, **more})


async def _answers(running: Running) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.startswith(b"HTTP/1.1 403")


async def _until(holds: Callable[[], bool]) -> None:
    for _ in range(250):
        if holds():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it did not happen within 5 s")


async def test_a_store_in_memory_answers_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with lifespan(_settings(None), RecordingLog()) as running:
        assert await _answers(running)
        assert running.endpoint == f"http://127.0.0.1:{running.port}"
        assert running.generated is not None
    with pytest.raises(OSError, match="Connect call failed"):
        await _answers(running)
    assert os.listdir(tmp_path) == []


async def test_the_generated_key_is_made_once_and_found_again(tmp_path: Path) -> None:
    async with lifespan(_settings(tmp_path), RecordingLog()) as first:
        assert first.generated is not None
        assert first.generated.access_key == first.access_key
    async with lifespan(_settings(tmp_path), RecordingLog()) as second:
        assert second.generated is None
        assert second.access_key == first.access_key


async def test_a_given_key_makes_none(tmp_path: Path) -> None:
    settings = _settings(tmp_path, access_key="test", secret_key="testsecret")
    async with lifespan(settings, RecordingLog()) as running:
        assert (running.access_key, running.generated) == ("test", None)


async def test_only_the_owner_can_look_into_the_data_directory(tmp_path: Path) -> None:
    async with lifespan(_settings(tmp_path), RecordingLog()):
        for path in (tmp_path / "data", *(tmp_path / "data").rglob("*")):
            assert path.stat().st_mode & 0o077 == 0, path


async def test_a_second_server_on_the_directory_is_told_who_has_it(tmp_path: Path) -> None:
    async with lifespan(_settings(tmp_path), RecordingLog()):
        with pytest.raises(DataDirLocked, match=f"pid {os.getpid()}"):
            async with lifespan(_settings(tmp_path), RecordingLog()):
                pass
    async with lifespan(_settings(tmp_path), RecordingLog()) as again:
        assert await _answers(again)


async def test_a_taken_port_is_said_and_everything_is_let_go(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = load_settings(addr=f"127.0.0.1:{taken.getsockname()[1]}", data_dir=tmp_path / "data", reserve=0)
        with pytest.raises(CannotListen, match=r"in use by another program; stop it or choose another .*--addr"):
            async with lifespan(settings, RecordingLog()):
                pass
    async with lifespan(_settings(tmp_path), RecordingLog()) as running:
        assert await _answers(running)


async def test_an_address_of_another_machine_is_said() -> None:
    settings = load_settings(addr="192.0.2.1:0", ephemeral=True)
    with pytest.raises(CannotListen, match=r"cannot listen on 192\.0\.2\.1:0"):
        async with lifespan(settings, RecordingLog()):
            pass


async def test_an_open_directory_is_refused_with_the_command_to_run(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    with pytest.raises(DataDirUnusable, match="chmod 700"):
        async with lifespan(_settings(tmp_path), RecordingLog()):
            pass


async def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    async with lifespan(_settings(tmp_path), RecordingLog()):
        pass
    (tmp_path / "data" / "FORMAT").write_text("seglake data directory, format 99\n")
    with pytest.raises(DataDirUnusable, match="format 99"):
        async with lifespan(_settings(tmp_path), RecordingLog()):
            pass


async def test_a_lost_index_is_refused_with_the_command_to_run(tmp_path: Path) -> None:
    async with lifespan(_settings(tmp_path), RecordingLog()):
        pass
    (tmp_path / "data" / "meta.db").unlink()
    with pytest.raises(DataDirUnusable, match="seglake rebuild-index"):
        async with lifespan(_settings(tmp_path), RecordingLog()):
            pass
    # An index made by the refused start would be an excuse for the next one.
    assert not (tmp_path / "data" / "meta.db").exists()


async def test_an_unknown_adapter_is_a_setting_to_correct(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid):
        async with lifespan(_settings(tmp_path, segment_store="tape"), RecordingLog()):
            pass


async def test_everything_is_sealed_at_a_clean_stop(tmp_path: Path) -> None:
    async with lifespan(_settings(tmp_path), RecordingLog()):
        pass
    log = RecordingLog()
    async with lifespan(_settings(tmp_path), log):
        pass
    assert "recovered" not in log.events("info")
    assert not (tmp_path / "data" / "meta.db-wal").exists()


async def test_idle_segments_are_sealed_while_the_store_runs(tmp_path: Path) -> None:
    log = RecordingLog()
    async with lifespan(_settings(tmp_path, segment_idle="200ms"), log):
        await _until(lambda: "segment_sealed" in log.events("info"))


async def test_a_failure_is_told_and_nothing_is_sealed_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[object] = []
    monkeypatch.setattr(FilesystemSegmentStore, "close", closed.append)
    log = RecordingLog()
    async with lifespan(_settings(tmp_path), log) as running:
        report = module._reporter(asyncio.get_running_loop(), running.failure, log)
        for text in ("the first", "the second"):
            report(StoreFailed(text))
        assert (await asyncio.wait_for(running.failure, 1)).hint == "the first"
        await asyncio.sleep(0)
    assert closed == []
    assert log.events("error") == ["store_failed"]


async def test_an_index_that_does_not_close_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    close = SqliteMetadataStore.close

    def broken(store: SqliteMetadataStore) -> None:
        close(store)
        raise StoreFailed("checkpointing failed")

    monkeypatch.setattr(SqliteMetadataStore, "close", broken)
    async with lifespan(_settings(tmp_path), RecordingLog()) as running:
        pass
    assert running.failure.result().hint == "checkpointing failed"
    monkeypatch.undo()
    async with lifespan(_settings(tmp_path), RecordingLog()) as again:
        assert await _answers(again)


async def test_a_bug_in_the_housekeeping_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    async def broken(_self: object) -> int:
        calls.append(1)
        raise ZeroDivisionError

    monkeypatch.setattr("seglake.domain.services.sealing.Sealing.tick", broken)
    log = RecordingLog()
    async with lifespan(_settings(None, segment_idle="100ms"), log):
        await _until(lambda: len(calls) == 2)
    assert log.events("error")[0] == "housekeeping_failed"


async def test_a_failure_in_the_housekeeping_is_the_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    async def failed(_self: object) -> int:
        raise StoreFailed("a sync failed")

    monkeypatch.setattr("seglake.domain.services.sealing.Sealing.tick", failed)
    async with lifespan(_settings(None, segment_idle="100ms"), RecordingLog()) as running:
        assert (await asyncio.wait_for(running.failure, 5)).hint == "a sync failed"


def test_ipv6_and_every_interface_have_a_usable_url() -> None:
    settings = _settings(None)
    loop = asyncio.new_event_loop()
    try:
        for host, url in (("::1", "http://[::1]:9"), ("", "http://127.0.0.1:9"), ("h.example", "http://h.example:9")):
            assert Running(settings, host, 9, "k", None, loop.create_future()).endpoint == url
    finally:
        loop.close()


async def test_with_a_certificate_it_speaks_https_and_takes_a_new_one_when_told(tmp_path: Path) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    make_certificate(chain, key, name="first")
    log = RecordingLog()
    async with lifespan(_settings(None, tls=True, tls_cert=chain, tls_key=key), log) as running:
        assert running.endpoint == f"https://127.0.0.1:{running.port}"
        trust = ssl.create_default_context(cafile=str(chain))
        names = []
        for name in ("first", "second"):
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=trust)
            names.append(name_of(writer.get_extra_info("ssl_object").getpeercert(binary_form=True)))
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 403")
            writer.close()
            if name == "first":
                make_certificate(chain, key, name="second")
                trust = ssl.create_default_context(cafile=str(chain))
                running.renew.set()
                await _until(lambda: log.events("info").count("tls_certificate") == 2)
                await asyncio.sleep(0)
        assert names == ["first", "second"]


async def test_a_certificate_that_cannot_be_used_stops_the_start_before_anything_is_made(tmp_path: Path) -> None:
    settings = _settings(tmp_path, tls=True, tls_cert=tmp_path / "c.pem", tls_key=tmp_path / "k.pem")
    with pytest.raises(CannotListen, match=r"cannot read .*k\.pem"):
        async with lifespan(settings, RecordingLog()):
            pass
    assert not (tmp_path / "data").exists()


async def test_too_few_descriptors_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seglake.entrypoints.container.connections_within_limits", lambda wanted: wanted // 2)
    log = RecordingLog()
    async with lifespan(_settings(None, max_connections=100), log):
        assert log.lines[0][1:] == ("connections_limited", {"wanted": 100, "possible": 50, "raise_with": "ulimit -n"})
