"""Versions: one row for each, ordered so that the first row of a key is its current version; manifests lie beside.

Hot: a listing reads a thousand of these rows, a GET one of them with its manifest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from struct import Struct
from struct import error as StructError  # noqa: N812 - an exception's name
from typing import Any

from awscrt.checksums import crc64nvme

from seglake.adapters.disk_format import decode_manifest, encode_manifest, held_in
from seglake.adapters.disk_format.states import lock_in, lock_out
from seglake.adapters.sqlite.rows import Row, Session, damaged
from seglake.adapters.sqlite.tables.inspecting import drop_orphan, inspected, orphans
from seglake.adapters.sqlite.tables.sums import ALL, SIGN, entry_sum, manifest_sum
from seglake.domain.model.errors import FormatDamaged
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, Pairs, VersionKind, VersionState
from seglake.domain.model.object_lock import Lock
from seglake.domain.model.segment import ChunkSlice, Held, RecordRef
from seglake.domain.model.version import Filed, Misfiled, Version, VersionEntry, entry_of
from seglake.domain.ports.tables import Versions

STEPS_MAX = 8
"""So many older versions of one key are stepped over before the next key is looked up instead."""

_ENTRY = (
    "bucket_id, key, ticks, site, kind, is_null, state, size, etag, modified_ms, owner, storage_class, checksum,"
    " manifest_id, row_sum"
)
_MANIFEST = "id, manifest, tags, segment, offset, length, manifests.row_sum, locked, acl"
_JOINED = ", ".join((_ENTRY.replace("row_sum", "versions.row_sum"), _MANIFEST))
_ENTRY_COLUMNS = 15
_ONE = " WHERE bucket_id = ? AND key = ? AND ticks = ? AND site = ?"
_FROM = f"SELECT {_ENTRY} FROM versions"
_BOTH = f"SELECT {_JOINED} FROM versions LEFT JOIN manifests ON id = manifest_id"
_ORDER = " ORDER BY bucket_id, key, ticks DESC, site DESC"
_KEY = f" WHERE bucket_id = ? AND key = ?{_ORDER} LIMIT 1"
_NULL = f" WHERE bucket_id = ? AND key = ? AND is_null = 1{_ORDER} LIMIT 1"

_CURRENT = _BOTH + _KEY
_CURRENT_ENTRY = _FROM + _KEY
_FIND = _BOTH + _ONE
_FIND_ENTRY = _FROM + _ONE
_FIND_NULL = _BOTH + _NULL
_FIND_NULL_ENTRY = _FROM + _NULL
_SCAN_FROM = f"{_FROM} WHERE bucket_id = ? AND key >= ?{_ORDER}"
_SCAN_AFTER = f"{_FROM} WHERE bucket_id = ? AND key > ?{_ORDER}"
_SCAN_BELOW = f"{_FROM} WHERE bucket_id = ? AND key = ? AND (ticks, site) < (?, ?){_ORDER}"
_SCAN_ALL = _BOTH + _ORDER
_HELD = "SELECT manifest, segment, offset, length, tags, row_sum, locked, acl FROM manifests"
_UNHELD = "SELECT (SELECT count(*) FROM versions) - (SELECT count(*) FROM manifests)"
_INSERT = "INSERT INTO versions VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_REPLACE = _INSERT.replace("INSERT", "REPLACE", 1)
_DELETE = f"DELETE FROM versions{_ONE}"
_INSERT_MANIFEST = "INSERT INTO manifests(manifest, tags, segment, offset, length, row_sum) VALUES(?, NULL, ?, ?, ?, ?)"

_SET_RECORD = "UPDATE manifests SET manifest = ?, segment = ?, offset = ?, length = ?, row_sum = ? WHERE id = ?"

CACHED_BYTES_MAX = 1024
"""Manifests up to this size are remembered decoded; bounds the cache at some 16 MiB."""

_KINDS = {int(kind): kind for kind in VersionKind}
_STATES = {int(state): state for state in VersionState}
_pack4 = Struct("<4q").pack
_new: Any = tuple.__new__  # a named tuple in half the time


def read_entry(row: Row) -> VersionEntry:
    """The entry of a row, verified. MetadataDamaged."""
    try:
        if entry_sum(row) != row[14] & ALL:
            raise damaged("versions", row[:_ENTRY_COLUMNS])
        bucket_id, key, ticks, site, kind, null, state, *rest = row[:13]
        return VersionEntry(bucket_id, key.decode(), HLC(ticks, site), _KINDS[kind], null == 1, _STATES[state], *rest)
    except (StructError, TypeError, ValueError, KeyError) as error:
        raise damaged("versions", row[:_ENTRY_COLUMNS], error) from error


def read_version(row: Row) -> tuple[Version, RecordRef]:
    """The version of a joined row, verified: both rows, and that they belong together. MetadataDamaged."""
    blob = row[16]
    small = type(blob) is bytes and len(blob) <= CACHED_BYTES_MAX
    return _verified_version(row) if small else _read_version(row)


def _read_version(row: Row) -> tuple[Version, RecordRef]:
    entry = read_entry(row)
    manifest_id, blob, tags_text, segment, offset, length, kept, locked, acl = row[_ENTRY_COLUMNS:]
    if manifest_id is None:
        raise damaged("manifests", f"none for {entry.key!r} {entry.stamp}")
    try:
        ref = RecordRef(segment, offset, length)
        if manifest_sum(blob, tags_text, ref, locked, acl) != kept:
            raise damaged("manifests", (manifest_id, tags_text, ref))
        manifest = decode_manifest(blob)
        tags = manifest.tags if tags_text is None else tuple([(name, value) for name, value in json.loads(tags_text)])
        lock = manifest.lock if locked is None else lock_in(json.loads(locked))
    except (StructError, TypeError, ValueError, FormatDamaged) as error:
        raise damaged("manifests", (manifest_id, tags_text), error) from error
    if manifest.stamp != entry.stamp or manifest.key != entry.key or manifest.bucket_id != entry.bucket_id:
        raise damaged("manifests", f"{manifest_id} is not of {entry.key!r} {entry.stamp}")
    return Version(manifest, entry.state, tags, lock, manifest.acl if acl is None else acl), ref


def read_held(row: Row) -> Held:
    """What a row of ``manifests`` keeps alive, verified; of the manifest only what says so is looked at."""
    blob, segment, offset, length, tags, kept, locked, acl = row
    try:
        ref: RecordRef = _new(RecordRef, (segment, offset, length))
        if tags is locked is acl is None:  # ``manifest_sum`` spelt out, because there are millions of these rows
            sound = crc64nvme(_pack4(offset, length, -1, len(segment)) + segment + blob) == kept & ALL
        else:
            sound = manifest_sum(blob, tags, ref, locked, acl) == kept
        if not sound:
            raise damaged("manifests", ref)
        bucket_id, key, stamp, chunks = held_in(blob)
        held: Held = _new(Held, (bucket_id, key, stamp, chunks, ref))
        return held
    except (StructError, TypeError, ValueError, FormatDamaged) as error:
        raise damaged("manifests", segment, error) from error


# What a row means follows from its bytes alone, checksum included: a row that is equal, byte for byte, to one that was
# verified is verified. So nothing here can be stale, and hot objects cost a comparison instead of a decoding.
_verified_version = lru_cache(maxsize=4096)(_read_version)


class SqliteVersions(Versions):
    """The port on two tables."""

    __slots__ = ("_one", "_session")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._one = session.one

    def current(self, bucket_id: int, key: str, /) -> Version | None:
        """The newest version."""
        row = self._one(_CURRENT, (bucket_id, key.encode()))
        return None if row is None else read_version(row)[0]

    def current_entry(self, bucket_id: int, key: str, /) -> VersionEntry | None:
        """The newest version's entry."""
        row = self._one(_CURRENT_ENTRY, (bucket_id, key.encode()))
        return None if row is None else read_entry(row)

    def find(self, bucket_id: int, key: str, stamp: HLC, /) -> Version | None:
        """The version with that stamp."""
        row = self._one(_FIND, (bucket_id, key.encode(), stamp.ticks, stamp.site))
        return None if row is None else read_version(row)[0]

    def null(self, bucket_id: int, key: str, /) -> Version | None:
        """The null version."""
        row = self._one(_FIND_NULL, (bucket_id, key.encode()))
        return None if row is None else read_version(row)[0]

    def null_entry(self, bucket_id: int, key: str, /) -> VersionEntry | None:
        """The null version's entry."""
        row = self._one(_FIND_NULL_ENTRY, (bucket_id, key.encode()))
        return None if row is None else read_entry(row)

    def scan_current(self, bucket_id: int, start: str, /, *, inclusive: bool = True) -> Iterator[VersionEntry]:
        """The newest entry of each key; older versions are stepped over, and past many of them it seeks."""
        sql, position = _SCAN_FROM if inclusive else _SCAN_AFTER, start.encode()
        more = True
        while more:
            more = False
            last, steps = None, 0
            for row in self._session.scan(sql, (bucket_id, position)):
                key = row[1]
                if key != last:
                    last, steps = key, 0
                    yield read_entry(row)
                    continue
                steps += 1
                if steps > STEPS_MAX:
                    sql, position, more = _SCAN_AFTER, key, True
                    break

    def scan_versions(self, bucket_id: int, start: str, below: HLC | None = None, /) -> Iterator[VersionEntry]:
        """Every entry."""
        position = start.encode()
        if below is None:
            yield from map(read_entry, self._session.scan(_SCAN_FROM, (bucket_id, position)))
        else:
            place = (bucket_id, position, below.ticks, below.site)
            yield from map(read_entry, self._session.scan(_SCAN_BELOW, place))
            yield from map(read_entry, self._session.scan(_SCAN_AFTER, (bucket_id, position)))

    def any_in(self, bucket_id: int, /) -> bool:
        """Whether there is any version."""
        return self._one("SELECT 1 FROM versions WHERE bucket_id = ? LIMIT 1", (bucket_id,)) is not None

    def scan_all(self) -> Iterator[tuple[Version, RecordRef]]:
        """Every version."""
        return map(read_version, self._session.scan(_SCAN_ALL, ()))

    def scan_chunks(self) -> Iterator[Held]:
        """What every version keeps alive: only of the manifests' table, which has one row for each version."""
        row = self._one(_UNHELD, ())
        if row is None or row[0]:
            raise damaged("manifests", "there are not as many as versions")
        return map(read_held, self._session.scan(_HELD, ()))

    def place(self, bucket_id: int, key: str, stamp: HLC, /) -> RecordRef | None:
        """Where the manifest's record lies."""
        row = self._one(_FIND, (bucket_id, key.encode(), stamp.ticks, stamp.site))
        return None if row is None else read_version(row)[1]

    def inspect(self, after: tuple[int, str, HLC] | None = None, /) -> Iterator[Filed | Misfiled]:
        """Every version behind a place, damaged ones among them."""
        return inspected(self._session, after)

    def orphans(self) -> Iterator[tuple[int, tuple[int, str, HLC] | None]]:
        """Manifests without a version."""
        return orphans(self._session)

    def drop_orphan(self, number: int, /) -> None:
        """Removes one of them."""
        drop_orphan(self._session, number)

    def scan_rows(self) -> Iterator[Row]:
        """Every joined row as it is kept, for ``check``."""
        return self._session.scan(_SCAN_ALL, ())

    def count(self) -> int:
        """How many."""
        row = self._one("SELECT count(*) FROM versions", ())
        return 0 if row is None else int(row[0])

    def insert(self, manifest: Manifest, ref: RecordRef, /) -> None:
        """Adds a version: its manifest, then its row."""
        session = self._session
        blob = encode_manifest(manifest)
        session.execute(_INSERT_MANIFEST, (blob, *ref, manifest_sum(blob, None, ref)))
        self._put(_INSERT, entry_of(manifest), session.connection.last_insert_rowid())

    def _put(self, sql: str, entry: VersionEntry, manifest_id: int) -> None:
        """Writes a version row with its checksum."""
        bucket_id, key, stamp, kind, null, state, *rest = entry
        row: list[Any] = [bucket_id, key.encode(), stamp.ticks, stamp.site, int(kind), int(null), int(state), *rest]
        row.append(manifest_id)
        crc = entry_sum(tuple(row))
        row.append(crc - ALL - 1 if crc >= SIGN else crc)
        self._session.execute(sql, row)

    def _row(self, bucket_id: int, key: str, stamp: HLC) -> tuple[VersionEntry, int] | None:
        """An entry, verified, and the id of its manifest."""
        row = self._one(_FIND_ENTRY, (bucket_id, key.encode(), stamp.ticks, stamp.site))
        return None if row is None else (read_entry(row), row[13])

    def delete(self, bucket_id: int, key: str, stamp: HLC, /) -> bool:
        """Removes a version and its manifest; False when there is none."""
        found = self._row(bucket_id, key, stamp)
        if found is None:
            return False
        self._session.execute(_DELETE, (bucket_id, key.encode(), stamp.ticks, stamp.site))
        self._session.execute("DELETE FROM manifests WHERE id = ?", (found[1],))
        return True

    def discard(self, bucket_id: int, key: str, stamp: HLC, /) -> bool:
        """Removes a version and its manifest unseen; False when there is none."""
        place = (bucket_id, key.encode(), stamp.ticks, stamp.site)
        row = self._one(f"SELECT manifest_id FROM versions{_ONE}", place)
        if row is None:
            return False
        self._session.execute(_DELETE, place)
        if self._one("SELECT 1 FROM versions WHERE manifest_id = ?", row) is None:
            self._session.execute("DELETE FROM manifests WHERE id = ?", row)
        return True

    def set_state(self, bucket_id: int, key: str, stamp: HLC, state: VersionState, /) -> bool:
        """Changes a version's state; False when there is none."""
        found = self._row(bucket_id, key, stamp)
        if found is None:
            return False
        self._put(_REPLACE, found[0]._replace(state=state), found[1])
        return True

    def set_tags(self, bucket_id: int, key: str, stamp: HLC, tags: Pairs, /) -> bool:
        """Changes a version's tags; False when there is none."""
        return self._set_text(bucket_id, key, stamp, "tags", _json(tags))

    def set_lock(self, bucket_id: int, key: str, stamp: HLC, lock: Lock, /) -> bool:
        """Changes what protects a version; False when there is none."""
        return self._set_text(bucket_id, key, stamp, "locked", _json(lock_out(lock)))

    def set_acl(self, bucket_id: int, key: str, stamp: HLC, acl: str, /) -> bool:
        """Changes a version's access control list; False when there is none."""
        return self._set_text(bucket_id, key, stamp, "acl", acl)

    def set_chunks(self, bucket_id: int, key: str, stamp: HLC, chunks: tuple[ChunkSlice, ...], /) -> bool:
        """Changes where a version's bytes lie; False when there is none."""
        row = self._one(_FIND, (bucket_id, key.encode(), stamp.ticks, stamp.site))
        if row is None:
            return False
        version, ref = read_version(row)
        self._set_record(row, encode_manifest(replace(version.manifest, chunks=chunks)), ref)
        return True

    def set_place(self, bucket_id: int, key: str, stamp: HLC, ref: RecordRef, /) -> bool:
        """Changes where a version's record lies; False when there is none."""
        row = self._one(_FIND, (bucket_id, key.encode(), stamp.ticks, stamp.site))
        if row is None:
            return False
        read_version(row)
        self._set_record(row, row[16], ref)
        return True

    def _set_record(self, row: Row, blob: bytes, ref: RecordRef) -> None:
        kept = manifest_sum(blob, row[17], ref, row[22], row[23])
        self._session.execute(_SET_RECORD, (blob, *ref, kept, row[15]))

    def _set_text(self, bucket_id: int, key: str, stamp: HLC, column: str, text: str) -> bool:
        row = self._one(_FIND, (bucket_id, key.encode(), stamp.ticks, stamp.site))
        if row is None:
            return False
        _version, ref = read_version(row)
        texts = {"tags": row[17], "locked": row[22], "acl": row[23], column: text}
        kept = manifest_sum(row[16], texts["tags"], ref, texts["locked"], texts["acl"])
        self._session.execute(f"UPDATE manifests SET {column} = ?, row_sum = ? WHERE id = ?", (text, kept, row[15]))
        return True


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
