"""Offline work on a data directory: under the same lock as the server, so that never two processes change one store."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from seglake.adapters.commit.direct import DirectCommitter
from seglake.adapters.digests import LibraryDigests
from seglake.adapters.filesystem.layout import open_data_dir
from seglake.adapters.sqlite.connection import Disk
from seglake.adapters.sqlite.readers import ReaderPool
from seglake.adapters.system.clock import SystemClock
from seglake.adapters.system.ids import SystemRandom
from seglake.adapters.system.processes import ProcessHelper
from seglake.adapters.system.threads import InlineOffload
from seglake.domain.model.errors import DataDirUnusable
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.files import FileSystem
from seglake.domain.ports.journal import NoRecords
from seglake.domain.ports.log import Log
from seglake.domain.ports.metadata import MetadataStore
from seglake.domain.ports.progress import Stages, silent
from seglake.domain.ports.segments import SegmentFiles
from seglake.domain.services.access import KeyPair, root_credential, unsealed
from seglake.domain.services.rebuild import Rebuild, RebuildReport
from seglake.domain.services.recovery import STALE_INDEX, Recovery
from seglake.domain.services.sealing import NoteSegments

from .data_dir import open_box, open_locked
from .selection import INDEX_FILE, AdapterContext, SegmentEngine, choose_metadata, choose_segments, open_metadata
from .settings import Settings

BUILDING_FILE = f"{INDEX_FILE}.rebuild"
ASIDE_FILE = f"{INDEX_FILE}.before-rebuild"

_SQLITE_PARTS = ("", "-wal", "-shm")
"""A SQLite database and the files beside it; they move together, the database first."""


@dataclass(frozen=True, slots=True)
class OfflineStore:
    """A locked data directory with its index open and its segments at rest."""

    context: AdapterContext
    metadata: MetadataStore
    segment_files: SegmentFiles
    files: FileSystem


@contextmanager
def locked(settings: Settings, log: Log) -> Iterator[AdapterContext]:
    """An existing data directory, locked. DataDirUnusable; DataDirLocked names the process that has it."""
    clock = SystemClock()
    started = datetime.fromtimestamp(clock.now_ms() / 1000, UTC).isoformat(timespec="seconds")
    files, lock = open_locked(settings.data_dir, create=False, pid=os.getpid(), started=started)
    helper = ProcessHelper()
    try:
        offload = InlineOffload()
        yield AdapterContext(settings, files, clock, SystemRandom(), LibraryDigests(), offload, log, helper=helper)
    finally:
        helper.close()
        lock.release()


@contextmanager
def uncollected() -> Iterator[None]:
    """Streams of millions of small values hold no cycles; looking for them would cost a sixth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass(frozen=True, slots=True)
class WritableStore:
    """A locked data directory, recovered, that takes commits; one after another, nothing else runs."""

    committer: Committer
    metadata: MetadataStore
    segments: SegmentEngine


@contextmanager
def open_for_writing(context: AdapterContext) -> Iterator[WritableStore]:
    """Opens a stopped store as the server would, without listening, and closes it cleanly.

    DataDirUnusable without an index; MetadataDamaged, StoreFailed.
    """
    files = context.require_files()
    sqlite = context.settings.metadata_adapter == "sqlite"
    if sqlite and not files.exists(INDEX_FILE):
        raise DataDirUnusable(f"there is no index in {context.data_dir}: {STALE_INDEX}")
    metadata, engine = choose_metadata(context), choose_segments(context)
    with ExitStack() as stack:
        stack.callback(metadata.close)
        open_metadata(metadata, unclean=sqlite and files.exists(f"{INDEX_FILE}-wal"))
        Recovery(metadata, engine.files, context.log).run(index_is_new=False)
        engine.open()
        try:
            yield WritableStore(DirectCommitter(metadata, engine.store), metadata, engine)
        except BaseException:
            # Left to the next recovery, as after a crash.
            engine.store.close()
            raise
        rows = engine.store.close()
        for outcome in metadata.apply([NoteSegments(tuple(rows))], NoRecords()):
            if isinstance(outcome, Exception):
                raise outcome


