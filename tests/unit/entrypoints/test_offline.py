from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import boto3
import pytest

from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.domain.model.errors import DataDirLocked, DataDirUnusable, SecretUnreadable
from seglake.domain.services.dump import logical_dump
from seglake.entrypoints.lifespan import lifespan
from seglake.entrypoints.offline import open_store, rebuild_index, stored_root
from seglake.entrypoints.settings import Settings, load_settings
from seglake.testing import running_server
from tests.unit.fixtures import RecordingLog


def _settings(path: Path, **more: Any) -> Settings:
    return load_settings(data_dir=path / "data", **more)


def _dump(settings: Settings) -> list[str]:
    with open_store(settings, RecordingLog()) as store:
        return store.metadata.read(lambda view: list(logical_dump(view)))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A stopped store with a few objects; two lives of a server wrote it."""
    known = _settings(tmp_path)
    for life in range(2):
        with running_server(data_dir=known.data_dir, reserve=0) as server:
            client = boto3.client("s3", **server.boto3)
            if not life:
                client.create_bucket(Bucket="bucket")
                client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
            for number in range(4):
                client.put_object(Bucket="bucket", Key=f"k{number}", Body=b"x" * 1000 * number)
            client.put_object(Bucket="bucket", Key=f"large{life}", Body=os.urandom(400_000))
            client.delete_object(Bucket="bucket", Key="k1")
            client.close()
    return known


def test_a_running_server_keeps_offline_tools_away(tmp_path: Path) -> None:
    known = _settings(tmp_path)
    with running_server(data_dir=known.data_dir, reserve=0):
        with pytest.raises(DataDirLocked, match=f"pid {os.getpid()}"), open_store(known, RecordingLog()):
            pass
        with pytest.raises(DataDirLocked):
            rebuild_index(known, RecordingLog())


def test_no_store_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(DataDirUnusable), open_store(_settings(tmp_path), RecordingLog()):
        pass
    assert not (tmp_path / "data").exists()


def test_a_lost_index_is_rebuilt_to_the_same(settings: Settings) -> None:
    before = _dump(settings)
    (settings.data_dir / "meta.db").unlink()
    with pytest.raises(DataDirUnusable, match="rebuild-index"), open_store(settings, RecordingLog()):
        pass
    report = rebuild_index(settings, RecordingLog())
    assert report.findings == ()
    assert _dump(settings) == before


def test_the_old_index_is_kept_beside_the_new_one(settings: Settings) -> None:
    old = (settings.data_dir / "meta.db").read_bytes()
    rebuild_index(settings, RecordingLog())
    assert (settings.data_dir / "meta.db.before-rebuild").read_bytes() == old
    second = (settings.data_dir / "meta.db").read_bytes()
    rebuild_index(settings, RecordingLog())
    assert (settings.data_dir / "meta.db.before-rebuild").read_bytes() == old
    assert (settings.data_dir / "meta.db.before-rebuild.2").read_bytes() == second


def test_an_old_log_never_stands_beside_the_new_index(settings: Settings) -> None:
    before = _dump(settings)
    (settings.data_dir / "meta.db-wal").write_bytes(b"of the old index")
    rebuild_index(settings, RecordingLog())
    assert (settings.data_dir / "meta.db.before-rebuild-wal").read_bytes() == b"of the old index"
    assert _dump(settings) == before


class _Stop(Exception):
    pass


@pytest.mark.parametrize("step", range(12))
def test_a_rebuild_that_is_stopped_anywhere_can_be_run_again(
    settings: Settings, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _dump(settings)
    (settings.data_dir / "meta.db-wal").write_bytes(b"")
    calls = 0

    def counted(name: str) -> None:
        original = getattr(OsFileSystem, name)

        def run(self: OsFileSystem, *arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == step + 1:
                raise _Stop
            return original(self, *arguments)

        monkeypatch.setattr(OsFileSystem, name, run)

    for name in ("rename", "sync_dir", "remove"):
        counted(name)
    finished = True
    try:
        rebuild_index(settings, RecordingLog())
    except _Stop:
        finished = False
    monkeypatch.undo()
    assert finished == (step >= calls)
    if (settings.data_dir / "meta.db").exists():
        assert _dump(settings) == before
    rebuild_index(settings, RecordingLog())
    assert _dump(settings) == before


def test_a_store_without_a_generated_key_has_none_to_show(settings: Settings) -> None:
    assert stored_root(settings) is None


def test_the_root_key_is_shown_while_the_server_runs_and_later_but_lies_nowhere_in_clear(tmp_path: Path) -> None:
    known = _settings(tmp_path, addr="127.0.0.1:0", reserve=0)

    async def once() -> tuple[str, str]:
        async with lifespan(known, RecordingLog()) as running:
            assert running.generated is not None
            shown = stored_root(known)
            assert shown is not None
            assert shown.secret == running.generated.secret
            return shown.access_key, shown.secret

    access_key, secret = asyncio.run(once())
    again = stored_root(known)
    assert again is not None
    assert (again.access_key, again.secret) == (access_key, secret)
    raw = b"".join([path.read_bytes() for path in known.data_dir.rglob("*") if path.is_file()])
    assert secret.encode() not in raw
    (known.data_dir / ".seglake-master.key").write_text("00" * 32 + "\n")
    with pytest.raises(SecretUnreadable):
        stored_root(known)
