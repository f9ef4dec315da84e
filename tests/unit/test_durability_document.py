"""Every promise in docs/durability.md names tests, and these exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "durability.md").read_text()
NAMED = re.findall(r"`((?:tests|seglake)/[\w/.]+\.py)::(test_\w+)`", TEXT)


def test_promises_are_numbered_without_gaps() -> None:
    numbers = [int(number) for number in re.findall(r"^\*\*D(\d+)\. ", TEXT, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers


def test_every_promise_names_a_test() -> None:
    promises = re.split(r"^\*\*D\d+\. ", TEXT.partition("## What this does not cover")[0], flags=re.MULTILINE)[1:]
    assert all("::test_" in promise for promise in promises)


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_named_test_exists(path: str, name: str) -> None:
    assert re.search(rf"^ *(?:async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE), f"{path} has no {name}"
