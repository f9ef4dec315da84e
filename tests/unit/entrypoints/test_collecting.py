from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.adapters.system.clock import SystemClock
from seglake.domain.model.errors import LimitReached, StoreFailed
from seglake.domain.ports.progress import silent
from seglake.domain.services.gc import Collector
from seglake.domain.services.gc_plan import Limits
from seglake.domain.services.mpu_gc import UploadCollector
from seglake.domain.services.object_writes import DeleteObject
from seglake.entrypoints.apart import ReadHere
from seglake.entrypoints.cli.app import app
from seglake.entrypoints.collecting import PAUSE_FILE, GarbageWork, at_once, paused
from seglake.entrypoints.gc_schedule import collect_again_and_again
from seglake.entrypoints.settings import Settings, load_settings
from tests.unit.fixtures import Store

LARGE = bytes(range(256)) * 1200


def garbage_of(store: Store) -> GarbageWork:
    uploads = UploadCollector(store.metadata, store.committer, store.clock, store.offload)
    return GarbageWork(store.collector, uploads, None, at_once, store.clock.pause, 0.0)


async def filled() -> Store:
    store = Store(segment_size=200_000)
    await store.bucket()
    for key in ("gone", "stays"):
        await store.put(key, LARGE)
    await store.writes.delete("bucket", DeleteObject("gone"))
    return store


async def test_a_run_does_what_its_plan_said() -> None:
    store = await filled()
    work = garbage_of(store)
    plan = work.plan(silent, limits=Limits())
    sizes = {"live_bytes": len(LARGE), "dead_bytes": len(LARGE), "reclaimable_bytes": len(LARGE)}
    assert plan["buckets"] == [{"bucket": "bucket", "gone": False, "versions": 1, "parts": 0, **sizes}]
    assert plan["dead_segments"] == len(plan["segments"]) == 1
    with pytest.raises(LimitReached):
        work.run(silent, limits=Limits(max_bytes=1))
    ran = work.run(silent, limits=Limits())
    assert {name: ran[name] for name in ("segments", "dead_segments")} == {
        name: plan[name] for name in ("segments", "dead_segments")
    }
    assert (ran["removed"], ran["waiting"], ran["spared"]) == (1, 0, [])
    wanted = work.rewrite_plan(silent, limits=Limits(), threshold=2.0)
    done = work.rewrite(silent, limits=Limits(), threshold=2.0, bytes_per_s=0)
    assert done["rewritten"] == done["removed"] == wanted["rewrites"] > 0
    assert await store.get("stays") == LARGE
    assert work.uploads_plan(silent, ttl_s=0)["count"] == work.uploads_run(silent, ttl_s=0, uploads_max=1)["count"] == 0


def test_work_that_has_to_wait_does_not_run_at_once() -> None:
    async def waits() -> None:
        await asyncio.sleep(1)

    with pytest.raises(AssertionError, match="nothing else runs"):
        at_once(_in_no_loop(waits()))


async def _in_no_loop(work: Any) -> None:
    with suppress(RuntimeError):
        await work
    await _Never()


class _Never:
    def __await__(self) -> Any:
        yield self


def test_a_file_holds_rewrites_up(tmp_path: Path) -> None:
    files = OsFileSystem(tmp_path)
    assert not paused(None)
    assert not paused(files)
    (tmp_path / PAUSE_FILE).touch()
    assert paused(files)


def scheduled(store: Store, **flags: Any) -> tuple[Settings, Collector]:
    settings = load_settings(ephemeral=True, **flags)
    collector = Collector(
        store.metadata,
        store.committer,
        store.segment_store,
        store.files,
        offload=store.offload,
        clock=SystemClock(),
        log=store.log,
        reads=ReadHere(store.metadata, store.files),
    )
    return settings, collector


async def until(done: Any) -> None:
    for _ in range(200):
        if done():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


async def test_garbage_is_collected_on_a_schedule_and_what_is_doomed_without_one() -> None:
    for interval in ("60ms", "0s"):
        store = await filled()
        await store.collector.turn()
        before = len(store.files.list())
        settings, collector = scheduled(store, gc_interval=interval, gc_grace="60ms", gc_live_threshold="0")
        if interval == "0s":
            await collector.run()
        failures: list[StoreFailed] = []
        task = asyncio.create_task(
            collect_again_and_again(collector, garbage_of(store), settings, failures.append, store.log)
        )
        await until(lambda held=store, count=before: len(held.files.list()) < count)
        assert failures == []
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert await store.get("stays") == LARGE


async def test_a_failure_of_the_store_ends_the_schedule_and_a_bug_does_not() -> None:
    store = await filled()
    settings, collector = scheduled(store, gc_grace="60ms")
    errors: list[Exception] = [ValueError("a bug"), StoreFailed("broken")]

    async def broken(_grace_s: float) -> None:
        raise errors.pop(0)

    collector.sweep = broken  # type: ignore[method-assign, assignment]
    failures: list[StoreFailed] = []
    await collect_again_and_again(collector, garbage_of(store), settings, failures.append, store.log)
    assert [str(failure) for failure in failures] == ["broken"]
    assert store.log.events("error") == ["gc_failed"]


@pytest.mark.parametrize("command", ["gc-run", "gc-rewrite-run", "gc-rewrite", "mpu-gc-run"])
def test_nothing_is_freed_without_force(command: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [command, "--data-dir", str(tmp_path)])
    assert done.exit_code == 2
    assert "--force" in done.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("gc-plan", "--gc-warn-reclaim-bytes", "many"),
        ("gc-run", "--force", "--gc-max-reclaim-bytes", "-1"),
        ("gc-plan", "--gc-min-age", "old"),
        ("mpu-gc-plan", "--mpu-ttl", "soon"),
        ("gc-rewrite-plan", "--gc-live-threshold", "2"),
        ("gc-plan",),
    ],
)
def test_what_cannot_be_understood_or_opened_is_refused(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*arguments, "--data-dir", str(tmp_path / "none")])
    assert done.exit_code == 2
    assert not (tmp_path / "none").exists()
