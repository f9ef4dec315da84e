"""Requests are counted where they belong, and the recent past is recent."""

from __future__ import annotations

import random
import statistics
from typing import Any

import pytest

from seglake.adapters.telemetry.requests import NAMES_MAX, OTHERS, SHOWN_MAX, TOGETHER, TURN_S, UNKNOWN, CountedRequests
from seglake.testing.contracts.doubles import ManualClock


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.meter = CountedRequests(self.clock.steady_s)

    def serve(self, operation: str = "GetObject", status: int = 200, ms: int = 0, **fields: Any) -> None:
        served = self.meter.begin()
        served.operation, served.status = operation, status
        served.bytes_in, served.bytes_out = fields.pop("sizes", (0, 0))
        for name, value in fields.items():
            setattr(served, name, value)
        self.clock.ms += ms
        self.meter.end(served)

    @property
    def figures(self) -> Any:
        return self.meter.figures()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_each_class_of_status_is_counted_by_operation(bench: Bench) -> None:
    for status in (200, 206, 304, 404, 403, 503, 0):
        bench.serve(status=status, sizes=(3, 5))
    bench.serve("", 400)
    found = bench.figures["by_operation"]
    assert found["GetObject"]["by_class"] == {"aborted": 1, "2xx": 2, "3xx": 1, "4xx": 2, "5xx": 1}
    assert (found["GetObject"]["bytes_in"], found["GetObject"]["bytes_out"]) == (21, 35)
    assert found[UNKNOWN]["by_class"] == {"4xx": 1}
    assert set(found) == {"GetObject", UNKNOWN}


def test_what_is_under_way_is_known(bench: Bench) -> None:
    first, second = bench.meter.begin(), bench.meter.begin()
    assert bench.meter.in_flight == 2
    bench.meter.end(first)
    bench.meter.end(second)
    assert bench.meter.in_flight == 0


def test_percentiles_are_near_those_of_the_times(bench: Bench) -> None:
    rng = random.Random(5)
    times = [int(rng.lognormvariate(3, 1)) + 1 for _ in range(2000)]
    for ms in times:
        bench.serve(ms=ms, bucket="alpha", access_key="AK")
        bench.meter.settle()
        bench.meter._turn_at = bench.clock.steady_s() + TURN_S  # all of them are recent
    cuts = statistics.quantiles(times, n=100)
    for figures in (
        bench.figures["by_operation"]["GetObject"],
        bench.figures["by_bucket"][0],
        bench.figures["by_key"][0],
    ):
        latency = figures["latency_ms"]
        for name, cut in (("p50", cuts[49]), ("p95", cuts[94]), ("p99", cuts[98])):
            assert latency[name] == pytest.approx(cut, rel=0.08), name


def test_old_latencies_are_forgotten_and_totals_are_not(bench: Bench) -> None:
    bench.serve(ms=1000, bucket="alpha")
    for _ in range(2):
        bench.clock.ms += int(TURN_S * 1000)
        bench.serve(ms=1, bucket="beta")
    found = bench.figures
    assert found["by_operation"]["GetObject"]["requests"] == 3
    assert found["by_operation"]["GetObject"]["latency_ms"]["p99"] < 2
    assert [one["bucket"] for one in found["by_bucket"]] == ["beta"]
    bench.clock.ms += int(TURN_S * 2000) + 1
    assert bench.figures["by_operation"]["GetObject"]["latency_ms"]["p50"] == 0
    assert bench.figures["by_bucket"] == []


def test_one_period_before_the_present_one_still_counts(bench: Bench) -> None:
    bench.serve(ms=100, bucket="alpha", sizes=(1, 2))
    bench.clock.ms += int(TURN_S * 1000)
    bench.serve(ms=100, bucket="alpha", status=404, sizes=(10, 20))
    (found,) = bench.figures["by_bucket"]
    assert (found["requests"], found["errors"], found["bytes_in"], found["bytes_out"]) == (2, 1, 11, 22)
    assert bench.figures["by_operation"]["GetObject"]["latency_ms"]["p50"] == pytest.approx(100, rel=0.07)


def test_what_ended_long_ago_is_not_recent_because_it_is_counted_late(bench: Bench) -> None:
    bench.serve(ms=1000, bucket="alpha")
    assert bench.meter._ended, "one alone waits to be counted with others"
    bench.clock.ms += int(TURN_S * 2000) + 1
    bench.serve(ms=1, bucket="beta")
    found = bench.figures
    assert not bench.meter._ended
    assert found["by_operation"]["GetObject"]["requests"] == 2
    assert found["by_operation"]["GetObject"]["latency_ms"]["p99"] < 2
    assert [one["bucket"] for one in found["by_bucket"]] == ["beta"]


def test_what_waits_to_be_counted_is_bounded(bench: Bench) -> None:
    for _ in range(TOGETHER * 3 + 1):
        bench.serve()
        assert len(bench.meter._ended) < TOGETHER
    assert sum(bench.meter.operations["GetObject"].classes) == TOGETHER * 3


def test_names_are_bounded_and_nothing_is_lost(bench: Bench) -> None:
    for number in range(NAMES_MAX + 50):
        bench.serve(access_key=f"AK{number:04d}")
    for _ in range(3):
        bench.serve(access_key="AK0007")
    bench.meter.settle()
    assert len(bench.meter._keys.present) == NAMES_MAX + 1
    shown = bench.figures["by_key"]
    assert len(shown) == SHOWN_MAX
    assert (shown[0]["access_key"], shown[0]["requests"]) == (OTHERS, 50)
    assert (shown[1]["access_key"], shown[1]["requests"]) == ("AK0007", 4)


def test_a_request_nobody_proved_is_not_counted_by_name(bench: Bench) -> None:
    bench.serve(status=403, code="SignatureDoesNotMatch")
    assert bench.figures["by_bucket"] == bench.figures["by_key"] == []
    assert bench.figures["errors"] == {"SignatureDoesNotMatch": 1}


def test_failures_and_replays_are_counted(bench: Bench) -> None:
    bench.meter.authentication_failed("InvalidAccessKeyId")
    bench.meter.replayed(refused=False)
    bench.meter.replayed(refused=True)
    assert bench.figures["authentication_failures"] == {"InvalidAccessKeyId": 1}
    assert bench.figures["replays"] == {"noticed": 2, "refused": 1}
