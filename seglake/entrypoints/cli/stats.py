"""`segctl stats`: what the store holds and does, from the server that runs or from the store itself."""

from __future__ import annotations

from typing import Any

import typer

from .asking import asking
from .output import DataDir, Json, print_json

CALLS_MAX = 1000
"""A call carries the count of the store on for two seconds."""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("stats")(stats)


def stats(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Tell what the store holds and what it does: objects, segments, requests, latencies, commits, background work.

    The figures of `GET /v1/meta/stats`. Without a running server there are those of the store alone.

    Example: segctl stats --json
    """
    with asking(data_dir, as_json=as_json) as channel:
        found = channel.call("stats", {})
        for _ in range(CALLS_MAX):
            if found["store"] is not None:
                break
            found = channel.call("stats", {})
    if as_json:
        print_json(found)
        return
    for line in _lines(found):
        print(line)


def _lines(found: dict[str, Any]) -> list[str]:
    lines = []
    store = found["store"]
    if store is not None:
        lines.append(
            f"{store['objects']:,} objects, {store['versions']:,} versions, {store['delete_markers']:,} delete markers"
            f" in {store['buckets']:,} buckets: {store['live_bytes']:,} bytes; {store['uploads']:,} uploads"
        )
    for state, counts in found["segments"].items():
        lines.append(f"{counts['count']:,} segments {state}: {counts['bytes']:,} bytes")
    requests = found.get("requests")
    if requests is None:
        return [*lines, "no server runs: nothing is known of requests"]
    lines.append(f"{requests['in_flight']:,} requests under way")
    for name, counts in requests["by_operation"].items():
        times = counts["latency_ms"]
        classes = ", ".join([f"{kind} {count:,}" for kind, count in counts["by_class"].items()])
        lines.append(
            f"{name}: {counts['requests']:,} ({classes}); p50 {times['p50']:.1f} ms, p95 {times['p95']:.1f} ms, "
            f"p99 {times['p99']:.1f} ms"
        )
    commits = found["commits"]
    lines.append(
        f"{commits['committed']:,} commits in {commits['batches']:,} batches, {commits['waiting']:,} waiting; "
        f"p99 {commits['latency_ms']['p99']:.1f} ms"
    )
    for name, task in found["tasks"].items():
        lines.append(f"{name}: {task['runs']:,} runs, {task['failed']:,} failed")
    return lines
