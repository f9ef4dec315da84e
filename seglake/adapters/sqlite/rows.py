"""No row is believed before its checksum was: SQLite does not notice a bit that flips inside a cell.

A checksum is the CRC-64/NVME of a row's integers as little-endian 64-bit numbers, then its texts, each ended by a zero
byte, then its blobs; docs/formats/metadata.md lists the order for each table. It guards against rot and misplaced
pages, not against somebody who can write the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Any

import apsw
from awscrt.checksums import crc64nvme

from seglake.domain.model.errors import MetadataDamaged

Row = tuple[Any, ...]
Execute = Callable[..., apsw.Cursor]

_TOP = 1 << 63
_ALL = 1 << 64
_PACKS = [Struct(f"<{count}q").pack for count in range(16)]


def row_sum(integers: tuple[int, ...], texts: str, blobs: bytes = b"") -> int:
    """The checksum as SQLite keeps it (signed). ``texts`` has its zero ends already, ``blobs`` are joined."""
    crc: int = crc64nvme(b"%b%b%b" % (_PACKS[len(integers)](*integers), texts.encode(), blobs))
    return crc - _ALL if crc >= _TOP else crc


def damaged(table: str, row: object, cause: Exception | None = None) -> MetadataDamaged:
    """The error for a row that is not what was written."""
    why = f" ({cause})" if cause is not None else ""
    return MetadataDamaged(
        f"a row of {table} is damaged: {row!r:.200}{why}; stop the server and run `seglake rebuild-index`"
    )


class Session:
    """One connection's statements; knows which scans are still open, so that a snapshot can end them."""

    __slots__ = ("connection", "cursors", "execute")

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        self.execute: Execute = connection.execute
        self.cursors: set[apsw.Cursor] = set()

    def one(self, sql: str, values: tuple[Any, ...]) -> Row | None:
        """The first row, or None."""
        row: Row | None = self.execute(sql, values).fetchone()
        return row

    def scan(self, sql: str, values: tuple[Any, ...]) -> Iterator[Row]:
        """Rows as they are asked for."""
        cursor = self.execute(sql, values)
        cursors = self.cursors
        cursors.add(cursor)
        try:
            yield from cursor
        finally:
            cursors.discard(cursor)
            cursor.close(True)

    def end_scans(self) -> None:
        """Closes what a caller left open: it would hold the snapshot for ever."""
        while self.cursors:
            self.cursors.pop().close(True)
