from __future__ import annotations

from collections.abc import Sequence

import pytest

from seglake.domain.model.errors import IncompleteBody, StorageFull
from seglake.domain.model.segment import ChunkSlice, DurableMark
from seglake.domain.services.ingest import Ingest
from tests.unit.fixtures import Pieces, Store

LARGE = bytes(9 << 20)


class _Writer:
    """A bulk writer that counts, and fails at its n-th chunk."""

    def __init__(self, store: Store, fails_at: int | None = None) -> None:
        self._inner = store.segment_store.bulk()
        self._fails_at = fails_at
        self.appended = self.synced = self.released = 0

    def append(self, payload: bytes | bytearray | memoryview, digest: bytes, /) -> ChunkSlice:
        self.appended += 1
        if self.appended == self._fails_at:
            raise StorageFull("no room")
        return self._inner.append(payload, digest)

    def sync(self) -> tuple[DurableMark, ...]:
        self.synced += 1
        return self._inner.sync()

    def release(self) -> None:
        self.released += 1


def _ingest(store: Store, writer: _Writer) -> Ingest:
    class Segments:
        def bulk(self) -> _Writer:
            return writer

    return Ingest(Segments(), store.digests, store.offload, inline_bytes_max=100)  # type: ignore[arg-type]


def _marked(marks: Sequence[DurableMark]) -> bool:
    return bool(marks) and all(mark.length > 0 for mark in marks)


async def test_a_large_payload_is_synced_before_it_can_be_named() -> None:
    writer = _Writer(Store())
    payload = await _ingest(Store(), writer).receive(Pieces([LARGE]), maximum=1 << 30)
    assert (writer.appended, writer.synced, writer.released) == (3, 1, 0)
    assert _marked(payload.marks)
    payload.release()
    assert writer.released == 1


@pytest.mark.parametrize("fails_at", [1, 2, 3])
async def test_a_full_disk_ends_the_upload_and_lets_go_of_its_segments(fails_at: int) -> None:
    writer = _Writer(Store(), fails_at)
    with pytest.raises(StorageFull):
        await _ingest(Store(), writer).receive(Pieces([LARGE]), maximum=1 << 30)
    assert (writer.synced, writer.released) == (0, 1)


async def test_a_body_that_breaks_off_is_not_synced() -> None:
    writer = _Writer(Store())
    with pytest.raises(IncompleteBody):
        await _ingest(Store(), writer).receive(Pieces([LARGE], length=len(LARGE) + 1), maximum=1 << 30)
    assert (writer.synced, writer.released) == (0, 1)


async def test_a_client_that_vanishes_leaves_no_pin() -> None:
    class Vanishing(Pieces):
        async def read(self) -> bytes:
            if len(self._pieces) == 1:
                raise ConnectionResetError
            return await super().read()

    writer = _Writer(Store())
    with pytest.raises(ConnectionResetError):
        await _ingest(Store(), writer).receive(Vanishing([LARGE, b"rest"]), maximum=1 << 30)
    assert (writer.synced, writer.released) == (0, 1)
