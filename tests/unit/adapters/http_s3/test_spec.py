"""The page that says what the endpoint answers names every operation and only errors that exist."""

from __future__ import annotations

import re
from pathlib import Path

from seglake.adapters.s3_protocol.errors import ErrorCode
from seglake.adapters.s3_protocol.operations import Operation
from seglake.adapters.s3_protocol.routing import IMPLEMENTED

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "spec.md").read_text(encoding="utf-8")
OPERATIONS = PAGE.partition("## Operations")[2].partition("## Addressing")[0]


def test_the_page_lists_exactly_the_operations_that_work() -> None:
    named = {name for name in re.findall(r"`([A-Z][A-Za-z0-9]+)`", OPERATIONS) if name in Operation.__members__}
    assert named == {operation.name for operation in IMPLEMENTED}


def test_every_refusal_on_the_page_has_its_status() -> None:
    statuses = {code.text: code.status for code in ErrorCode}
    for status, name in re.findall(r"`([45][0-9]{2}) ([A-Za-z]+)`", PAGE):
        assert statuses[name] == int(status)


def test_every_error_named_on_the_page_exists() -> None:
    known = {code.text for code in ErrorCode} | set(Operation.__members__)
    words = {"Enabled", "Suspended", "Host", "Authorization", "Date", "Server", "Expires", "COMPOSITE"}
    for name in re.findall(r"`([A-Z][a-z]+[A-Z][A-Za-z]+)`", PAGE):
        assert name in known | words, name
