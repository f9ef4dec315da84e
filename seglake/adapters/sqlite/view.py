"""Views are made once for each connection: a request pays for its SELECTs, not for objects around them."""

from __future__ import annotations

from seglake.adapters.sqlite.rows import Session
from seglake.adapters.sqlite.tables.buckets import SqliteBuckets
from seglake.adapters.sqlite.tables.configs import SqliteConfigs
from seglake.adapters.sqlite.tables.credentials import SqliteCredentials
from seglake.adapters.sqlite.tables.notes import SqliteNotes
from seglake.adapters.sqlite.tables.ring_keys import SqliteRingKeys
from seglake.adapters.sqlite.tables.segments import SqliteSegments
from seglake.adapters.sqlite.tables.settings import BatchSettings, SqliteSettingsView
from seglake.adapters.sqlite.tables.uploads import SqliteUploads
from seglake.adapters.sqlite.tables.users import SqliteUsers
from seglake.adapters.sqlite.tables.versions import SqliteVersions
from seglake.domain.model.errors import UnderMaintenance
from seglake.domain.model.events import Event
from seglake.domain.model.hlc import HLC, next_ticks
from seglake.domain.model.maintenance import MAINTENANCE_NOTE, parse_text
from seglake.domain.model.segment import ChunkSlice
from seglake.domain.ports.journal import Journal
from seglake.domain.ports.metadata import MetadataTx, MetadataView
from seglake.domain.services.apply import apply_event


class SqliteView(MetadataView):
    """All tables of one connection, to read."""

    __slots__ = (
        *("buckets", "configs", "credentials", "notes", "ring_keys"),
        *("segments", "settings", "uploads", "users", "versions"),
    )
    buckets: SqliteBuckets
    versions: SqliteVersions
    uploads: SqliteUploads
    credentials: SqliteCredentials
    segments: SqliteSegments
    settings: SqliteSettingsView
    configs: SqliteConfigs
    users: SqliteUsers
    ring_keys: SqliteRingKeys
    notes: SqliteNotes

    def __init__(self, session: Session) -> None:
        self.buckets = SqliteBuckets(session)
        self.versions = SqliteVersions(session)
        self.uploads = SqliteUploads(session)
        self.credentials = SqliteCredentials(session)
        self.segments = SqliteSegments(session)
        self.settings = SqliteSettingsView(session)
        self.configs = SqliteConfigs(session, remembers=True)
        self.users = SqliteUsers(session)
        self.ring_keys = SqliteRingKeys(session)
        self.notes = SqliteNotes(session)


class SqliteTx(MetadataTx):
    """The transaction of one batch; its scripts take turns with it. ``begin`` comes first."""

    __slots__ = (
        *("_barred", "_journal", "_now_ms", "buckets", "configs", "credentials", "notes", "ring_keys"),
        *("segments", "settings", "uploads", "users", "versions"),
    )
    buckets: SqliteBuckets
    versions: SqliteVersions
    uploads: SqliteUploads
    credentials: SqliteCredentials
    segments: SqliteSegments
    settings: BatchSettings
    configs: SqliteConfigs
    users: SqliteUsers
    ring_keys: SqliteRingKeys
    notes: SqliteNotes
    _journal: Journal
    _now_ms: int
    _barred: bool

    def __init__(self, session: Session) -> None:
        self.buckets = SqliteBuckets(session)
        self.versions = SqliteVersions(session)
        self.uploads = SqliteUploads(session)
        self.credentials = SqliteCredentials(session)
        self.segments = SqliteSegments(session)
        self.settings = BatchSettings(session)
        self.configs = SqliteConfigs(session, remembers=False)
        self.users = SqliteUsers(session)
        self.ring_keys = SqliteRingKeys(session)
        self.notes = SqliteNotes(session)

    def begin(self, journal: Journal, now_ms: int) -> None:
        """A new batch: its journal and its time."""
        self._journal = journal
        self._now_ms = now_ms
        self.settings.load()
        note = self.notes.get(MAINTENANCE_NOTE)
        self._barred = note is not None and parse_text(note).refuses_commits

    def tick(self) -> HLC:
        """The next stamp."""
        settings = self.settings
        settings.ticks = ticks = next_ticks(settings.ticks, self._now_ms)
        return HLC(ticks, settings.site())

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
