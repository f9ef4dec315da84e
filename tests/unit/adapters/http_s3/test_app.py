from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from seglake.adapters.http_s3.handlers.table import HANDLERS
from seglake.adapters.s3_protocol.operations import Operation
from seglake.domain.model import errors as domain
from seglake.domain.model.limits import Limits
from tests.unit.adapters.http_s3.front import NOW, ROOT, Front, front
from tests.wire import Mode


@contextmanager
def raising(error: BaseException) -> Iterator[None]:
    """GetObject raises this."""

    async def handler(_exchange: Any) -> Any:
        raise error

    with patch.dict(HANDLERS, {Operation.GetObject: handler}):
        yield


async def test_a_bug_is_a_500_that_tells_nothing_and_a_log_line_that_tells_all(store: Front) -> None:
    with raising(ZeroDivisionError("the secret inner life")):
        reply = await store.ask("GET", "/alpha/k")
    assert (reply.status, reply.code) == (500, "InternalError")
    assert "secret inner life" not in reply.body.decode()
    level, event, fields = store.log.lines[-1]
    assert (level, event) == ("error", "request_failed")
    assert fields["request_id"] == reply.headers["x-amz-request-id"]
    assert isinstance(fields["exc_info"], ZeroDivisionError)
    assert (await store.ask("PUT", "/alpha/k", {}, b"x")).status == 200


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (domain.StoreFailed("fdatasync: EIO on /a/path"), 503, "ServiceUnavailable"),
        (domain.StoreClosed("closing"), 503, "ServiceUnavailable"),
        (domain.Busy("try again", retry_after_s=3), 503, "SlowDown"),
        (domain.UnderMaintenance(), 503, "ServiceUnavailable"),
        (domain.StorageFull("the disk is full"), 507, "StorageFull"),
        (domain.MetadataDamaged("row 7 of /a/path"), 500, "InternalError"),
        (domain.VersionDamaged("k", "v"), 500, "InternalError"),
    ],
)
async def test_failures_of_the_store_are_answered_without_its_paths(
    store: Front, error: domain.SeglakeError, status: int, code: str
) -> None:
    with raising(error):
        reply = await store.ask("GET", "/alpha/k")
    assert (reply.status, reply.code) == (status, code)
    assert "/a/path" not in reply.element("Message")
    if isinstance(error, domain.Busy):
        assert reply.headers["retry-after"] == "3"
    if status == 500:
        known = isinstance(error, domain.VersionDamaged)
        assert store.log.lines[-1][1] == ("version_damaged" if known else "store_refused")


@pytest.mark.parametrize("expect", [{}, {"expect": "100-continue"}])
async def test_only_a_refusal_of_an_announced_body_ends_the_connection(store: Front, expect: dict[str, str]) -> None:
    """Whether the body still comes is not known then; without the announcement it is read and dropped."""
    bad = store.signed("PUT", "/alpha/k", expect, b"x" * 1000)
    bad = bad.with_header("authorization", bad.headers["authorization"][:-1] + "g")
    async with store.wire() as wire:
        await wire.send(bad.head() if expect else bad.bytes())
        reply = await wire.reply("PUT")
        assert reply.code == "AuthorizationHeaderMalformed"
        assert ("connection" in reply.headers) == bool(expect)


async def test_request_ids_are_never_the_same(store: Front) -> None:
    ids = {store.application.new_request_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(one) for one in ids} == {16}


async def test_requests_are_logged_only_when_asked_for_and_without_their_query() -> None:
    async with front(access_log=True) as store:
        request = store.signed("GET", "/nothing-here/k", mode=Mode.PRESIGNED)
        async with store.wire() as wire:
            reply = await wire.ask(request)
        level, event, fields = store.log.lines[-1]
    assert (level, event, fields["status"]) == ("info", "request", 404)
    assert fields["request_id"] == reply.headers["x-amz-request-id"]


