"""What is exposed is what the table names, in a form that Prometheus's own parsers read back."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from seglake.adapters.telemetry.commits import CommitCounts
from seglake.adapters.telemetry.exposition import expose
from seglake.adapters.telemetry.meters import Meters, Sample
from seglake.adapters.telemetry.names import METRICS, PROCESS_SERIES
from seglake.adapters.telemetry.requests import CountedRequests
from seglake.adapters.telemetry.syncs import SyncCounts
from seglake.adapters.telemetry.tasks import TaskRecords
from seglake.testing.contracts.doubles import ManualClock

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def busy() -> Meters:
    clock = ManualClock()
    meters = Meters(0, CountedRequests(clock.steady_s), CommitCounts(), SyncCounts(), TaskRecords(clock.now_ms))
    for ms in (1, 10, 100):
        served = meters.requests.begin()
        served.operation, served.code, served.status = "GetObject", "NoSuchKey", 404
        served.bytes_in, served.bytes_out = 5, 7
        clock.ms += ms
        meters.requests.end(served)
    meters.requests.settle()
    meters.requests.authentication_failed("AccessDenied")
    meters.commits.scripts.add(3)
    meters.syncs.note(0.5, ok=False)
    meters.tasks.note("gc", ok=True, seconds=1.5, figures={"segments": 2})
    return meters


def looked_up() -> dict[str, list[Sample]]:
    """A value for each metric that no meter counts."""
    known = {metric.name for metric in METRICS}
    samples: dict[str, list[Sample]] = {}
    for metric in METRICS:
        gauge = metric.kind == "gauge" and not metric.name.startswith(("seglake_task", "seglake_requests"))
        if (gauge and metric.name != "seglake_commits_waiting") or metric.name.endswith("dropped_total"):
            samples[metric.name] = [(tuple("x" for _ in metric.labels), 1.0)]
    assert samples.keys() < known
    return samples


def parsed(accept: str) -> dict[str, Any]:
    body, content_type = expose(busy(), looked_up(), accept)
    text = body.decode()
    if accept:
        assert content_type.startswith("application/openmetrics-text")
        found = openmetrics.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        return {family.name: family for family in found}
    assert content_type.startswith("text/plain")
    return {family.name: family for family in text_string_to_metric_families(text)}


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_every_metric_of_the_table_is_exposed_with_its_labels(accept: str) -> None:
    families = parsed(accept)
    for metric in METRICS:
        family = families[metric.name.removesuffix("_total")]
        assert family.samples, metric.name
        names = {sample.name for sample in family.samples}
        assert names <= metric.series | {f"{metric.name.removesuffix('_total')}_created"}, metric.name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.labels), metric.name
    own = {name for name in families if name.startswith("seglake_")}
    assert own == {metric.name.removesuffix("_total") for metric in METRICS}
    told = {sample.name for name, family in families.items() if name.startswith("process") for sample in family.samples}
    assert told <= PROCESS_SERIES


def test_histograms_count_up_to_their_bounds() -> None:
    family = parsed("")["seglake_request_seconds"]
    buckets = {float(sample.labels["le"]): sample.value for sample in family.samples if sample.name.endswith("_bucket")}
    assert list(buckets.values()) == sorted(buckets.values())
    assert buckets[0.000512] == 0
    assert buckets[0.002048] == 1
    assert buckets[0.016384] == 2
    assert buckets[0.131072] == buckets[float("inf")] == 3
    total = next(sample.value for sample in family.samples if sample.name.endswith("_sum"))
    assert total == pytest.approx(0.111)
    scripts = parsed("")["seglake_batch_scripts"]
    bounds = {float(s.labels["le"]): s.value for s in scripts.samples if s.name.endswith("_bucket")}
    assert (bounds[1.0], bounds[3.0]) == (0, 1)


def test_names_are_as_prometheus_wants_them() -> None:
    for metric in METRICS:
        assert metric.name.startswith("seglake_")
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert metric.text.endswith("."), metric.name
    assert len({metric.name for metric in METRICS}) == len(METRICS)
