"""Long work on one store, wired: the same for the server's jobs and for commands without a server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import seglake
from seglake.adapters.admin_socket.operation import Result, Upkeep
from seglake.adapters.filesystem.layout import FORMAT_VERSION, MASTER_KEY_FILE, new_directory
from seglake.adapters.filesystem.os_files import OsFileSystem
from seglake.adapters.filesystem.snapshots import INDEX_COPY, FilesystemSnapshot
from seglake.adapters.sqlite.store import SqliteMetadataStore
from seglake.adapters.system.clock import block_s
from seglake.domain.model.errors import Busy, DataDirUnusable, Unsupported
from seglake.domain.ports.long_reads import LongReads
from seglake.domain.ports.metadata import MetadataStore
from seglake.domain.ports.progress import Stages
from seglake.domain.services.gc_plan import Limits
from seglake.domain.services.maintenance import maintenance_of
from seglake.domain.services.snapshot import SnapshotOptions, SnapshotReport, SnapshotTaking

from .apart import CheckIndex
from .collecting import GarbageWork
from .selection import AdapterContext, SegmentEngine
from .support import gather

_KEY_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class StoreUpkeep(Upkeep):
    """See the port. ``serving`` says whether requests are answered meanwhile."""

    context: AdapterContext
    metadata: MetadataStore
    segments: SegmentEngine
    reads: LongReads
    serving: bool
    garbage: GarbageWork

    def snapshot(
        self, stages: Stages, /, *, target: str, data: bool, link: bool, key: bool, bytes_per_s: int
    ) -> Result:
        """Takes a snapshot. DataDirUnusable, StorageFull, StoreFailed, Unsupported; then there is none."""
        index = self._sqlite()
        source = self.context.require_files()
        root = Path(os.path.abspath(target))
        if root == self.context.data_dir.resolve():
            raise DataDirUnusable("a snapshot needs a directory of its own")
        secret = master_key_text(self.context.settings.master_key_path) if key else None
        snapshot = FilesystemSnapshot(
            source,
            new_directory(root),
            lambda: index.copy_to(str(root / INDEX_COPY)),
            key=secret,
            key_name=MASTER_KEY_FILE,
        )
        taking = SnapshotTaking(
            self.metadata,
            self.segments.store if self.serving else None,
            self.context.clock,
            block_s,
            stages,
            bytes_per_s=bytes_per_s,
        )
        options = SnapshotOptions(data, link, key, seglake.__version__, FORMAT_VERSION)
        return _snapshot_result(str(root), taking.run(snapshot, options))

    def check_index(self, stages: Stages, /) -> Result:
        """Pages, row checksums, and what rows say about one another."""
        found = self.reads.run(CheckIndex(), stages)
        return {"sound": not found, "findings": found}

    def reindex(self, stages: Stages, /) -> Result:
        """REINDEX."""
        index = self._sqlite()
        if self.serving and not self.metadata.read(maintenance_of).refuses_commits:
            raise Busy("every write would wait for it: enable maintenance first, or stop the server")
        stages("building indexes", "indexes")
        index.reindex()
        return {"done": True}

    def support(self, stages: Stages, /, *, with_keys: bool) -> Result:
        """See support.py."""
        return gather(self.context, self.metadata, self.reads, stages, serving=self.serving, with_keys=with_keys)

    def gc_plan(self, stages: Stages, /, *, limits: Limits) -> Result:
        """See collecting.py, here and below."""
        return self.garbage.plan(stages, limits=limits)

    def gc_run(self, stages: Stages, /, *, limits: Limits) -> Result:
        """Dooms dead segments."""
        return self.garbage.run(stages, limits=limits)

    def rewrite_plan(self, stages: Stages, /, *, limits: Limits, threshold: float) -> Result:
        """What is worth rewriting."""
        return self.garbage.rewrite_plan(stages, limits=limits, threshold=threshold)

    def rewrite_run(self, stages: Stages, /, *, limits: Limits, threshold: float, bytes_per_s: float) -> Result:
        """Rewrites it."""
        return self.garbage.rewrite(stages, limits=limits, threshold=threshold, bytes_per_s=bytes_per_s)

    def uploads_plan(self, stages: Stages, /, *, ttl_s: float) -> Result:
        """Stale uploads."""
        return self.garbage.uploads_plan(stages, ttl_s=ttl_s)

    def uploads_run(self, stages: Stages, /, *, ttl_s: float, uploads_max: int) -> Result:
        """Gives them up."""
        return self.garbage.uploads_run(stages, ttl_s=ttl_s, uploads_max=uploads_max)

    def _sqlite(self) -> SqliteMetadataStore:
        if not isinstance(self.metadata, SqliteMetadataStore) or self.context.files is None:
            raise Unsupported("this needs a store on the disk with a SQLite index")
        return self.metadata


def master_key_text(path: Path) -> bytes:
    """What the master key file holds. DataDirUnusable."""
    try:
        file = OsFileSystem(path.parent).open(path.name)
    except OSError as error:
        raise DataDirUnusable(f"the master key file {path} cannot be read: {error.strerror or error}") from error
    try:
        return file.pread(_KEY_BYTES_MAX, 0)
    finally:
        file.close()


def _snapshot_result(target: str, report: SnapshotReport) -> dict[str, Any]:
    manifest = report.manifest
    taken: dict[str, int] = {}
    for one in manifest.segments:
        taken[one.taken.value] = taken.get(one.taken.value, 0) + 1
    return {
        "snapshot": target,
        "newest": str(manifest.newest),
        "created_ms": manifest.created_ms,
        "index_bytes": manifest.index.size,
        "index_seconds": round(report.index_s, 3),
        "segments": len(manifest.segments),
        "segment_bytes": manifest.segment_bytes,
        "data": manifest.data,
        "taken": taken,
        "master_key": manifest.key,
        "seconds": round(report.seconds, 3),
        "findings": [{"severity": str(f.severity), "where": f.where, "text": f.text} for f in report.findings],
    }
