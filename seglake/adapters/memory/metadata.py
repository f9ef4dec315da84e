"""The index in RAM, with the semantics of the durable one: snapshots, savepoints, one commit a batch, sticky failure.

One lock stands for the snapshot: a read waits for the commit under way, so it never sees half of one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from seglake.adapters.disk_format.plain import whole_put
from seglake.adapters.memory.access_tables import MemoryConfigs, MemoryNotes, MemoryRingKeys, MemoryUsers
from seglake.adapters.memory.tables import (
    MemoryBuckets,
    MemoryCredentials,
    MemorySegments,
    MemorySettings,
    MemoryVersions,
    Step,
)
from seglake.adapters.memory.upload_tables import MemoryUploads
from seglake.domain.model.errors import StorageFull, StoreClosed, StoreFailed, UnderMaintenance
from seglake.domain.model.events import Event
from seglake.domain.model.hlc import HLC, next_ticks
from seglake.domain.model.maintenance import MAINTENANCE_NOTE, parse_text
from seglake.domain.model.replayed import PlainPut, Replayed
from seglake.domain.model.segment import ChunkSlice, RecordRef, Segment
from seglake.domain.model.version import entry_of
from seglake.domain.ports.journal import Journal
from seglake.domain.ports.metadata import MetadataStore, MetadataTables, MetadataTx, MetadataView, Outcome, Script
from seglake.domain.ports.system import Clock, Randomness
from seglake.domain.services.apply import apply_event, apply_marks

T = TypeVar("T")


class MemoryTables(MetadataTables):
    """All tables and the steps that undo their changes since ``undo`` was last cleared."""

    __slots__ = (
        *("buckets", "configs", "credentials", "notes", "ring_keys"),
        *("segments", "settings", "undo", "uploads", "users", "versions"),
    )
    buckets: MemoryBuckets
    versions: MemoryVersions
    uploads: MemoryUploads
    credentials: MemoryCredentials
    segments: MemorySegments
    settings: MemorySettings
    configs: MemoryConfigs
    users: MemoryUsers
    ring_keys: MemoryRingKeys
    notes: MemoryNotes
    undo: list[Step]

    def __init__(self, site: int) -> None:
        self.undo = []
        self.buckets = MemoryBuckets(self.undo)
        self.versions = MemoryVersions(self.undo)
        self.uploads = MemoryUploads(self.undo)
        self.credentials = MemoryCredentials(self.undo)
        self.segments = MemorySegments(self.undo)
        self.settings = MemorySettings(self.undo, site)
        self.configs = MemoryConfigs(self.undo)
        self.users = MemoryUsers(self.undo)
        self.ring_keys = MemoryRingKeys(self.undo)
        self.notes = MemoryNotes(self.undo)

    def undo_to(self, mark: int) -> None:
        """Undoes every change after the first ``mark`` ones."""
        undo = self.undo
        while len(undo) > mark:
            undo.pop()()


class MemoryTx(MetadataTx):
    """The transaction of one batch; the scripts take turns with it."""

    __slots__ = (
        *("_barred", "_journal", "_now_ms", "buckets", "configs", "credentials", "notes", "ring_keys"),
        *("segments", "settings", "uploads", "users", "versions"),
    )
    buckets: MemoryBuckets
    versions: MemoryVersions
    uploads: MemoryUploads
    credentials: MemoryCredentials
    segments: MemorySegments
    settings: MemorySettings
    configs: MemoryConfigs
    users: MemoryUsers
    ring_keys: MemoryRingKeys
    notes: MemoryNotes

    def __init__(self, tables: MemoryTables, journal: Journal, now_ms: int) -> None:
        self.buckets = tables.buckets
        self.versions = tables.versions
        self.uploads = tables.uploads
        self.credentials = tables.credentials
        self.segments = tables.segments
        self.settings = tables.settings
        self.configs = tables.configs
        self.users = tables.users
        self.ring_keys = tables.ring_keys
        self.notes = tables.notes
        self._journal = journal
        self._now_ms = now_ms
        self._barred = parse_text(tables.notes.get(MAINTENANCE_NOTE)).refuses_commits

    def tick(self) -> HLC:
        """The next stamp."""
        ticks = next_ticks(self.settings.last_ticks(), self._now_ms)
        self.settings.set_last_ticks(ticks)
        return HLC(ticks, self.settings.site())

    def now_ms(self) -> int:
        """The batch's time."""
        return self._now_ms

    def store(self, payload: bytes | memoryview, digest: bytes, /) -> ChunkSlice:
        """Into the journal."""
        return self._journal.append_chunk(payload, digest)

    def record(self, event: Event, /) -> None:
        """Into the journal and the tables; UnderMaintenance while nothing may change."""
        if self._barred:
            raise UnderMaintenance
        ref = self._journal.append_event(event)
        apply_event(self, event, ref)
        self.settings.set_last_ticks(event.stamp.ticks)


