"""Requests are counted with integer additions only: by operation for good, by bucket and key for the last minutes.

A turn comes every few minutes. What is said of the recent past is what was counted since the turn before the last one,
so it covers between one and two of these periods. Buckets and keys are counted by name, which only those can bring here
that exist and were proven; beyond a number of them in one period they are counted together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seglake.adapters.telemetry.spread import BUCKETS, VALUE_MAX, quantile
from seglake.domain.ports.telemetry import RequestMeter, Served

TURN_S = 300.0
NAMES_MAX = 100
"""Buckets, and keys, counted by name in one period."""

TOGETHER = 128
"""Requests that are counted together: a tenth of a millisecond's work."""

SHOWN_MAX = 20
OTHERS = "(others)"
"""No bucket and no key can have this name."""

UNKNOWN = "Unknown"
"""Stands for the operation of a request that names none."""

CLASSES = ("aborted", "1xx", "2xx", "3xx", "4xx", "5xx")
QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


def latencies_ms(counts: list[int]) -> dict[str, float]:
    """The quantiles of counted microseconds, in milliseconds."""
    return {name: round(quantile(counts, share) / 1000, 3) for name, share in QUANTILES}


class OperationCounts:
    """Everything about one operation since the start; ``earlier`` and ``last`` are its counts at the last two turns."""

    __slots__ = ("bytes_in", "bytes_out", "classes", "counts", "earlier", "last", "seconds")

    def __init__(self) -> None:
        self.classes = [0] * len(CLASSES)
        self.bytes_in = 0
        self.bytes_out = 0
        self.seconds = 0.0
        self.counts = [0] * BUCKETS
        self.earlier = [0] * BUCKETS
        self.last = [0] * BUCKETS

    def turn(self) -> None:
        """Forgets the recent past but for the last period."""
        self.earlier, self.last = self.last, self.counts[:]

    def recent(self) -> list[int]:
        """Latencies (microseconds) of the recent past."""
        return [now - then for now, then in zip(self.counts, self.earlier, strict=True)]


class NameCounts:
    """One bucket or key in one period."""

    __slots__ = ("bytes_in", "bytes_out", "counts", "errors")

    def __init__(self) -> None:
        self.errors = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.counts = [0] * BUCKETS

    @property
    def requests(self) -> int:
        """How many there were."""
        return sum(self.counts)

    def plus(self, other: NameCounts) -> NameCounts:
        """Both together."""
        both = NameCounts()
        both.errors = self.errors + other.errors
        both.bytes_in = self.bytes_in + other.bytes_in
        both.bytes_out = self.bytes_out + other.bytes_out
        both.counts = [one + two for one, two in zip(self.counts, other.counts, strict=True)]
        return both


class Names:
    """Counts by name for the present period and the one before."""

    __slots__ = ("_before", "present")

    def __init__(self) -> None:
        self.present: dict[str, NameCounts] = {}
        self._before: dict[str, NameCounts] = {}

    def begun(self, name: str) -> NameCounts:
        """What counts a new ``name``, or all the others when there are too many."""
        if len(self.present) >= NAMES_MAX:
            name = OTHERS
        return self.present.setdefault(name, NameCounts())

    def turn(self) -> None:
        """Begins a new period."""
        self._before, self.present = self.present, {}

    def top(self, kind: str) -> list[dict[str, object]]:
        """Those with the most requests in the recent past; ``kind`` is what a name is called."""
        both = dict(self._before)
        for name, counts in self.present.items():
            both[name] = counts.plus(both[name]) if name in both else counts
        busiest = sorted(both.items(), key=lambda item: (-item[1].requests, item[0]))[:SHOWN_MAX]
        return [
            {
                kind: name,
                "requests": counts.requests,
                "errors": counts.errors,
                "bytes_in": counts.bytes_in,
                "bytes_out": counts.bytes_out,
                "latency_ms": latencies_ms(counts.counts),
            }
            for name, counts in busiest
        ]


