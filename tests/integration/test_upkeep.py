"""P12 and P17 on the real server: snapshots under load that are restored and read, maintenance, and support bundles."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from seglake.domain.ports.metadata import MetadataView
from seglake.domain.services.restore import RestoreOptions, parse_moment
from seglake.entrypoints.offline import open_store
from seglake.entrypoints.restoring import RestorePlan, restore
from seglake.entrypoints.settings import load_settings
from tests.unit.fixtures import RecordingLog

from .endpoint import ACCESS_KEY, SECRET, Endpoint, clean_environment, running_server

CLIENTS = 8
ROUNDS = 10
B = "bucket"
_MAIN = "from seglake.entrypoints.{} import main; main()"


def command(data_dir: Path, *arguments: str, fails: int = 0, program: str = "cli") -> Any:
    """Runs `seglake` (or `segctl`); what it says with --json."""
    environment = clean_environment(data_dir.parent, SEGLAKE_DATA_DIR=str(data_dir))
    environment |= {"SEGLAKE_ACCESS_KEY": ACCESS_KEY, "SEGLAKE_SECRET_KEY": SECRET}
    done = subprocess.run(
        [sys.executable, "-c", _MAIN.format(program), *arguments, "--json"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=data_dir.parent,
        timeout=120,
        check=False,
    )
    assert done.returncode == fails, f"{arguments}: {done.returncode} {done.stdout} {done.stderr}"
    assert SECRET not in done.stdout + done.stderr
    return json.loads(done.stdout)


def client_of(server: Endpoint) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=server.url,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret,
        region_name=server.region,
        config=Config(retries={"max_attempts": 0}, read_timeout=60, signature_version="s3v4"),
    )


class Writer(threading.Thread):
    """A client that puts and overwrites objects, and notes what was acknowledged when."""

    def __init__(self, server: Endpoint, number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.server, self.number, self.stop_ = server, number, stop
        self.acknowledged: list[tuple[float, str, str]] = []
        self.error: Exception | None = None

    def run(self) -> None:
        chance = random.Random(self.number)
        try:
            with closing(client_of(self.server)) as client:
                count = 0
                while not self.stop_.is_set():
                    key = f"{self.number}/{count % 40:03}"
                    size = 300_000 if count % 15 == 7 else chance.randrange(4000)
                    body = chance.randbytes(size)
                    client.put_object(Bucket=B, Key=key, Body=body)
                    self.acknowledged.append((time.monotonic(), key, hashlib.md5(body).hexdigest()))
                    count += 1
        except Exception as error:  # noqa: BLE001 - told by the test
            self.error = error

    def at(self, moment: float) -> dict[str, str]:
        """The ETags that were acknowledged last before a moment."""
        return {key: etag for when, key, etag in self.acknowledged if when <= moment}

    def later(self, moment: float) -> dict[str, set[str]]:
        """Every ETag that a key was given after a moment."""
        out: dict[str, set[str]] = {}
        for when, key, etag in self.acknowledged:
            if when > moment:
                out.setdefault(key, set()).add(etag)
        return out


def etags(data_dir: Path) -> dict[str, str]:
    """The current objects of a store at rest."""
    with open_store(load_settings(data_dir=data_dir), RecordingLog()) as store:
        return store.metadata.read(_current)


def _current(view: MetadataView) -> dict[str, str]:
    bucket = view.buckets.get(B)
    assert bucket is not None
    return {entry.key: entry.etag for entry in view.versions.scan_current(bucket.id, "")}


def check(seen: dict[str, str], writers: list[Writer], moment: float) -> None:
    """Everything acknowledged before the snapshot began is there, or what came after it in its place."""
    for writer in writers:
        later = writer.later(moment)
        for key, etag in writer.at(moment).items():
            assert seen.get(key) == etag or seen.get(key) in later.get(key, set()), f"{key} was lost"


@pytest.mark.slow
def test_snapshots_under_load_hold_all_that_was_acknowledged(tmp_path: Path) -> None:
    data, stop = tmp_path / "data", threading.Event()
    with running_server(data, "--segment-size", "2MiB", "--segment-idle", "1s") as server:
        with closing(client_of(server)) as client:
            client.create_bucket(Bucket=B)
        writers = [Writer(server, number, stop) for number in range(CLIENTS)]
        for writer in writers:
            writer.start()
        moments = []
        for number in range(ROUNDS):
            time.sleep(0.3)
            moments.append(time.monotonic())
            result = command(data, "snapshot", str(tmp_path / f"snap{number}"), "--include-data")
            assert result["findings"] == []
        stop.set()
        for writer in writers:
            writer.join(60)
            assert writer.error is None, writer.error
    for number, moment in enumerate(moments):
        target = tmp_path / f"back{number}"
        report = restore(
            RestorePlan(tmp_path / f"snap{number}", target), RestoreOptions(None, verify=True), RecordingLog()
        )
        assert report.sound, report.findings
        check(etags(target), writers, moment)
        if number != ROUNDS - 1:
            shutil.rmtree(tmp_path / f"snap{number}")
            shutil.rmtree(target)
    last = tmp_path / f"back{ROUNDS - 1}"
    shutil.copy(data / ".seglake-master.key", last)
    with running_server(last) as server, closing(client_of(server)) as client:
        for key, etag in etags_by_asking(client).items():
            body = client.get_object(Bucket=B, Key=key)["Body"].read()
            assert hashlib.md5(body).hexdigest() == etag
        client.put_object(Bucket=B, Key="new", Body=b"the restored store takes writes")
    assert command(last, "fsck")["sound"]


def etags_by_asking(client: Any) -> dict[str, str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=B)
    found = {entry["Key"]: entry["ETag"].strip('"') for page in pages for entry in page["Contents"]}
    assert found
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with running_server(tmp_path_factory.mktemp("upkeep") / "data") as server:
        with closing(client_of(server)) as client:
            client.create_bucket(Bucket=B)
            client.put_object(Bucket=B, Key="canary-object-key", Body=b"body")
            denied = {
                "Sid": "canarysid",
                "Effect": "Deny",
                "Principal": {"AWS": "arn:aws:iam::000000000000:user/canaryuser"},
                "Action": "s3:PutObject",
                "Resource": f"arn:aws:s3:::{B}/canary",
            }
            policy = {"Version": "2012-10-17", "Statement": [denied]}
            client.put_bucket_policy(Bucket=B, Policy=json.dumps(policy))
        yield server


def test_maintenance_refuses_writes_until_it_is_disabled(served: Endpoint) -> None:
    data = served.data_dir
    assert command(data, "maintenance", "status")["state"] == "off"
    result = command(data, "maintenance", "enable", "--reason", "moving disks", program="segctl")
    assert (result["state"], result["cut_off"]) == ("quiesced", 0)
    with closing(client_of(served)) as client:
        with pytest.raises(ClientError, match="ServiceUnavailable") as refused:
            client.put_object(Bucket=B, Key="new", Body=b"x")
        headers = refused.value.response["ResponseMetadata"]["HTTPHeaders"]
        assert int(headers["retry-after"]) > 0
        assert client.get_object(Bucket=B, Key="canary-object-key")["Body"].read() == b"body"
        assert command(data, "maintenance", "status", fails=1)["reason"] == "moving disks"
        assert command(data, "db-reindex")["done"]
        assert command(data, "maintenance", "disable")["state"] == "off"
        client.put_object(Bucket=B, Key="new", Body=b"x")
    command(data, "db-reindex", fails=2)
    assert command(data, "db-integrity-check")["sound"]


def test_enabling_waits_for_an_upload_under_way_which_then_is_there(served: Endpoint) -> None:
    data, size = served.data_dir, 2_000_000
    with closing(client_of(served)) as client:
        url = client.generate_presigned_url("put_object", Params={"Bucket": B, "Key": "slow"})
    path = url.removeprefix(served.url)
    with socket.create_connection(("127.0.0.1", served.port)) as wire:
        wire.sendall(f"PUT {path} HTTP/1.1\r\nHost: {served.host}\r\nContent-Length: {size}\r\n\r\n".encode())
        wire.sendall(b"x" * (size // 2))
        time.sleep(0.2)
        results: list[Any] = []
        enabling = threading.Thread(target=lambda: results.append(command(data, "maintenance", "enable")))
        enabling.start()
        time.sleep(1.5)
        assert not results, "it waits"
        wire.sendall(b"x" * (size - size // 2))
        assert wire.recv(100).startswith(b"HTTP/1.1 200")
        enabling.join(60)
    assert results[0]["state"] == "quiesced"
    assert results[0]["cut_off"] == 0
    command(data, "maintenance", "disable")
    with closing(client_of(served)) as client:
        assert client.head_object(Bucket=B, Key="slow")["ContentLength"] == size


def test_a_quiesced_store_stays_so_over_a_restart_and_offline_commands_know(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_server(data) as server, closing(client_of(server)) as client:
        client.create_bucket(Bucket=B)
        command(data, "maintenance", "enable")
    assert command(data, "maintenance", "status", fails=1)["state"] == "quiesced"
    unavailable = pytest.raises(ClientError, match="ServiceUnavailable")
    with running_server(data) as server, closing(client_of(server)) as client, unavailable:
        client.put_object(Bucket=B, Key="k", Body=b"x")
    assert command(data, "maintenance", "disable")["state"] == "off"
    with running_server(data) as server, closing(client_of(server)) as client:
        client.put_object(Bucket=B, Key="k", Body=b"x")


@pytest.mark.parametrize("online", [True, False])
def test_a_bundle_holds_no_secret_and_no_name(served: Endpoint, tmp_path: Path, *, online: bool) -> None:
    data = served.data_dir
    if not online:
        # A snapshot with its key is a store of its own, at rest, with the same secrets in it.
        command(data, "snapshot", str(tmp_path / "snap"), "--include-data", "--include-key")
        command(data, "restore", str(tmp_path / "snap"), str(tmp_path / "data"))
        data = tmp_path / "data"
    log = served.data_dir.parent / f"{served.data_dir.name}.log"
    bundle = tmp_path / "bundle.tar.gz"
    result = command(data, "support-bundle", str(bundle), "--log", str(log))
    assert bundle.stat().st_mode & 0o777 == 0o600
    assert result["bytes"] == bundle.stat().st_size < 8 << 20
    text = gzip.decompress(bundle.read_bytes()).decode()
    for canary in (SECRET, "canary-object-key", "canarysid", "canaryuser", f'"{B}"'):
        assert canary not in text, canary
    key = (served.data_dir / ".seglake-master.key").read_text().strip()
    assert key not in text
    with tarfile.open(bundle) as tar:
        names = {Path(name).name for name in tar.getnames()}
    assert {"versions.json", "settings.json", "status.json", "segments.json", "checks.json", "jobs.json"} <= names
    assert command(data, "support-bundle", str(bundle), fails=2)["error"], "a file is never replaced"


def test_wrong_requests_are_told_in_one_line(served: Endpoint, tmp_path: Path) -> None:
    data = served.data_dir
    (tmp_path / "full").mkdir(mode=0o700)
    (tmp_path / "full" / "file").touch()
    assert "not empty" in command(data, "snapshot", str(tmp_path / "full"), fails=2)["error"]
    assert "missing" in command(data, "snapshot", str(tmp_path / "missing" / "snap"), fails=2)["error"]
    assert "no snapshot" in command(data, "restore", str(data), str(tmp_path / "new"), fails=2)["error"]
    command(data, "snapshot", str(tmp_path / "snap"))
    assert "--data-from" in command(data, "restore", str(tmp_path / "snap"), str(tmp_path / "new"), fails=2)["error"]
    for at in ("yesterday", "018f3a2b4c5d0000"):
        assert command(data, "restore", str(tmp_path / "snap"), str(tmp_path / "x"), "--at", at, fails=2)["error"]
    assert "snapshot" in command(tmp_path / "snap", "status", fails=2)["error"]
    command(data, "snapshot", str(tmp_path / "s2"), "--rate", "fast", fails=2)


def test_a_snapshot_of_the_index_alone_is_restored_with_the_store_s_segments(served: Endpoint, tmp_path: Path) -> None:
    data = served.data_dir
    result = command(data, "snapshot", str(tmp_path / "snap"))
    assert set(result["taken"]) == {"no"}
    with closing(client_of(served)) as client:
        client.put_object(Bucket=B, Key="after", Body=b"after the snapshot")
    back = command(
        data, "restore", str(tmp_path / "snap"), str(tmp_path / "back"), "--verify", "--data-from", str(data)
    )
    assert back["sound"]
    seen = etags(tmp_path / "back")
    assert "canary-object-key" in seen
    assert "after" not in seen
    assert parse_moment("latest") is None
