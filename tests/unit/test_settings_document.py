"""docs/ops.md lists every setting with its default and its meaning, below the titles of the help, in its order."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic.fields import FieldInfo

from seglake.entrypoints.cli.server import shown_default
from seglake.entrypoints.settings import SECTIONS, Settings, flag_name

DOCUMENT = Path(__file__).parents[2] / "docs" / "ops.md"


def row(name: str, field: FieldInfo) -> str:
    """The line of a setting as the document must have it."""
    default = "" if field.default in (None, "", ()) else f"`{shown_default(field)}`"
    return f"| `{flag_name(name)}` | {default} | {(field.description or '').replace('|', '&#124;')} |"


def test_every_setting_stands_in_the_document_as_it_is() -> None:
    expected = []
    for name, field in Settings.model_fields.items():
        if name in SECTIONS:
            expected.append(f"### {SECTIONS[name]}")
        expected.append(row(name, field))
    text = DOCUMENT.read_text().partition("## Settings\n")[2].partition("\n## ")[0]
    found = [line for line in text.splitlines() if re.match(r"### |\| `--", line)]
    missing = [line for line in expected if line not in found]
    assert missing == [], "these lines belong into docs/ops.md"
    assert found == expected
