"""The client: results as the server gives them, refusals with their code, and everything else in one sentence."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seglake.adapters.admin_socket.client import AdminClient, AdminRefused, AdminUnreachable
from seglake.adapters.admin_socket.messages import CallRefused
from seglake.adapters.admin_socket.place import bind_socket
from seglake.adapters.admin_socket.token import TOKEN_FILE, publish_token
from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.adapters.system.ids import SystemRandom
from tests.unit.adapters.admin_socket.rig import peer_with, running


async def _call(client: AdminClient, method: str, **parameters: Any) -> Any:
    return await asyncio.to_thread(client.call, method, parameters)


async def test_results_and_refusals_come_through(tmp_path: Path) -> None:
    client = AdminClient(tmp_path)
    assert not client.is_there()
    async with running(tmp_path):
        assert await asyncio.to_thread(client.is_there)
        assert (await _call(client, "user.create", name="alice"))["name"] == "alice"
        with pytest.raises(AdminRefused, match="is taken") as refused:
            await _call(client, "user.create", name="alice")
        assert refused.value.code == "UserTaken"
        assert (await asyncio.to_thread(client.describe))["api"] == 1
    assert not client.is_there()


async def test_what_cannot_be_sent_is_refused_in_words(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        with pytest.raises(CallRefused, match="more than 1048576 bytes"):
            await _call(AdminClient(tmp_path), "user.create", name="x" * (1 << 20))
        assert rig.log.lines == []
        with pytest.raises(AdminRefused, match="Unicode"):
            await _call(AdminClient(tmp_path), "user.create", name="\udcff")


async def test_a_refused_peer_is_told_so(tmp_path: Path) -> None:
    async with running(tmp_path, peer_with(os.geteuid() + 1)):
        with pytest.raises(AdminRefused, match="own user and root"):
            await _call(AdminClient(tmp_path), "user.list")


def test_no_server_is_said(tmp_path: Path) -> None:
    client = AdminClient(tmp_path)
    with pytest.raises(AdminUnreachable, match="no token"):
        client.call("user.list", {})
    publish_token(OsFileSystem(tmp_path), SystemRandom())
    with pytest.raises(AdminUnreachable, match="no server answers"):
        client.call("user.list", {})


def test_nothing_but_a_token_is_sent(tmp_path: Path) -> None:
    (tmp_path / "private").write_text("a line of somebody's private file")
    (tmp_path / TOKEN_FILE).symlink_to("private")
    with bind_socket(tmp_path) as listening:
        listening.settimeout(0.2)
        with pytest.raises(AdminUnreachable, match="no token"):
            AdminClient(tmp_path).call("user.list", {})
        with pytest.raises(TimeoutError):
            listening.accept()


@pytest.mark.parametrize("step", ["token", "socket"])
def test_a_user_who_may_not_is_told_whom_to_be(tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: object) -> Any:
        raise PermissionError(13, "Permission denied")

    client = AdminClient(tmp_path)
    if step == "token":
        monkeypatch.setattr("seglake.adapters.admin_socket.client.read_token", refused)
    else:
        publish_token(OsFileSystem(tmp_path), SystemRandom())
        monkeypatch.setattr("seglake.adapters.admin_socket.client.connect_socket", refused)
        with pytest.raises(AdminUnreachable, match="as the server's user or root"):
            client.is_there()
    with pytest.raises(AdminUnreachable, match="as the server's user or root"):
        client.call("user.list", {})


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"not HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"result"',
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",
    ],
)
def test_an_answer_that_is_none_is_said(tmp_path: Path, answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_token(OsFileSystem(tmp_path), SystemRandom())
    ours, theirs = socket.socketpair()
    theirs.sendall(answer)
    theirs.shutdown(socket.SHUT_WR)
    given: Callable[..., socket.socket] = lambda *_arguments: ours  # noqa: E731
    monkeypatch.setattr("seglake.adapters.admin_socket.client.connect_socket", given)
    with theirs, pytest.raises(AdminUnreachable):
        AdminClient(tmp_path).call("user.list", {})
