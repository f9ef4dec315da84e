"""P4: the real server is killed in the middle of its work, over and over; every answer that it gave stays true."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from seglake.adapters.s3_protocol.signing import Signer, sign_header

from .endpoint import _COMMAND, ACCESS_KEY, SECRET, _port_of, clean_environment

pytestmark = pytest.mark.slow

ROUNDS = 60
CLIENTS = 6
KEYS_EACH = 6
SIZES = (0, 10, 4096, 70_000, 300_000, 5_000_000)
PLAIN, VERSIONED = "plain", "versioned"
GONE = "gone"


class Process:
    """One life of the server."""

    def __init__(self, data_dir: Path) -> None:
        self.log = data_dir.parent / "server.log"
        command = [sys.executable, "-c", _COMMAND, "server", "--addr", "127.0.0.1:0", "--data-dir", str(data_dir)]
        keys = ("--access-key", ACCESS_KEY, "--secret-key", SECRET, "--segment-size", "8MiB")
        with self.log.open("ab") as errors:
            self._process = subprocess.Popen(
                [*command, *keys],
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=data_dir.parent,
                env=clean_environment(data_dir.parent),
            )
        self.pid = self._process.pid

    def wait_until_it_listens(self) -> int:
        """Its port."""
        return _port_of(self._process, self.log)

    def end(self, number: int) -> int:
        """Sends a signal to this process alone and waits for its end; the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(timeout=60)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code


@contextmanager
def killed_at_last(process: Process) -> Iterator[Process]:
    try:
        yield process
    finally:
        process.end(signal.SIGKILL)


class Client:
    """One connection; an answer or an OSError (also for an answer that was cut off)."""

    def __init__(self, port: int) -> None:
        self._host = f"127.0.0.1:{port}"
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._signer = Signer(ACCESS_KEY, SECRET, "us-east-1")

    def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers in lower case, body."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        signed = sign_header(self._signer, method, target, {"host": self._host, **named}, now=int(time.time()))
        try:
            self._connection.request(method, target, body, signed)
            answer = self._connection.getresponse()
            content = answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content

    def done(self, method: str, target: str, body: bytes = b"", **headers: str) -> tuple[dict[str, str], bytes]:
        """The same, with any success; anything else is a bug."""
        status, got, content = self.ask(method, target, body, **headers)
        assert status // 100 == 2, f"{method} {target}: {status} {content[:500]!r}"
        return got, content

    def close(self) -> None:
        self._connection.close()


