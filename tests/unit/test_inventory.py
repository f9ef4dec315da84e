"""The inventory in docs/spec.md says of every operation of the S3 API what the router does with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session
import pytest

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.operations import Body, Level, Operation
from seglake.adapters.s3_protocol.routing import IMPLEMENTED, ROUTES, route
from tests.unit.adapters.s3_protocol.test_routing import SUCCESSORS, request_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "spec.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Operations\n")[2].partition("\n## ")[0]
MODEL = botocore.session.get_session().get_service_model("s3")
STATES = ("full", "partial", "refused")
NOT_IN_THE_MODEL = {"PostObject", "Preflight", "GetMetaStats", "GetMetaConflicts"}
"""What browsers do, and what is this store's own; SDKs have no method for it."""

PLAIN_HEADERS = {
    *("cache-control", "content-disposition", "content-encoding", "content-language", "content-length", "content-md5"),
    *("content-type", "expires", "if-match", "if-modified-since", "if-none-match", "if-unmodified-since", "range"),
}
"""Headers of HTTP itself that operations are bound to, all of which are understood where HTTP gives them a meaning."""


class Row(NamedTuple):
    """One line of the inventory."""

    state: str
    notes: str


def _rows(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `"):
            yield [cell.strip("|").strip() for cell in cells]


def inventory() -> dict[str, Row]:
    text = SECTION.partition("### Members that are refused")[0]
    rows = [(cells[0].strip("`"), Row(cells[1], cells[2] if len(cells) > 2 else "")) for cells in _rows(text)]
    assert [name for name, _row in rows] == sorted({name for name, _row in rows}), "by name, and each name once"
    return dict(rows)


def refused_members() -> dict[str, set[str]]:
    """{header, or ?parameter: operations that refuse it}."""
    text = SECTION.partition("### Members that are refused")[2]
    return {cells[0].strip("`"): set(re.findall(r"`(\w+)`", cells[1])) for cells in _rows(text)}


INVENTORY = inventory()
REFUSED = refused_members()


def expected(name: str) -> Operation:
    """The operation that a name of the model means here: four names are old ones."""
    return Operation[SUCCESSORS.get(name, name)]


def test_every_operation_is_listed_and_nothing_else() -> None:
    names = {*MODEL.operation_names, *Operation.__members__}
    assert {*Operation.__members__} - {*MODEL.operation_names} == NOT_IN_THE_MODEL
    assert sorted(names - INVENTORY.keys()) == [], "these have no row"
    assert sorted(INVENTORY.keys() - names) == [], "these do not exist"


@pytest.mark.parametrize("name", INVENTORY)
def test_the_state_is_what_the_router_does(name: str) -> None:
    row = INVENTORY[name]
    assert row.state in STATES
    works = expected(name) in IMPLEMENTED
    assert works == (row.state != "refused"), f"{name} {'works' if works else 'is refused'}, the page says {row.state}"
    assert row.state == "full" or row.notes, "it says what is missing, or how it is refused"


@pytest.mark.parametrize("name", [name for name, row in INVENTORY.items() if row.state == "refused"])
def test_a_refused_operation_is_answered_with_its_name(name: str) -> None:
    assert "`501 NotImplemented`" in INVENTORY[name].notes
    with pytest.raises(S3Error) as caught:
        route(*request_of(name))
    assert caught.value.code is ErrorCode.NotImplemented
    assert caught.value.code.status == 501
    assert expected(name).name in caught.value.message


@pytest.mark.parametrize("name", SUCCESSORS)
def test_an_old_name_says_its_new_one(name: str) -> None:
    assert INVENTORY[name].state == INVENTORY[SUCCESSORS[name]].state
    assert f"`{SUCCESSORS[name]}`" in INVENTORY[name].notes


class Binding(NamedTuple):
    """How botocore sends an operation: the fixed query, and the members that a request must have."""

    method: str
    level: Level
    fixed: dict[str, str]
    required: dict[str, set[str]]
    optional: dict[str, set[str]]


def binding(name: str) -> Binding:
    operation = MODEL.operation_model(name)
    path, _, static = operation.http["requestUri"].partition("?")
    fixed = {key: value for key, _, value in (part.partition("=") for part in static.split("&") if part)}
    fixed.pop("x-id", None)
    shape = operation.input_shape
    required: dict[str, set[str]] = {"querystring": set(), "header": set()}
    optional: dict[str, set[str]] = {"querystring": set(), "header": set()}
    for member, detail in shape.members.items() if shape else ():
        place = detail.serialization.get("location")
        if place in required:
            kind = required if member in shape.required_members else optional
            kind[place].add(detail.serialization["name"])
    level = Level.OBJECT if "{Key" in path else Level.BUCKET if path not in ("/", "") else Level.SERVICE
    return Binding(operation.http["method"], level, fixed, required, optional)


@pytest.mark.parametrize("name", MODEL.operation_names)
def test_the_table_of_operations_agrees_with_the_model(name: str) -> None:
    known, operation = binding(name), expected(name)
    assert (operation.method, operation.level) == (known.method, known.level)
    if operation.subresource in known.fixed:
        left = known.fixed.keys() - {operation.subresource} - {f"{operation.subresource}-type"}
        assert not left, "a fixed part of the query tells it apart from another operation"
    elif operation.subresource:
        assert not known.fixed
        assert operation.subresource in known.required["querystring"] | known.optional["querystring"]
    else:
        assert not known.fixed
    if operation.selector.startswith("?"):
        assert operation.selector[1:] in known.required["querystring"]
    elif operation.selector:
        assert operation.selector[:-1] in known.required["header"]


@pytest.mark.parametrize("name", MODEL.operation_names)
def test_a_body_is_expected_exactly_where_the_model_has_one(name: str) -> None:
    shape = MODEL.operation_model(name).input_shape
    payload = shape.serialization.get("payload") if shape else None
    if payload is None:
        located = [
            member for member in (shape.members.values() if shape else ()) if not member.serialization.get("location")
        ]
        body = Body.DOCUMENT if located else Body.NONE
    else:
        member = shape.members[payload]
        whole = member.type_name == "blob" and member.serialization.get("streaming", True)
        body = Body.OBJECT if whole else Body.DOCUMENT
    assert expected(name).body is body


def members(name: str) -> Iterator[str]:
    """Headers (lower case) and ``?parameters`` that botocore can send with an operation."""
    shape = MODEL.operation_model(name).input_shape
    for member in shape.members.values() if shape else ():
        place, field = member.serialization.get("location"), member.serialization.get("name", "")
        if place == "querystring":
            yield f"?{field}"
        elif place == "header":
            yield field.lower()
        elif place == "headers":
            assert field == "x-amz-meta-", "the only headers with a common prefix are metadata"


def understood(row: Any, member: str) -> bool:
    if member.startswith("?"):
        return member[1:] in row.parameters or row.operation.selector == member
    return member in row.headers or member in PLAIN_HEADERS or row.operation.selector == f"{member}:"


@pytest.mark.parametrize("name", [name for name in MODEL.operation_names if expected(name) in IMPLEMENTED])
def test_every_member_of_a_request_is_understood_or_listed_as_refused(name: str) -> None:
    row = ROUTES[expected(name)]
    unknown = {member for member in members(name) if not understood(row, member)}
    listed = {member for member, operations in REFUSED.items() if name in operations}
    assert sorted(unknown - listed) == [], f"{name} refuses these, and the page does not say so"
    assert sorted(listed - unknown) == [], f"the page says that {name} refuses these"
    assert not unknown or INVENTORY[name].state == "partial", "what refuses a member is not full"


def test_the_refused_members_are_members_of_operations_that_work() -> None:
    for member, names in REFUSED.items():
        assert names, member
        for name in names:
            assert name in MODEL.operation_names, name
            assert member in set(members(name)), f"{name} has no {member}"
            assert INVENTORY[name].state == "partial"
