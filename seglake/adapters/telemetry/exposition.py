"""Counts become Prometheus's text when somebody asks, never before.

Sources: Prometheus, "Exposition formats"; OpenMetrics 1.0. The client library only writes the text; it keeps no counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from seglake.adapters.telemetry.meters import Meters, Sample
from seglake.adapters.telemetry.names import BY_NAME, METRICS
from seglake.adapters.telemetry.requests import CLASSES
from seglake.adapters.telemetry.spread import below_powers

_SECONDS_POWERS = tuple(range(7, 27))
"""Upper bounds of times: 128 microseconds to 67 seconds."""
_SCRIPT_POWERS = tuple(range(1, 15))

LookedUp = Mapping[str, Iterable[Sample]]
"""Samples, by name, of gauges and counters of the table that no meter counts."""


def expose(meters: Meters, found: LookedUp, accept: str) -> tuple[bytes, str]:
    """The text and its content type, as the Accept header asks (OpenMetrics or the plain format). Blocking, some ms."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(meters, found))
    ProcessCollector(registry=registry)
    encoder, content_type = choose_encoder(accept)
    return encoder(registry), content_type


class _Once(Collector):
    """The metrics at one moment."""

    def __init__(self, meters: Meters, found: LookedUp) -> None:
        self._meters = meters
        self._found = found

    def collect(self) -> Iterator[Family]:
        """Every metric of the table that has a value."""
        samples = {**_counted(self._meters), **self._found}
        for metric in METRICS:
            if metric.kind == "histogram":
                yield from _histograms(metric.name, self._meters)
                continue
            family = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            made = family(metric.name, metric.text, labels=metric.labels)
            for labels, value in samples.get(metric.name, ()):
                made.add_metric(labels, value)
            if made.samples:
                yield made


def _counted(meters: Meters) -> dict[str, list[Sample]]:
    requests, commits = meters.requests, meters.commits
    operations = sorted(requests.operations.items())
    tasks = meters.tasks.now()
    noticed, refused = requests.replays_noticed, requests.replays_refused
    return {
        "seglake_requests_total": [
            ((name, kind), count)
            for name, counts in operations
            for kind, count in zip(CLASSES, counts.classes, strict=True)
            if count
        ],
        "seglake_requests_in_flight": [((), requests.in_flight)],
        "seglake_received_bytes_total": [((name,), counts.bytes_in) for name, counts in operations],
        "seglake_sent_bytes_total": [((name,), counts.bytes_out) for name, counts in operations],
        "seglake_errors_total": _by_name(requests.errors),
        "seglake_authentication_failures_total": _by_name(requests.authentication_failures),
        "seglake_replays_total": [(("logged",), noticed - refused), (("refused",), refused)],
        "seglake_commits_total": [
            (("committed",), commits.committed),
            (("refused",), commits.refused),
            (("failed",), commits.failed),
        ],
        "seglake_commits_waiting": [((), commits.waiting)],
        "seglake_sync_failures_total": [((), meters.syncs.failed)],
        "seglake_task_runs_total": [
            ((name, outcome), count)
            for name, counts in tasks
            for outcome, count in (("ok", counts.runs - counts.failed), ("failed", counts.failed))
        ],
        "seglake_task_last_timestamp_seconds": [((name,), counts.recent[-1].at_ms / 1000) for name, counts in tasks],
        "seglake_task_last_seconds": [((name,), counts.recent[-1].seconds) for name, counts in tasks],
        "seglake_task_figures_total": [
            ((name, figure), value) for name, counts in tasks for figure, value in sorted(counts.figures.items())
        ],
    }


def _by_name(counts: Mapping[str, int]) -> list[Sample]:
    return [((name,), count) for name, count in sorted(counts.items())]


def _histograms(name: str, meters: Meters) -> Iterator[Family]:
    made = HistogramMetricFamily(name, BY_NAME[name].text, labels=BY_NAME[name].labels)
    if name == "seglake_request_seconds":
        for operation, counts in sorted(meters.requests.operations.items()):
            buckets = _buckets(counts.counts[:], _SECONDS_POWERS, 1e6)
            made.add_metric((operation,), buckets, sum_value=counts.seconds)
        if made.samples:
            yield made
        return
    spread, powers, unit = {
        "seglake_commit_seconds": (meters.commits.latency_us, _SECONDS_POWERS, 1e6),
        "seglake_batch_seconds": (meters.commits.batch_us, _SECONDS_POWERS, 1e6),
        "seglake_batch_scripts": (meters.commits.scripts, _SCRIPT_POWERS, 1.0),
        "seglake_sync_seconds": (meters.syncs.latency_us, _SECONDS_POWERS, 1e6),
    }[name]
    made.add_metric((), _buckets(spread.copy(), powers, unit), sum_value=spread.total / unit)
    yield made


def _buckets(counts: list[int], powers: tuple[int, ...], unit: float) -> list[tuple[str, float]]:
    """Cumulative counts by upper bound. The counts are of whole numbers, so "below 2 ** p" is "at most 2 ** p - 1":
    for microseconds the bound is given as 2 ** p, for numbers of things exactly."""
    less = 0 if unit > 1 else 1
    bounds = [repr(((1 << power) - less) / unit) for power in powers]
    buckets: list[tuple[str, float]] = [
        (bound, float(below)) for bound, below in zip(bounds, below_powers(counts, powers), strict=True)
    ]
    return [*buckets, ("+Inf", float(sum(counts)))]
