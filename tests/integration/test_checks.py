"""fsck, scrub and status on the real server: the same answers without one, true answers beside load, damage marked."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from seglake.adapters.admin_socket.client import AdminClient

from .endpoint import Endpoint, clean_environment, running_server
from .jobs import job
from .test_collecting import FLAGS, Client
from .test_upkeep import client_of, command

B = "bucket"
CLIENTS = 4
ROUNDS = 3
OBJECTS = 2_500
"""More than a server reads in its own process."""

CHECKS = (("status", "--live"), ("fsck",), ("fsck", "--deep"), ("scrub",), ("scrub", "--all", "--dry-run"))
_VARIES = ("seconds", "bytes_per_s", "free_bytes", "segments_open", "segments_sealed", "segment_bytes")
"""Times, and what the closing of the segments changes."""


def filled(s3: Any) -> None:
    """Versions, markers, copies, an upload under way, two buckets."""
    for name in (B, "other"):
        s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=B, VersioningConfiguration={"Status": "Enabled"})
    for turn in range(2):
        for number in range(20):
            s3.put_object(Bucket=B, Key=f"k{number}", Body=random.Random(turn).randbytes(number * 3000))
    s3.delete_object(Bucket=B, Key="k3")
    s3.copy_object(Bucket="other", Key="copy", CopySource={"Bucket": B, "Key": "k19"})
    upload = s3.create_multipart_upload(Bucket="other", Key="part")["UploadId"]
    s3.upload_part(Bucket="other", Key="part", UploadId=upload, PartNumber=1, Body=b"x" * 100_000)


def answers(data: Path) -> list[dict[str, Any]]:
    """What every check says, without what may vary."""
    found = [command(data, *words) for words in CHECKS]
    return [{name: value for name, value in one.items() if name not in _VARIES} for one in found]


def test_checks_say_the_same_with_and_without_a_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_server(data, *FLAGS) as server, closing(client_of(server)) as s3:
        filled(s3)
        served = answers(data)
    assert served == answers(data)
    status, fsck, deep, scrub, everything = served
    assert (status["buckets"], status["versions"], status["markers"], status["uploads"]) == (2, 41, 1, 1)
    assert fsck == deep
    assert (fsck["sound"], fsck["versions"], fsck["parts"]) == (True, 42, 1)
    assert scrub["chunks"] == everything["chunks"] > 30


def test_what_needs_the_store_for_itself_says_whom_to_stop(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_server(data) as server:
        for words in (("fsck", "--repair"), ("fsck", "--repair", "--dry-run"), ("rebuild-index",)):
            refused = command(data, *words, fails=2)
            assert f"stop the server (pid {server.pid})" in refused["error"], refused
    assert command(data, "fsck", "--repair")["sound"]
    assert command(data, "rebuild-index")["findings"] == []


def test_jobs_are_listed_shown_and_stopped(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_server(data) as server, closing(client_of(server)) as s3:
        s3.create_bucket(Bucket=B)
        s3.put_object(Bucket=B, Key="k", Body=bytes(3_000_000))
        assert command(data, "ops", "list", program="segctl") == {"jobs": []}
        assert command(data, "ops", "fsck", program="segctl")["versions"] == 1
        target = {"target": str(tmp_path / "copy"), "data": True, "link": False, "bytes_per_s": 1000}
        slow = AdminClient(data).call("snapshot.start", target)["job"]
        first, second = command(data, "ops", "list", program="segctl")["jobs"]
        assert (first["name"], first["ended"] is None, second["name"], second["ended"]) == (
            "fsck",
            False,
            "snapshot",
            None,
        )
        assert "wait for its end or stop it" in command(data, "fsck", fails=2)["error"]
        command(data, "ops", "stop", program="segctl")
        end = time.monotonic() + 20
        while AdminClient(data).call("job.status", {"job": slow})["ended"] is None:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert "was stopped" in command(data, "ops", "show", str(slow), program="segctl", fails=1)["error"]["message"]
        assert command(data, "ops", "show", "1", program="segctl")["result"]["sound"]
        assert "no such job" in command(data, "ops", "show", "9", program="segctl", fails=2)["error"]
    assert command(data, "ops", "list", program="segctl") == {"jobs": []}
    assert "no server runs" in command(data, "ops", "stop", program="segctl", fails=2)["error"]


@pytest.mark.slow
def test_beside_load_and_garbage_collection_a_sound_store_is_sound(tmp_path: Path) -> None:
    data, stop = tmp_path / "data", threading.Event()
    with running_server(data, *FLAGS, "--segment-idle", "1s") as server:
        with closing(client_of(server)) as s3:
            s3.create_bucket(Bucket=B)
        _fill(server)
        clients = [Client(server, number, stop) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for _ in range(ROUNDS):
            deep = job(data, "fsck.start", deep=True)
            assert (deep["sound"], deep["findings"]) == (True, [])
            job(data, "gc.rewrite-run", live_percent=90)
            found = job(data, "scrub.start", dead=True)
            assert (found["sound"], found["damaged"], found["findings"], found["marked"]) == (True, 0, [], [])
            job(data, "gc.run")
            assert deep["versions"] >= OBJECTS
        stop.set()
        for client in clients:
            client.join(60)
            assert client.error is None, client.error


def _fill(server: Endpoint) -> None:
    def put(first: int) -> None:
        with closing(client_of(server)) as s3:
            for number in range(first, OBJECTS, CLIENTS):
                s3.put_object(Bucket=B, Key=f"still/{number:05}", Body=b"x" * (number % 500))

    threads = [threading.Thread(target=put, args=(first,)) for first in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_damage_is_found_and_marked_while_the_rest_is_served(tmp_path: Path) -> None:
    data, body = tmp_path / "data", random.Random(7).randbytes(50_000)
    with running_server(data, *FLAGS) as server, closing(client_of(server)) as s3:
        s3.create_bucket(Bucket=B)
        s3.put_bucket_versioning(Bucket=B, VersioningConfiguration={"Status": "Enabled"})
        old = s3.put_object(Bucket=B, Key="k", Body=b"the version before")["VersionId"]
        new = s3.put_object(Bucket=B, Key="k", Body=body)["VersionId"]
        s3.put_object(Bucket=B, Key="neighbour", Body=b"x" * 20_000)
        (hurt,) = [path for path in (data / "objects/segments").iterdir() if body[:1000] in path.read_bytes()]
        with hurt.open("r+b") as file:
            file.seek(hurt.read_bytes().find(body[:1000]) + 500)
            file.write(b"rot")
        assert command(data, "fsck")["sound"], "it does not read payload"
        (deep,) = command(data, "fsck", "--deep", fails=1)["findings"]
        assert hurt.stem in deep["where"]
        assert command(data, "scrub", "--dry-run", fails=1)["marked"] == []
        found = command(data, "scrub", fails=1)
        assert found["marked"] == [f"{B}/k?versionId={new}"]
        assert (found["damaged"], found["versions_marked"]) == (1, 1)
        for _ in range(2):
            with pytest.raises(ClientError, match="InternalError") as refused:
                s3.get_object(Bucket=B, Key="k")
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        assert s3.get_object(Bucket=B, Key="k", VersionId=old)["Body"].read() == b"the version before"
        assert s3.get_object(Bucket=B, Key="neighbour")["Body"].read() == b"x" * 20_000
        assert command(data, "scrub", fails=1)["marked"] == [], "it is marked already"
        assert any("marked damaged" in one["text"] for one in command(data, "fsck", fails=1)["findings"])
        s3.delete_object(Bucket=B, Key="k", VersionId=new)
        assert command(data, "scrub")["sound"]
        assert s3.get_object(Bucket=B, Key="k")["Body"].read() == b"the version before"
    log = (tmp_path / "data.log").read_text()
    assert "scrub_found_damage" in log
    assert "version_damaged" in log


def test_in_maintenance_damage_is_told_and_not_marked(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_server(data, *FLAGS) as server, closing(client_of(server)) as s3:
        s3.create_bucket(Bucket=B)
        s3.put_object(Bucket=B, Key="k", Body=b"y" * 50_000)
        (hurt,) = [path for path in (data / "objects/segments").iterdir() if b"y" * 1000 in path.read_bytes()]
        with hurt.open("r+b") as file:
            file.seek(hurt.read_bytes().find(b"y" * 1000))
            file.write(b"rot")
        command(data, "maintenance", "enable")
        served = command(data, "scrub", fails=1)
    offline = command(data, "scrub", fails=1)
    for found in (served, offline):
        assert (found["damaged"], found["marked"]) == (1, [])
        assert [one["where"] for one in found["findings"]][1:] == ["marks"]
    command(data, "maintenance", "disable")
    assert len(command(data, "scrub", fails=1)["marked"]) == 1


def test_ctrl_c_ends_work_without_a_server_and_the_next_command_goes_on(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_server(data, *FLAGS) as server, closing(client_of(server)) as s3:
        s3.create_bucket(Bucket=B)
        s3.put_object(Bucket=B, Key="k", Body=bytes(3_000_000))
    # Whoever began these tests in the background lets them ignore the signal.
    listens = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{listens}; from seglake.entrypoints.cli import main; main()"
    words = ["snapshot", str(tmp_path / "copy"), "--include-data", "--copy", "--rate", "1KiB", "--data-dir", str(data)]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stderr=subprocess.PIPE,
        env=clean_environment(tmp_path),
        cwd=tmp_path,
    )
    end = time.monotonic() + 30
    while not list((tmp_path / "copy").rglob("*.seg*")):
        assert time.monotonic() < end
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert b"interrupted; remove" in said
    assert command(data, "fsck")["sound"]
    assert command(data, "snapshot", str(tmp_path / "again"), "--include-data")["findings"] == []
