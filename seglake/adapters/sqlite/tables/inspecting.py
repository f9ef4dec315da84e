"""A check reads every version and its manifest, compares all they say about one another, and goes on where it fails.

This is bound by Python, so each row costs as few steps as it can: no manifest is made.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from struct import error as StructError  # noqa: N812 - an exception's name

from seglake.adapters.disk_format.plain import columns_of, content_sum
from seglake.adapters.disk_format.states import lock_in
from seglake.adapters.sqlite.rows import Row, Session
from seglake.adapters.sqlite.tables.sums import ALL, entry_sum, manifest_sum
from seglake.domain.model.errors import FormatDamaged
from seglake.domain.model.hlc import HLC, SITE_MAX, TICKS_MAX
from seglake.domain.model.manifest import VersionState
from seglake.domain.model.segment import RecordRef
from seglake.domain.model.version import Filed, Misfiled

_DAMAGED = int(VersionState.DAMAGED)
_STATES = frozenset(map(int, VersionState))

_INSPECTED = (
    "bucket_id, key, ticks, site, kind, is_null, state, size, etag, modified_ms, owner, storage_class, checksum,"
    " manifest_id, versions.row_sum,"
    " manifest, tags, segment, offset, length, manifests.row_sum, locked, acl"
    " FROM versions LEFT JOIN manifests ON id = manifest_id"
)
_ORDER = "ORDER BY bucket_id, key, ticks DESC, site DESC"
_INSPECT = f"SELECT {_INSPECTED} {_ORDER}"
_INSPECT_KEY = f"SELECT {_INSPECTED} WHERE bucket_id = ? AND key = ? AND (ticks, site) < (?, ?) {_ORDER}"
_INSPECT_BUCKET = f"SELECT {_INSPECTED} WHERE bucket_id = ? AND key > ? {_ORDER}"
_INSPECT_REST = f"SELECT {_INSPECTED} WHERE bucket_id > ? {_ORDER}"

_ORPHANS = "SELECT id, manifest FROM manifests WHERE id NOT IN (SELECT manifest_id FROM versions)"
_DROP_ORPHAN = "DELETE FROM manifests WHERE id = ? AND id NOT IN (SELECT manifest_id FROM versions)"


def inspected(session: Session, after: tuple[int, str, HLC] | None) -> Iterator[Filed | Misfiled]:
    """Every version behind ``after``, compared with its manifest, in the order of the table."""
    if after is None:
        yield from map(_inspect, session.scan(_INSPECT, ()))
        return
    bucket_id, text, stamp = after
    key = text.encode()
    yield from map(_inspect, session.scan(_INSPECT_KEY, (bucket_id, key, *stamp)))
    yield from map(_inspect, session.scan(_INSPECT_BUCKET, (bucket_id, key)))
    yield from map(_inspect, session.scan(_INSPECT_REST, (bucket_id,)))


def _inspect(row: Row) -> Filed | Misfiled:
    try:
        return _filed(row)
    except (StructError, TypeError, ValueError, AttributeError, FormatDamaged) as error:
        reason = error.hint if isinstance(error, FormatDamaged) else str(error)
        return _misfiled(row, reason)


def _filed(row: Row) -> Filed:
    """The row, verified; what is wrong with it is raised as one of the errors that ``_inspect`` expects."""
    if entry_sum(row) != row[14] & ALL:
        raise ValueError("the row of the version does not match its checksum")
    blob, tags, segment, offset, length, kept, locked, acl = row[15:]
    if blob is None:
        raise ValueError("its manifest is missing")
    ref = RecordRef(segment, offset, length)
    if manifest_sum(blob, tags, ref, locked, acl) != kept:
        raise ValueError("the row of its manifest does not match its checksum")
    entry, chunks = columns_of(blob)
    state = row[6]
    if row[0] != entry[0] or row[1] != entry[1].encode() or row[2:6] != entry[2:6] or row[7:13] != entry[6:]:
        raise ValueError("the row of the version differs from its manifest")
    if state not in _STATES:
        raise ValueError(f"an unknown state: {state}")
    if tags is not None:
        json.loads(tags)
    if locked is not None:
        lock_in(json.loads(locked))
    stamp = HLC(entry[2], entry[3])
    return Filed(entry[0], entry[1], stamp, state == _DAMAGED, chunks, ref, content_sum(blob))


def _misfiled(row: Row, reason: str) -> Misfiled:
    """The place that the row claims, as far as it is one: on a damaged page any column may be anything."""
    bucket_id, key, ticks, site = row[:4]
    text = key.decode(errors="backslashreplace") if isinstance(key, bytes) else repr(key)
    stamp = HLC(_within(ticks, TICKS_MAX), _within(site, SITE_MAX))
    return Misfiled(_within(bucket_id, TICKS_MAX), text, stamp, reason)


def _within(value: object, most: int) -> int:
    return value if isinstance(value, int) and 0 <= value <= most else 0


def orphans(session: Session) -> Iterator[tuple[int, tuple[int, str, HLC] | None]]:
    """Manifests without a version: the number of each, and of which version it is."""
    return map(_orphan, session.scan(_ORPHANS, ()))


def drop_orphan(session: Session, number: int) -> None:
    """Removes one of them; never one that has a version."""
    session.execute(_DROP_ORPHAN, (number,))


def _orphan(row: Row) -> tuple[int, tuple[int, str, HLC] | None]:
    number, blob = row
    try:
        entry = columns_of(blob).entry
    except (TypeError, FormatDamaged):
        return number, None
    return number, (entry[0], entry[1], HLC(entry[2], entry[3]))
