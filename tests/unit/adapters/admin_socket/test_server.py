"""The server hears its own user and root, and them with the token only; it logs every call, but not what it said."""

from __future__ import annotations

import asyncio
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from seglake.adapters.admin_socket import server as module
from seglake.adapters.admin_socket.messages import BODY_BYTES_MAX
from seglake.adapters.admin_socket.operations import OPERATIONS
from seglake.adapters.admin_socket.place import SOCKET_FILE, bind_socket, connect_socket
from seglake.adapters.admin_socket.token import TOKEN_FILE, read_token
from tests.unit.adapters.admin_socket.rig import peer_with, running
from tests.unit.fixtures import Store

CANARY = "canary-secret-0123456789"


async def test_a_call_is_answered_and_changes_the_store(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        status, document = await rig.ask("/v1/user.create", {"name": "alice"})
        assert (status, document["result"]["name"]) == (200, "alice")
        assert [user.name for user in rig.store.users.list()] == ["alice"]


async def test_the_methods_are_listed_with_the_versions(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        status, document = await rig.ask("/v1", verb="GET")
        assert status == 200
        assert (document["result"]["version"], document["result"]["api"]) == ("1.2.3", 1)
        assert set(document["result"]["methods"]) == set(OPERATIONS)


WRONG_TOKENS: list[dict[str, str]] = [
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer "},
    {"Authorization": "Bearer " + "0" * 64},
    {"Authorization": "Basic " + "0" * 64},
]


@pytest.mark.parametrize("headers", WRONG_TOKENS)
async def test_nobody_is_heard_without_the_token(tmp_path: Path, headers: dict[str, str]) -> None:
    async with running(tmp_path) as rig:
        assert await rig.error("/v1/user.create", {"name": "alice"}, headers=headers) == (401, "Unauthorized")
        assert await rig.error("/v1", verb="GET", headers=headers) == (401, "Unauthorized")
        assert rig.store.users.list() == ()


async def test_a_token_of_an_earlier_start_is_worthless(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        old = read_token(rig.place)
        assert old is not None
    async with running(tmp_path) as rig:
        assert read_token(rig.place) != old
        assert await rig.error("/v1/user.list", {}, token=old) == (401, "Unauthorized")


async def test_another_user_is_refused_even_with_the_token(tmp_path: Path) -> None:
    async with running(tmp_path, peer_with(os.geteuid() + 4711)) as rig:
        assert await rig.error("/v1/user.create", {"name": "alice"}) == (403, "PeerRefused")
        assert rig.store.users.list() == ()
        assert rig.log.lines[-1][2]["uid"] == os.geteuid() + 4711


async def test_a_peer_that_the_kernel_does_not_know_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, lambda _transport: None) as rig:
        assert await rig.error("/v1/user.list", {}) == (403, "PeerRefused")


@pytest.mark.parametrize("uid", [0, os.geteuid()])
async def test_root_and_the_servers_user_are_heard(tmp_path: Path, uid: int) -> None:
    async with running(tmp_path, peer_with(uid)) as rig:
        assert (await rig.ask("/v1/user.list", {}))[0] == 200


async def test_the_kernel_says_who_this_process_is(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        await rig.ask("/v1/user.list", {})
        fields = rig.log.lines[-1][2]
        assert (fields["uid"], fields["pid"]) == (os.getuid(), os.getpid())


@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "code"),
    [
        ("POST", "/v1/user.love", {}, 404, "UnknownMethod"),
        ("POST", "/v1/", {}, 404, "UnknownMethod"),
        ("POST", "/v1/user.list/", {}, 404, "NotFound"),
        ("POST", "/v1/user%2Flist", {}, 404, "UnknownMethod"),
        ("POST", "/v2/user.list", {}, 404, "NotFound"),
        ("POST", "/user.list", {}, 404, "NotFound"),
        ("GET", "/", None, 404, "NotFound"),
        ("GET", "/v1/user.list", None, 405, "MethodNotAllowed"),
        ("PUT", "/v1/user.list", {}, 405, "MethodNotAllowed"),
        ("POST", "/v1", {}, 405, "MethodNotAllowed"),
        ("POST", "/v1/user.list", None, 400, "MalformedRequest"),
        ("POST", "/v1/user.list", "[]", 400, "MalformedRequest"),
        ("POST", "/v1/user.list", "[" * 100_000, 400, "MalformedRequest"),
        ("POST", "/v1/user.list", {"name": "x"}, 400, "InvalidParameters"),
        ("POST", "/v1/user.create", {}, 400, "InvalidParameters"),
        ("POST", "/v1/user.create", {"name": 1}, 400, "InvalidParameters"),
        ("POST", "/v1/user.create", {"name": "a b"}, 400, "InvalidUserName"),
        ("POST", "/v1/user.delete", {"name": "nobody"}, 404, "NoSuchUser"),
        ("POST", "/v1/key.show", {"access_key": "nobody"}, 404, "NoSuchAccessKey"),
        ("POST", "/v1/bucket.delete", {"name": "nobody"}, 404, "NoSuchBucket"),
    ],
)
async def test_what_is_wrong_is_refused_and_said(
    tmp_path: Path, verb: str, path: str, body: Any, status: int, code: str
) -> None:
    async with running(tmp_path) as rig:
        before = rig.store.dump()
        assert await rig.error(path, body, verb=verb) == (status, code)
        assert rig.store.dump() == before
        assert rig.log.lines[-1][:2] == ("warning", "admin_call")
        assert rig.log.lines[-1][2]["outcome"] == code


async def test_a_large_body_is_not_read(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        assert await rig.error("/v1/user.list", io.BytesIO(b"x" * (BODY_BYTES_MAX + 1))) == (413, "RequestTooLarge")


async def test_a_body_of_unknown_length_is_bounded_too(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        token = read_token(tmp_path)
        connection = await asyncio.to_thread(connect_socket, tmp_path, 5.0)
        reader, writer = await asyncio.open_unix_connection(sock=connection)
        head = f"POST /v1/user.list HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(17):
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
        writer.close()
        assert rig.log.lines[-1][2]["outcome"] == "RequestTooLarge"


async def test_a_slow_body_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BODY_TIMEOUT_S", 0.05)
    async with running(tmp_path):
        token = read_token(tmp_path)
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / SOCKET_FILE))
        head = f"POST /v1/user.list HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        writer.write(f"{head}Content-Length: 2\r\n\r\n{{".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
        writer.close()


async def test_every_call_is_logged_without_what_it_said(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        policy = json.dumps({"Statement": CANARY})
        await rig.ask("/v1/key.create", {"access_key": "mine", "secret_key": CANARY})
        await rig.ask("/v1/key.rotate", {"access_key": "mine", "secret_key": f"{CANARY}-2"})
        await rig.ask("/v1/key.rotate", {"access_key": "mine", "secret_key": f"{CANARY} with spaces"})
        await rig.ask("/v1/key.set-policy", {"access_key": "mine", "policy": policy})
        await rig.ask("/v1/key.create", {CANARY: CANARY})
        await rig.ask(f"/v1/{CANARY}", {})
        await rig.ask("/v1/key.create", f'{{"secret_key": "{CANARY}')
        await rig.ask("/v1/key.create", {}, token=CANARY)
        assert len(rig.log.lines) == 8
        assert CANARY not in repr(rig.log.lines)
        level, event, fields = rig.log.lines[0]
        assert (level, event) == ("info", "admin_call")
        assert fields.pop("ms") >= 0
        assert fields == {
            "method": "key.create",
            "parameters": ["access_key", "secret_key"],
            "outcome": "ok",
            "uid": os.getuid(),
            "pid": os.getpid(),
        }


async def test_a_bug_is_logged_and_told_without_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()

    def broken() -> None:
        raise RuntimeError(CANARY)

    async with running(tmp_path, store=store) as rig:
        monkeypatch.setattr(rig.server._services.users, "list", broken)
        status, document = await rig.ask("/v1/user.list", {})
        assert (status, document["error"]["code"]) == (500, "InternalError")
        assert CANARY not in json.dumps(document)
        assert "admin_call_failed" in rig.log.events("error")


async def test_socket_and_token_are_there_only_while_it_runs(tmp_path: Path) -> None:
    bind_socket(tmp_path).close()
    async with running(tmp_path) as rig:
        assert sorted(os.listdir(tmp_path)) == [SOCKET_FILE, TOKEN_FILE]
        for name in (SOCKET_FILE, TOKEN_FILE):
            assert os.lstat(tmp_path / name).st_mode & 0o777 == 0o600
        await rig.server.close()
        assert os.listdir(tmp_path) == []


async def test_what_is_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / SOCKET_FILE).write_text("somebody's notes")
    with pytest.raises(OSError, match="in the way"):
        async with running(tmp_path):
            pass
