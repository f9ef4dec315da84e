"""What docs/spec.md says of errors is true; its inventory of operations has a test of its own (test_inventory)."""

from __future__ import annotations

import re
from pathlib import Path

from seglake.adapters.s3_protocol.errors import ErrorCode
from seglake.adapters.s3_protocol.operations import Operation
from tests.unit.adapters.s3_protocol.test_routing import MODEL, SUCCESSORS

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "spec.md").read_text(encoding="utf-8")


def test_every_refusal_on_the_page_has_its_status() -> None:
    statuses = {code.text: code.status for code in ErrorCode}
    for status, name in re.findall(r"`([45][0-9]{2}) ([A-Za-z]+)`", PAGE):
        assert statuses[name] == int(status)


def words_of_the_api() -> set[str]:
    """Names of members of documents and the values they may have, as botocore's model has them."""
    found: set[str] = set()
    for name in MODEL.shape_names:
        shape = MODEL.shape_for(name)
        found |= {*getattr(shape, "members", ()), *getattr(shape, "enum", ())}
    return found


def test_every_error_named_on_the_page_exists() -> None:
    known = {code.text for code in ErrorCode} | set(Operation.__members__) | set(SUCCESSORS) | words_of_the_api()
    assert [name for name in re.findall(r"`([A-Z][a-z]+[A-Z][A-Za-z]+)`", PAGE) if name not in known] == []
