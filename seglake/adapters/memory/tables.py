"""Tables as plain dictionaries and sorted lists; every change leaves a step that undoes it.

Keys of a bucket are one sorted list: an insert moves as many pointers as keys follow, fine to some 100,000 keys.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from seglake.adapters.disk_format.manifests import encode_manifest
from seglake.adapters.disk_format.plain import content_sum
from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.credential import Credential
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, Pairs, VersionState
from seglake.domain.model.object_lock import Lock
from seglake.domain.model.segment import ChunkSlice, Held, RecordRef, Segment
from seglake.domain.model.version import Filed, Misfiled, Version, VersionEntry, entry_of
from seglake.domain.ports.tables import (
    Buckets,
    Credentials,
    Segments,
    SiteSettings,
    Versions,
)

Step = Callable[[], object]


class MemoryBuckets(Buckets):
    """Buckets by id."""

    def __init__(self, undo: list[Step]) -> None:
        self._undo = undo
        self._rows: dict[int, Bucket] = {}

    def get(self, name: str, /) -> Bucket | None:
        """The bucket of that name."""
        for bucket in self._rows.values():
            if bucket.name == name:
                return bucket
        return None

    def by_id(self, bucket_id: int, /) -> Bucket | None:
        """The bucket with that id."""
        return self._rows.get(bucket_id)

    def scan(self, prefix: str = "", after: str = "", /) -> Iterator[Bucket]:
        """By name."""
        for bucket in sorted(self._rows.values(), key=lambda bucket: bucket.name):
            if bucket.name > after and bucket.name.startswith(prefix):
                yield bucket

    def insert(self, bucket: Bucket, /) -> None:
        """Adds a bucket."""
        assert bucket.id not in self._rows, "a bucket id is given out once"
        assert self.get(bucket.name) is None, "a bucket name is taken once"
        self._rows[bucket.id] = bucket
        self._undo.append(lambda: self._rows.pop(bucket.id))

    def set_versioning(self, bucket_id: int, versioning: Versioning, /) -> None:
        """Changes a bucket, if it is there."""
        old = self._rows.get(bucket_id)
        if old is not None:
            self._rows[bucket_id] = replace(old, versioning=versioning)
            self._undo.append(lambda: self._rows.__setitem__(bucket_id, old))

    def set_configured(self, bucket_id: int, ticks: int, /) -> None:
        """Notes that a bucket's configuration changed, if it is there."""
        old = self._rows.get(bucket_id)
        if old is not None:
            self._rows[bucket_id] = replace(old, configured=ticks)
            self._undo.append(lambda: self._rows.__setitem__(bucket_id, old))

    def delete(self, bucket_id: int, /) -> None:
        """Removes a bucket, if it is there."""
        old = self._rows.pop(bucket_id, None)
        if old is not None:
            self._undo.append(lambda: self._rows.__setitem__(bucket_id, old))


class VersionRow(NamedTuple):
    """One stored version."""

    manifest: Manifest
    ref: RecordRef
    state: VersionState
    tags: Pairs
    lock: Lock
    acl: str
    entry: VersionEntry

    @property
    def version(self) -> Version:
        """As the port gives it."""
        return Version(self.manifest, self.state, self.tags, self.lock, self.acl)


def _newest_first(row: VersionRow) -> tuple[int, int]:
    stamp = row.manifest.stamp
    return -stamp.ticks, -stamp.site


class _Keys:
    """The keys of one bucket: sorted, each with its rows, newest first and never none."""

    __slots__ = ("order", "rows")

    def __init__(self) -> None:
        self.order: list[str] = []
        self.rows: dict[str, list[VersionRow]] = {}

    def add(self, row: VersionRow) -> None:
        key = row.manifest.key
        rows = self.rows.get(key)
        if rows is None:
            self.rows[key] = [row]
            insort(self.order, key)
        else:
            assert all(known.manifest.stamp != row.manifest.stamp for known in rows), "a stamp is given out once"
            insort(rows, row, key=_newest_first)

    def remove(self, row: VersionRow) -> None:
        key = row.manifest.key
        rows = self.rows[key]
        del rows[bisect_left(rows, _newest_first(row), key=_newest_first)]
        if not rows:
            del self.rows[key]
            del self.order[bisect_left(self.order, key)]


def _place(bucket_id: int, key: str, stamp: HLC) -> tuple[int, str, int, int]:
    """Orders versions by bucket, key and newest first."""
    return bucket_id, key, -stamp.ticks, -stamp.site


