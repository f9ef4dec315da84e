"""The master key changes hands: whatever step it stops at, the store opens, and running it again finishes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from seglake.adapters.filesystem.master_key import load_master_keys, store_master_keys
from seglake.adapters.secret_box import AesGcmSecretBox
from seglake.adapters.system.ids import SystemRandom
from seglake.domain.model.errors import DataDirLocked, DataDirUnusable, SecretUnreadable, StoreFailed
from seglake.domain.services.resealing import ResealSecrets, check_opens
from seglake.entrypoints.cli.app import app
from seglake.entrypoints.lifespan import lifespan
from seglake.entrypoints.offline import open_store, rebuild_index, stored_root
from seglake.entrypoints.rotation import rotate_master
from seglake.entrypoints.settings import Settings, load_settings
from seglake.testing import running_server
from tests.unit.fixtures import RecordingLog

BODY = b"text under a key of the ring"


class Stopped(Exception):
    """The process ends here."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A stopped store with a root key and objects under both built-in ring keys."""
    known = load_settings(data_dir=tmp_path / "data", addr="127.0.0.1:0", reserve=0)
    asyncio.run(_first_start(known))
    with running_server(data_dir=known.data_dir, reserve=0) as server:
        client = boto3.client("s3", **server.boto3)
        client.create_bucket(Bucket="bucket")
        for method in ("AES256", "aws:kms"):
            client.put_object(Bucket="bucket", Key=method, Body=BODY, ServerSideEncryption=method)
        client.close()
    return known


async def _first_start(settings: Settings) -> None:
    """Makes the root key."""
    async with lifespan(settings, RecordingLog()) as running:
        assert running.generated is not None


def _keys(settings: Settings) -> tuple[bytes, ...]:
    return load_master_keys(settings.master_key_path, SystemRandom(), create=False)


def _works(settings: Settings) -> None:
    """The stored root key signs, and the objects open."""
    with running_server(data_dir=settings.data_dir, reserve=0) as server:
        client = boto3.client("s3", **server.boto3)
        for method in ("AES256", "aws:kms"):
            assert client.get_object(Bucket="bucket", Key=method)["Body"].read() == BODY
        client.close()
    assert stored_root(settings) is not None


def _opens_with(settings: Settings, key: bytes) -> bool:
    """Whether this key alone opens all there is."""
    with open_store(settings, RecordingLog()) as store:
        try:
            store.metadata.read(lambda view: check_opens(view, AesGcmSecretBox(key, SystemRandom())))
        except SecretUnreadable:
            return False
    return True


def _sizes(settings: Settings) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (settings.data_dir / "objects" / "segments").iterdir()}


def test_a_rotated_store_opens_with_the_new_key_and_no_other(settings: Settings) -> None:
    (old,) = _keys(settings)
    segments = _sizes(settings)
    done = rotate_master(settings, RecordingLog())
    assert (done.credentials, done.ring_keys) == (1, 2)
    (new,) = _keys(settings)
    assert new != old
    assert _opens_with(settings, new)
    assert not _opens_with(settings, old)
    after = _sizes(settings)
    assert {name: after[name] for name in segments} == segments, "nothing that was there is written again"
    _works(settings)


def test_a_rebuilt_index_holds_the_newest_seals(settings: Settings) -> None:
    rotate_master(settings, RecordingLog())
    (settings.data_dir / "meta.db").unlink()
    assert rebuild_index(settings, RecordingLog()).findings == ()
    assert _opens_with(settings, _keys(settings)[0])
    _works(settings)


def _stop_at_store(monkeypatch: pytest.MonkeyPatch, number: int, *, before: bool) -> None:
    real, calls = store_master_keys, []

    def stopping(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == number and before:
            raise Stopped
        real(*arguments)
        if len(calls) == number:
            raise Stopped

    monkeypatch.setattr("seglake.entrypoints.rotation.store_master_keys", stopping)


def _stop_in_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopping(_script: ResealSecrets, _tx: object) -> None:
        raise Stopped

    monkeypatch.setattr(ResealSecrets, "__call__", stopping)


STOPS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], int, bool]] = {
    "before the file has both": (lambda m: _stop_at_store(m, 1, before=True), 1, False),
    "when the file has both": (lambda m: _stop_at_store(m, 1, before=False), 2, False),
    "in the commit": (_stop_in_commit, 2, False),
    "before the file has the new one alone": (lambda m: _stop_at_store(m, 2, before=True), 2, True),
    "at the end": (lambda m: _stop_at_store(m, 2, before=False), 1, True),
}


@pytest.mark.parametrize("step", list(STOPS))
def test_a_stop_at_any_step_leaves_a_store_that_opens(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    stop, count, resealed = STOPS[step]
    with monkeypatch.context() as patched:
        stop(patched)
        with pytest.raises((Stopped, StoreFailed)):
            rotate_master(settings, RecordingLog())
    keys = _keys(settings)
    assert len(keys) == count
    assert _opens_with(settings, keys[0]) is (resealed or count == 1)
    _works(settings)
    (settings.data_dir / "meta.db").unlink()
    rebuild_index(settings, RecordingLog())
    _works(settings)
    rotate_master(settings, RecordingLog())
    (last,) = _keys(settings)
    assert last == keys[0] or count == 1, "an interrupted rotation is finished, not begun again"
    assert _opens_with(settings, last)
    _works(settings)


def test_a_running_server_or_a_lost_index_is_left_alone(settings: Settings) -> None:
    before = _keys(settings)
    with running_server(data_dir=settings.data_dir, reserve=0), pytest.raises(DataDirLocked):
        rotate_master(settings, RecordingLog())
    (settings.data_dir / "meta.db").unlink()
    with pytest.raises(DataDirUnusable, match="rebuild-index"):
        rotate_master(settings, RecordingLog())
    assert _keys(settings) == before


def test_a_wrong_master_key_changes_nothing(settings: Settings) -> None:
    settings.master_key_path.write_text("ab" * 32 + "\n")
    with pytest.raises(SecretUnreadable):
        rotate_master(settings, RecordingLog())
    with open_store(settings, RecordingLog()) as store:
        found = store.metadata.read(lambda view: [key.sealed for key in view.ring_keys.scan()])
    assert len(found) == 2


def test_the_command_says_what_it_did(settings: Settings) -> None:
    result = CliRunner().invoke(app, ["keys", "rotate-master", "--data-dir", str(settings.data_dir)])
    assert result.exit_code == 0, result.output
    assert "1 access keys and 2 ring keys" in result.output
    for key in _keys(settings):
        assert key.hex() not in result.output
    _works(settings)
