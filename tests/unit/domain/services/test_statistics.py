"""The document of /v1/meta/stats."""

from __future__ import annotations

from typing import Any

from seglake.domain.services.statistics import Figures, Statistics, segments_by_state
from tests.unit.fixtures import Store


async def test_it_puts_together_what_is_known() -> None:
    store = Store()
    await store.bucket("alpha")
    await store.put("k", b"12345", bucket="alpha")
    sections: dict[str, Figures] = {"requests": lambda: {"in_flight": 3}, "tasks": dict}
    statistics = Statistics(store.metadata, store.clock, store.stocktaking, version="1.2", sections=sections)
    store.clock.ms += 5000
    found: Any = await statistics.stats()
    assert list(found) == ["format", "at_ms", "server", "store", "segments", "requests", "tasks", "replication"]
    assert found["server"] == {"version": "1.2", "uptime_s": 5.0}
    assert found["requests"] == {"in_flight": 3}
    assert found["store"]["largest_buckets"] == [
        {"bucket": "alpha", "objects": 1, "versions": 1, "delete_markers": 0, "bytes": 5}
    ]
    assert found["store"]["manifests"] == 1
    assert found["segments"]["open"]["count"] == len(list(store.metadata.read(lambda view: list(view.segments.scan()))))


async def test_segments_are_told_by_state() -> None:
    store = Store()
    await store.bucket("alpha")
    await store.put("k", b"x" * 1000, bucket="alpha")
    found = store.metadata.read(segments_by_state)
    assert set(found) == {"open", "sealed", "doomed"}
    assert found["open"]["bytes"] > 0
    assert found["sealed"] == found["doomed"] == {"count": 0, "bytes": 0}