def sum_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Ledger:
    """What was answered. A key has several possible states only while the answer to its last change is missing."""

    states: dict[str, set[str]] = field(default_factory=dict)
    versions: dict[tuple[str, str], str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    answers: int = 0
    in_doubt: int = 0
    errors: list[BaseException] = field(default_factory=list)

    @contextmanager
    def change(self, key: str, to: str) -> Iterator[None]:
        """Within it the key may be as before or as changed; after it, without an error, only as changed."""
        with self.lock:
            self.states.setdefault(key, {GONE}).add(to)
            self.in_doubt += 1
        yield
        with self.lock:
            self.states[key] = {to}
            self.answers += 1
            self.in_doubt -= 1


class Worker(threading.Thread):
    """One client with keys of its own, so that the order of its requests is the order of their effects."""

    def __init__(self, number: int, port: int, ledger: Ledger, random: Random) -> None:
        super().__init__(name=f"client-{number}")
        self._client = Client(port)
        self._ledger = ledger
        self._random = random
        self._keys = [f"c{number}/k{key}" for key in range(KEYS_EACH)]

    def run(self) -> None:
        try:
            while True:
                self._one()
        except OSError:
            pass  # the server was killed: what was under way is in doubt
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self._ledger.errors.append(error)
        finally:
            self._client.close()

    def _one(self) -> None:
        key = self._random.choice(self._keys)
        draw = self._random.random()
        if draw < 0.45:
            self._put(key)
        elif draw < 0.6:
            with self._ledger.change(key, GONE):
                self._client.done("DELETE", f"/{PLAIN}/{key}")
        elif draw < 0.75:
            self._put_version(key)
        elif draw < 0.85:
            self._upload(key)
        else:
            self._copy(key)

    def _data(self) -> bytes:
        return self._random.randbytes(self._random.choice(SIZES))

    def _put(self, key: str) -> None:
        data = self._data()
        with self._ledger.change(key, sum_of(data)):
            self._client.done("PUT", f"/{PLAIN}/{key}", data)

    def _put_version(self, key: str) -> None:
        data = self._data()
        headers, _ = self._client.done("PUT", f"/{VERSIONED}/{key}", data)
        with self._ledger.lock:
            self._ledger.versions[key, headers["x-amz-version-id"]] = sum_of(data)
            self._ledger.answers += 1

    def _upload(self, key: str) -> None:
        data = self._data()
        _, content = self._client.done("POST", f"/{PLAIN}/{key}?uploads=")
        upload = re.search(rb"<UploadId>([^<]+)", content)
        assert upload, content
        place = f"/{PLAIN}/{key}?partNumber=1&uploadId={upload[1].decode()}"
        headers, _ = self._client.done("PUT", place, data)
        part = f"<Part><PartNumber>1</PartNumber><ETag>{headers['etag']}</ETag></Part>"
        body = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
        with self._ledger.change(key, sum_of(data)):
            self._client.done("POST", f"/{PLAIN}/{key}?uploadId={upload[1].decode()}", body)

    def _copy(self, key: str) -> None:
        source = self._random.choice(self._keys)
        (state,) = self._ledger.states.get(source, {GONE})
        if state != GONE and source != key:
            with self._ledger.change(key, state):
                self._client.done("PUT", f"/{PLAIN}/{key}", x_amz_copy_source=f"/{PLAIN}/{source}")


def check(port: int, ledger: Ledger, random: Random) -> None:
    """Every key is as it was answered; where an answer is missing, what is found is what it is from now on."""
    client = Client(port)
    _, content = client.done("GET", f"/{PLAIN}?list-type=2")
    listed = {key.decode() for key in re.findall(rb"<Key>([^<]+)", content)}
    for key, states in ledger.states.items():
        status, _, data = client.ask("GET", f"/{PLAIN}/{key}")
        assert status in (200, 404), (key, status, data[:500])
        found = GONE if status == 404 else sum_of(data)
        assert found in states, f"{key} is {found}, answered was {states}"
        assert (key in listed) is (found != GONE), f"{key} is {found}, but the listing says otherwise"
        ledger.states[key] = {found}
    assert listed <= ledger.states.keys()
    known = list(ledger.versions.items())
    for (key, version), expected in random.sample(known, min(60, len(known))):
        _, data = client.done("GET", f"/{VERSIONED}/{key}?versionId={version}")
        assert sum_of(data) == expected, f"{key} version {version}"
    client.close()


def work_and_kill(process: Process, port: int, ledger: Ledger, random: Random) -> None:
    workers = [Worker(number, port, ledger, Random(random.random())) for number in range(CLIENTS)]
    for worker in workers:
        worker.start()
    time.sleep(random.uniform(0.05, 0.7))
    process.end(signal.SIGKILL)
    for worker in workers:
        worker.join(timeout=60)
        assert not worker.is_alive(), "a client hangs"
    assert ledger.errors == []


def seglake(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _COMMAND, *arguments, "--data-dir", str(data_dir)]
    environment = clean_environment(data_dir.parent)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_answers_stay_true_whenever_the_server_is_killed(tmp_path: Path, seed: int, scale: int) -> None:
    data_dir, ledger, random = tmp_path / "data", Ledger(), Random(seed)
    for number in range(ROUNDS * scale + 1):
        if number % 4 == 3:
            with killed_at_last(Process(data_dir)):
                time.sleep(random.uniform(0.1, 0.8))  # killed while it starts and recovers
        with killed_at_last(Process(data_dir)) as process:
            port = process.wait_until_it_listens()
            if number == 0:
                make_buckets(port)
            check(port, ledger, random)
            if number < ROUNDS * scale:
                work_and_kill(process, port, ledger, random)
            else:
                assert process.end(signal.SIGTERM) == 0
    assert ledger.answers > 10 * ROUNDS
    assert ledger.in_doubt > 0, "the server was always idle when it was killed"
    checked = seglake(data_dir, "fsck")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Traceback" not in (tmp_path / "server.log").read_text()


def make_buckets(port: int) -> None:
    client = Client(port)
    client.done("PUT", f"/{PLAIN}")
    client.done("PUT", f"/{VERSIONED}")
    status = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    client.done("PUT", f"/{VERSIONED}?versioning=", status)
    client.close()


def test_a_second_server_is_refused_even_while_the_first_is_paused(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with killed_at_last(Process(data_dir)) as first:
        port = first.wait_until_it_listens()
        os.kill(first.pid, signal.SIGSTOP)
        try:
            second = seglake(data_dir, "server", "--addr", "127.0.0.1:0")
        finally:
            os.kill(first.pid, signal.SIGCONT)
        assert second.returncode == 2, second.stdout + second.stderr
        assert f"pid {first.pid}" in second.stderr
        assert "Traceback" not in second.stderr
        make_buckets(port)


def test_a_killed_servers_lock_is_free(tmp_path: Path) -> None:
    with killed_at_last(Process(tmp_path / "data")) as first:
        first.wait_until_it_listens()
        first.end(signal.SIGKILL)
    with killed_at_last(Process(tmp_path / "data")) as second:
        second.wait_until_it_listens()
