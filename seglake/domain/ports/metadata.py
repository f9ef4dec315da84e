"""The index: one consistent snapshot to read, one serialised and batched commit to change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from seglake.domain.model.events import Event
from seglake.domain.model.hlc import HLC
from seglake.domain.model.replayed import Replayed
from seglake.domain.model.segment import ChunkSlice, RecordRef, Segment

from .journal import Journal
from .tables import (
    Buckets,
    BucketsView,
    ConfigsView,
    ConfigTexts,
    Credentials,
    CredentialsView,
    Notes,
    NotesView,
    RingKeys,
    RingKeysView,
    Segments,
    SegmentsView,
    SettingsView,
    SiteSettings,
    Uploads,
    UploadsView,
    Users,
    UsersView,
    Versions,
    VersionsView,
)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class MetadataView(Protocol):
    """One consistent snapshot of every table."""

    @property
    def buckets(self) -> BucketsView: ...
    @property
    def versions(self) -> VersionsView: ...
    @property
    def uploads(self) -> UploadsView: ...
    @property
    def credentials(self) -> CredentialsView: ...
    @property
    def segments(self) -> SegmentsView: ...
    @property
    def settings(self) -> SettingsView: ...
    @property
    def configs(self) -> ConfigsView: ...
    @property
    def users(self) -> UsersView: ...
    @property
    def ring_keys(self) -> RingKeysView: ...
    @property
    def notes(self) -> NotesView: ...


class MetadataTables(Protocol):
    """Every table, writable: what applying an event needs, in a commit and in a rebuild alike."""

    @property
    def buckets(self) -> Buckets: ...
    @property
    def versions(self) -> Versions: ...
    @property
    def uploads(self) -> Uploads: ...
    @property
    def credentials(self) -> Credentials: ...
    @property
    def segments(self) -> Segments: ...
    @property
    def settings(self) -> SiteSettings: ...
    @property
    def configs(self) -> ConfigTexts: ...
    @property
    def users(self) -> Users: ...
    @property
    def ring_keys(self) -> RingKeys: ...
    @property
    def notes(self) -> Notes: ...


class MetadataTx(MetadataTables, Protocol):
    """The transaction of one script: tables, stamps and the journal.

    A script loads, decides, and only then records: a refusal raised after ``record`` is undone with its savepoint,
    and its journal entry is dropped before it reaches the segment.
    """

    def tick(self) -> HLC:
        """A stamp above every stamp this site has given out or seen."""
        ...

    def now_ms(self) -> int:
        """Wall time of the batch in milliseconds since the epoch."""
        ...

    def store(self, payload: bytes | memoryview, digest: bytes, /) -> ChunkSlice:
        """Puts a small chunk (``digest`` is its BLAKE3) into the journal's segment with this commit."""
        ...

    def record(self, event: Event, /) -> None:
        """Journals the event and applies it to the tables. UnderMaintenance when, before this batch, the store was
        quiesced (model/maintenance.py)."""
        ...


class Script(Protocol[T_co]):
    """A state change: a frozen dataclass, pure but for the transaction; it may run twice."""

    def __call__(self, tx: MetadataTx, /) -> T_co: ...


Outcome = Any | Exception
"""What one script returned, or the error that undid it: a SeglakeError, or whatever a bug in it raised."""


class MetadataReads(Protocol):
    """Tables that are looked at: by their own process, or by another one while theirs serves."""

    def read(self, query: Callable[[MetadataView], T], /) -> T:
        """Runs ``query`` in one snapshot that sees every acknowledged write of any process."""
        ...

    def read_beside(self, query: Callable[[MetadataView], T], /) -> Callable[[], T]:
        """Like ``read``, but other work may be done until the result is asked for, by calling what is returned, once.

        ``query`` and its result can be pickled: it may run in another process. The snapshot is of a moment in between.
        """
        ...

    def check(self, *, versions: bool = True) -> list[str]:
        """The engine's own integrity check and every row checksum; one line for each finding, empty when sound.

        Without ``versions`` these rows are left to ``VersionsView.inspect``."""
        ...


class MetadataStore(MetadataReads, Protocol):
    """Durable tables. ``read`` is cheap enough for the event loop; ``apply`` and ``rebuild`` block on the disk."""

    def apply(self, scripts: Sequence[Script[Any]], journal: Journal, /) -> list[Outcome]:
        """One serialisable transaction of all scripts, each in its own savepoint.

        A script that raises SeglakeError is undone alone and its error is its outcome; so is one with a bug in it (any
        other Exception but MemoryError), because a bug must not cost its neighbours their commit. When all ran, the
        journal is flushed (written and synced) and only then the transaction commits; on return every success is
        durable and visible. StorageFull from the journal undoes all and is raised; nothing was changed. Any other
        failure leaves the store failed: StoreFailed now and for every later call.
        """
        ...

    def replay(self, events: Sequence[tuple[Replayed, RecordRef]], segments: Sequence[Segment], /) -> None:
        """Applies journalled events (already in stamp order) and segment rows without journalling them again."""
        ...

    def maintain(self) -> None:
        """Work that keeps commits cheap and that no waiter should wait for (checkpoints); nothing when none is due.

        Blocking; the committer calls it between batches, after the waiters of the last one were woken. StoreFailed
        like ``apply``.
        """
        ...

    def close(self) -> None:
        """Checkpoints and closes. Idempotent."""
        ...
