"""``/v1/meta/...``: what the store tells of itself, to root and to keys whose policy says so in as many words (A11)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import web

from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.respond import answer

JSON = "application/json"


async def get_stats(x: Exchange) -> web.StreamResponse:
    """Operation GetMetaStats (docs/spec.md)."""
    return _document(x, await x.services.statistics.stats())


async def get_conflicts(x: Exchange) -> web.StreamResponse:
    """Operation GetMetaConflicts (docs/spec.md)."""
    return _document(x, x.services.statistics.conflicts())


def _document(x: Exchange, content: Mapping[str, object]) -> web.StreamResponse:
    body = json.dumps(content, separators=(",", ":")).encode() + b"\n"
    return answer(x.request_id, (("Content-Type", JSON), ("Cache-Control", "no-store")), body=body)
