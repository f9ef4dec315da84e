"""The index of a store that another process serves: a read is a snapshot, and nothing is written or checkpointed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from seglake.adapters.sqlite.check import findings
from seglake.adapters.sqlite.connection import Disk, open_reader
from seglake.adapters.sqlite.readers import ReaderPool
from seglake.adapters.sqlite.rows import Session
from seglake.domain.ports.metadata import MetadataReads, MetadataView

T = TypeVar("T")


class SqliteReads(MetadataReads):
    """Reads of one SQLite file that somebody else has open for writing."""

    def __init__(self, path: str) -> None:
        self._disk = Disk(path)
        self._pool = ReaderPool(self._disk)

    def read(self, query: Callable[[MetadataView], T], /) -> T:
        """See the port. MetadataDamaged, StoreFailed."""
        return self._pool.reader().read(query)

    def read_beside(self, query: Callable[[MetadataView], T], /) -> Callable[[], T]:
        """Runs it when it is asked for."""
        return lambda: self.read(query)

    def check(self, *, versions: bool = True) -> list[str]:
        """See the port; on a connection of its own."""
        connection = open_reader(self._disk)
        try:
            return findings(Session(connection), versions=versions)
        finally:
            connection.close(True)

    def close(self) -> None:
        """Closes the connections; no read may be under way."""
        self._pool.close()
