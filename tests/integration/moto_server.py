"""moto's server as a process: another reading of the same API to compare answers with."""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.endpoint import BIN, clean_environment

START_S_MAX = 60.0
_RUNNING = re.compile(rb"Running on http://127\.0\.0\.1:([0-9]+)")


@contextmanager
def running_moto(home: Path) -> Iterator[str]:
    """Starts `moto_server` on any free port; its URL. Killed at the end: it keeps nothing."""
    home.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [str(BIN / "moto_server"), "-H", "127.0.0.1", "-p", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=home,
        env=clean_environment(home),
    )
    log = home / "moto.log"
    try:
        yield f"http://127.0.0.1:{_port_of(process)}"
    finally:
        process.kill()
        assert process.stderr is not None
        log.write_bytes(process.stderr.read())
        process.stderr.close()
        process.wait()


def _port_of(process: subprocess.Popen[bytes]) -> int:
    """Reads standard error up to the line that names the port."""
    assert process.stderr is not None
    seen, end = b"", time.monotonic() + START_S_MAX
    while time.monotonic() < end:
        readable, _, _ = select.select([process.stderr], [], [], 0.5)
        if readable:
            piece = os.read(process.stderr.fileno(), 65536)
            seen += piece
            found = _RUNNING.search(seen)
            if found and b"\n" in seen[found.end() :]:
                return int(found[1])
            if not piece:
                break
    raise AssertionError(f"moto did not start: {seen!r}")
