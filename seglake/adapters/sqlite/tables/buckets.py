"""Buckets: looked up by name on every request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from struct import error as StructError  # noqa: N812 - an exception's name

from seglake.adapters.sqlite.rows import Row, Session, damaged, row_sum
from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.hlc import HLC
from seglake.domain.ports.tables import Buckets

_SELECT = "SELECT id, name, site, versioning, owner, region, configured, row_sum FROM buckets"
_INTO = "INTO buckets(id, name, site, versioning, owner, region, configured, row_sum) VALUES(?, ?, ?, ?, ?, ?, ?, ?)"
_BY_NAME = f"{_SELECT} WHERE name = ?"
_BY_ID = f"{_SELECT} WHERE id = ?"
_SCAN = f"{_SELECT} WHERE name > ? AND name >= ? ORDER BY name"
_VERSIONINGS = {versioning.value: versioning for versioning in Versioning}


def _sum(bucket_id: int, site: int, configured: int, texts: str) -> int:
    """A bucket that was never configured has the sum that it had before there was such a column."""
    return row_sum((bucket_id, site, configured) if configured else (bucket_id, site), texts)


# A row that is equal to one that was verified is verified; nothing here can be stale.
@lru_cache(maxsize=1024)
def read_bucket(row: Row) -> Bucket:
    """The bucket of a row, verified. MetadataDamaged."""
    bucket_id, name, site, versioning, owner, region, configured, kept = row
    try:
        if _sum(bucket_id, site, configured, f"{name}\0{versioning}\0{owner}\0{region}\0") != kept:
            raise damaged("buckets", row)
        return Bucket(name, HLC(bucket_id, site), _VERSIONINGS[versioning], owner, region, configured)
    except (StructError, TypeError, ValueError, KeyError) as error:
        raise damaged("buckets", row, error) from error


class SqliteBuckets(Buckets):
    """The port on one table."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, name: str, /) -> Bucket | None:
        """The bucket of that name."""
        row = self._session.one(_BY_NAME, (name,))
        return None if row is None else read_bucket(row)

    def by_id(self, bucket_id: int, /) -> Bucket | None:
        """The bucket with that id."""
        row = self._session.one(_BY_ID, (bucket_id,))
        return None if row is None else read_bucket(row)

    def scan(self, prefix: str = "", after: str = "", /) -> Iterator[Bucket]:
        """By name."""
        for row in self._session.scan(_SCAN, (after, prefix)):
            bucket = read_bucket(row)
            if not bucket.name.startswith(prefix):
                return
            yield bucket

    def insert(self, bucket: Bucket, /) -> None:
        """Adds a bucket."""
        self._put("INSERT", bucket)

    def set_versioning(self, bucket_id: int, versioning: Versioning, /) -> None:
        """Changes a bucket, if it is there."""
        old = self.by_id(bucket_id)
        if old is not None:
            self._put("REPLACE", replace(old, versioning=versioning))

    def set_configured(self, bucket_id: int, ticks: int, /) -> None:
        """Notes that a bucket's configuration changed, if it is there."""
        old = self.by_id(bucket_id)
        if old is not None:
            self._put("REPLACE", replace(old, configured=ticks))

    def scan_rows(self) -> Iterator[Row]:
        """Every row as it is kept, for ``check``."""
        return self._session.scan(_SELECT, ())

    def delete(self, bucket_id: int, /) -> None:
        """Removes a bucket, if it is there."""
        self._session.execute("DELETE FROM buckets WHERE id = ?", (bucket_id,))

    def _put(self, verb: str, bucket: Bucket) -> None:
        name, site, versioning = bucket.name, bucket.created.site, bucket.versioning.value
        kept = _sum(bucket.id, site, bucket.configured, f"{name}\0{versioning}\0{bucket.owner}\0{bucket.region}\0")
        values = (bucket.id, name, site, versioning, bucket.owner, bucket.region, bucket.configured, kept)
        self._session.execute(f"{verb} {_INTO}", values)
