"""Configuration texts of buckets; readers remember them by the stamp of the bucket's newest change."""

from __future__ import annotations

from collections.abc import Iterator
from struct import error as StructError  # noqa: N812 - an exception's name
from types import MappingProxyType

from seglake.adapters.sqlite.rows import Row, Session, damaged, row_sum
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.bucket_config import NO_CONFIGS, ConfigKind, Configs
from seglake.domain.ports.tables import ConfigTexts

BUCKETS_REMEMBERED_MAX = 256

_SELECT = "SELECT bucket_id, kind, text, row_sum FROM bucket_configs"
_OF = f"{_SELECT} WHERE bucket_id = ?"


def read_config(row: Row) -> tuple[ConfigKind, str]:
    """Kind and text of a row, verified. MetadataDamaged."""
    bucket_id, kind, text, kept = row
    try:
        if row_sum((bucket_id,), f"{kind}\0{text}\0") != kept:
            raise damaged("bucket_configs", (bucket_id, kind))
        return ConfigKind(kind), text
    except (StructError, TypeError, ValueError) as error:
        raise damaged("bucket_configs", (bucket_id, kind), error) from error


class SqliteConfigs(ConfigTexts):
    """The port on one table. ``remembers`` only where no change can be undone, that is in a reader."""

    __slots__ = ("_remembered", "_session")

    def __init__(self, session: Session, *, remembers: bool) -> None:
        self._session = session
        # Id and stamp of a committed change name its result for good: an entry is never stale, only out of use.
        self._remembered: dict[tuple[int, int], Configs] | None = {} if remembers else None

    def of(self, bucket: Bucket, /) -> Configs:
        """All texts."""
        if not bucket.configured:
            return NO_CONFIGS
        remembered = self._remembered
        if remembered is None:
            return self._read(bucket.id)
        name = (bucket.id, bucket.configured)
        found = remembered.get(name)
        if found is None:
            if len(remembered) >= BUCKETS_REMEMBERED_MAX:
                remembered.clear()
            found = remembered[name] = self._read(bucket.id)
        return found

    def _read(self, bucket_id: int) -> Configs:
        return MappingProxyType(dict(map(read_config, self._session.scan(_OF, (bucket_id,)))))

    def scan_rows(self) -> Iterator[Row]:
        """Every row as it is kept, for ``check``."""
        return self._session.scan(_SELECT, ())

    def put(self, bucket_id: int, kind: ConfigKind, text: str, /) -> None:
        """Sets or removes one."""
        if not text:
            self._session.execute(
                "DELETE FROM bucket_configs WHERE bucket_id = ? AND kind = ?", (bucket_id, kind.value)
            )
            return
        values = (bucket_id, kind.value, text, row_sum((bucket_id,), f"{kind.value}\0{text}\0"))
        self._session.execute("REPLACE INTO bucket_configs VALUES(?, ?, ?, ?)", values)

    def drop(self, bucket_id: int, /) -> None:
        """Removes all of a bucket."""
        self._session.execute("DELETE FROM bucket_configs WHERE bucket_id = ?", (bucket_id,))
