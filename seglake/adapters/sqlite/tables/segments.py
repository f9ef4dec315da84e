"""Segments as the index knows them: above all the length up to which each is acknowledged."""

from __future__ import annotations

from collections.abc import Iterator
from struct import error as StructError  # noqa: N812 - an exception's name

from seglake.adapters.sqlite.rows import Row, Session, damaged, row_sum
from seglake.domain.model.segment import Segment, SegmentState
from seglake.domain.ports.tables import Segments

_SELECT = "SELECT id, state, committed, created_ms, footer, row_sum FROM segments"
_ONE = f"{_SELECT} WHERE id = ?"
_STATES = {int(state): state for state in SegmentState}


def read_segment(row: Row) -> Segment:
    """The segment of a row, verified. MetadataDamaged."""
    segment, state, committed, created_ms, footer, kept = row
    try:
        if row_sum((state, committed, created_ms, len(segment)), "", segment + footer) != kept:
            raise damaged("segments", row)
        return Segment(segment, _STATES[state], committed, created_ms, footer)
    except (StructError, TypeError, ValueError, KeyError, AssertionError) as error:
        raise damaged("segments", row, error) from error


class SqliteSegments(Segments):
    """The port on one table."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, segment: bytes, /) -> Segment | None:
        """One."""
        row = self._session.one(_ONE, (segment,))
        return None if row is None else read_segment(row)

    def scan(self) -> Iterator[Segment]:
        """All, by id."""
        return map(read_segment, self._session.scan(f"{_SELECT} ORDER BY id", ()))

    def scan_rows(self) -> Iterator[Row]:
        """Every row as it is kept, for ``check``."""
        return self._session.scan(_SELECT, ())

    def put(self, segment: Segment, /) -> None:
        """Adds or replaces one."""
        integers = (int(segment.state), segment.committed, segment.created_ms)
        kept = row_sum((*integers, len(segment.id)), "", segment.id + segment.footer)
        self._session.execute(
            "REPLACE INTO segments VALUES(?, ?, ?, ?, ?, ?)", (segment.id, *integers, segment.footer, kept)
        )

    def delete(self, segment: bytes, /) -> None:
        """Removes one, if it is there."""
        self._session.execute("DELETE FROM segments WHERE id = ?", (segment,))
