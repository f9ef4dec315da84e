from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.domain.model.segment import ChunkSlice, Segment
from seglake.testing.contracts.segments import SegmentBench
from tests.unit.adapters.filesystem.bench import DIGESTS, bench_on


class Crowd:
    """Everything that a server does with its store at the same time."""

    def __init__(self, bench: SegmentBench) -> None:
        self.bench = bench
        self.done: list[tuple[ChunkSlice, bytes]] = []
        self.errors: list[BaseException] = []
        self.rows: list[Segment] = []

    def run(self) -> None:
        works = [partial(self.large, number) for number in range(4)]
        threads = [threading.Thread(target=self.guarded, args=(work,)) for work in (*works, self.small, self.seal)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.rows.extend(self.bench.store.close())

    def guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - asserted on by the test
            self.errors.append(error)

    def large(self, number: int) -> None:
        for turn in range(10):
            writer = self.bench.store.bulk()
            payloads = [bytes((number, turn, n)) * 3000 for n in range(3)]
            chunks = [writer.append(payload, DIGESTS.content(payload)) for payload in payloads]
            writer.sync()
            self.done.extend(zip(chunks, payloads, strict=True))
            for chunk in chunks:
                self.bench.store.verify(chunk)
            writer.release()

    def small(self) -> None:
        for ticks in range(1, 60):
            payload = b"%d" % ticks * 500
            self.done.append((self.bench.put(payload, ticks).chunk, payload))
            if ticks % 10 == 0:
                self.bench.store.seal_idle()

    def seal(self) -> None:
        for _ in range(20):
            self.rows.extend(self.bench.store.seal_pending())


async def test_many_threads_write_seal_and_read_side_by_side(tmp_path: Path) -> None:
    crowd = Crowd(bench_on(OsFileSystem(tmp_path), segment_size=60_000))
    crowd.run()
    files = crowd.bench.files
    assert crowd.errors == []
    assert sorted(row.id for row in crowd.rows) == files.list()
    for row in crowd.rows:
        assert list(files.check(row.id, payload=True)) == []
    assert [files.read(chunk) for chunk, _ in crowd.done] == [payload for _, payload in crowd.done]
