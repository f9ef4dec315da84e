"""A snapshot is what its manifest says, and a directory without a manifest is none: it is written last.

docs/formats/snapshot.md has every field.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .errors import FormatDamaged, UnknownFormat
from .hlc import HLC, parse_hlc
from .segment import Segment, SegmentState

MAGIC = "seglake-snapshot"
VERSION = 1
MANIFEST_BYTES_MAX = 64 << 20
_HEX = re.compile(r"(?:[0-9a-f]{2})*\Z")
_STATES = {"open": SegmentState.OPEN, "sealed": SegmentState.SEALED}


class Taken(StrEnum):
    """How a segment came into a snapshot or out of it."""

    NOT = "no"
    """It is only named: a snapshot of the index alone."""
    SHARED = "shared"
    """By reflink: the blocks are one until either file is written."""
    LINKED = "linked"
    """By hard link: one file under two names."""
    COPIED = "copied"
    MISSING = "missing"
    """The index names it, but there was no file."""


@dataclass(frozen=True, slots=True)
class IndexFile:
    """The copy of the index: its length in bytes and its BLAKE3."""

    size: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class SnapshotSegment:
    """One segment that the snapshot needs: its row when the index was copied, and how it was taken."""

    row: Segment
    taken: Taken


@dataclass(frozen=True, slots=True)
class SnapshotManifest:
    """``newest`` is the newest stamp in it; ``data`` tells whether the segments were taken, ``key`` whether the master
    key file was; ``history_ticks`` is how far back a restore may go (0 = to the beginning)."""

    created_ms: int
    program: str
    store_format: int
    newest: HLC
    data: bool
    key: bool
    index: IndexFile
    segments: tuple[SnapshotSegment, ...]
    history_ticks: int = 0

    @property
    def segment_bytes(self) -> int:
        """The sum of the acknowledged lengths."""
        return sum([one.row.committed for one in self.segments])


def to_text(manifest: SnapshotManifest) -> str:
    """The manifest as JSON, one line for each segment."""
    head = {
        "kind": MAGIC,
        "version": VERSION,
        "program": manifest.program,
        "created_ms": manifest.created_ms,
        "store_format": manifest.store_format,
        "newest": str(manifest.newest),
        "history_ticks": manifest.history_ticks,
        "data": manifest.data,
        "key": manifest.key,
        "index": {"bytes": manifest.index.size, "blake3": manifest.index.digest.hex()},
    }
    text = json.dumps(head, indent=2).removesuffix("\n}")
    rows = ",\n".join([f"    {json.dumps(_row(one))}" for one in manifest.segments])
    return f'{text},\n  "segments": [\n{rows}\n  ]\n}}\n' if rows else f'{text},\n  "segments": []\n}}\n'


def _row(one: SnapshotSegment) -> dict[str, Any]:
    row = one.row
    return {
        "id": row.id.hex(),
        "state": row.state.name.lower(),
        "bytes": row.committed,
        "created_ms": row.created_ms,
        "footer": row.footer.hex(),
        "taken": one.taken.value,
    }


def parse_text(text: str) -> SnapshotManifest:
    """Reads what ``to_text`` writes. FormatDamaged; UnknownFormat for a newer one."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise FormatDamaged("the snapshot's manifest is not JSON") from None
    if not isinstance(fields, dict) or fields.get("kind") != MAGIC:
        raise FormatDamaged("this is not the manifest of a snapshot")
    if fields.get("version") != VERSION:
        raise UnknownFormat(f"the snapshot has format {fields.get('version')!r:.40}, this program knows {VERSION}")
    try:
        return SnapshotManifest(
            created_ms=_number(fields["created_ms"]),
            program=_text(fields["program"]),
            store_format=_number(fields["store_format"]),
            newest=parse_hlc(_text(fields["newest"])),
            data=_flag(fields["data"]),
            key=_flag(fields["key"]),
            index=IndexFile(_number(fields["index"]["bytes"]), _bytes(fields["index"]["blake3"], 32)),
            segments=tuple([_segment(row) for row in fields["segments"]]),
            history_ticks=_number(fields["history_ticks"]),
        )
    except (KeyError, TypeError, ValueError, AssertionError) as error:
        raise FormatDamaged(f"the snapshot's manifest is damaged: {error!r:.100}") from error


def _segment(fields: dict[str, Any]) -> SnapshotSegment:
    state = _STATES[fields["state"]]
    footer = _bytes(fields["footer"], 32 if state is SegmentState.SEALED else 0)
    row = Segment(_bytes(fields["id"], 16), state, _number(fields["bytes"]), _number(fields["created_ms"]), footer)
    return SnapshotSegment(row, Taken(fields["taken"]))


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError("not a number")
    return value


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError("not a text")
    return value


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise TypeError("not true or false")
    return value


def _bytes(value: object, length: int) -> bytes:
    text = _text(value)
    if len(text) != 2 * length or not _HEX.match(text):
        raise ValueError("not hexadecimal of the right length")
    return bytes.fromhex(text)
