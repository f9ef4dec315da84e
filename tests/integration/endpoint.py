"""The real server as a process: started on any free port with a directory of its own, stopped by its process id."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seglake.adapters.s3_protocol.signing import Signer

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
ACCESS_KEY = "integration"
SECRET = "integration-secret-0123456789"
START_S_MAX = 30.0
_COMMAND = "from seglake.entrypoints.cli import main; main()"
_ENDPOINT = re.compile(rb"endpoint\s+(https?)://127\.0\.0\.1:([0-9]+)")


@dataclass(frozen=True)
class Endpoint:
    """A running store."""

    port: int
    data_dir: Path
    pid: int
    access_key: str = ACCESS_KEY
    secret: str = SECRET
    region: str = "us-east-1"
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def signer(self) -> Signer:
        return Signer(self.access_key, self.secret, self.region)


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """An environment in which a tool finds no settings but those given: no keys, no profile, no proxy."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "NO_PROXY": "*",
        "SEGLAKE_OPS_ADDR": "off",
        **more,
    }


@contextmanager
def running_server(data_dir: Path, *flags: str, stopped_inside: bool = False) -> Iterator[Endpoint]:
    """Starts `seglake server`; at the end it must stop by SIGTERM with exit code 0, sent here or inside the block."""
    log = data_dir.parent / f"{data_dir.name}.log"
    command = [sys.executable, "-c", _COMMAND, "server", "--addr", "127.0.0.1:0", "--data-dir", str(data_dir)]
    keys = ("--access-key", ACCESS_KEY, "--secret-key", SECRET)
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*command, *keys, *flags],
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=data_dir.parent,
            env=clean_environment(data_dir.parent),
        )
    try:
        scheme, port = _place_of(process, log)
        yield Endpoint(port, data_dir, process.pid, scheme=scheme)
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        assert process.stdout is not None
        if process.poll() is None:
            if not stopped_inside:
                process.terminate()
            code = process.wait(timeout=60)
            assert code == 0, f"the server ended with {code}: {log.read_text()[-2000:]}"
        process.stdout.close()
    assert SECRET not in log.read_text(), "the secret is in the log"
    assert "Traceback" not in log.read_text(), f"the server logged a bug: {log.read_text()[-4000:]}"


def _port_of(process: subprocess.Popen[bytes], log: Path) -> int:
    return _place_of(process, log)[1]


def _place_of(process: subprocess.Popen[bytes], log: Path) -> tuple[str, int]:
    """Reads standard output up to the line that names the endpoint."""
    assert process.stdout is not None
    seen, end = b"", time.monotonic() + START_S_MAX
    while time.monotonic() < end:
        readable, _, _ = select.select([process.stdout], [], [], 0.5)
        if readable:
            piece = os.read(process.stdout.fileno(), 65536)
            seen += piece
            found = _ENDPOINT.search(seen)
            if found and b"\n" in seen[found.end() :]:
                return found[1].decode(), int(found[2])
            if not piece:
                break
    raise AssertionError(f"the server did not start: {seen!r} {log.read_text()[-4000:]}")
