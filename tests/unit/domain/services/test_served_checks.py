"""fsck and scrub beside commits: what changes meanwhile is no finding, what is wrong with acknowledged data is one.

Changes are made where a stage of the check begins, so each happens at one known moment of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.segment import Segment, SegmentState
from seglake.domain.ports.journal import NoRecords
from seglake.domain.ports.progress import Progress, Silent, Stages
from seglake.domain.services.fsck import Fsck
from seglake.domain.services.object_reads import ReadObject
from seglake.domain.services.object_writes import DeleteObject
from seglake.domain.services.scrub import Scrub
from seglake.domain.services.sealing import NoteSegments
from seglake.entrypoints.collecting import at_once
from tests.unit.fixtures import Store

LARGE = bytes(300_000)


@pytest.fixture
async def store() -> Store:
    """A store that takes writes: one open segment of commits, one of large payload."""
    made = Store()
    await made.bucket(versioning=Versioning.ENABLED)
    await made.put("small", b"one")
    await made.put("large", LARGE)
    return made


def at(stage: str, change: Callable[[], object]) -> Stages:
    """Stages of which one begins with a change of the store."""

    def begin(name: str, _unit: str, /) -> Progress:
        if name == stage:
            change()
        return Silent()

    return begin


def _rows(store: Store) -> dict[bytes, Segment]:
    return store.metadata.read(lambda view: {row.id: row for row in view.segments.scan()})


def _found(store: Store, stages: Stages | None = None, *, deep: bool = True, served: bool = True) -> list[str]:
    fsck = Fsck(store.metadata, store.files, stages or at("", lambda: None), served=served)
    return [f"{found.where}: {found.text}" for found in fsck.run(deep=deep).findings]


def _segment_of(store: Store, key: str) -> bytes:
    return store.reads.open(ReadObject("bucket", key)).manifest.chunks[0].segment


def _doom(store: Store, segment: bytes) -> None:
    store.metadata.replay([], [replace(_rows(store)[segment], state=SegmentState.DOOMED)])


def test_open_segments_and_those_just_begun_are_no_findings(store: Store) -> None:
    store.segment_store.turn()
    store.segment_store.bulk().append(b"x", bytes(32))
    assert len(_found(store, served=False)) == 4
    assert _found(store) == []


def test_an_open_segment_is_read_as_far_as_it_is_acknowledged(store: Store) -> None:
    store.segment_store.bulk().append(b"on its way", bytes(32))  # not what the digest says
    assert _found(store) == []
    chunk = store.reads.open(ReadObject("bucket", "large")).manifest.chunks[0]
    store.segments.damage(chunk)
    (line,) = _found(store)
    assert line.startswith(f"segment {chunk.segment.hex()}")


async def test_what_is_committed_meanwhile_is_no_finding(store: Store) -> None:
    assert _found(store, at("versions", lambda: at_once(store.put("new", LARGE)))) == []
    assert _found(store, at("records", lambda: at_once(store.put("newer", LARGE)))) == []


async def test_a_segment_that_is_sealed_meanwhile_is_no_finding(store: Store) -> None:
    def seal() -> None:
        store.segment_store.turn()
        rows = store.segment_store.seal_pending()
        assert rows
        store.metadata.apply([NoteSegments(tuple(rows))], NoRecords())

    assert _found(store, at("versions", seal)) == []


async def test_a_segment_that_leaves_meanwhile_is_no_finding(store: Store) -> None:
    await store.put("old", LARGE)
    segment = _segment_of(store, "old")
    version = store.reads.open(ReadObject("bucket", "old")).shown_version

    def collect() -> None:
        at_once(store.writes.delete("bucket", DeleteObject("old", version)))
        at_once(store.writes.delete("bucket", DeleteObject("large", large)))
        _doom(store, segment)
        del store.segments.by_id[segment]

    large = store.reads.open(ReadObject("bucket", "large")).shown_version
    assert _found(store, at("versions", collect)) == []


async def test_a_segment_that_is_needed_and_not_there_is_one(store: Store) -> None:
    segment = _segment_of(store, "large")
    lost = lambda: store.segments.by_id.pop(segment)  # noqa: E731
    assert any("there is no file" in line for line in _found(store, at("versions", lost)))
    assert any("there is no file" in line for line in _found(store))


async def test_acknowledged_bytes_that_are_missing_are_one(store: Store) -> None:
    segment = store.segments.by_id[_segment_of(store, "large")]
    segment.tail = _rows(store)[segment.id].committed - 1
    assert any("were acknowledged" in line for line in _found(store))


def _scrub(store: Store, stages: Stages) -> tuple[int, list[str], int]:
    report = Scrub(store.metadata, store.files, store.clock, stages, served=True).run(dead=True)
    return report.damaged, [found.where.partition("?")[0] for found in report.findings], len(report.suspects)


async def test_a_chunk_that_nobody_needs_any_more_is_no_damage(store: Store) -> None:
    segment = _segment_of(store, "large")
    large = store.reads.open(ReadObject("bucket", "large")).shown_version

    def collect() -> None:
        at_once(store.writes.delete("bucket", DeleteObject("large", large)))
        _doom(store, segment)
        del store.segments.by_id[segment]

    assert _scrub(store, at("payload", collect)) == (0, [], 0)


async def test_a_chunk_that_is_still_needed_is_damage(store: Store) -> None:
    segment = _segment_of(store, "large")
    assert _scrub(store, at("payload", lambda: store.segments.by_id.pop(segment))) == (1, ["bucket/large"], 1)


async def test_all_of_a_served_store_means_all_that_was_acknowledged(store: Store) -> None:
    writer = store.segment_store.bulk()
    writer.append(b"on its way", bytes(32))
    assert _scrub(store, at("", lambda: None)) == (0, [], 0)
    large = store.reads.open(ReadObject("bucket", "large"))
    await store.writes.delete("bucket", DeleteObject("large", large.shown_version))
    store.segments.damage(large.manifest.chunks[0])
    damaged, where, _ = _scrub(store, at("", lambda: None))
    assert (damaged, len(where)) == (0, 1)