@contextmanager
def open_store(settings: Settings, log: Log) -> Iterator[OfflineStore]:
    """The store as the last process left it: nothing is recovered. DataDirUnusable without an index."""
    with locked(settings, log) as context, opened(context) as store:
        yield store


@contextmanager
def opened(context: AdapterContext) -> Iterator[OfflineStore]:
    """The same, in a directory that is locked already."""
    settings = context.settings
    with ExitStack() as stack:
        files = context.require_files()
        if settings.metadata_adapter == "sqlite" and not files.exists(INDEX_FILE):
            raise DataDirUnusable(f"there is no index in {settings.data_dir}: {STALE_INDEX}")
        metadata = choose_metadata(context)
        stack.callback(metadata.close)
        open_metadata(metadata, unclean=False)
        stack.enter_context(uncollected())
        yield OfflineStore(context, metadata, choose_segments(context).files, files)


def rebuild_index(settings: Settings, log: Log, stages: Stages = silent) -> RebuildReport:
    """``rebuild`` in a directory that is not locked yet."""
    with locked(settings, log) as context:
        return rebuild(context, stages)


def rebuild(context: AdapterContext, stages: Stages) -> RebuildReport:
    """Builds the index anew from the segments and puts it in place of the old one, which is kept beside it.

    At every moment either the old index, or none, or the complete new one bears the name; without one the server
    refuses to start and says what to do, so that this can be run again.
    """
    if context.settings.metadata_adapter != "sqlite":
        raise DataDirUnusable("rebuild-index makes a SQLite index; another metadata adapter rebuilds by its own means")
    files = context.require_files()
    for part in _SQLITE_PARTS:
        if files.exists(BUILDING_FILE + part):
            files.remove(BUILDING_FILE + part)
    report = _build(context, stages)
    _move_aside(files)
    files.rename(BUILDING_FILE, INDEX_FILE)
    files.sync_dir(".")
    return report


def _build(context: AdapterContext, stages: Stages) -> RebuildReport:
    metadata = choose_metadata(replace(context, index_file=BUILDING_FILE))
    try:
        open_metadata(metadata, unclean=False)
        with uncollected():
            report = Rebuild(metadata, choose_segments(context).files, stages).run()
    finally:
        metadata.close()
    files = context.require_files()
    assert not files.exists(f"{BUILDING_FILE}-wal"), "a closed database is in one file"
    files.sync_dir(".")
    return report


def _move_aside(files: FileSystem) -> None:
    """The old database first: a -wal without its database is inert, a database without its -wal would be an old one."""
    aside = _aside_name(files)
    for part in _SQLITE_PARTS:
        if files.exists(INDEX_FILE + part):
            files.rename(INDEX_FILE + part, aside + part)
            files.sync_dir(".")


def _aside_name(files: FileSystem) -> str:
    """A name that no earlier index has taken - but the last one taken, when a crash left its other parts behind."""
    names = [ASIDE_FILE]
    while files.exists(names[-1]):
        names.append(f"{ASIDE_FILE}.{len(names) + 1}")
    interrupted = len(names) > 1 and not files.exists(INDEX_FILE)
    return names[-2] if interrupted else names[-1]


def stored_root(settings: Settings) -> KeyPair | None:
    """The root key in the store, None when none was ever generated. Takes no lock and writes nothing.

    DataDirUnusable: no store there, or one that this user may not read. SecretUnreadable: another master key.
    """
    files = open_data_dir(settings.data_dir, create=False)
    if settings.metadata_adapter != "sqlite" or not files.exists(INDEX_FILE):
        raise DataDirUnusable(f"there is no SQLite index in {settings.data_dir}")
    pool = ReaderPool(Disk(str(settings.data_dir / INDEX_FILE)))
    try:
        found = pool.reader().read(root_credential)
    finally:
        pool.close()
    if found is None:
        return None
    return unsealed(found, open_box(settings, SystemRandom(), create=False))
