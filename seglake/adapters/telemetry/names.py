"""Every metric by name: what it is, what its labels are. Dashboards, alerts and docs/ops.md are held to this table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """``name`` is as it is queried, but a histogram's without ``_bucket``, ``_sum`` or ``_count``."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    text: str
    labels: tuple[str, ...] = ()

    @property
    def series(self) -> frozenset[str]:
        """The names under which it can be queried."""
        if self.kind == "histogram":
            return frozenset(f"{self.name}{end}" for end in ("_bucket", "_sum", "_count"))
        return frozenset((self.name,))


METRICS = (
    Metric("seglake_build_info", "gauge", "Always 1; the labels say what runs.", ("version", "python")),
    Metric("seglake_start_time_seconds", "gauge", "When the server started, in seconds since the epoch."),
    Metric("seglake_ready", "gauge", "1 while /health/ready answers 200."),
    Metric(
        "seglake_requests_total",
        "counter",
        "Requests that ended, by operation and class of status; aborted ones got no whole answer.",
        ("operation", "class"),
    ),
    Metric(
        "seglake_request_seconds",
        "histogram",
        "Time from a request's head until its answer was made; a long one, sent.",
        ("operation",),
    ),
    Metric("seglake_requests_in_flight", "gauge", "Requests under way."),
    Metric("seglake_received_bytes_total", "counter", "Bytes of request bodies as they came.", ("operation",)),
    Metric("seglake_sent_bytes_total", "counter", "Bytes of bodies of answers.", ("operation",)),
    Metric("seglake_errors_total", "counter", "Refusals by their S3 error code.", ("code",)),
    Metric(
        "seglake_authentication_failures_total",
        "counter",
        "Signatures that were not proven, by S3 error code.",
        ("code",),
    ),
    Metric("seglake_replays_total", "counter", "Signatures that came again, by what was done.", ("outcome",)),
    Metric("seglake_commits_total", "counter", "Commits by outcome: committed, refused or failed.", ("outcome",)),
    Metric("seglake_commits_waiting", "gauge", "Commits asked for and not yet done."),
    Metric("seglake_commit_seconds", "histogram", "Time that a successful commit was waited for."),
    Metric("seglake_batch_seconds", "histogram", "Time that a batch of commits took, its syncs included."),
    Metric("seglake_batch_scripts", "histogram", "Commits in one batch."),
    Metric("seglake_sync_seconds", "histogram", "Time that a segment file took to be synced."),
    Metric("seglake_sync_failures_total", "counter", "Syncs that failed; the store stops with the first."),
    Metric("seglake_segments", "gauge", "Segments by state.", ("state",)),
    Metric("seglake_segment_bytes", "gauge", "Acknowledged bytes of segments by state.", ("state",)),
    Metric("seglake_disk_free_bytes", "gauge", "Bytes that the file system would still give."),
    Metric("seglake_disk_reserve_bytes", "gauge", "Bytes kept so that deletes still commit on a full disk."),
    Metric("seglake_buckets", "gauge", "Buckets at the last count."),
    Metric("seglake_objects", "gauge", "Keys whose current version is no delete marker, at the last count."),
    Metric("seglake_versions", "gauge", "Versions that are no delete markers, at the last count."),
    Metric("seglake_delete_markers", "gauge", "Delete markers at the last count."),
    Metric("seglake_uploads", "gauge", "Running multipart uploads at the last count."),
    Metric("seglake_live_bytes", "gauge", "Bytes of all versions and parts, each by itself, at the last count."),
    Metric("seglake_count_timestamp_seconds", "gauge", "When the store was last counted, in seconds since the epoch."),
    Metric("seglake_task_runs_total", "counter", "Runs of background work.", ("task", "outcome")),
    Metric(
        "seglake_task_last_timestamp_seconds",
        "gauge",
        "When the last run ended, in seconds since the epoch.",
        ("task",),
    ),
    Metric("seglake_task_last_seconds", "gauge", "How long the last run took.", ("task",)),
    Metric("seglake_task_figures_total", "counter", "What background work counted.", ("task", "figure")),
    Metric("seglake_access_log_dropped_total", "counter", "Lines of the access log that found the disk too slow."),
)

BY_NAME = {metric.name: metric for metric in METRICS}
PROCESS_SERIES = frozenset(
    (
        "process_cpu_seconds_total",
        "process_max_fds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_virtual_memory_bytes",
    )
)
"""What the client library tells of the process, on Linux."""
