"""Ready means every check passes now; a check that hangs, fails or breaks is a reason."""

from __future__ import annotations

import asyncio

from seglake.adapters.telemetry.health import FRESH_S, Health
from seglake.testing.contracts.doubles import ManualClock


async def _fine() -> str:
    return ""


async def test_nobody_is_ready_before_the_start() -> None:
    health = Health(ManualClock().steady_s)
    assert (await health.ready()).reasons == {"start": "the store is starting or stopping"}
    health.started = True
    assert (await health.ready()).ready
    await health.close()
    assert not (await health.ready()).ready


async def test_every_reason_is_told() -> None:
    async def full() -> str:
        return "full"

    async def broken() -> str:
        raise OSError("no such thing")

    health = Health(ManualClock().steady_s)
    health.started = True
    health.watch({"a": _fine, "b": full, "c": broken})
    assert (await health.ready()).reasons == {"b": "full", "c": "OSError: no such thing"}


async def test_a_check_that_hangs_is_a_reason_and_is_not_begun_twice() -> None:
    begun, go_on = [], asyncio.Event()

    async def hanging() -> str:
        begun.append(1)
        await go_on.wait()
        return ""

    clock = ManualClock()
    health = Health(clock.steady_s, patience_s=0.01)
    health.started = True
    health.watch({"disk": hanging})
    for _ in range(3):
        assert "no answer" in (await health.ready()).reasons["disk"]
        clock.ms += int(FRESH_S * 1000) + 1
    assert len(begun) == 1
    go_on.set()
    await asyncio.sleep(0)
    assert (await health.ready()).ready
    await health.close()


async def test_a_fresh_answer_is_given_again() -> None:
    asked = []

    async def counted() -> str:
        asked.append(1)
        return ""

    clock = ManualClock()
    health = Health(clock.steady_s)
    health.started = True
    health.watch({"a": counted})
    await health.ready()
    await health.ready()
    assert len(asked) == 1
    clock.ms += int(FRESH_S * 1000)
    await health.ready()
    assert len(asked) == 2


async def test_closing_ends_what_hangs() -> None:
    async def hanging() -> str:
        await asyncio.sleep(3600)
        return ""

    health = Health(ManualClock().steady_s, patience_s=0.01)
    health.started = True
    health.watch({"a": hanging})
    await health.ready()
    await asyncio.wait_for(health.close(), 1)
