"""Many versions at once, as a rebuild brings them: row for row what ``Versions.insert`` would write one by one.

This is bound by Python, so each row costs as few steps as it can.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from struct import Struct

from awscrt.checksums import crc64nvme

from seglake.adapters.sqlite.rows import Row, Session
from seglake.domain.model.manifest import VersionState
from seglake.domain.model.replayed import PlainPut
from seglake.domain.model.segment import RecordRef

_INSERT = f"INSERT INTO versions VALUES({', '.join('?' * 15)})"
_INSERT_MANIFEST = "INSERT INTO manifests(id, manifest, segment, offset, length, row_sum) VALUES(?, ?, ?, ?, ?, ?)"
_REPLACED = "DELETE FROM versions WHERE bucket_id = ? AND key = ? AND is_null = 1 RETURNING manifest_id"
_DROP_MANIFEST = "DELETE FROM manifests WHERE id = ?"
_NEXT_ID = "SELECT coalesce(max(id), 0) + 1 FROM manifests"

_ACTIVE = int(VersionState.ACTIVE)
_SIGN, _TOP = 1 << 63, 1 << 64
_pack_entry = Struct("<9q").pack
_pack_manifest = Struct("<4q").pack


def file_puts(session: Session, puts: Sequence[tuple[PlainPut, RecordRef]]) -> None:
    """Files ``puts``, in their order; of several null versions of one key the last one stays."""
    puts = _without_replaced(session, puts)
    first = session.execute(_NEXT_ID).get
    numbered = list(zip(count(first), puts))
    session.connection.executemany(
        _INSERT_MANIFEST, [_manifest_row(number, put, ref) for number, (put, ref) in numbered]
    )
    # In the order of the table: neighbours come to lie in pages that are at hand.
    rows = sorted([_entry_row(number, put) for number, (put, _ref) in numbered], key=_place)
    session.connection.executemany(_INSERT, rows)


def _place(row: Row) -> tuple[int, bytes]:
    place: tuple[int, bytes] = row[:2]
    return place


def _without_replaced(
    session: Session, puts: Sequence[tuple[PlainPut, RecordRef]]
) -> Sequence[tuple[PlainPut, RecordRef]]:
    """Removes null versions that are replaced: from the table, and among ``puts`` all but the last of a key."""
    last = {(put.bucket_id, put.key): place for place, (put, _ref) in enumerate(puts) if put.null}
    if not last:
        return puts
    keys = [(bucket_id, key.encode()) for bucket_id, key in last]
    replaced = session.connection.executemany(_REPLACED, keys).fetchall()
    if replaced:
        session.connection.executemany(_DROP_MANIFEST, replaced)
    kept = set(last.values())
    return [entry for place, entry in enumerate(puts) if not entry[0].null or place in kept]


def _manifest_row(number: int, put: PlainPut, ref: RecordRef) -> Row:
    """``manifest_sum`` of a row without texts, spelt out."""
    segment, offset, length = ref
    crc: int = crc64nvme(_pack_manifest(offset, length, -1, len(segment)) + segment + put.manifest)
    return number, put.manifest, segment, offset, length, crc - _TOP if crc >= _SIGN else crc


def _entry_row(number: int, put: PlainPut) -> Row:
    """``entry_sum`` of an active version, spelt out."""
    bucket_id, key, ticks, site, kind, null, size, etag, modified, owner, storage, checksum, _manifest = put
    encoded = key.encode()
    crc: int = crc64nvme(
        _pack_entry(bucket_id, ticks, site, kind, null, _ACTIVE, size, modified, number)
        + f"{etag}\0{owner}\0{storage}\0{checksum}\0".encode()
        + encoded
    )
    kept = crc - _TOP if crc >= _SIGN else crc
    return (
        *(bucket_id, encoded, ticks, site, kind, null, _ACTIVE, size, etag, modified, owner, storage, checksum),
        *(number, kept),
    )
