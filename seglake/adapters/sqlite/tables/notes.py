"""Notes of background work: no checksum, since whoever keeps one must do right without it."""

from __future__ import annotations

from seglake.adapters.sqlite.rows import Session
from seglake.domain.ports.tables import Notes


class SqliteNotes(Notes):
    """The port on one table."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, name: str, /) -> str | None:
        """One."""
        row = self._session.one("SELECT text FROM notes WHERE name = ?", (name,))
        return None if row is None else str(row[0])

    def put(self, name: str, text: str, /) -> None:
        """Sets or removes one."""
        if text:
            self._session.execute("REPLACE INTO notes VALUES(?, ?)", (name, text))
        else:
            self._session.execute("DELETE FROM notes WHERE name = ?", (name,))
