from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from seglake.adapters.filesystem import os_files
from seglake.adapters.filesystem.os_files import OsFileSystem


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_and_directories_are_private_whatever_the_umask(tmp_path: Path) -> None:
    files = OsFileSystem(tmp_path)
    old = os.umask(0)
    try:
        files.make_dir("dir")
        files.open("dir/file", create=True).close()
    finally:
        os.umask(old)
    assert mode(tmp_path / "dir") == 0o700
    assert mode(tmp_path / "dir/file") == 0o600


def test_descriptors_do_not_reach_child_processes(tmp_path: Path) -> None:
    file = OsFileSystem(tmp_path).open("file", create=True)
    assert not os.get_inheritable(file._fd)
    file.close()


def test_a_link_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"secret")
    (tmp_path / "link").symlink_to("target")
    with pytest.raises(OSError, match="symbolic") as caught:
        OsFileSystem(tmp_path).open("link")
    assert caught.value.errno == errno.ELOOP


def test_short_reads_and_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_pread, real_pwritev, real_pwrite = os.pread, os.pwritev, os.pwrite
    monkeypatch.setattr(os, "pread", lambda fd, size, at: real_pread(fd, min(size, 7), at))
    monkeypatch.setattr(os, "pwritev", lambda fd, bufs, at: real_pwritev(fd, [b"".join(bufs)[:5]], at))
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real_pwrite(fd, data[:3], at))
    file = OsFileSystem(tmp_path).open("file", create=True)
    file.pwritev([b"0123456789", b"abcdefghij", b"klm"], 2)
    assert file.pread(100, 0) == b"\0\0" + b"0123456789abcdefghijklm"
    file.close()


def test_a_write_without_progress_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pwritev", lambda fd, bufs, at: 0)
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: 0)
    file = OsFileSystem(tmp_path).open("file", create=True)
    with pytest.raises(OSError, match="progress") as caught:
        file.pwritev([b"data"], 0)
    assert caught.value.errno == errno.ENOSPC
    file.close()


def test_cached_reads_give_up_where_the_kernel_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = OsFileSystem(tmp_path).open("file", create=True)
    file.pwritev([b"data"], 0)
    calls = []

    def refuse(*args: object) -> int:
        calls.append(args)
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "preadv", refuse)
    assert file.pread_cached(4, 0) is None
    assert file.pread_cached(4, 0) is None
    assert len(calls) == 1
    file.close()


def test_a_cached_read_that_would_wait_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = OsFileSystem(tmp_path).open("file", create=True)

    def would_wait(*args: object) -> int:
        raise BlockingIOError(errno.EAGAIN, "would wait")

    monkeypatch.setattr(os, "preadv", would_wait)
    assert file.pread_cached(4, 0) is None
    file.close()


def test_syncing_reaches_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os_files, "_FULLFSYNC", None)
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append("file"))
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append("directory"))
    files = OsFileSystem(tmp_path)
    file = files.open("file", create=True)
    file.sync()
    files.sync_dir(".")
    file.close()
    assert synced == ["file", "directory"]


def test_allocated_space_is_really_taken(tmp_path: Path) -> None:
    file = OsFileSystem(tmp_path).open("file", create=True)
    file.allocate(1 << 20)
    file.close()
    assert (tmp_path / "file").stat().st_blocks * 512 >= 1 << 20
