"""What a helper process does with segment files: it opens them itself, and sends back values, never files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from seglake.adapters.disk_format.events import decode_event
from seglake.adapters.disk_format.plain import plain_put
from seglake.adapters.filesystem.packs import pack_entries
from seglake.domain.model.replayed import PlainPut, Replayed
from seglake.domain.model.segment import RecordRef
from seglake.domain.ports.files import FileSystem

HELPED_EVENTS_MIN = 50_000
"""Fewer events are read here before a process has even begun."""

_PUT_FIELDS = len(PlainPut._fields)


@dataclass(frozen=True, slots=True)
class ReadPack:
    """The entries of a sound pack behind the first ``skip``, as plain tuples, which travel fast."""

    files: FileSystem
    segment: bytes
    skip: int

    def __call__(self) -> Iterator[tuple[Any, ...]]:
        """Offset and length, then the fields of a plain put, or the bytes of any other event. FormatDamaged."""
        for offset, length, payload in islice(pack_entries(self.files, self.segment), self.skip, None):
            data = bytes(payload)
            put = plain_put(data)
            yield (offset, length, data) if put is None else (offset, length, *put)


def replayed(segment: bytes, row: tuple[Any, ...]) -> tuple[Replayed, RecordRef]:
    """What ``ReadPack`` meant."""
    ref = RecordRef(segment, row[0], row[1])
    if len(row) == 3:
        return decode_event(row[2]), ref
    assert len(row) == 2 + _PUT_FIELDS, "a put has all its fields"
    return PlainPut(*row[2:]), ref
