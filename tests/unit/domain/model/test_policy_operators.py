"""Each operator compares as AWS documents; what it cannot read is refused in a policy and equals nothing."""

from __future__ import annotations

from typing import Any

import pytest

from seglake.domain.model.errors import MalformedPolicy
from seglake.domain.model.policy_conditions import Condition, condition
from seglake.domain.model.policy_operators import OPERATORS, Values, date_us, network

KEY = "s3:prefix"


def made(name: str, *values: str) -> Condition:
    return condition(name, KEY, Values(values, "here", with_variables=True), where="operator")


def holds(name: str, wanted: Any, *got: str) -> bool:
    values = [wanted] if isinstance(wanted, str) else wanted
    return made(name, *values).holds({KEY: got} if got else {})


@pytest.mark.parametrize(
    ("name", "wanted", "yes", "no"),
    [
        ("StringEquals", ["a", "b*"], ["a", "b*"], ["A", "bc", ""]),
        ("StringNotEquals", ["a", "b"], ["A", "c"], ["a", "b"]),
        ("StringEqualsIgnoreCase", "Straße", ["STRASSE", "straße"], ["a"]),
        ("StringNotEqualsIgnoreCase", "a", ["b"], ["A"]),
        ("StringLike", ["a*", "?"], ["abc", "x"], ["bc", ""]),
        ("StringNotLike", ["a*", "?"], ["bc"], ["abc", "x"]),
        ("NumericEquals", "10", ["10", "10.0", "010"], ["11", "", "x", "1_0", "+10", "1e1", "\u0661\u0660"]),
        ("NumericNotEquals", "10", ["11", "x"], ["10.00"]),
        ("NumericLessThan", "-1", ["-1.5", "-2"], ["-1", "0", "x"]),
        ("NumericLessThanEquals", "10", ["10", "9.99"], ["10.01"]),
        ("NumericGreaterThan", "10", ["10.01"], ["10", "9"]),
        ("NumericGreaterThanEquals", ["10", "20"], ["10", "15"], ["9"]),
        ("NumericEquals", "0.1", ["0.10"], ["0.1000000000000000055"]),
        ("DateEquals", "2030-01-01", ["2030-01-01T00:00:00Z", "1893456000"], ["2030-01-02"]),
        ("DateNotEquals", "2030-01-01", ["2030-01-02", "x"], ["2030-01-01T01:00+01:00"]),
        ("DateLessThan", "2030-01-01T00:00:00Z", ["2029-12-31T23:59:59.999999Z"], ["2030-01-01", "x"]),
        ("DateLessThanEquals", "2030-01-01T00:00:00Z", ["2030-01-01T02:00:00+02:00"], ["2030-01-01T00:00:00.1Z"]),
        ("DateGreaterThan", "1893456000", ["2030-01-01T00:00:01Z"], ["2030-01-01"]),
        ("DateGreaterThanEquals", "1893456000", ["2030-01-01", "2029-12-31T23:00-01:00"], ["1893455999"]),
        ("Bool", "true", ["true", "True"], ["false", "1", ""]),
        ("Bool", "FALSE", ["false"], ["true"]),
        ("IpAddress", ["10.0.0.0/8", "2001:db8::/32"], ["10.255.0.1", "2001:db8:1::"], ["11.0.0.1", "2001:db9::", "x"]),
        ("IpAddress", "192.0.2.77/24", ["192.0.2.1", "::ffff:192.0.2.1"], ["192.0.3.1", "::c000:201"]),
        ("IpAddress", "::ffff:10.0.0.0/104", ["10.1.1.1"], ["11.1.1.1"]),
        ("IpAddress", "192.0.2.1", ["192.0.2.1"], ["192.0.2.2"]),
        ("IpAddress", "0.0.0.0/0", ["1.2.3.4"], ["::1"]),
        ("NotIpAddress", ["10.0.0.0/8", "192.0.2.0/24"], ["11.0.0.1", "x"], ["10.0.0.1", "192.0.2.1"]),
        ("ArnLike", "arn:aws:iam::*:user/a*", ["arn:aws:iam::1:user/ab:c"], ["arn:aws:iam::1:2:user/a", "x", "arn:a"]),
        ("ArnEquals", "arn:aws:iam::1:user/?", ["arn:aws:iam::1:user/a"], ["arn:aws:iam::1:user/"]),
        ("ArnNotLike", "arn:aws:iam::1:*", ["arn:aws:iam::2:root", "x"], ["arn:aws:iam::1:root"]),
        ("ArnNotEquals", "arn:aws:iam::1:*", ["arn:aws:iam::2:root"], ["arn:aws:iam::1:root"]),
        ("Null", "false", ["a", ""], []),
        ("Null", "True", [], ["a"]),
    ],
)
def test_operators(name: str, wanted: Any, yes: list[str], no: list[str]) -> None:
    assert [value for value in yes if not holds(name, wanted, value)] == []
    assert [value for value in no if holds(name, wanted, value)] == []


def test_the_table_has_every_operator_of_the_documentation() -> None:
    orders = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
    strings = ("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase", "Like", "NotLike")
    wanted = {f"{family}{order}" for family in ("Numeric", "Date") for order in orders}
    wanted |= {f"String{one}" for one in strings} | {f"Arn{one}" for one in ("Equals", "NotEquals", "Like", "NotLike")}
    assert OPERATORS.keys() == wanted | {"Bool", "IpAddress", "NotIpAddress", "Null"}


