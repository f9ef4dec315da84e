"""Keys of the key ring, each as the CBOR of its event; sealed, so that the database alone opens nothing."""

from __future__ import annotations

from collections.abc import Iterator
from struct import error as StructError  # noqa: N812 - an exception's name

from seglake.adapters.disk_format import strict_cbor as cbor
from seglake.adapters.disk_format.states import ring_key_fields, ring_key_from
from seglake.adapters.sqlite.rows import Row, Session, damaged, row_sum
from seglake.domain.model.encryption import RingKey
from seglake.domain.model.errors import FormatDamaged
from seglake.domain.ports.tables import RingKeys

_SELECT = "SELECT name, ring_key, row_sum FROM ring_keys"


def read_ring_key(row: Row) -> RingKey:
    """The ring key of a row, verified. MetadataDamaged."""
    name, blob, kept = row
    try:
        if row_sum((), f"{name}\0", blob) != kept:
            raise damaged("ring_keys", name)
        key = ring_key_from(cbor.loads_map(blob))
    except (StructError, TypeError, FormatDamaged) as error:
        raise damaged("ring_keys", name, error) from error
    if key.name != name:
        raise damaged("ring_keys", name)
    return key


class SqliteRingKeys(RingKeys):
    """The port on one table."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, name: str, /) -> RingKey | None:
        """One."""
        row = self._session.one(f"{_SELECT} WHERE name = ?", (name,))
        return None if row is None else read_ring_key(row)

    def scan(self) -> Iterator[RingKey]:
        """All, by name."""
        return map(read_ring_key, self._session.scan(f"{_SELECT} ORDER BY name", ()))

    def scan_rows(self) -> Iterator[Row]:
        """Every row as it is kept, for ``check``."""
        return self._session.scan(_SELECT, ())

    def put(self, key: RingKey, /) -> None:
        """Adds or replaces one."""
        blob = cbor.dumps(ring_key_fields(key))
        values = (key.name, blob, row_sum((), f"{key.name}\0", blob))
        self._session.execute("REPLACE INTO ring_keys VALUES(?, ?, ?)", values)
