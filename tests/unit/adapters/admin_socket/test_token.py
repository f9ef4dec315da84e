"""The token: new every time, nobody else's to read, whole or not there."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from seglake.adapters.admin_socket.token import TOKEN_FILE, is_bearer, publish_token, read_token, withdraw_token
from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.adapters.system.ids import SystemRandom


def test_a_token_is_read_back_and_each_is_new(tmp_path: Path) -> None:
    files = OsFileSystem(tmp_path)
    (tmp_path / f"{TOKEN_FILE}.tmp").write_text("half of one")
    first = publish_token(files, SystemRandom())
    assert read_token(tmp_path) == first
    assert len(bytes.fromhex(first)) == 32
    second = publish_token(files, SystemRandom())
    assert read_token(tmp_path) == second != first
    assert [path.name for path in tmp_path.iterdir()] == [TOKEN_FILE]
    assert stat.S_IMODE((tmp_path / TOKEN_FILE).stat().st_mode) == 0o600
    withdraw_token(files)
    withdraw_token(files)
    assert read_token(tmp_path) is None


@pytest.mark.parametrize("text", ["", "short", "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\nmore", "root:x:0:0"])
def test_what_does_not_look_like_a_token_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / TOKEN_FILE).write_text(text)
    assert read_token(tmp_path) is None


def test_only_the_whole_token_is_borne() -> None:
    token = "ab" * 32
    assert is_bearer(f"Bearer {token}", token)
    for header in (
        "",
        "Bearer ",
        f"bearer {token}",
        f"Bearer {token[:-1]}",
        f"Bearer {token}0",
        token,
        "Bearer \udcff",
    ):
        assert not is_bearer(header, token)
    assert not is_bearer("Bearer ", "x")