class MemoryVersions(Versions):
    """Versions by bucket and key."""

    def __init__(self, undo: list[Step]) -> None:
        self._undo = undo
        self._buckets: dict[int, _Keys] = {}

    def _rows(self, bucket_id: int, key: str) -> list[VersionRow]:
        keys = self._buckets.get(bucket_id)
        return keys.rows.get(key, []) if keys else []

    def _row(self, bucket_id: int, key: str, stamp: HLC) -> VersionRow | None:
        return next((row for row in self._rows(bucket_id, key) if row.manifest.stamp == stamp), None)

    def _null(self, bucket_id: int, key: str) -> VersionRow | None:
        return next((row for row in self._rows(bucket_id, key) if row.manifest.null), None)

    def current(self, bucket_id: int, key: str, /) -> Version | None:
        """The newest version."""
        rows = self._rows(bucket_id, key)
        return rows[0].version if rows else None

    def current_entry(self, bucket_id: int, key: str, /) -> VersionEntry | None:
        """The newest version's entry."""
        rows = self._rows(bucket_id, key)
        return rows[0].entry if rows else None

    def find(self, bucket_id: int, key: str, stamp: HLC, /) -> Version | None:
        """The version with that stamp."""
        row = self._row(bucket_id, key, stamp)
        return row.version if row else None

    def null(self, bucket_id: int, key: str, /) -> Version | None:
        """The null version."""
        row = self._null(bucket_id, key)
        return row.version if row else None

    def null_entry(self, bucket_id: int, key: str, /) -> VersionEntry | None:
        """The null version's entry."""
        row = self._null(bucket_id, key)
        return row.entry if row else None

    def _keys_from(
        self, bucket_id: int, start: str, *, inclusive: bool = True
    ) -> Iterator[tuple[str, list[VersionRow]]]:
        """Found anew after every key, so that changes between two steps do no harm."""
        keys = self._buckets.get(bucket_id)
        if keys is None:
            return
        at = bisect_left(keys.order, start) if inclusive else bisect_right(keys.order, start)
        while at < len(keys.order):
            key = keys.order[at]
            yield key, keys.rows[key]
            at = bisect_right(keys.order, key)

    def scan_current(self, bucket_id: int, start: str, /, *, inclusive: bool = True) -> Iterator[VersionEntry]:
        """The newest entry of each key."""
        for _key, rows in self._keys_from(bucket_id, start, inclusive=inclusive):
            yield rows[0].entry

    def scan_versions(self, bucket_id: int, start: str, below: HLC | None = None, /) -> Iterator[VersionEntry]:
        """Every entry."""
        for key, rows in self._keys_from(bucket_id, start):
            for row in tuple(rows):
                if below is None or key != start or row.manifest.stamp < below:
                    yield row.entry

    def any_in(self, bucket_id: int, /) -> bool:
        """Whether there is any version."""
        keys = self._buckets.get(bucket_id)
        return bool(keys and keys.order)

    def scan_rows(self) -> Iterator[VersionRow]:
        """Every row as it is kept, in the order of ``scan_all``."""
        for bucket_id in sorted(self._buckets):
            for _key, rows in self._keys_from(bucket_id, ""):
                yield from tuple(rows)

    def scan_all(self) -> Iterator[tuple[Version, RecordRef]]:
        """Every version."""
        for row in self.scan_rows():
            yield row.version, row.ref

    def inspect(self, after: tuple[int, str, HLC] | None = None, /) -> Iterator[Filed | Misfiled]:
        """Every version behind a place."""
        for row in self.scan_rows():
            manifest = row.manifest
            if after is not None and _place(manifest.bucket_id, manifest.key, manifest.stamp) <= _place(*after):
                continue
            chunks = [chunk[:4] for chunk in manifest.chunks]
            damaged, content = row.state is VersionState.DAMAGED, content_sum(encode_manifest(manifest))
            yield Filed(manifest.bucket_id, manifest.key, manifest.stamp, damaged, chunks, row.ref, content)

    def orphans(self) -> Iterator[tuple[int, tuple[int, str, HLC] | None]]:
        """A version and its manifest are one here."""
        return iter(())

    def drop_orphan(self, number: int, /) -> None:
        """There are none."""

    def scan_chunks(self) -> Iterator[Held]:
        """What every version keeps alive."""
        for row in self.scan_rows():
            manifest = row.manifest
            chunks = [chunk[:3] for chunk in manifest.chunks]
            yield Held(manifest.bucket_id, manifest.key, manifest.stamp, chunks, row.ref)

    def place(self, bucket_id: int, key: str, stamp: HLC, /) -> RecordRef | None:
        """Where the manifest's record lies."""
        row = self._row(bucket_id, key, stamp)
        return None if row is None else row.ref

    def count(self) -> int:
        """How many."""
        return sum([len(rows) for keys in self._buckets.values() for rows in keys.rows.values()])

    def _add(self, row: VersionRow) -> None:
        keys = self._buckets.setdefault(row.manifest.bucket_id, _Keys())
        keys.add(row)
        self._undo.append(lambda: keys.remove(row))

    def _remove(self, row: VersionRow) -> None:
        keys = self._buckets[row.manifest.bucket_id]
        keys.remove(row)
        self._undo.append(lambda: keys.add(row))

    def insert(self, manifest: Manifest, ref: RecordRef, /) -> None:
        """Adds a version."""
        state, entry = VersionState.ACTIVE, entry_of(manifest)
        self._add(VersionRow(manifest, ref, state, manifest.tags, manifest.lock, manifest.acl, entry))

    def delete(self, bucket_id: int, key: str, stamp: HLC, /) -> bool:
        """Removes a version; False when there is none."""
        row = self._row(bucket_id, key, stamp)
        if row is not None:
            self._remove(row)
        return row is not None

    def discard(self, bucket_id: int, key: str, stamp: HLC, /) -> bool:
        """Removes a version; there are no checksums here."""
        return self.delete(bucket_id, key, stamp)

    def set_state(self, bucket_id: int, key: str, stamp: HLC, state: VersionState, /) -> bool:
        """Changes a version's state; False when there is none."""
        row = self._row(bucket_id, key, stamp)
        if row is not None:
            self._remove(row)
            self._add(row._replace(state=state, entry=entry_of(row.manifest, state)))
        return row is not None

    def set_tags(self, bucket_id: int, key: str, stamp: HLC, tags: Pairs, /) -> bool:
        """Changes a version's tags; False when there is none."""
        row = self._row(bucket_id, key, stamp)
        if row is not None:
            self._remove(row)
            self._add(row._replace(tags=tags))
        return row is not None

    def set_lock(self, bucket_id: int, key: str, stamp: HLC, lock: Lock, /) -> bool:
        """Changes what protects a version; False when there is none."""
        row = self._row(bucket_id, key, stamp)
        if row is not None:
            self._remove(row)
            self._add(row._replace(lock=lock))
        return row is not None

    def set_acl(self, bucket_id: int, key: str, stamp: HLC, acl: str, /) -> bool:
        """Changes a version's access control list; False when there is none."""
        row = self._row(bucket_id, key, stamp)
        if row is not None:
            self._remove(row)
            self._add(row._replace(acl=acl))
        return row is not None

    def set_chunks(self, bucket_id: int, key: str, stamp: HLC, chunks: tuple[ChunkSlice, ...], /) -> bool:
        """Changes where a version's bytes lie; False when there is none."""
        row = self._row(bucket_id, key, stamp)
        if row is not None:
            self._remove(row)
            self._add(row._replace(manifest=replace(row.manifest, chunks=chunks)))
        return row is not None

    def set_place(self, bucket_id: int, key: str, stamp: HLC, ref: RecordRef, /) -> bool:
        """Changes where a version's record lies; False when there is none."""
        row = self._row(bucket_id, key, stamp)
        if row is not None:
            self._remove(row)
            self._add(row._replace(ref=ref))
        return row is not None


