"""The figures of /v1/meta/stats for who is at the machine; without a server, those of the store alone."""

from __future__ import annotations

from .operation import AdminServices, Operation, Result


async def _stats(s: AdminServices) -> Result:
    return await s.statistics.stats()


FIGURE_OPERATIONS = {
    "stats": Operation(
        "tells the figures of `GET /v1/meta/stats`; `store` is null while it is still being counted", _stats
    ),
}