async def test_nothing_is_logged_of_a_good_request(store: Front) -> None:
    await store.put("/alpha/k", b"x")
    assert store.log.lines == []


@pytest.mark.parametrize(
    ("expires_s", "after_s", "status"), [(600, 599, 200), (600, 600, 403), (1, 0, 200), (1, 1, 403)]
)
async def test_a_presigned_url_ends_at_its_second(store: Front, expires_s: int, after_s: int, status: int) -> None:
    await store.put("/alpha/k", b"x")
    request = store.signed("GET", "/alpha/k", mode=Mode.PRESIGNED, expires_s=expires_s)
    store.clock.ms += after_s * 1000
    async with store.wire() as wire:
        assert (await wire.ask(request)).status == status


@pytest.mark.parametrize(("skew_s", "status"), [(-901, 403), (-900, 404), (0, 404), (900, 404), (901, 403)])
async def test_clocks_may_differ_by_fifteen_minutes(store: Front, skew_s: int, status: int) -> None:
    async with store.wire() as wire:
        assert (await wire.ask(store.signed("GET", "/alpha/k", now=NOW + skew_s))).status == status


async def test_a_disabled_key_is_refused_with_the_next_request(store: Front) -> None:
    other = type(ROOT)("other-key", "other-secret-0123456789")
    await store.add_key(other)
    async with store.wire() as wire:
        assert (await wire.ask(store.signed("GET", "/alpha", signer=other))).status == 200
        await store.add_key(other, enabled=False)
        assert (await wire.ask(store.signed("GET", "/alpha", signer=other))).code == "InvalidAccessKeyId"


async def test_a_changed_secret_counts_at_once(store: Front) -> None:
    """The derived keys are cached by secret, so an old one can never be used for a new secret."""
    old = type(ROOT)("other-key", "old-secret-0123456789")
    new = type(ROOT)("other-key", "new-secret-0123456789")
    await store.add_key(old)
    async with store.wire() as wire:
        assert (await wire.ask(store.signed("GET", "/alpha", signer=old))).status == 200
        await store.add_key(new)
        assert (await wire.ask(store.signed("GET", "/alpha", signer=old))).code == "SignatureDoesNotMatch"
        assert (await wire.ask(store.signed("GET", "/alpha", signer=new))).status == 200


async def test_large_uploads_wait_for_their_turn_and_all_are_done() -> None:
    async with front(in_flight_bytes_max=1) as store:
        await store.put("/alpha")
        body = b"x" * (3 << 20)
        replies = await asyncio.gather(*[store.ask("PUT", f"/alpha/k{n}", {}, body) for n in range(4)])
        assert [reply.status for reply in replies] == [200] * 4


async def test_buckets_that_demand_conditions_refuse_overwrites_without() -> None:
    limits = Limits(require_if_match=frozenset({"alpha"}))
    async with front(limits) as store:
        await store.put("/alpha")
        await store.put("/beta")
        for bucket in ("alpha", "beta"):
            await store.put(f"/{bucket}/k", b"first")
        refused = await store.ask("PUT", "/alpha/k", {}, b"second")
        assert (refused.status, refused.code) == (412, "PreconditionFailed")
        assert "If-Match" in refused.element("Message")
        assert (await store.ask("DELETE", "/alpha/k")).status == 412
        assert (await store.ask("GET", "/alpha/k")).body == b"first"
        etag = (await store.ask("HEAD", "/alpha/k")).headers["etag"]
        await store.put("/alpha/k", b"second", {"if-match": etag})
        await store.put("/beta/k", b"second")


async def test_the_secret_is_in_no_answer(store: Front) -> None:
    bad = store.signed("GET", "/alpha/k")
    async with store.wire() as wire:
        reply = await wire.ask(bad.with_header("authorization", bad.headers["authorization"][:-1] + "0"))
    assert ROOT.secret not in reply.body.decode()