class MemoryCredentials(Credentials):
    """Access keys."""

    def __init__(self, undo: list[Step]) -> None:
        self._undo = undo
        self._rows: dict[str, Credential] = {}

    def get(self, access_key: str, /) -> Credential | None:
        """One."""
        return self._rows.get(access_key)

    def scan(self) -> Iterator[Credential]:
        """All, by access key."""
        for access_key in sorted(self._rows):
            yield self._rows[access_key]

    def put(self, credential: Credential, /) -> None:
        """Adds or replaces one."""
        self.delete(credential.access_key)
        self._rows[credential.access_key] = credential
        self._undo.append(lambda: self._rows.pop(credential.access_key))

    def delete(self, access_key: str, /) -> None:
        """Removes one, if it is there."""
        old = self._rows.pop(access_key, None)
        if old is not None:
            self._undo.append(lambda: self._rows.__setitem__(access_key, old))


class MemorySegments(Segments):
    """Segments by id."""

    def __init__(self, undo: list[Step]) -> None:
        self._undo = undo
        self._rows: dict[bytes, Segment] = {}

    def get(self, segment: bytes, /) -> Segment | None:
        """One."""
        return self._rows.get(segment)

    def scan(self) -> Iterator[Segment]:
        """All, by id."""
        for segment in sorted(self._rows):
            yield self._rows[segment]

    def put(self, segment: Segment, /) -> None:
        """Adds or replaces one."""
        self.delete(segment.id)
        self._rows[segment.id] = segment
        self._undo.append(lambda: self._rows.pop(segment.id))

    def delete(self, segment: bytes, /) -> None:
        """Removes one, if it is there."""
        old = self._rows.pop(segment, None)
        if old is not None:
            self._undo.append(lambda: self._rows.__setitem__(segment, old))


class MemorySettings(SiteSettings):
    """Site and last ticks. The ticks only rise and are not undone with a script: a stamp is given out once."""

    def __init__(self, undo: list[Step], site: int) -> None:
        self._undo = undo
        self._site = site
        self._ticks = 0

    def site(self) -> int:
        """This site."""
        return self._site

    def last_ticks(self) -> int:
        """The newest stamp's ticks."""
        return self._ticks

    def set_site(self, site: int, /) -> None:
        """Renames the site."""
        old, self._site = self._site, site
        self._undo.append(lambda: setattr(self, "_site", old))

    def set_last_ticks(self, ticks: int, /) -> None:
        """Raises the newest stamp's ticks; never lowers them."""
        self._ticks = max(self._ticks, ticks)

    def restore(self, ticks: int) -> None:
        """Back to before a batch of which nothing is left."""
        self._ticks = ticks