@pytest.mark.parametrize("name", [name for name in OPERATORS if name != "Null"])
def test_a_key_without_a_value_fails_what_is_positive_only(name: str) -> None:
    sample = {"Num": "1", "Dat": "1", "Boo": "true", "IpA": "::1", "Not": "::1", "Arn": "arn:a:b:c:d:e"}
    value = sample.get(name[:3], "a")
    assert holds(name, value) is ("Not" in name)
    assert holds(f"{name}IfExists", value)
    assert holds(f"ForAllValues:{name}", value)
    assert not holds(f"ForAnyValue:{name}", value)
    assert holds(f"ForAnyValue:{name}IfExists", value)
    assert made(name, value).holds({KEY: ()}) is ("Not" in name)


@pytest.mark.parametrize(
    ("name", "got", "expected"),
    [
        ("StringEquals", ("a", "x"), True),
        ("StringEquals", ("x", "y"), False),
        ("StringNotEquals", ("a", "x"), False),
        ("StringNotEquals", ("x", "y"), True),
        ("ForAnyValue:StringEquals", ("a", "x"), True),
        ("ForAnyValue:StringEquals", ("x",), False),
        ("ForAllValues:StringEquals", ("a", "b"), True),
        ("ForAllValues:StringEquals", ("a", "x"), False),
        ("ForAnyValue:StringNotEquals", ("a", "x"), True),
        ("ForAnyValue:StringNotEquals", ("a", "b"), False),
        ("ForAllValues:StringNotEquals", ("x", "y"), True),
        ("ForAllValues:StringNotEquals", ("a", "x"), False),
    ],
)
def test_several_values_of_a_request(name: str, got: tuple[str, ...], expected: bool) -> None:
    assert holds(name, ["a", "b"], *got) is expected


def test_null_asks_whether_there_is_a_value() -> None:
    assert holds("Null", "true")
    assert not holds("Null", "false")
    assert holds("Null", ["true", "false"])
    assert holds("Null", ["true", "false"], "a")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("NumericEquals", text) for text in ("", "x", "1_0", "+5", "1e3", "0x1", ".5", "5.", "\u0661", " 1", "NaN")],
        *[("DateLessThan", text) for text in ("", "now", "2030", "2030-13-01", "2030-02-30", "2030-01-01T25:00Z")],
        *[("DateLessThan", text) for text in ("2030-01-01T00:00", "2030-01-01 00:00Z", "2030-01-01T00:00+24:00", "-1")],
        *[("IpAddress", text) for text in ("", "x", "10.0.0.0/33", "10.0.0", "fe80::1%eth0", "10.0.0.0/255.0.0.0")],
        *[("NotIpAddress", text) for text in ("010.0.0.1", "10.0.0.0/", "10.0.0.0/-1", "::1/129", "*")],
        *[("Bool", text) for text in ("", "yes", "1", "truе")],
        *[("Null", text) for text in ("", "yes")],
        *[("ArnLike", text) for text in ("", "*", "arn:aws:iam::1", "nra:a:b:c:d:e", "arn*:a:b:c:d:e")],
    ],
)
def test_values_of_another_type_are_refused_when_they_are_stored(name: str, value: str) -> None:
    with pytest.raises(MalformedPolicy) as refused:
        made(name, value)
    assert refused.value.element == "here"
    if value:
        with pytest.raises(MalformedPolicy):
            made(name, "true" if name in ("Bool", "Null") else "1", value)


@pytest.mark.parametrize(
    "name",
    [
        *["StringEqual", "stringequals", "StringEqualsIfexists", "IfExists", "", "BinaryEquals", "NullIfExists"],
        *["ForAnyValue:", "ForAnyValues:StringEquals", "ForAllValues:Null", ":StringEquals", "a:ForAnyValue:Bool"],
        "StringEqualsIfExistsIfExists",
    ],
)
def test_operators_that_are_not_known_are_refused(name: str) -> None:
    with pytest.raises(MalformedPolicy) as refused:
        made(name, "true")
    assert refused.value.element == "operator"


def test_variables_in_values() -> None:
    context = {KEY: ("home/alice/x",), "aws:username": ("alice",)}
    assert made("StringLike", "home/${aws:username}/*").holds(context)
    assert not made("StringEquals", "home/${aws:username}/*").holds(context)
    assert made("StringEquals", "home/${aws:username}/x").holds(context)
    assert made("StringEqualsIgnoreCase", "HOME/${aws:username}/X").holds(context)
    assert not made("StringEqualsIgnoreCase", "HOME/${aws:userid}/X").holds(context)
    arn = {KEY: ("arn:aws:iam::1:user/a:b",), "aws:username": ("a:b",)}
    assert made("ArnLike", "arn:aws:iam::*:user/${aws:username}").holds(arn)


def test_readers_of_dates_and_networks() -> None:
    assert date_us("1970-01-01T00:00:00.000001Z") == 1
    assert date_us("0001-01-01T00:00+23:59") is not None
    assert date_us("99999999999") == 99999999999 * 10**6
    assert str(network("::ffff:1.2.3.4")) == "1.2.3.4/32"
    assert network("1.2.3.4/32/1") is None
