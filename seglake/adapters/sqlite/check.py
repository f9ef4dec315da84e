"""A check trusts nothing: pages, every row's checksum, and that rows which belong together are all there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import apsw

from seglake.adapters.sqlite.rows import Row, Session
from seglake.adapters.sqlite.tables.buckets import read_bucket
from seglake.adapters.sqlite.tables.configs import read_config
from seglake.adapters.sqlite.tables.credentials import read_credential
from seglake.adapters.sqlite.tables.ring_keys import read_ring_key
from seglake.adapters.sqlite.tables.segments import read_segment
from seglake.adapters.sqlite.tables.settings import read_site
from seglake.adapters.sqlite.tables.uploads import read_part, read_upload
from seglake.adapters.sqlite.tables.users import read_user
from seglake.adapters.sqlite.tables.versions import read_entry, read_version
from seglake.adapters.sqlite.view import SqliteView
from seglake.domain.model.errors import MetadataDamaged
from seglake.domain.model.version import entry_of

_ORPHAN_MANIFESTS = "SELECT id FROM manifests WHERE id NOT IN (SELECT manifest_id FROM versions)"
_SHARED_MANIFESTS = "SELECT manifest_id FROM versions GROUP BY manifest_id HAVING count(*) > 1"
_HOMELESS_VERSIONS = "SELECT DISTINCT bucket_id FROM versions WHERE bucket_id NOT IN (SELECT id FROM buckets)"
_HOMELESS_CONFIGS = "SELECT DISTINCT bucket_id FROM bucket_configs WHERE bucket_id NOT IN (SELECT id FROM buckets)"
_HOMELESS_PARTS = "SELECT DISTINCT upload FROM multipart_parts WHERE upload NOT IN (SELECT id FROM multipart_uploads)"
_TWO_NULLS = "SELECT key FROM versions WHERE is_null = 1 GROUP BY bucket_id, key HAVING count(*) > 1"


def findings(session: Session, *, versions: bool = True) -> list[str]:
    """All findings in one snapshot, one line each; empty when sound."""
    found: list[str] = []
    try:
        session.execute("BEGIN")
        found.extend(_all(session, versions=versions))
    except (apsw.Error, UnicodeDecodeError) as error:
        found.append(f"sqlite: the check cannot go on: {error}")
    finally:
        session.end_scans()
        session.execute("ROLLBACK")
    return found


def _all(session: Session, *, versions: bool) -> Iterator[str]:
    for (text,) in session.scan("PRAGMA integrity_check", ()):
        if text != "ok":
            yield f"sqlite: {text}"
    try:
        read_site(session)
    except MetadataDamaged as error:
        yield f"site: {error}"
    view = SqliteView(session)
    yield from _rows("buckets", view.buckets.scan_rows(), read_bucket)
    yield from _rows("bucket_configs", view.configs.scan_rows(), read_config)
    yield from _rows("users", view.users.scan_rows(), read_user)
    yield from _rows("ring_keys", view.ring_keys.scan_rows(), read_ring_key)
    yield from _rows("segments", view.segments.scan_rows(), read_segment)
    yield from _rows("api_keys", view.credentials.scan_rows(), read_credential)
    yield from _rows("multipart_uploads", view.uploads.scan_rows(), read_upload)
    yield from _rows("multipart_parts", view.uploads.scan_part_rows(), read_part)
    if versions:
        yield from _rows("versions", view.versions.scan_rows(), _check_version)
    for sql, text in (
        (_ORPHAN_MANIFESTS, "manifests: {!r} belongs to no version"),
        (_SHARED_MANIFESTS, "manifests: {!r} belongs to several versions"),
        (_HOMELESS_VERSIONS, "versions: of the bucket {!r}, which is not there"),
        (_HOMELESS_CONFIGS, "bucket_configs: of the bucket {!r}, which is not there"),
        (_HOMELESS_PARTS, "multipart_parts: of the upload {!r}, which is not there"),
        (_TWO_NULLS, "versions: the key {!r} has several null versions"),
    ):
        for (value,) in session.scan(sql, ()):
            yield text.format(value)


def _check_version(row: Row) -> None:
    version, _ref = read_version(row)
    if read_entry(row) != entry_of(version.manifest, version.state):
        raise MetadataDamaged(f"the row of {version.manifest.key!r} {version.manifest.stamp} differs from its manifest")


def _rows(table: str, rows: Iterable[Row], read: Callable[[Row], object]) -> Iterator[str]:
    for row in rows:
        try:
            read(row)
        except MetadataDamaged as error:
            yield f"{table}: {error}"
