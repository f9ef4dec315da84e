"""The dashboard, the alerts and the operator's page name only metrics, labels and values that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from seglake.adapters.s3_protocol.operations import Operation
from seglake.adapters.telemetry.names import METRICS, PROCESS_SERIES, Metric
from seglake.adapters.telemetry.requests import CLASSES, UNKNOWN
from tests.unit.promql import OF_COUNTERS, NotPromQL, read

ROOT = Path(__file__).resolve().parents[2]
SERIES: dict[str, Metric] = {name: metric for metric in METRICS for name in metric.series}
ADDED = {"instance", "job"}
"""Labels that Prometheus adds to what it scrapes."""

VALUES = {
    "operation": {*Operation.__members__, UNKNOWN},
    "class": set(CLASSES),
    "state": {"open", "sealed", "doomed"},
}
OUTCOMES = {
    "seglake_replays_total": {"logged", "refused"},
    "seglake_commits_total": {"committed", "refused", "failed"},
    "seglake_task_runs_total": {"ok", "failed"},
}


def yaml(name: str) -> Any:
    return import_module("yaml").safe_load((ROOT / "examples" / "prometheus" / name).read_text())


def dashboard() -> Any:
    return json.loads((ROOT / "examples" / "grafana" / "seglake.json").read_text())


def alerts() -> list[Any]:
    return [rule for group in yaml("alerts.yml")["groups"] for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for rule in alerts():
        yield rule["alert"], rule["expr"]


def check(text: str) -> None:
    """Returns when the expression reads only what exists, in a way that makes sense."""
    found = read(text)
    assert found.selected
    grouping: set[str] = set(ADDED)
    for one in found.selected:
        metric = SERIES.get(one.name)
        if metric is None:
            assert one.name == "up" or one.name in PROCESS_SERIES, f"there is no metric {one.name}"
            continue
        labels = {*metric.labels, *({"le"} if one.name.endswith("_bucket") else ())}
        grouping |= labels
        for label, value in one.labels:
            assert label in labels | ADDED, f"{one.name} has no label {label}"
            known = OUTCOMES[metric.name] if label == "outcome" else VALUES.get(label)
            assert known is None or set(value.split("|")) <= known, f"{one.name}: {label} is never {value}"
        grows = metric.kind != "gauge"
        assert grows == (one.function in OF_COUNTERS), f"{one.name} is a {metric.kind}"
    assert found.grouped <= grouping, text


@pytest.mark.parametrize(("name", "text"), list(expressions()))
def test_every_expression_reads_what_exists(name: str, text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    "text",
    [
        "seglake_nothing",
        'seglake_ready{operation="GetObject"}',
        'rate(seglake_requests_total{class="6xx"}[5m])',
        'rate(seglake_requests_total{operation="GetObjekt"}[5m])',
        "seglake_requests_total",
        "rate(seglake_ready[5m])",
        "sum by (bucket) (rate(seglake_requests_total[5m]))",
        "rate(seglake_request_seconds[5m])",
    ],
)
def test_what_does_not_exist_is_seen(text: str) -> None:
    with pytest.raises(AssertionError):
        check(text)


@pytest.mark.parametrize(
    "text",
    [
        "sum(seglake_ready",
        "seglake_ready seglake_ready",
        "rate(seglake_requests_total)",
        "sum by operation (x)",
        "",
        "a >",
    ],
)
def test_what_is_no_expression_is_seen(text: str) -> None:
    with pytest.raises(NotPromQL):
        read(text)


def test_legends_and_variables_name_labels_that_the_expression_keeps() -> None:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            found = read(target["expr"])
            assert named <= found.grouped | ADDED, panel["title"]
    variable = dashboard()["templating"]["list"][1]
    assert variable["query"] == "label_values(seglake_build_info, instance)"


def test_every_metric_is_on_the_dashboard_or_in_an_alert() -> None:
    shown = {SERIES[one.name].name for _, text in expressions() for one in read(text).selected if one.name in SERIES}
    silent = {"seglake_start_time_seconds", "seglake_count_timestamp_seconds", "seglake_task_last_seconds"}
    assert {metric.name for metric in METRICS} - shown == silent


def test_panels_do_not_overlap() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert x < 24
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(dashboard()["panels"])


def test_alerts_say_what_is_wrong_and_the_page_says_what_to_do() -> None:
    page = (ROOT / "docs" / "ops.md").read_text()
    for rule in alerts():
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]
        assert f"`{rule['alert']}`" in page, f"docs/ops.md does not explain {rule['alert']}"


def test_the_page_lists_every_metric_as_it_is() -> None:
    page = (ROOT / "docs" / "ops.md").read_text()
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        assert f"| `{metric.name}` | {metric.kind} | {labels} | {metric.text} |" in page


def test_the_scrape_goes_where_the_listener_is() -> None:
    from seglake.entrypoints.settings import Settings

    (job,) = yaml("scrape.yml")["scrape_configs"]
    assert job["static_configs"][0]["targets"] == [Settings.model_fields["ops_addr"].default]
    assert yaml("scrape.yml")["rule_files"] == ["alerts.yml"]
