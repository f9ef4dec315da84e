"""Every test that the threat model names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "threat-model.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", TEXT)))


def test_every_threat_names_a_test() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and "---" not in line]
    threats = [row for row in rows if row.count("|") == 4 and not row.startswith(("| threat |", "| who |"))]
    tables = TEXT.partition("## Who gets in")[2]
    assert len(NAMED) > 40
    for row in threats:
        assert row not in tables or "`tests/" in row, row


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_a_named_test_exists(path: str, name: str) -> None:
    text = (ROOT / path).read_text()
    assert re.search(rf"^ *(?:async )?def {name or 'test_'}", text, re.MULTILINE), f"{path} has no {name}"
