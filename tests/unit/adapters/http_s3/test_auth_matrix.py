"""P15: operations x principals x ways to authenticate x tamperings, over the real parser and a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from seglake.adapters.s3_protocol.errors import ErrorCode
from seglake.adapters.s3_protocol.operations import Level, Operation
from seglake.adapters.s3_protocol.routing import IMPLEMENTED
from tests.unit.adapters.http_s3.matrix import (
    SAMPLES,
    UNCREDENTIALED,
    Principal,
    Sample,
    World,
    matches,
    verdict,
    world,
)
from tests.unit.adapters.http_s3.tampers import Case, cases
from tests.wire import ConnectionEnded, Mode, Reply, Request, connect

CASES_MIN = 6000
pytestmark = pytest.mark.slow  # thousands of requests

OPERATIONS = pytest.mark.parametrize("operation", SAMPLES, ids=lambda operation: operation.name)
MODES = pytest.mark.parametrize("mode", Mode, ids=lambda mode: mode.name)


@pytest.fixture
async def filled() -> AsyncIterator[World]:
    async with world() as built:
        yield built


def possible(sample: Sample, mode: Mode) -> bool:
    return sample.takes_body or not mode.streaming


async def refuse_all(filled: World, asked: list[Case]) -> None:
    """Sends requests that must be refused, on one connection as long as the server keeps it."""
    wrong: list[str] = []
    before = filled.front.dump()
    remaining = list(reversed(asked))
    while remaining:
        async with connect(filled.front.port) as wire:
            closed = False
            while remaining and not closed:
                case = remaining.pop()
                try:
                    reply = await wire.ask(case.request)
                except ConnectionEnded:
                    wrong.append(f"{case.name}: no answer")
                    break
                if not matches(reply, case.code, case.request.method):
                    wrong.append(f"{case.name}: {reply.status} {reply.code} {reply.element('Message')}")
                closed = reply.headers.get("connection") == "close"
                if closed != case.closes:
                    wrong.append(f"{case.name}: {'ends' if closed else 'keeps'} the connection")
                if filled.front.dump() != before:
                    wrong.append(f"{case.name}: the store changed")
                    before = filled.front.dump()
    assert not wrong, "\n".join(wrong)


def test_every_route_is_classified() -> None:
    assert frozenset(SAMPLES) | UNCREDENTIALED == IMPLEMENTED


async def test_the_matrix_is_large(filled: World) -> None:
    tampered = sum(
        1 for sample in SAMPLES.values() for mode in Mode if possible(sample, mode) for _ in cases(filled, sample, mode)
    )
    refused = len(SAMPLES) * len(Principal) * len(Mode)
    assert tampered + refused >= CASES_MIN


@MODES
@OPERATIONS
async def test_tampered_requests_are_refused_and_leave_no_trace(
    filled: World, operation: Operation, mode: Mode
) -> None:
    sample = SAMPLES[operation]
    if not possible(sample, mode):
        return
    await refuse_all(filled, list(cases(filled, sample, mode)))
    untouched = await done(filled, filled.build(sample, mode=mode))
    assert sample.worked(untouched), "what was tampered with worked untouched"


@OPERATIONS
async def test_principals_without_the_right_are_refused_in_every_mode(filled: World, operation: Operation) -> None:
    sample = SAMPLES[operation]
    asked = []
    for principal in Principal:
        for mode in Mode:
            code = verdict(sample, principal, mode)
            if code is not None:
                request = filled.build(sample, principal=principal, mode=mode)
                asked.append(Case(f"{principal.name} {mode.name}", request, code))
    await refuse_all(filled, asked)


async def done(filled: World, request: Request) -> Reply:
    async with connect(filled.front.port) as wire:
        return await wire.ask(request)


@OPERATIONS
async def test_principals_with_the_right_are_served_in_every_mode(operation: Operation) -> None:
    sample = SAMPLES[operation]
    served = 0
    for principal in Principal:
        for mode in Mode:
            if verdict(sample, principal, mode) is not None:
                continue
            async with world() as fresh:
                before = fresh.front.dump()
                reply = await done(fresh, fresh.build(sample, principal=principal, mode=mode))
                assert sample.worked(reply), f"{principal.name} {mode.name}: {reply.body!r}"
                assert (fresh.front.dump() != before) == (sample.writes and sample.changes)
                served += 1
    assert served >= 9


def _target(operation: Operation) -> str:
    path = {Level.SERVICE: "/", Level.BUCKET: "/alpha", Level.OBJECT: "/alpha/key"}[operation.level]
    query = [operation.subresource] if operation.subresource else []
    if operation.selector.startswith("?"):
        query.append(f"{operation.selector[1:]}=1")
    return f"{path}?{'&'.join(query)}" if query else path


@pytest.mark.parametrize("principal", Principal, ids=lambda principal: principal.name)
async def test_operations_that_do_not_exist_here_are_refused_for_everybody(filled: World, principal: Principal) -> None:
    asked = []
    for operation in Operation:
        if operation in IMPLEMENTED:
            continue
        headers = {operation.selector[:-1]: "1"} if operation.selector.endswith(":") else {}
        sample = Sample(operation, _target(operation), headers)
        asked.append(Case(operation.name, filled.build(sample, principal=principal), ErrorCode.NotImplemented))
    assert len(asked) == len(Operation) - len(IMPLEMENTED)
    await refuse_all(filled, asked)