class CountedRequests(RequestMeter):
    """The meter of the S3 endpoint."""

    def __init__(self, steady_s: Callable[[], float]) -> None:
        self._steady_s = steady_s
        self._turn_at = steady_s() + TURN_S
        self.in_flight = 0
        self._ended: list[Served] = []
        self.operations: dict[str, OperationCounts] = {}
        self.errors: dict[str, int] = {}
        self.authentication_failures: dict[str, int] = {}
        self.replays_noticed = 0
        self.replays_refused = 0
        self._buckets = Names()
        self._keys = Names()

    def begin(self) -> Served:
        """Counts it as under way."""
        self.in_flight += 1
        return Served(self._steady_s())

    def end(self, served: Served, /) -> None:
        """Notes it; where it belongs is found out for many at once, which costs a quarter."""
        self.in_flight -= 1
        served.seconds = self._steady_s() - served.begun_s
        ended = self._ended
        ended.append(served)
        if len(ended) == TOGETHER:
            self.settle()

    def settle(self) -> None:
        """Counts what has ended. Whoever reads the counts calls it before."""
        ended, self._ended = self._ended, []
        for served in ended:
            self._count(served)

    def _count(self, served: Served) -> None:
        seconds, status = served.seconds, served.status
        bytes_in, bytes_out = served.bytes_in, served.bytes_out
        now = served.begun_s + seconds
        if now >= self._turn_at:
            self._turn(now)
        operation = self.operations.get(served.operation)
        if operation is None:
            operation = self.operations.setdefault(served.operation or UNKNOWN, OperationCounts())
        operation.classes[status // 100] += 1
        operation.bytes_in += bytes_in
        operation.bytes_out += bytes_out
        operation.seconds += seconds
        value = int(seconds * 1e6)
        if value > VALUE_MAX:
            value = VALUE_MAX
        # As in bucket_of: a call would cost as much as all the rest of this line.
        shift = value.bit_length() - 5
        bucket = value if shift <= 0 else (shift << 4) + (value >> shift)
        operation.counts[bucket] += 1
        failed = status >= 400 or not status
        name = served.bucket
        if name:
            counts = self._buckets.present.get(name) or self._buckets.begun(name)
            counts.bytes_in += bytes_in
            counts.bytes_out += bytes_out
            counts.counts[bucket] += 1
            if failed:
                counts.errors += 1
        name = served.access_key
        if name:
            counts = self._keys.present.get(name) or self._keys.begun(name)
            counts.bytes_in += bytes_in
            counts.bytes_out += bytes_out
            counts.counts[bucket] += 1
            if failed:
                counts.errors += 1
        if served.code:
            self.errors[served.code] = self.errors.get(served.code, 0) + 1

    def _turn(self, now: float) -> None:
        """Once for one period that has passed, twice when nothing came for longer."""
        for _ in range(2 if now >= self._turn_at + TURN_S else 1):
            for operation in self.operations.values():
                operation.turn()
            self._buckets.turn()
            self._keys.turn()
        self._turn_at = now + TURN_S

    def authentication_failed(self, code: str, /) -> None:
        """Counts it under its code."""
        self.authentication_failures[code] = self.authentication_failures.get(code, 0) + 1

    def replayed(self, *, refused: bool) -> None:
        """Counts it."""
        self.replays_noticed += 1
        self.replays_refused += refused

    def figures(self) -> Mapping[str, object]:
        """What /v1/meta/stats shows of requests (docs/spec.md)."""
        self.settle()
        now = self._steady_s()
        if now >= self._turn_at:
            self._turn(now)
        return {
            "in_flight": self.in_flight,
            "by_operation": {name: _operation(self.operations[name]) for name in sorted(self.operations)},
            "by_bucket": self._buckets.top("bucket"),
            "by_key": self._keys.top("access_key"),
            "errors": dict(sorted(self.errors.items())),
            "authentication_failures": dict(sorted(self.authentication_failures.items())),
            "replays": {"noticed": self.replays_noticed, "refused": self.replays_refused},
        }


def _operation(counts: OperationCounts) -> dict[str, object]:
    return {
        "requests": sum(counts.classes),
        "by_class": {name: count for name, count in zip(CLASSES, counts.classes, strict=True) if count},
        "bytes_in": counts.bytes_in,
        "bytes_out": counts.bytes_out,
        "latency_ms": latencies_ms(counts.recent()),
    }
