"""Everything that counts, together."""

from __future__ import annotations

from dataclasses import dataclass

from seglake.adapters.telemetry.commits import CommitCounts
from seglake.adapters.telemetry.requests import CountedRequests
from seglake.adapters.telemetry.syncs import SyncCounts
from seglake.adapters.telemetry.tasks import TaskRecords

Sample = tuple[tuple[str, ...], float]
"""Values of a metric's labels, and its value."""


@dataclass(frozen=True, slots=True)
class Meters:
    """One store's, begun at ``started_ms`` (milliseconds since the epoch)."""

    started_ms: int
    requests: CountedRequests
    commits: CommitCounts
    syncs: SyncCounts
    tasks: TaskRecords
