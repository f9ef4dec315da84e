"""In maintenance a write is refused before its body, and everything is read as before."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from seglake.domain.model.errors import UnderMaintenance
from seglake.domain.services.maintenance import MaintenanceMode, WriteGate

from .front import Front, front


@pytest.fixture
async def store() -> AsyncIterator[Front]:
    async with front() as running:
        await running.put("/alpha")
        await running.put("/alpha/k", b"body")
        yield running


def gate_of(store: Front) -> WriteGate:
    return store.application.gate


def mode_of(store: Front) -> MaintenanceMode:
    inner = store.store
    return MaintenanceMode(inner.metadata, inner.committer, inner.clock, inner.log, inner.clock.pause, gate_of(store))


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("PUT", "/alpha/new", b"x"),
        ("DELETE", "/alpha/k", b""),
        ("POST", "/alpha/k?uploads", b""),
        ("PUT", "/beta", b""),
        ("DELETE", "/alpha", b""),
    ],
)
async def test_writes_are_told_when_to_come_again(store: Front, method: str, target: str, body: bytes) -> None:
    dump = store.dump()
    await mode_of(store).enable()
    reply = await store.ask(method, target, {}, body)
    assert (reply.status, reply.code) == (503, "ServiceUnavailable")
    assert int(reply.headers["retry-after"]) > 0
    assert store.dump() == dump
    assert gate_of(store).under_way == 0


@pytest.mark.parametrize("target", ["/", "/alpha", "/alpha/k"])
async def test_reads_go_on(store: Front, target: str) -> None:
    await mode_of(store).enable()
    assert (await store.ask("GET", target)).status == 200
    assert (await store.ask("HEAD", "/alpha/k")).status == 200


async def test_a_body_is_not_asked_for_in_maintenance(store: Front) -> None:
    await mode_of(store).enable()
    request = store.signed("PUT", "/alpha/new", {"expect": "100-continue"}, b"x" * 100_000)
    async with store.wire() as wire:
        await wire.send(request.head())
        reply = await wire.reply("PUT")
    assert reply.status == 503


async def test_who_may_not_write_learns_nothing_about_maintenance(store: Front) -> None:
    await mode_of(store).enable()
    request = store.signed("PUT", "/alpha/new", {}, b"x")
    request = request.with_header("authorization", request.headers["authorization"][:-1] + "0")
    async with store.wire() as wire:
        reply = await wire.ask(request)
    assert reply.status == 403


async def test_every_write_is_counted_until_its_end_however_it_ends(store: Front) -> None:
    gate = gate_of(store)
    seen: list[int] = []
    inner = store.store.committer.commit

    async def commit(*args: object, **more: object) -> object:
        seen.append(gate.under_way)
        return await inner(*args, **more)  # type: ignore[arg-type]

    store.store.writes._committer.commit = commit  # type: ignore[method-assign,assignment]
    await store.put("/alpha/new", b"x")
    assert seen == [1]
    assert (await store.ask("PUT", "/nowhere/k", {}, b"x")).status == 404
    assert gate.under_way == 0


async def test_a_write_that_the_gate_missed_is_refused_in_its_commit(store: Front) -> None:
    await mode_of(store).enable()
    gate_of(store).shut = False
    reply = await store.ask("PUT", "/alpha/new", {}, b"x")
    assert (reply.status, reply.code) == (503, "ServiceUnavailable")
    with pytest.raises(UnderMaintenance):
        await store.store.put("new", b"x", bucket="alpha")
