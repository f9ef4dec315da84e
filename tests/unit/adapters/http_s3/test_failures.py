from __future__ import annotations

import pytest

from seglake.adapters.http_s3 import failures as module
from seglake.adapters.http_s3.failures import Failures
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.signing import Signer
from tests.unit.adapters.http_s3.front import ROOT, Front, front
from tests.unit.fixtures import RecordingLog
from tests.wire import Reply

WRONG = S3Error(ErrorCode.SignatureDoesNotMatch)


class Scene:
    def __init__(self, per_minute: int = 3) -> None:
        self.now = 1000.0
        self.log = RecordingLog()
        self.failures = Failures(per_minute, steady_s=lambda: self.now, log=self.log)

    def fails(self, peer: str = "192.0.2.7", key: str | None = None) -> str:
        return self.failures.explain(WRONG, peer=peer, known_key=key).code.text

    def told(self) -> list[str]:
        return [fields["of"] for _, _, fields in self.log.lines]


def test_an_address_is_told_why_so_often_a_minute() -> None:
    scene = Scene()
    assert [scene.fails() for _ in range(5)] == ["SignatureDoesNotMatch"] * 3 + ["SlowDown"] * 2
    assert scene.fails("192.0.2.8") == "SignatureDoesNotMatch", "another address is another matter"
    scene.now += 20.0
    assert [scene.fails(), scene.fails()] == ["SignatureDoesNotMatch", "SlowDown"]
    scene.now += 3600.0
    assert [scene.fails() for _ in range(4)] == ["SignatureDoesNotMatch"] * 3 + ["SlowDown"]


def test_a_refusal_beyond_the_limit_says_when_to_come_again() -> None:
    scene = Scene(1)
    scene.fails()
    error = scene.failures.explain(WRONG, peer="192.0.2.7", known_key=None)
    assert error.headers == (("Retry-After", str(module.RETRY_AFTER_S)),)
    assert "failed to authenticate" in error.message


def test_failures_of_one_key_are_counted_over_all_addresses() -> None:
    scene = Scene()
    codes = [scene.fails(f"192.0.2.{number}", "victim") for number in range(5)]
    assert codes == ["SignatureDoesNotMatch"] * 3 + ["SlowDown"] * 2
    assert scene.fails("192.0.2.99", "another") == "SignatureDoesNotMatch"
    assert scene.told() == ["key victim"]


def test_one_customers_network_is_one_address() -> None:
    scene = Scene()
    assert [scene.fails(f"2001:db8:1:2::{number}") for number in range(1, 5)][-1] == "SlowDown"
    assert scene.fails("2001:db8:1:3::1") == "SignatureDoesNotMatch"
    assert scene.told() == ["address 2001:db8:1:2::/64"]


def test_the_log_is_told_once_a_minute() -> None:
    scene = Scene(1)
    for _ in range(100):
        scene.fails()
        scene.now += 0.5
    assert len(scene.log.lines) == 1
    scene.now += 15.0
    scene.fails()
    scene.fails()
    assert len(scene.log.lines) == 2


def test_memory_is_bounded_and_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENTRIES_MAX", 2)
    scene = Scene(1)
    scene.fails("192.0.2.1")
    scene.fails("192.0.2.2")
    assert scene.fails("192.0.2.1") == "SlowDown"
    scene.fails("192.0.2.3")
    assert scene.fails("192.0.2.1") == "SlowDown", "it failed later than the second, which is forgotten"
    assert len(scene.failures._entries) == 2


async def _ask(store: Front, signer: Signer) -> Reply:
    async with store.wire() as wire:
        return await wire.ask(store.signed("GET", "/", signer=signer))


async def test_wrong_signatures_lock_nobody_out() -> None:
    """The same key, from the same address: who has the secret goes on while the attacker is told to slow down."""
    guess = Signer(ROOT.access_key, "a guess at the secret")
    async with front(auth_failures_per_min=5) as store:
        for _ in range(5):
            reply = await _ask(store, guess)
            assert (reply.status, reply.code) == (403, "SignatureDoesNotMatch")
            assert reply.element("StringToSign")
        for _ in range(20):
            reply = await _ask(store, guess)
            assert (reply.status, reply.code) == (503, "SlowDown")
            assert reply.headers["retry-after"] == str(module.RETRY_AFTER_S)
            assert not reply.element("StringToSign")
            assert (await _ask(store, ROOT)).status == 200
        assert (await _ask(store, Signer("nobody", "nothing"))).code == "SlowDown"


async def test_requests_that_succeed_use_up_nothing() -> None:
    async with front(auth_failures_per_min=1) as store:
        for _ in range(5):
            assert (await _ask(store, ROOT)).status == 200
        assert (await _ask(store, Signer("nobody", "nothing"))).code == "InvalidAccessKeyId"
        assert (await _ask(store, Signer("nobody", "nothing"))).code == "SlowDown"


async def test_without_a_limit_every_failure_is_explained(store: Front) -> None:
    for _ in range(5):
        assert (await _ask(store, Signer("nobody", "nothing"))).code == "InvalidAccessKeyId"
