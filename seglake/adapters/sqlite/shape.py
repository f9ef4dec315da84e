"""What SQLite believes of its file without asking: the settings in the header, and the text of the schema.

Nothing in the file vouches for them. One flipped bit turns a descending key into an ascending one or renames a column,
and every row behind it still matches its checksum: so both are compared with what this program writes.
"""

from __future__ import annotations

from functools import lru_cache

import apsw

from seglake.adapters.sqlite.schema import MIGRATIONS, migrate
from seglake.domain.model.errors import MetadataDamaged

_HEADER_BYTES = 100
_FIXED: tuple[tuple[str, int, bytes], ...] = (
    ("file format versions", 18, b"\2\2"),
    ("reserved bytes and payload fractions", 20, bytes((0, 64, 32, 32))),
    ("schema format", 44, (4).to_bytes(4, "big")),
    ("vacuum settings", 52, bytes(4)),
    ("text encoding", 56, (1).to_bytes(4, "big")),
    ("vacuum mode", 64, bytes(4)),
)
"""Name, offset and bytes of the header's fields that never change (https://sqlite.org/fileformat2.html, 1.3)."""
_SCHEMA_FIELDS = slice(40, 60)
"""From the schema's cookie to the text encoding: zeros until the first table is made."""
_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY 1, 2"


def check_header(connection: apsw.Connection) -> None:
    """MetadataDamaged when a fixed field of the file's header is another. A file without a schema has none yet."""
    whole, header = connection.read("main", 0, 0, _HEADER_BYTES)
    if not whole or not any(header[_SCHEMA_FIELDS]):
        return
    for name, offset, expected in _FIXED:
        if header[offset : offset + len(expected)] != expected:
            raise MetadataDamaged(f"meta.db is damaged: its header's {name}; run `seglake rebuild-index`")


def check_schema(connection: apsw.Connection) -> None:
    """MetadataDamaged when the schema is not, letter for letter, the one that this program makes."""
    found = tuple(connection.execute(_SCHEMA))
    if found != _expected():
        raise MetadataDamaged("meta.db is damaged: its schema is another one; run `seglake rebuild-index`")


@lru_cache(maxsize=1)
def _expected() -> tuple[tuple[str, str, str, str], ...]:
    connection = apsw.Connection(":memory:")
    try:
        migrate(connection, 0, MIGRATIONS)
        return tuple(connection.execute(_SCHEMA))
    finally:
        connection.close(True)
