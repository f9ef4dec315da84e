"""What a service manager hears, and from whom: the real server, and a log that notes what could not be said."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seglake.adapters.system.service_manager import ServiceManager
from seglake.entrypoints.supervision import supervised
from tests.unit.entrypoints.test_server import COMMAND, ENVIRONMENT


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(20)
        yield receiver


class _Log:
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def info(self, event: str, /, **_fields: Any) -> None:
        pass

    def warning(self, event: str, /, **_fields: Any) -> None:
        self.warnings.append(event)

    def error(self, event: str, /, **_fields: Any) -> None:
        self.warnings.append(event)


def test_the_server_says_that_it_is_ready_that_it_lives_and_that_it_stops(listening: socket.socket) -> None:
    process = subprocess.Popen(
        [*COMMAND, "server", "--addr", "127.0.0.1:0", "--ops-addr", "off", "--ephemeral"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ENVIRONMENT, "NOTIFY_SOCKET": listening.getsockname(), "WATCHDOG_USEC": "600000"},
    )
    try:
        ready = listening.recv(4096).decode().splitlines()
        assert ready[0] == "READY=1"
        assert ready[1].startswith("STATUS=serving http://127.0.0.1:")
        port = int(ready[1].rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        assert [listening.recv(4096) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        process.send_signal(signal.SIGTERM)
        last = b"WATCHDOG=1"
        while last == b"WATCHDOG=1":
            last = listening.recv(4096)
        assert last.startswith(b"STOPPING=1\n")
        _, errors = process.communicate(timeout=10)
        assert process.returncode == 0, errors
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


async def test_an_event_loop_that_hangs_gives_no_sign_of_life(listening: socket.socket) -> None:
    listening.settimeout(0.2)
    async with supervised(ServiceManager(listening.getsockname(), 0.3), "x", _Log()):
        await asyncio.sleep(0.05)
        assert listening.recv(4096).startswith(b"READY=1")
        assert listening.recv(4096) == b"WATCHDOG=1"
        with pytest.raises(TimeoutError):
            listening.recv(4096)  # blocks the loop as a bug would


async def test_a_manager_out_of_reach_does_not_keep_the_store_from_serving(tmp_path: Path) -> None:
    log = _Log()
    async with supervised(ServiceManager(str(tmp_path / "gone"), None), "x", log):
        pass
    assert log.warnings == ["service_manager_unreachable"] * 2
