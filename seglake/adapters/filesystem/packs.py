"""Manifest packs are trusted only whole: their own checksum matches and they belong to this very footer."""

from __future__ import annotations

from collections.abc import Iterator

from seglake.adapters.disk_format.pack import check_pack, entries
from seglake.adapters.filesystem.layout import pack_name
from seglake.domain.model.errors import FormatDamaged
from seglake.domain.model.segment import Segment
from seglake.domain.ports.files import FileSystem


def pack_finding(files: FileSystem, row: Segment, events: int) -> str:
    """What is wrong with the pack of the sealed segment ``row`` with ``events`` events; empty when nothing is."""
    name = pack_name(row.id)
    if not files.exists(name):
        return "the manifest pack is missing" if events else ""
    file = files.open(name)
    try:
        head, count = check_pack(file.pread, file.size())
    except FormatDamaged as error:
        return error.what
    finally:
        file.close()
    if head.segment != row.id or head.footer != row.footer:
        return "the manifest pack belongs to another segment or sealing"
    if count != events:
        return f"the manifest pack holds {count} events, the segment {events}"
    return ""


def sound_pack(files: FileSystem, row: Segment, events: int) -> bool:
    """True when the pack may be read instead of the segment."""
    return not pack_finding(files, row, events)


def pack_entries(files: FileSystem, segment: bytes) -> Iterator[tuple[int, int, memoryview]]:
    """Record offset, payload length and bytes of each event of a sound pack."""
    file = files.open(pack_name(segment))
    try:
        yield from entries(file.pread, file.size())
    finally:
        file.close()
