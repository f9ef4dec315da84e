"""One document says how the store is: what it holds, what it does, what its background work did. Never a secret, never
the name of an object."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seglake.domain.model.segment import SegmentState
from seglake.domain.ports.metadata import MetadataStore, MetadataView
from seglake.domain.ports.system import Clock

from .stocktaking import Count, Stocktaking

FORMAT = 1
"""Grows when a field changes its meaning or goes away; new fields may come at any time."""

PATIENCE_S = 2.0
"""How long a caller carries the count of the store on."""

Figures = Callable[[], Mapping[str, object]]


class Statistics:
    """Puts the document together. ``sections`` are what adapters count, by the name under which it is shown."""

    def __init__(
        self,
        metadata: MetadataStore,
        clock: Clock,
        stocktaking: Stocktaking,
        *,
        version: str,
        sections: Mapping[str, Figures],
    ) -> None:
        self._metadata = metadata
        self._clock = clock
        self._stocktaking = stocktaking
        self._version = version
        self._sections = sections
        self._begun_s = clock.steady_s()

    async def stats(self) -> dict[str, object]:
        """What /v1/meta/stats answers (docs/spec.md describes each field)."""
        count = await self._stocktaking.carry_on(PATIENCE_S)
        return {
            "format": FORMAT,
            "at_ms": self._clock.now_ms(),
            "server": {"version": self._version, "uptime_s": round(self._clock.steady_s() - self._begun_s, 3)},
            "store": None if count is None else _store(count),
            "segments": self._metadata.read(segments_by_state),
            **{name: dict(figures()) for name, figures in self._sections.items()},
            "replication": None,
        }

    def conflicts(self) -> dict[str, object]:
        """What /v1/meta/conflicts answers: a store without other sites has none."""
        return {"format": FORMAT, "at_ms": self._clock.now_ms(), "replication": None, "conflicts": []}


def segments_by_state(view: MetadataView) -> dict[str, dict[str, int]]:
    """Number and acknowledged bytes of the segments in each state."""
    found = {state.name.lower(): {"count": 0, "bytes": 0} for state in SegmentState}
    for segment in view.segments.scan():
        counts = found[segment.state.name.lower()]
        counts["count"] += 1
        counts["bytes"] += segment.committed
    return found


def _store(count: Count) -> dict[str, object]:
    largest = sorted(count.largest.items(), key=lambda item: (-item[1].bytes, item[0]))
    return {
        "taken_ms": count.taken_ms,
        "buckets": count.buckets,
        "objects": count.objects,
        "versions": count.versions,
        "delete_markers": count.markers,
        "manifests": count.versions + count.markers,
        "uploads": count.uploads,
        "parts": count.parts,
        "live_bytes": count.live_bytes,
        "largest_buckets": [
            {
                "bucket": name,
                "objects": one.objects,
                "versions": one.versions,
                "delete_markers": one.markers,
                "bytes": one.bytes,
            }
            for name, one in largest
        ],
    }
