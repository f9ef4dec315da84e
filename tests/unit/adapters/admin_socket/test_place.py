"""The socket's place: its mode, long paths, and what a dead server left behind."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from seglake.adapters.admin_socket.place import SOCKET_FILE, bind_socket, connect_socket, remove_socket


@pytest.mark.parametrize("depth", [0, 1, 4])
def test_a_socket_is_reached_however_long_its_path_is(tmp_path: Path, depth: int) -> None:
    place = tmp_path.joinpath(*["d" * 60] * depth)
    place.mkdir(parents=True, exist_ok=True)
    descriptors = len(os.listdir("/proc/self/fd"))
    with bind_socket(place) as listening, connect_socket(place, 1.0) as client:
        connection, _ = listening.accept()
        with connection:
            client.sendall(b"x")
            assert connection.recv(1) == b"x"
    remove_socket(place)
    remove_socket(place)
    assert os.listdir(place) in ([], ["d" * 60])
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_nobody_else_may_connect_from_the_first_moment(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with bind_socket(tmp_path):
            assert stat.S_IMODE((tmp_path / SOCKET_FILE).lstat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_a_dead_servers_socket_is_replaced(tmp_path: Path) -> None:
    bind_socket(tmp_path).close()
    assert (tmp_path / SOCKET_FILE).is_socket()
    with pytest.raises(ConnectionRefusedError):
        connect_socket(tmp_path, 1.0)
    with bind_socket(tmp_path), connect_socket(tmp_path, 1.0):
        pass


def test_what_is_no_socket_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / SOCKET_FILE).write_text("somebody's notes")
    with pytest.raises(FileExistsError, match="is no socket; remove it"):
        bind_socket(tmp_path)
    assert (tmp_path / SOCKET_FILE).read_text() == "somebody's notes"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / SOCKET_FILE).symlink_to("elsewhere")
    with pytest.raises(FileExistsError):
        bind_socket(tmp_path)


def test_nobody_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        connect_socket(tmp_path, 1.0)
    with pytest.raises(FileNotFoundError):
        connect_socket(tmp_path / ("d" * 200) / "e", 1.0)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / SOCKET_FILE))
        with pytest.raises(ConnectionRefusedError):
            connect_socket(tmp_path, 1.0)
