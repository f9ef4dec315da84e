from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from seglake.adapters.filesystem.crash_files import CrashFileSystem
from seglake.adapters.filesystem.layout import (
    FORMAT_FILE,
    FORMAT_TEXT,
    SEGMENTS_DIR,
    open_data_dir,
    prepare,
    segment_ids,
    segment_name,
)
from seglake.adapters.filesystem.locks import DataDirLock
from seglake.adapters.filesystem.master_key import load_master_keys, store_master_keys
from seglake.domain.model.errors import DataDirLocked, DataDirUnusable
from seglake.testing.contracts.doubles import SeededRandomness


def test_a_new_data_directory_is_private_and_marked(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "data"
    open_data_dir(root)
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert (root / FORMAT_FILE).read_text() == FORMAT_TEXT.format(1)
    assert (root / SEGMENTS_DIR).is_dir()
    open_data_dir(root)
    open_data_dir(root, create=False)


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o710, 0o777])
def test_a_directory_open_to_others_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    root = tmp_path / "data"
    root.mkdir()
    root.chmod(mode)
    with pytest.raises(DataDirUnusable, match="chmod 700"):
        open_data_dir(root)


def test_another_users_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "data"
    root.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(DataDirUnusable, match="belongs to the user"):
        open_data_dir(root)


def test_what_is_no_directory_or_missing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataDirUnusable, match="not a directory"):
        open_data_dir(tmp_path / "file", create=False)
    with pytest.raises(DataDirUnusable):
        open_data_dir(tmp_path / "file")
    with pytest.raises(DataDirUnusable, match="no data directory"):
        open_data_dir(tmp_path / "missing", create=False)
    (tmp_path / "empty").mkdir(mode=0o700)
    with pytest.raises(DataDirUnusable, match="FORMAT is missing"):
        open_data_dir(tmp_path / "empty", create=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [(FORMAT_TEXT.format(2), "newer"), ("something else\n", "does not belong"), ("", "does not belong")],
)
def test_a_newer_or_foreign_format_is_refused(tmp_path: Path, text: str, message: str) -> None:
    root = tmp_path / "data"
    open_data_dir(root)
    (root / FORMAT_FILE).write_text(text)
    with pytest.raises(DataDirUnusable, match=message):
        open_data_dir(root)


def test_a_prepared_directory_survives_power_loss() -> None:
    disk = CrashFileSystem()
    prepare(disk)
    survived = disk.crash()
    assert survived.exists(FORMAT_FILE)
    assert survived.exists(SEGMENTS_DIR)


def test_only_segment_names_are_segments() -> None:
    disk = CrashFileSystem()
    prepare(disk)
    good = [bytes(range(16)), b"\xff" * 16]
    for segment in reversed(good):
        disk.open(segment_name(segment), create=True)
    for name in ("README", "ab.seg", "g" * 32 + ".seg", good[0].hex() + ".seg.tmp", good[0].hex().upper() + "x.seg"):
        disk.open(f"{SEGMENTS_DIR}/{name}", create=True)
    assert segment_ids(disk) == good


def test_one_process_at_a_time_and_the_second_learns_who(tmp_path: Path) -> None:
    files = open_data_dir(tmp_path / "data")
    first, second = DataDirLock(files), DataDirLock(files)
    first.acquire(pid=4711, started="noon")
    with pytest.raises(DataDirLocked, match="pid 4711, started noon"):
        second.acquire(pid=4712, started="later")
    first.release()
    first.release()
    second.acquire(pid=4712, started="later")
    with pytest.raises(DataDirLocked, match="4712, started later"):
        first.acquire(pid=1, started="x")
    second.release()


def test_a_master_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = load_master_keys(path, SeededRandomness(1), create=True)
    assert [len(one) for one in key] == [32]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_master_keys(path, SeededRandomness(2), create=True) == key
    assert load_master_keys(path, SeededRandomness(2), create=False) == key
    assert os.listdir(tmp_path) == ["key"]


def test_a_missing_master_key_is_not_made_where_one_is_needed(tmp_path: Path) -> None:
    with pytest.raises(DataDirUnusable):
        load_master_keys(tmp_path / "key", SeededRandomness(1), create=False)
    with pytest.raises(DataDirUnusable):
        load_master_keys(tmp_path / "missing" / "key", SeededRandomness(1), create=True)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_master_key_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    load_master_keys(path, SeededRandomness(1), create=True)
    path.chmod(mode)
    with pytest.raises(DataDirUnusable, match="chmod 600"):
        load_master_keys(path, SeededRandomness(1), create=False)


def test_a_master_key_must_be_ours_regular_and_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    load_master_keys(path, SeededRandomness(1), create=True)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(DataDirUnusable, match="regular"):
        load_master_keys(tmp_path / "link", SeededRandomness(1), create=False)
    for wrong in ("", "ab" * 31, "zz" * 32, "ab" * 33, "ab " * 32):
        path.write_text(wrong)
        with pytest.raises(DataDirUnusable, match="64 hex digits"):
            load_master_keys(path, SeededRandomness(1), create=False)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(DataDirUnusable, match="another user"):
        load_master_keys(path, SeededRandomness(1), create=False)


def test_a_key_file_holds_two_keys_while_one_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    load_master_keys(path, SeededRandomness(1), create=True)
    store_master_keys(path, (b"n" * 32, b"o" * 32))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_master_keys(path, SeededRandomness(1), create=True) == (b"n" * 32, b"o" * 32)
    path.write_text(path.read_text() + "ab" * 32 + "\n")
    with pytest.raises(DataDirUnusable, match="64 hex digits"):
        load_master_keys(path, SeededRandomness(1), create=False)
