from __future__ import annotations

import pytest

from tests.unit.adapters.http_s3.front import Front
from tests.wire import Request


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 400, "BadRequest"),
        ({"access-control-request-method": "PUT"}, 400, "BadRequest"),
        ({"origin": "https://a.example"}, 400, "BadRequest"),
        ({"origin": "https://a.example", "access-control-request-method": "PATCH"}, 400, "BadRequest"),
        ({"origin": "https://a.example", "access-control-request-method": "put"}, 400, "BadRequest"),
        ({"origin": "https://a.example", "access-control-request-method": "PUT"}, 403, "AccessForbidden"),
    ],
)
async def test_no_origin_is_allowed_without_rules(
    store: Front, headers: dict[str, str], status: int, code: str
) -> None:
    async with store.wire() as wire:
        reply = await wire.ask(Request("OPTIONS", "/alpha/k", {"host": store.host, **headers}))
        assert (reply.status, reply.code) == (status, code)
        assert not [name for name in reply.headers if name.startswith("access-control-")]
        assert (await wire.ask(store.signed("GET", "/alpha"))).status == 200
