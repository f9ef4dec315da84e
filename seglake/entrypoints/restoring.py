"""`seglake restore`, wired: a new data directory from a snapshot. Nothing else is touched, so no lock is needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seglake.adapters.digests import LibraryDigests
from seglake.adapters.filesystem.layout import FORMAT_VERSION, MASTER_KEY_FILE, SNAPSHOT_FILE, new_directory
from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.adapters.filesystem.segment_files import FilesystemSegmentFiles
from seglake.adapters.filesystem.snapshots import FilesystemRestore, FilesystemSnapshotSource
from seglake.adapters.sqlite.store import SqliteMetadataStore
from seglake.adapters.system.clock import SystemClock, block_s
from seglake.adapters.system.ids import SystemRandom
from seglake.domain.model.errors import DataDirUnusable
from seglake.domain.ports.files import FileSystem
from seglake.domain.ports.log import Log
from seglake.domain.ports.progress import Stages, silent
from seglake.domain.services.restore import RestoreOptions, RestoreReport, Restoring

from .selection import INDEX_FILE
from .upkeep import master_key_text


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What to restore where. ``data_from`` has the segments when the snapshot has none."""

    snapshot: Path
    target: Path
    data_from: Path | None = None
    bytes_per_s: int = 0


def restore(plan: RestorePlan, options: RestoreOptions, log: Log, stages: Stages = silent) -> RestoreReport:
    """One restore. DataDirUnusable, InvalidArgument, StorageFull, OSError: then the directory is no store.

    The master key is restored with the snapshot that has it; without it somebody has to bring it.
    """
    source = _existing(plan.snapshot, "snapshot")
    if not source.exists(SNAPSHOT_FILE):
        raise DataDirUnusable(
            f"{plan.snapshot} is no snapshot, or one that was never completed: it has no {SNAPSHOT_FILE}"
        )
    payload = source if plan.data_from is None else _existing(plan.data_from, "data directory")
    clock, digests = SystemClock(), LibraryDigests()
    root = Path(os.path.abspath(plan.target))
    target = new_directory(root)
    restored = FilesystemSegmentFiles(target, digests, log=log)
    segments = FilesystemSegmentFiles(payload, digests, log=log)
    key = plan.snapshot / MASTER_KEY_FILE

    @contextmanager
    def open_index() -> Iterator[SqliteMetadataStore]:
        store = SqliteMetadataStore(str(root / INDEX_FILE), clock=clock, randomness=SystemRandom())
        store.open()
        try:
            yield store
        finally:
            store.close()

    place = FilesystemRestore(
        source,
        payload,
        target,
        index_name=INDEX_FILE,
        open_index=open_index,
        segments=restored,
        key=master_key_text(key) if key.exists() else None,
        key_name=MASTER_KEY_FILE,
    )
    restoring = Restoring(clock, log, block_s, stages, bytes_per_s=plan.bytes_per_s, store_format=FORMAT_VERSION)
    try:
        return restoring.run(
            FilesystemSnapshotSource(source, segments),
            place,
            options,
        )
    finally:
        restored.close()
        segments.close()


def _existing(path: Path, what: str) -> FileSystem:
    root = os.path.abspath(path)
    if not os.path.isdir(root):
        raise DataDirUnusable(f"there is no {what} at {root}")
    return OsFileSystem(root)
