"""Access keys: looked up by key on every signed request; the secret is kept sealed only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from struct import error as StructError  # noqa: N812 - an exception's name

from seglake.adapters.sqlite.rows import Row, Session, damaged, row_sum
from seglake.domain.model.credential import Credential
from seglake.domain.ports.tables import Credentials

_SELECT = "SELECT access_key, sealed, user, policy, buckets, enabled, created_ms, row_sum FROM api_keys"
_ONE = f"{_SELECT} WHERE access_key = ?"


def read_credential(row: Row) -> Credential:
    """The credential of a row, verified. MetadataDamaged."""
    access_key, sealed, user, policy, buckets, enabled, created_ms, kept = row
    try:
        if row_sum((enabled, created_ms), f"{access_key}\0{user}\0{policy}\0{buckets}\0", sealed) != kept:
            raise damaged("api_keys", access_key)
        allowed = () if buckets == "[]" else tuple(json.loads(buckets))
        return Credential(access_key, sealed, user, policy, allowed, enabled == 1, created_ms)
    except (StructError, TypeError, ValueError) as error:
        raise damaged("api_keys", access_key, error) from error


class SqliteCredentials(Credentials):
    """The port on one table."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, access_key: str, /) -> Credential | None:
        """One."""
        row = self._session.one(_ONE, (access_key,))
        return None if row is None else read_credential(row)

    def scan(self) -> Iterator[Credential]:
        """All, by access key."""
        return map(read_credential, self._session.scan(f"{_SELECT} ORDER BY access_key", ()))

    def scan_rows(self) -> Iterator[Row]:
        """Every row as it is kept, for ``check``."""
        return self._session.scan(_SELECT, ())

    def put(self, credential: Credential, /) -> None:
        """Adds or replaces one."""
        key, user, policy = credential.access_key, credential.user, str(credential.policy)
        buckets = json.dumps(credential.buckets, ensure_ascii=False, separators=(",", ":"))
        enabled, created = int(credential.enabled), credential.created_ms
        kept = row_sum((enabled, created), f"{key}\0{user}\0{policy}\0{buckets}\0", credential.sealed)
        values = (key, credential.sealed, user, policy, buckets, enabled, created, kept)
        self._session.execute("REPLACE INTO api_keys VALUES(?, ?, ?, ?, ?, ?, ?, ?)", values)

    def delete(self, access_key: str, /) -> None:
        """Removes one, if it is there."""
        self._session.execute("DELETE FROM api_keys WHERE access_key = ?", (access_key,))
