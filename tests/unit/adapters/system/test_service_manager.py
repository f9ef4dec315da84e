"""The datagrams that systemd reads."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from seglake.adapters.system.service_manager import ServiceManager


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(5)
        yield receiver


def test_each_message_is_one_datagram_of_assignments(listening: socket.socket) -> None:
    manager = ServiceManager(listening.getsockname())
    manager.ready("serving http://127.0.0.1:9000")
    manager.alive()
    manager.stopping("done\nMAINPID=1")
    assert listening.recv(4096) == b"READY=1\nSTATUS=serving http://127.0.0.1:9000"
    assert listening.recv(4096) == b"WATCHDOG=1"
    assert listening.recv(4096) == b"STOPPING=1\nSTATUS=done MAINPID=1", "a status cannot smuggle an assignment in"


def test_an_abstract_socket_is_written_with_an_at_sign(tmp_path: Path) -> None:
    name = f"seglake-test-{tmp_path.name}-{id(tmp_path)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0" + name)
        receiver.settimeout(5)
        ServiceManager(f"@{name}").alive()
        assert receiver.recv(4096) == b"WATCHDOG=1"


def test_without_a_socket_nobody_is_told() -> None:
    manager = ServiceManager.of({}, pid=1)
    assert manager == ServiceManager("", None)
    manager.ready("x")
    manager.alive()
    manager.stopping("x")


def test_a_socket_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        ServiceManager(str(tmp_path / "gone")).alive()


@pytest.mark.parametrize(
    ("watchdog", "expected"),
    [
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "500000"}, 0.5),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "a while"}, None),
        ({}, None),
    ],
)
def test_a_watchdog_counts_when_it_is_for_this_process(watchdog: dict[str, str], expected: float | None) -> None:
    assert ServiceManager.of({"NOTIFY_SOCKET": "/run/x", **watchdog}, pid=7).watchdog_s == expected


def test_a_watchdog_without_a_socket_is_none() -> None:
    assert ServiceManager.of({"WATCHDOG_USEC": "1000000"}, pid=7).watchdog_s is None
