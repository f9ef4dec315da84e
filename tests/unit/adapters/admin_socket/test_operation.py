"""Parameters are what they should be, or the call is refused."""

from __future__ import annotations

from typing import Any

import pytest

from seglake.adapters.admin_socket.messages import CallRefused, failure_of
from seglake.adapters.admin_socket.operation import ITEMS_MAX, OPTIONAL, REQUIRED, Kind, Operation, Parameter


async def _nothing(**_arguments: Any) -> dict[str, Any]:
    return {}


def _operation(**parameters: Parameter) -> Operation:
    return Operation("does nothing", _nothing, parameters)


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        ("text", "ü", "ü"),
        ("text", "", ""),
        ("flag", False, False),
        ("number", 0, 0),
        ("number", (1 << 53) - 1, (1 << 53) - 1),
        ("texts", [], ()),
        ("texts", ["a", "b"], ("a", "b")),
        ("pairs", [["a", "b"]], (("a", "b"),)),
    ],
)
def test_a_right_value_is_read(kind: Kind, value: object, read: object) -> None:
    assert _operation(it=Parameter(kind)).arguments({"it": value}) == {"it": read}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", 1),
        ("text", True),
        ("text", ["a"]),
        ("text", "\ud800"),
        ("flag", 1),
        ("flag", "true"),
        ("number", True),
        ("number", 1.0),
        ("number", -1),
        ("number", 1 << 53),
        ("number", "1"),
        ("texts", "ab"),
        ("texts", [1]),
        ("texts", [None]),
        ("texts", ["a"] * (ITEMS_MAX + 1)),
        ("pairs", [["a"]]),
        ("pairs", ["ab"]),
        ("pairs", [["a", 1]]),
        ("pairs", {"a": "b"}),
        ("pairs", [["a", "b"]] * (ITEMS_MAX + 1)),
    ],
)
def test_a_wrong_value_is_refused(kind: Kind, value: object) -> None:
    with pytest.raises(CallRefused, match="'it'") as refused:
        _operation(it=Parameter(kind)).arguments({"it": value})
    assert failure_of(refused.value) == ("InvalidParameters", 400)


def test_a_missing_parameter_is_refused_or_none() -> None:
    assert _operation(it=OPTIONAL).arguments({}) == {"it": None}
    for given in ({}, {"it": None}):
        with pytest.raises(CallRefused, match="'it' is missing"):
            _operation(it=REQUIRED).arguments(given)


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(CallRefused, match="no parameter 'other'"):
        _operation(it=OPTIONAL).arguments({"it": "x", "other": None})
