"""What watches one store, wired: meters, the document of /v1/meta, readiness, the ops listener and the access log."""

from __future__ import annotations

import sys
from asyncio import Future
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import seglake
from seglake.adapters.filesystem.layout import RESERVE_FILE
from seglake.adapters.s3_protocol.access_log import AccessRecord, render_json, render_s3
from seglake.adapters.telemetry.access_file import AccessLogFile
from seglake.adapters.telemetry.commits import CommitCounts
from seglake.adapters.telemetry.health import Health
from seglake.adapters.telemetry.meters import Meters, Sample
from seglake.adapters.telemetry.requests import CountedRequests
from seglake.adapters.telemetry.syncs import MeteredFiles, SyncCounts
from seglake.adapters.telemetry.tasks import TaskRecords
from seglake.domain.model.errors import StoreFailed
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.files import FileSystem
from seglake.domain.ports.log import Log
from seglake.domain.ports.metadata import MetadataStore, MetadataTx
from seglake.domain.ports.system import Clock, Offload
from seglake.domain.services.statistics import Figures, Statistics, segments_by_state
from seglake.domain.services.stocktaking import Count, Stocktaking

from .redaction import Redactor
from .settings import Settings

if TYPE_CHECKING:
    from seglake.adapters.telemetry.ops_listener import OpsListener

STDOUT = Path("-")
_SCRAPE_COUNT_S = 0.25
"""How long a scrape carries the count of the store on."""


def meters_of(clock: Clock) -> Meters:
    """Fresh meters."""
    started_ms = clock.now_ms()
    return Meters(started_ms, CountedRequests(clock.steady_s), CommitCounts(), SyncCounts(), TaskRecords(clock.now_ms))


def timed_files(files: FileSystem | None, meters: Meters, clock: Clock) -> FileSystem | None:
    """The data directory as its segments are written to; None in memory."""
    return None if files is None else MeteredFiles(files, meters.syncs, clock.steady_s)


def statistics_of(metadata: MetadataStore, clock: Clock, stocktaking: Stocktaking, meters: Meters | None) -> Statistics:
    """The document of /v1/meta/stats; without a server nothing is metered."""
    sections: dict[str, Figures] = {}
    if meters is not None:
        sections["requests"] = meters.requests.figures
        sections["commits"] = meters.commits.figures
        sections["syncs"] = meters.syncs.figures
        sections["tasks"] = meters.tasks.figures
    return Statistics(metadata, clock, stocktaking, version=seglake.__version__, sections=sections)


def access_log_of(settings: Settings, log: Log) -> AccessLogFile[AccessRecord] | None:
    """Where the access log goes, None when it goes where the log goes or nowhere."""
    if settings.access_log_file is None:
        return None
    render = render_s3 if settings.access_log_format == "s3" else render_json
    secret = () if settings.secret_key is None else (settings.secret_key.get_secret_value(),)
    redactor = Redactor(secret)
    path = None if settings.access_log_file == STDOUT else settings.access_log_file
    return AccessLogFile(path, lambda record: redactor.text(render(record)), log)


def access_sink_of(file: AccessLogFile[AccessRecord] | None) -> Callable[[AccessRecord], None] | None:
    """What takes the records for that file."""
    return None if file is None else file.write


@dataclass(frozen=True, slots=True)
class _Probe:
    """A commit that changes nothing: it shows that commits happen and that the index can be written to."""

    def __call__(self, tx: MetadataTx) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One store as its ops listener sees it; ``files`` is None in memory."""

    settings: Settings
    metadata: MetadataStore
    committer: Committer
    files: FileSystem | None
    offload: Offload
    clock: Clock
    meters: Meters
    stocktaking: Stocktaking
    health: Health
    access_log: AccessLogFile[AccessRecord] | None

    def checks(self, failure: Future[StoreFailed]) -> dict[str, Callable[[], Awaitable[str]]]:
        """What has to hold for the store to be ready; ``failure`` is done when it failed."""

        async def whole() -> str:
            return f"the store failed: {failure.result().hint}" if failure.done() else ""

        async def writable() -> str:
            await self.committer.commit(_Probe())
            return ""

        async def roomy() -> str:
            return "" if self.files is None else await self.offload.start(partial(self._short, self.files))

        return {"store": whole, "index": writable, "disk": roomy}

    def _short(self, files: FileSystem) -> str:
        """Payload is refused below this room (adapters/filesystem/reserve.py)."""
        reserve = self.settings.reserve
        kept = reserve // 2 if _held(files, reserve) else reserve + reserve // 2
        free = files.free_bytes()
        return f"{free} bytes are free, objects are taken from {kept} on" if free < kept else ""

    async def scrape(self, accept: str) -> tuple[bytes, str]:
        """The metrics and their content type."""
        # Not before the first scrape: the library that writes the text is large.
        from seglake.adapters.telemetry.exposition import expose

        found = await self._looked_up()
        self.meters.requests.settle()
        return await self.offload.start(lambda: expose(self.meters, found, accept))

    async def _looked_up(self) -> dict[str, list[Sample]]:
        found: dict[str, list[Sample]] = {}
        python = ".".join(map(str, sys.version_info[:3]))
        found["seglake_build_info"] = [((seglake.__version__, python), 1)]
        found["seglake_start_time_seconds"] = [((), self.meters.started_ms / 1000)]
        found["seglake_ready"] = [((), float((await self.health.ready()).ready))]
        if self.access_log is not None:
            found["seglake_access_log_dropped_total"] = [((), self.access_log.dropped)]
        if self.files is not None:
            found["seglake_disk_free_bytes"] = [((), self.files.free_bytes())]
            found["seglake_disk_reserve_bytes"] = [((), self.settings.reserve)]
        if self.health.started:
            segments = self.metadata.read(segments_by_state)
            found["seglake_segments"] = [((state,), counts["count"]) for state, counts in segments.items()]
            found["seglake_segment_bytes"] = [((state,), counts["bytes"]) for state, counts in segments.items()]
            count = await self.stocktaking.carry_on(_SCRAPE_COUNT_S)
            if count is not None:
                found.update(_counted(count))
        return found


def _held(files: FileSystem, reserve: int) -> bool:
    if not reserve or not files.exists(RESERVE_FILE):
        return False
    file = files.open(RESERVE_FILE)
    try:
        return file.size() >= reserve
    finally:
        file.close()


def _counted(count: Count) -> dict[str, list[Sample]]:
    values = {
        "seglake_buckets": count.buckets,
        "seglake_objects": count.objects,
        "seglake_versions": count.versions,
        "seglake_delete_markers": count.markers,
        "seglake_uploads": count.uploads,
        "seglake_live_bytes": count.live_bytes,
        "seglake_count_timestamp_seconds": count.taken_ms / 1000,
    }
    return {name: [((), value)] for name, value in values.items()}


def ops_listener_of(watched: Watched) -> OpsListener:
    """The listener of metrics and health."""
    from seglake.adapters.telemetry.ops_listener import OpsListener  # HTTP, which no command needs

    return OpsListener(watched.health, watched.scrape, seglake.__version__)