class MemoryMetadataStore(MetadataStore):
    """A MetadataStore that lives as long as the process."""

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._tables = MemoryTables(int.from_bytes(randomness.bytes(4), "little") or 1)
        self._reading = False
        self._closed = False
        self._failure: StoreFailed | None = None

    def read(self, query: Callable[[MetadataView], T], /) -> T:
        """Runs ``query`` while nothing changes."""
        with self._lock:
            assert not self._reading, "a read inside a read would see another snapshot"
            if self._closed:
                raise StoreClosed("the index is closed")
            self._reading = True
            try:
                return query(self._tables)
            finally:
                self._reading = False

    def read_beside(self, query: Callable[[MetadataView], T], /) -> Callable[[], T]:
        """Runs it when it is asked for."""
        return lambda: self.read(query)

    def apply(self, scripts: Sequence[Script[Any]], journal: Journal, /) -> list[Outcome]:
        """One batch; see the port."""
        with self._lock:
            self._guard(journal)
            tables = self._tables
            tables.undo.clear()
            ticks = tables.settings.last_ticks()
            try:
                outcomes = self._batch(MemoryTx(tables, journal, self._clock.now_ms()), scripts, journal)
            except BaseException as error:
                tables.undo_to(0)
                tables.settings.restore(ticks)
                journal.abandon()
                if isinstance(error, StorageFull):
                    raise
                self._failure = StoreFailed(f"the batch failed: {error}")
                if not isinstance(error, Exception):
                    raise
                raise self._failure from error
            tables.undo.clear()
            return outcomes

    def _guard(self, journal: Journal) -> None:
        if self._failure is not None or self._closed:
            journal.abandon()
        if self._failure is not None:
            raise StoreFailed(self._failure.hint)
        if self._closed:
            raise StoreClosed("the index is closed")

    def _batch(self, tx: MemoryTx, scripts: Sequence[Script[Any]], journal: Journal) -> list[Outcome]:
        outcomes: list[Outcome] = []
        ticks = self._tables.settings.last_ticks()
        done = 0
        for script in scripts:
            outcome, succeeded = self._run(tx, script, journal)
            outcomes.append(outcome)
            done += succeeded
        if done:
            apply_marks(tx, journal.flush(), tx.now_ms())
        else:
            self._tables.settings.restore(ticks)
            journal.abandon()
        return outcomes

    def _run(self, tx: MemoryTx, script: Script[Any], journal: Journal) -> tuple[Outcome, bool]:
        savepoint, mark = len(self._tables.undo), journal.mark()
        try:
            return script(tx), True
        except MemoryError:
            raise
        except Exception as error:
            if isinstance(error, StoreFailed):
                raise
            self._tables.undo_to(savepoint)
            journal.rollback(mark)
            return error, False

    def replay(self, events: Sequence[tuple[Replayed, RecordRef]], segments: Sequence[Segment], /) -> None:
        """Applies events and segment rows; all or nothing."""
        with self._lock:
            if self._closed:
                raise StoreClosed("the index is closed")
            tables = self._tables
            tables.undo.clear()
            try:
                for event, ref in events:
                    apply_event(tables, whole_put(event) if isinstance(event, PlainPut) else event, ref)
                for segment in segments:
                    tables.segments.put(segment)
            except BaseException:
                tables.undo_to(0)
                raise
            tables.settings.set_last_ticks(max([event.stamp.ticks for event, _ in events], default=0))

    def maintain(self) -> None:
        """Nothing is ever due."""

    def check(self, *, versions: bool = True) -> list[str]:
        """Looks for rows that contradict themselves or their order."""
        with self._lock:
            findings: list[str] = []
            before: tuple[int, str, int, int] | None = None
            for row in self._tables.versions.scan_rows():
                manifest = row.manifest
                place = (manifest.bucket_id, manifest.key, -manifest.stamp.ticks, -manifest.stamp.site)
                if before is not None and before >= place:
                    findings.append(f"versions: {manifest.key!r} {manifest.stamp} is out of order")
                if row.entry != entry_of(manifest, row.state):
                    findings.append(f"versions: {manifest.key!r} {manifest.stamp}: entry and manifest differ")
                if self._tables.buckets.by_id(manifest.bucket_id) is None:
                    findings.append(f"versions: {manifest.key!r} {manifest.stamp} belongs to no bucket")
                before = place
            return findings

    def close(self) -> None:
        """Forgets nothing, but answers no more."""
        with self._lock:
            self._closed = True
