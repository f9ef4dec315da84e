"""What the store knows about itself; within a batch the clock's ticks are counted in memory and kept once."""

from __future__ import annotations

from struct import error as StructError  # noqa: N812 - an exception's name

from seglake.adapters.sqlite.rows import Session, damaged, row_sum
from seglake.domain.ports.tables import SettingsView, SiteSettings

_SELECT = "SELECT site, ticks, row_sum FROM site WHERE one = 1"


def read_site(session: Session) -> tuple[int, int]:
    """Site and ticks, verified. MetadataDamaged."""
    row = session.one(_SELECT, ())
    if row is None:
        raise damaged("site", "none")
    site, ticks, kept = row
    try:
        if row_sum((site, ticks), "") != kept:
            raise damaged("site", row)
    except (StructError, TypeError) as error:
        raise damaged("site", row, error) from error
    return site, ticks


def write_site(session: Session, site: int, ticks: int) -> None:
    """Keeps both."""
    session.execute("REPLACE INTO site VALUES(1, ?, ?, ?)", (site, ticks, row_sum((site, ticks), "")))


class SqliteSettingsView(SettingsView):
    """The reading half."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def site(self) -> int:
        """This site."""
        return read_site(self._session)[0]

    def last_ticks(self) -> int:
        """The newest stamp's ticks."""
        return read_site(self._session)[1]


class BatchSettings(SiteSettings):
    """The settings of one batch: loaded at its begin, saved before its commit.

    Ticks only rise, and a script that is undone does not give its ticks back: a stamp is given out once. ``site``
    is a plain row change (it is set when a directory is made or rebuilt), so it is undone with its script.
    """

    __slots__ = ("_kept", "_session", "ticks")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._kept = (0, 0)
        self.ticks = 0

    def load(self) -> None:
        """Reads what the last batch (of any process) kept."""
        self._kept = read_site(self._session)
        self.ticks = self._kept[1]

    def save(self) -> None:
        """Writes the ticks if they rose."""
        if self.ticks != self._kept[1]:
            write_site(self._session, self.site(), self.ticks)

    def site(self) -> int:
        """This site."""
        return self._kept[0]

    def last_ticks(self) -> int:
        """The newest stamp's ticks."""
        return self.ticks

    def set_site(self, site: int, /) -> None:
        """Renames the site."""
        write_site(self._session, site, self._kept[1])
        self._kept = (site, self._kept[1])

    def set_last_ticks(self, ticks: int, /) -> None:
        """Raises the newest stamp's ticks; never lowers them."""
        if ticks > self.ticks:
            self.ticks = ticks

    def reload_site(self) -> None:
        """Forgets a ``set_site`` that was undone with its script."""
        self._kept = (read_site(self._session)[0], self._kept[1])
