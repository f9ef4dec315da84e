from __future__ import annotations

import json
from typing import Any

import pytest

from seglake.domain.model.errors import FormatDamaged, UnknownFormat
from seglake.domain.model.hlc import HLC
from seglake.domain.model.segment import Segment, SegmentState
from seglake.domain.model.snapshot import (
    IndexFile,
    SnapshotManifest,
    SnapshotSegment,
    Taken,
    parse_text,
    to_text,
)

OPEN = SnapshotSegment(Segment(b"o" * 16, SegmentState.OPEN, 100, 1), Taken.COPIED)
SEALED = SnapshotSegment(Segment(b"s" * 16, SegmentState.SEALED, 200, 2, bytes(32)), Taken.LINKED)
MANIFEST = SnapshotManifest(
    created_ms=17,
    program="1.0",
    store_format=1,
    newest=HLC(5, 6),
    data=True,
    key=False,
    index=IndexFile(4096, bytes(range(32))),
    segments=(OPEN, SEALED),
    history_ticks=3,
)


@pytest.mark.parametrize("segments", [(), (OPEN,), (OPEN, SEALED)])
def test_a_manifest_is_read_as_it_was_written(segments: tuple[SnapshotSegment, ...]) -> None:
    from dataclasses import replace

    manifest = replace(MANIFEST, segments=segments)
    assert parse_text(to_text(manifest)) == manifest


@pytest.mark.parametrize(
    "change",
    [
        {"newest": "x"},
        {"created_ms": -1},
        {"created_ms": True},
        {"data": 1},
        {"index": {"bytes": 1, "blake3": "00"}},
        {"index": []},
        {"segments": [{}]},
        {"segments": 5},
        {"segments": [{"id": "00" * 16, "state": "open", "bytes": 1, "created_ms": 1, "footer": "00", "taken": "no"}]},
        {"segments": [{"id": "zz" * 16, "state": "open", "bytes": 1, "created_ms": 1, "footer": "", "taken": "no"}]},
    ],
)
def test_a_damaged_manifest_is_refused(change: dict[str, Any]) -> None:
    fields = {**json.loads(to_text(MANIFEST)), **change}
    with pytest.raises(FormatDamaged):
        parse_text(json.dumps(fields))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"kind": "other"}', "[" * 100_000])
def test_something_else_is_no_manifest(text: str) -> None:
    with pytest.raises(FormatDamaged):
        parse_text(text)


def test_a_newer_manifest_is_refused_as_such() -> None:
    fields = {**json.loads(to_text(MANIFEST)), "version": 2}
    with pytest.raises(UnknownFormat):
        parse_text(json.dumps(fields))
