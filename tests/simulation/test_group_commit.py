"""The committer of production, thread and all, on a disk whose sync fails: every waiter learns it, none is deceived."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from seglake.adapters.commit.group import GroupCommitter
from seglake.adapters.faulty.files import Fault, Faults, FaultyFileSystem, Plan
from seglake.adapters.filesystem.crash_files import CrashFile, CrashFileSystem
from seglake.domain.model.errors import SeglakeError, StoreFailed
from seglake.domain.model.limits import Limits
from seglake.domain.ports.files import File
from seglake.domain.services.buckets import CreateBucket
from seglake.domain.services.object_reads import ReadObject
from seglake.domain.services.object_writes import ObjectAttributes, ObjectWrites, PutObject

from .ledger import check_sound
from .operations import joined
from .stack import Options, SentBody, Stack, drive, open_stack

pytestmark = pytest.mark.slow

CLIENTS = 12
ROUNDS = 4


def forget(file: File) -> None:
    assert isinstance(file, CrashFile)
    file.lose_unsynced()


class Load:
    """Clients that put at the same time; ``kept`` is what was acknowledged."""

    def __init__(self, stack: Stack) -> None:
        self.kept: dict[str, bytes] = {}
        self.failures: list[StoreFailed] = []
        self.refused: list[SeglakeError] = []
        self.committer = GroupCommitter(stack.metadata, stack.segments, stack.clock, on_failure=self.failures.append)
        self._writes = ObjectWrites(stack.metadata, self.committer, stack.ingest, Limits(), stack.encrypting)

    async def run(self) -> None:
        await asyncio.gather(*[self._client(number) for number in range(CLIENTS)])
        await self.committer.close()

    async def _client(self, number: int) -> None:
        for round_ in range(ROUNDS):
            key, data = f"{number}/{round_}", bytes([number, round_]) * (1 + 400 * number)
            try:
                await self._writes.put(PutObject("bucket", key, ObjectAttributes()), SentBody(data))
            except SeglakeError as error:
                self.refused.append(error)
            else:
                assert not self.failures, "acknowledged after the failure was told"
                self.kept[key] = data
            await asyncio.sleep(0)


@pytest.mark.parametrize("nth", range(1, 25))
@pytest.mark.parametrize("fault", [Fault.EIO, Fault.ENOSPC])
async def test_a_failed_sync_is_told_to_every_waiter(nth: int, fault: Fault) -> None:
    disk, faults = CrashFileSystem(), Faults()
    files = FaultyFileSystem(disk, faults, on_failed_sync=forget)
    stack = open_stack(files, Options(segment_size=1 << 20))
    drive(stack.buckets.create(CreateBucket("bucket")))
    faults.plan = Plan(faults.calls.count("sync") + nth, fault, operation="sync")
    load = Load(stack)
    await asyncio.wait_for(load.run(), timeout=60)
    assert nth > 4 or "sync" in faults.failed, "the load is too small for this test"
    if "sync" in faults.failed:
        assert len(load.failures) <= 1
        assert all(isinstance(error, StoreFailed) for error in load.refused)
    else:
        assert len(load.kept) == CLIENTS * ROUNDS
    stack.let_go()
    for image in (disk.crash(), *list(disk.crash_states(Random(nth), exhaustive=3, samples=4))[:4]):
        check_kept(image, load.kept)


def check_kept(image: CrashFileSystem, kept: dict[str, bytes]) -> None:
    stack = open_stack(image, Options(seed=99))
    for key, data in kept.items():
        opened = stack.reads.open(ReadObject("bucket", key))
        assert drive(joined(stack.reads.stream(opened, 0, len(data)))) == data
    check_sound(stack)
    stack.let_go()
