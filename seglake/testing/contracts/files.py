"""The contract of FileSystem and File: subclass FileSystemContract and give it an empty ``files``."""

from __future__ import annotations

import pytest

from seglake.domain.ports.files import File, FileSystem

MANY = 3000


def write(files: FileSystem, name: str, content: bytes) -> None:
    """Makes a file with ``content``."""
    file = files.open(name, create=True)
    file.pwritev([content], 0)
    file.close()


def read(files: FileSystem, name: str) -> bytes:
    """A file's whole content."""
    file = files.open(name)
    try:
        return file.pread(file.size(), 0)
    finally:
        file.close()


class FileSystemContract:
    """Names and contents; what survives a power loss is proved where power can be cut."""

    @pytest.fixture
    def files(self) -> FileSystem:
        """Override: an empty file system."""
        raise NotImplementedError

    @pytest.fixture
    def file(self, files: FileSystem) -> File:
        return files.open("file", create=True)

    def test_what_is_written_is_read(self, files: FileSystem, file: File) -> None:
        file.pwritev([b"one ", bytearray(b"two "), memoryview(b"three")], 0)
        assert file.pread(100, 0) == b"one two three"
        assert file.pread(3, 4) == b"two"
        assert file.size() == 13
        assert read(files, "file") == b"one two three"

    def test_more_buffers_than_one_call_takes_are_all_written(self, file: File) -> None:
        file.pwritev([bytes((number % 251,)) * 3 for number in range(MANY)], 7)
        expected = b"".join([bytes((number % 251,)) * 3 for number in range(MANY)])
        assert file.pread(4 * MANY, 7) == expected

    def test_writes_across_block_borders_keep_their_neighbours(self, file: File) -> None:
        file.pwritev([b"a" * 10_000], 0)
        file.pwritev([b"b" * 5000], 3000)
        assert file.pread(20_000, 0) == b"a" * 3000 + b"b" * 5000 + b"a" * 2000

    def test_reading_beyond_the_end_gives_what_is_there(self, file: File) -> None:
        file.pwritev([b"abc"], 0)
        assert file.pread(10, 2) == b"c"
        assert file.pread(10, 3) == b""
        assert file.pread(10, 99) == b""

    def test_read_into_fills_what_there_is(self, file: File) -> None:
        file.pwritev([b"abcdef"], 0)
        buffer = bytearray(4)
        assert file.pread_into(buffer, 1) == 4
        assert bytes(buffer) == b"bcde"
        assert file.pread_into(memoryview(buffer), 4) == 2
        assert bytes(buffer) == b"efde"

    def test_cached_reads_are_whole_or_none(self, file: File) -> None:
        file.pwritev([b"abcdef"], 0)
        assert file.pread_cached(3, 1) in (None, b"bcd")
        assert file.pread_cached(4, 4) is None

    def test_a_gap_reads_as_zeros(self, file: File) -> None:
        file.pwritev([b"x"], 9000)
        assert file.pread(9001, 0) == bytes(9000) + b"x"

    def test_truncate_cuts_and_extends_with_zeros(self, file: File) -> None:
        file.pwritev([b"a" * 9000], 0)
        file.truncate(5000)
        assert file.size() == 5000
        file.truncate(8200)
        assert file.pread(10_000, 0) == b"a" * 5000 + bytes(3200)

    def test_allocate_extends_and_never_shrinks(self, file: File) -> None:
        file.pwritev([b"abc"], 0)
        file.allocate(8192)
        assert file.size() == 8192
        file.allocate(1)
        assert file.pread(8192, 0) == b"abc".ljust(8192, b"\0")

    def test_sync_and_hints_succeed(self, file: File) -> None:
        file.pwritev([b"abc"], 0)
        file.start_writeback(0, 3)
        file.sync()
        file.sync()

    def test_opening_needs_a_file_and_creating_needs_none(self, files: FileSystem, file: File) -> None:
        with pytest.raises(FileNotFoundError):
            files.open("missing")
        with pytest.raises(FileNotFoundError):
            files.open("missing", write=True)
        with pytest.raises(FileNotFoundError):
            files.open("no-such-directory/file", create=True)
        with pytest.raises(FileExistsError):
            files.open("file", create=True)

    def test_a_file_opened_for_reading_refuses_writes(self, files: FileSystem, file: File) -> None:
        with pytest.raises(OSError):  # noqa: PT011 - which error it is depends on the system
            files.open("file").pwritev([b"x"], 0)

    def test_handles_of_one_file_see_each_other(self, files: FileSystem, file: File) -> None:
        other = files.open("file", write=True)
        other.pwritev([b"abc"], 0)
        assert file.pread(3, 0) == b"abc"

    def test_names(self, files: FileSystem) -> None:
        files.make_dir("dir")
        files.make_dir("dir")
        write(files, "dir/b", b"1")
        write(files, "dir/a", b"2")
        assert files.list("dir") == ["a", "b"]
        assert files.list("missing") == []
        assert files.exists("dir/a")
        assert files.exists("dir")
        assert not files.exists("dir/c")
        assert not files.exists("missing/c")

    def test_rename_moves_and_replaces(self, files: FileSystem) -> None:
        files.make_dir("dir")
        write(files, "a", b"1")
        write(files, "dir/b", b"2")
        files.rename("a", "dir/b")
        files.sync_dir(".")
        files.sync_dir("dir")
        assert read(files, "dir/b") == b"1"
        assert not files.exists("a")
        with pytest.raises(FileNotFoundError):
            files.rename("a", "c")

    def test_a_link_is_the_same_file_under_another_name(self, files: FileSystem) -> None:
        write(files, "a", b"1")
        if not files.link(files, "a", "b"):
            pytest.skip("this file system has no hard links")
        file = files.open("b", write=True)
        file.pwritev([b"2"], 1)
        file.close()
        files.remove("b")
        assert read(files, "a") == b"12"

    def test_a_shared_copy_is_another_file(self, files: FileSystem) -> None:
        write(files, "a", b"1" * 5000)
        if not files.share(files, "a", "b"):
            assert not files.exists("b")
            pytest.skip("this file system shares no blocks")
        file = files.open("b", write=True)
        file.pwritev([b"2"], 0)
        file.close()
        assert read(files, "a") == b"1" * 5000
        assert read(files, "b") == b"2" + b"1" * 4999

    @pytest.mark.parametrize("way", ["link", "share"])
    def test_neither_link_nor_copy_replaces_a_file(self, files: FileSystem, way: str) -> None:
        write(files, "a", b"1")
        write(files, "b", b"2")
        if not getattr(files, way)(files, "a", "c"):
            pytest.skip("this file system cannot")
        with pytest.raises(FileExistsError):
            getattr(files, way)(files, "a", "b")
        with pytest.raises(FileNotFoundError):
            getattr(files, way)(files, "missing", "d")
        assert read(files, "b") == b"2"
        assert not files.exists("d")

    def test_a_removed_file_stays_readable_where_it_is_open(self, files: FileSystem, file: File) -> None:
        file.pwritev([b"abc"], 0)
        files.remove("file")
        assert not files.exists("file")
        assert file.pread(3, 0) == b"abc"
        with pytest.raises(FileNotFoundError):
            files.remove("file")

    def test_a_lock_has_one_holder_until_it_is_closed(self, files: FileSystem, file: File) -> None:
        other = files.open("file", write=True)
        assert file.try_lock()
        assert not other.try_lock()
        file.close()
        assert other.try_lock()
        other.close()

    def test_a_closed_file_does_nothing_more(self, file: File) -> None:
        file.close()
        file.close()
        with pytest.raises(OSError):  # noqa: PT011 - which error it is depends on the system
            file.pread(1, 0)

    def test_free_space_is_known(self, files: FileSystem) -> None:
        assert files.free_bytes() > 0
