"""Users: looked up by name when one of their keys signs."""

from __future__ import annotations

from collections.abc import Iterator
from struct import error as StructError  # noqa: N812 - an exception's name

from seglake.adapters.sqlite.rows import Row, Session, damaged, row_sum
from seglake.domain.model.user import User, UserState
from seglake.domain.ports.tables import Users

_SELECT = "SELECT name, state, created_ms, row_sum FROM users"


def read_user(row: Row) -> User:
    """The user of a row, verified. MetadataDamaged."""
    name, state, created_ms, kept = row
    try:
        if row_sum((created_ms,), f"{name}\0{state}\0") != kept:
            raise damaged("users", name)
        return User(name, UserState(state), created_ms)
    except (StructError, TypeError, ValueError) as error:
        raise damaged("users", name, error) from error


class SqliteUsers(Users):
    """The port on one table."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, name: str, /) -> User | None:
        """One."""
        row = self._session.one(f"{_SELECT} WHERE name = ?", (name,))
        return None if row is None else read_user(row)

    def scan(self) -> Iterator[User]:
        """All, by name."""
        return map(read_user, self._session.scan(f"{_SELECT} ORDER BY name", ()))

    def scan_rows(self) -> Iterator[Row]:
        """Every row as it is kept, for ``check``."""
        return self._session.scan(_SELECT, ())

    def put(self, user: User, /) -> None:
        """Adds or replaces one."""
        state, created = user.state.value, user.created_ms
        kept = row_sum((created,), f"{user.name}\0{state}\0")
        self._session.execute("REPLACE INTO users VALUES(?, ?, ?, ?)", (user.name, state, created, kept))
