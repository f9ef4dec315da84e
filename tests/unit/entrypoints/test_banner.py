from __future__ import annotations

import asyncio
from typing import Any

import pytest

from seglake.domain.services.access import KeyPair
from seglake.entrypoints.banner import banner
from seglake.entrypoints.lifespan import Running
from seglake.entrypoints.settings import load_settings

PAIR = {"access_key": "test", "secret_key": "test'secret"}


def _running(generated: KeyPair | None = None, **settings: Any) -> Running:
    known = load_settings(data_dir="some data", **settings)
    loop = asyncio.new_event_loop()
    try:
        return Running(known, "", 9000, known.access_key or "SLKEY", generated, loop.create_future())
    finally:
        loop.close()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_generated_key_is_shown_whole_wherever_it_goes(*, terminal: bool) -> None:
    text = banner(_running(KeyPair("SLKEY", "the-secret")), terminal=terminal)
    assert "http://127.0.0.1:9000" in text
    assert "export AWS_ACCESS_KEY_ID=SLKEY AWS_SECRET_ACCESS_KEY=the-secret" in text
    assert "aws --endpoint-url http://127.0.0.1:9000 s3 mb s3://demo" in text
    assert "keys root" in text


def test_a_given_secret_is_shown_on_a_terminal_only() -> None:
    shown = banner(_running(None, **PAIR), terminal=True)
    assert "test'secret" in shown
    assert "AWS_SECRET_ACCESS_KEY='test'\"'\"'secret'" in shown
    hidden = banner(_running(None, **PAIR), terminal=False)
    assert "test'secret" not in hidden
    assert "AWS_ACCESS_KEY_ID=test" in hidden


def test_a_stored_key_is_fetched_by_its_command() -> None:
    text = banner(_running(), terminal=True)
    assert "SLKEY" in text
    assert "eval \"$(seglake keys root --env --data-dir 'some data')\"" in text


def test_a_store_in_memory_says_so() -> None:
    text = banner(_running(KeyPair("SLKEY", "the-secret"), ephemeral=True), terminal=True)
    assert "nothing survives" in text
    assert "keys root" not in text
