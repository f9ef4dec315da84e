from __future__ import annotations

from random import Random

import pytest

from seglake.adapters.filesystem.crash_files import CrashFileSystem, PowerOff
from seglake.adapters.filesystem.publish import publish


def content(disk: CrashFileSystem, name: str) -> bytes | None:
    if not disk.exists(name):
        return None
    file = disk.open(name)
    return file.pread(file.size(), 0)


def outcomes(disk: CrashFileSystem, *names: str, samples: int = 64) -> set[tuple[bytes | None, ...]]:
    return {tuple([content(state, name) for name in names]) for state in disk.crash_states(Random(1), samples=samples)}


def synced_file(disk: CrashFileSystem, name: str, data: bytes) -> None:
    file = disk.open(name, create=True)
    file.pwritev([data], 0)
    file.sync()
    disk.sync_dir(".")


def test_what_was_synced_with_its_name_survives() -> None:
    disk = CrashFileSystem()
    synced_file(disk, "a", b"data")
    assert outcomes(disk, "a") == {(b"data",)}
    assert content(disk.crash(), "a") == b"data"


def test_a_synced_file_without_a_synced_name_may_be_gone() -> None:
    disk = CrashFileSystem()
    file = disk.open("a", create=True)
    file.pwritev([b"data"], 0)
    file.sync()
    assert outcomes(disk, "a") == {(None,), (b"data",)}
    assert content(disk.crash(), "a") is None


def test_a_synced_name_without_synced_content_may_be_empty_or_zeros() -> None:
    disk = CrashFileSystem()
    file = disk.open("a", create=True)
    file.pwritev([b"data"], 0)
    disk.sync_dir(".")
    assert outcomes(disk, "a", samples=0) == {(b"",), (bytes(4),), (b"data",)}


def test_blocks_survive_one_by_one() -> None:
    disk = CrashFileSystem()
    synced_file(disk, "a", b"o" * 8192)
    disk.open("a", write=True).pwritev([b"n" * 8192], 0)
    old, new = b"o" * 4096, b"n" * 4096
    assert outcomes(disk, "a", samples=0) == {(old + old,), (old + new,), (new + old,), (new + new,)}


def test_blocks_tear_between_sectors() -> None:
    disk = CrashFileSystem()
    synced_file(disk, "a", b"o" * 4096)
    disk.open("a", write=True).pwritev([b"n" * 4096], 0)
    seen = {state[0] for state in outcomes(disk, "a", samples=400)}
    torn = [data for data in seen if data is not None and len(set(data)) == 2]
    assert torn
    for data in torn:
        assert all(len(set(data[at : at + 512])) == 1 for at in range(0, 4096, 512))


def test_an_older_unsynced_version_may_survive() -> None:
    disk = CrashFileSystem()
    synced_file(disk, "a", b"1" * 4096)
    file = disk.open("a", write=True)
    file.pwritev([b"2" * 4096], 0)
    file.pwritev([b"3" * 4096], 0)
    wholes = {data for (data,) in outcomes(disk, "a", samples=400) if data is not None and len(set(data)) == 1}
    assert wholes == {b"1" * 4096, b"2" * 4096, b"3" * 4096}


def test_a_truncation_may_be_lost() -> None:
    disk = CrashFileSystem()
    synced_file(disk, "a", b"data" * 2048)
    file = disk.open("a", write=True)
    file.truncate(0)
    assert {b"", b"data" * 2048} <= {data for (data,) in outcomes(disk, "a", samples=0)}
    file.sync()
    assert outcomes(disk, "a") == {(b"",)}


def test_a_rename_happens_or_not_but_never_half() -> None:
    disk = CrashFileSystem()
    synced_file(disk, "a", b"new")
    synced_file(disk, "b", b"old")
    disk.rename("a", "b")
    assert outcomes(disk, "a", "b") == {(b"new", b"old"), (None, b"new")}
    disk.sync_dir(".")
    assert outcomes(disk, "a", "b") == {(None, b"new")}


def test_a_removal_may_be_lost() -> None:
    disk = CrashFileSystem()
    synced_file(disk, "a", b"data")
    disk.remove("a")
    assert outcomes(disk, "a") == {(b"data",), (None,)}


def test_a_directory_without_a_synced_name_takes_its_files_along() -> None:
    disk = CrashFileSystem()
    disk.make_dir("dir")
    file = disk.open("dir/a", create=True)
    file.sync()
    disk.sync_dir("dir")
    assert outcomes(disk, "dir/a") == {(None,), (b"",)}
    disk.sync_dir(".")
    assert outcomes(disk, "dir/a") == {(b"",)}


def test_publishing_is_all_or_nothing_in_every_state_of_every_moment() -> None:
    disk = CrashFileSystem()
    publish(disk, "a", [b"old" * 3000])
    seen: set[tuple[bytes | None, ...]] = set()
    disk.observe = lambda fs, operation, name: seen.update(outcomes(fs, "a"))
    publish(disk, "a", [b"new" * 2000, b"er" * 1000])
    disk.observe = None
    assert seen == {(b"old" * 3000,), (b"new" * 2000 + b"er" * 1000,)}
    assert outcomes(disk, "a", "a.tmp") == {(b"new" * 2000 + b"er" * 1000, None)}


def test_a_failed_sync_loses_what_a_later_one_does_not_bring_back() -> None:
    disk = CrashFileSystem()
    synced_file(disk, "a", b"old!")
    file = disk.open("a", write=True)
    file.pwritev([b"new!"], 0)
    file.lose_unsynced()
    file.sync()
    assert file.pread(4, 0) == b"new!"
    assert outcomes(disk, "a") == {(b"old!",)}


def test_images_do_not_share_later_writes() -> None:
    disk = CrashFileSystem()
    synced_file(disk, "a", b"data")
    one, two = disk.crash(), disk.crash()
    one.open("a", write=True).pwritev([b"DATA"], 0)
    disk.open("a", write=True).pwritev([b"dada"], 0)
    assert (content(one, "a"), content(two, "a"), content(disk, "a")) == (b"DATA", b"data", b"dada")


def test_power_goes_before_the_operation_asked_for_and_stays_off() -> None:
    disk = CrashFileSystem()
    disk.power_off_at = 1
    file = disk.open("a", create=True)
    with pytest.raises(PowerOff):
        file.pwritev([b"data"], 0)
    for attempt in (lambda: disk.open("a"), lambda: disk.exists("a"), file.sync, lambda: file.pread(1, 0)):
        with pytest.raises(PowerOff):
            attempt()
    assert outcomes(disk, "a") == {(None,), (b"",)}


def test_many_unsynced_units_give_prefixes_singles_and_samples() -> None:
    disk = CrashFileSystem()
    synced_file(disk, "a", bytes(4096 * 20))
    for number in range(20):
        disk.open("a", write=True).pwritev([b"n" * 4096], number * 4096)
    assert disk.unsynced() == 20
    states = list(disk.crash_states(Random(1), samples=10))
    assert len(states) == 21 + 2 * 20 + 10
    seen = {content(state, "a") for state in states}
    assert bytes(4096 * 20) in seen
    assert b"n" * (4096 * 20) in seen


def test_a_full_disk_refuses_what_does_not_fit() -> None:
    disk = CrashFileSystem(capacity=10_000)
    file = disk.open("a", create=True)
    file.pwritev([b"x" * 9000], 0)
    with pytest.raises(OSError, match="No space"):
        file.pwritev([b"x" * 2000], 9000)
    file.pwritev([b"y" * 9000], 0)
    assert disk.free_bytes() == 1000
    file.truncate(0)
    file.pwritev([b"x" * 10_000], 0)
