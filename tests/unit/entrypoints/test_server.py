"""The process: how it starts, what it prints, and how it ends. Each test runs one."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

COMMAND = [sys.executable, "-c", "from seglake.entrypoints.cli import main; main()"]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("SEGLAKE_")}
ENVIRONMENT["SEGLAKE_OPS_ADDR"] = "off"


@contextmanager
def _server(*flags: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running server and what it printed up to its last line to paste."""
    process = subprocess.Popen(
        [*COMMAND, "server", "--addr", "127.0.0.1:0", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ENVIRONMENT, **environment},
    )
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "s3 mb" in line:
                break
        yield process, "".join(lines)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _endpoint(printed: str) -> str:
    found = re.search(r"endpoint +(http://\S+)", printed)
    assert found is not None, printed
    return found[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    with _server("--data-dir", str(tmp_path / "data"), "--reserve", "0") as (process, printed):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(_endpoint(printed), timeout=5)
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
        assert process.returncode == 0
        assert "Traceback" not in errors
        assert '"stopping"' in errors
    segments = list((tmp_path / "data" / "objects" / "manifests").iterdir())
    assert len(segments) == 1


def _begin_upload(endpoint: str) -> socket.socket:
    """A connection on which half of an object was sent."""
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="testsecret",
        region_name="us-east-1",
        config=Config(signature_version="s3v4"),
    )
    client.create_bucket(Bucket="bucket")
    url = client.generate_presigned_url("put_object", {"Bucket": "bucket", "Key": "key"})
    client.close()
    host = endpoint.removeprefix("http://")
    connection = socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])))
    head = f"PUT {url.removeprefix(endpoint)} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 8\r\n\r\n"
    connection.sendall(head.encode() + b"half")
    return connection


def test_the_first_signal_lets_a_request_end_and_the_second_does_not_wait() -> None:
    pair = ("--access-key", "test", "--secret-key", "testsecret")
    with _server("--ephemeral", "--shutdown-timeout", "60s", *pair) as (process, printed):
        with _begin_upload(_endpoint(printed)) as connection:
            process.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)
            connection.sendall(b"half")
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        assert process.wait(10) == 0
    with (
        _server("--ephemeral", "--shutdown-timeout", "60s", *pair) as (process, printed),
        _begin_upload(_endpoint(printed)),
    ):
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 128 + signal.SIGTERM


def test_it_prints_what_a_person_needs_and_logs_no_secret() -> None:
    with _server("--ephemeral", SEGLAKE_ACCESS_KEY="test", SEGLAKE_SECRET_KEY="canary-secret") as (process, printed):
        assert "access key  test" in printed
        assert "s3 mb s3://demo" in printed
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=10)
        assert "canary-secret" not in printed + out + errors


def test_a_taken_port_is_one_line_and_exit_code_2() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            [*COMMAND, "server", "--ephemeral", "--addr", address],
            capture_output=True,
            text=True,
            timeout=20,
            env=ENVIRONMENT,
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert f"seglake: {address} is in use by another program" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_directory_in_use_is_exit_code_2_and_names_the_process(tmp_path: Path) -> None:
    with _server("--data-dir", str(tmp_path / "data"), "--reserve", "0") as (process, _):
        done = subprocess.run(
            [*COMMAND, "server", "--addr", "127.0.0.1:0", "--data-dir", str(tmp_path / "data")],
            capture_output=True,
            text=True,
            timeout=20,
            env=ENVIRONMENT,
        )
        assert done.returncode == 2
        assert f"pid {process.pid}" in done.stderr


_FAILING = """
import asyncio, sys
from seglake.domain.model.errors import StoreFailed
from seglake.domain.services.sealing import Sealing

async def tick(self):
    raise StoreFailed("a sync failed")

Sealing.tick = tick
from seglake.entrypoints.cli import main
main()
"""


def test_a_failed_store_ends_the_process_with_its_own_code() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FAILING, "server", "--ephemeral", "--addr", "127.0.0.1:0", "--segment-idle", "100ms"],
        capture_output=True,
        text=True,
        timeout=20,
        env=ENVIRONMENT,
    )
    assert done.returncode == 70
    assert "seglake: the store failed: a sync failed" in done.stderr
