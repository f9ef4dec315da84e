"""How a request's value is compared with a condition's: each operator compiles its values once and never fails later.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators". A request's value that is not of the operator's
type equals nothing.
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from .errors import MalformedPolicy
from .policy_patterns import Context, Glob, Pattern, Token, Variable, Wild, parse_pattern

Test = Callable[[str, Context], bool]
"""Whether one value of the request is as (at least) one of the condition's values says."""

Compare = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A test, and the policy variables that it looks up."""

    test: Test
    variables: frozenset[Variable] = frozenset()


@dataclass(frozen=True, slots=True)
class Values:
    """The values (texts) of one key of a Condition; ``where`` is its element path."""

    texts: tuple[str, ...]
    where: str
    with_variables: bool

    def patterns(self, *, wildcards: bool) -> list[Pattern]:
        """The values as patterns. MalformedPolicy."""
        parse, where = parse_pattern, self.where
        return [parse(one, where, wildcards=wildcards, variables=self.with_variables) for one in self.texts]


# ------------------------------------------------------------------------------------------------ texts
def _string_equals(values: Values) -> Compiled:
    patterns = values.patterns(wildcards=False)
    literals = frozenset([one.literal for one in patterns])
    others = [one for one in patterns if one.literal is None]
    if not others:
        return Compiled(lambda value, _context: value in literals)

    def test(value: str, context: Context) -> bool:
        return value in literals or any(one.matches(value, context) for one in others)

    return Compiled(test, _variables(others))


def _string_equals_ignoring_case(values: Values) -> Compiled:
    patterns = values.patterns(wildcards=False)
    literals = frozenset([one.literal.casefold() for one in patterns if one.literal is not None])
    others = [one for one in patterns if one.literal is None]

    def test(value: str, context: Context) -> bool:
        folded = value.casefold()
        return folded in literals or any(_joined(one.resolved(context)) == folded for one in others)

    return Compiled(test, _variables(others))


def _joined(tokens: Sequence[str | Wild] | None) -> str | None:
    return None if tokens is None else "".join([str(token) for token in tokens]).casefold()


def _string_like(values: Values) -> Compiled:
    patterns = values.patterns(wildcards=True)
    globs = [Glob(one.tokens) for one in patterns if not any(one.variables())]
    others = [one for one in patterns if any(one.variables())]

    def test(value: str, context: Context) -> bool:
        return any(one.matches(value) for one in globs) or any(one.matches(value, context) for one in others)

    return Compiled(test, _variables(others))


def _variables(patterns: Sequence[Pattern]) -> frozenset[Variable]:
    return frozenset([variable for pattern in patterns for variable in pattern.variables()])


# ------------------------------------------------------------------------------------------------ ARNs
_ARN_PARTS = 6


def _arn_like(values: Values) -> Compiled:
    patterns = values.patterns(wildcards=True)
    arns = [_arn_parts(one, values.where) for one in patterns]

    def test(value: str, context: Context) -> bool:
        parts = value.split(":", _ARN_PARTS - 1)
        if len(parts) != _ARN_PARTS:
            return False
        return any(all(one.matches(part, context) for one, part in zip(arn, parts, strict=True)) for arn in arns)

    return Compiled(test, _variables(patterns))


def _arn_parts(pattern: Pattern, where: str) -> list[Pattern]:
    """The six components of an ARN, each with its own wildcards; what a variable stands for stays in its component."""
    parts: list[list[Token]] = [[]]
    for token in pattern.tokens:
        if not isinstance(token, str):
            parts[-1].append(token)
            continue
        first, *rest = token.split(":", _ARN_PARTS - len(parts))
        if first:
            parts[-1].append(first)
        parts.extend([[text] if text else [] for text in rest])
    if len(parts) != _ARN_PARTS or parts[0] != ["arn"]:
        raise MalformedPolicy(where, "an ARN has six components: arn:partition:service:region:account:resource")
    return [Pattern(tuple(part)) for part in parts]


# ------------------------------------------------------------------------------------------------ numbers and dates
_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII)
# Four digits alone could be a year as well.
_EPOCH = re.compile(r"(?![0-9]{4}$)[0-9]{1,11}", re.ASCII)
_DATE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?(?:Z|([+-])([0-9]{2}):([0-9]{2})))?",
    re.ASCII,
)
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


@lru_cache(maxsize=1024)
def date_us(text: str) -> int | None:
    """Microseconds since the epoch of an ISO 8601 date (midnight UTC), of a date and time with a zone, or of whole
    epoch seconds; None for any other text."""
    if _EPOCH.fullmatch(text):
        return int(text) * 1_000_000
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, zone_hour, zone_minute = found.groups("0")
    try:
        whole = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return None
    if int(zone_hour) > 23 or int(zone_minute) > 59:
        return None
    zone = timedelta(hours=int(zone_hour), minutes=int(zone_minute)) * (-1 if sign == "-" else 1)
    return (whole - _EPOCH_START - zone) // _MICROSECOND + int(fraction.ljust(6, "0"))


def _ordered(parse: Callable[[str], Any], compare: Compare, what: str) -> Callable[[Values], Compiled]:
    def compile_values(values: Values) -> Compiled:
        limits = [parse(text) for text in values.texts]
        if None in limits:
            raise MalformedPolicy(values.where, f"{values.texts[limits.index(None)][:80]!r} is not {what}")

        def test(value: str, _context: Context) -> bool:
            got = parse(value)
            return got is not None and any(compare(got, limit) for limit in limits)

        return Compiled(test)

    return compile_values


# ------------------------------------------------------------------------------------------------ truth and addresses
NULL = "Null"


def _bool(values: Values) -> Compiled:
    wanted = _truths(values)
    return Compiled(lambda value, _context: value.lower() in wanted)


def _null(values: Values) -> Compiled:
    has_value = "false" in _truths(values)
    return Compiled(lambda _value, _context: has_value)


def _truths(values: Values) -> frozenset[str]:
    wanted = frozenset([text.lower() for text in values.texts])
    if not wanted <= {"true", "false"}:
        raise MalformedPolicy(values.where, "only true and false are possible here")
    return wanted


Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NETWORK = re.compile(r"[0-9a-fA-F.:]{2,45}(?:/[0-9]{1,3})?", re.ASCII)
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def network(text: str) -> Network | None:
    """The network that a CIDR or a bare address means (IPv4 inside ``::ffff:0:0/96`` is IPv4); None for other text."""
    if not _NETWORK.fullmatch(text):
        return None
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Network) and found.subnet_of(_MAPPED):
        return ipaddress.IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - 96))
    return found


@lru_cache(maxsize=4096)
def _address(text: str) -> tuple[int, int] | None:
    found = network(text)
    if found is None or found.prefixlen != found.max_prefixlen:
        return None
    return found.version, int(found.network_address)


def _ip_address(values: Values) -> Compiled:
    networks: list[tuple[int, int, int]] = []
    for text in values.texts:
        found = network(text)
        if found is None:
            raise MalformedPolicy(values.where, f"{text[:80]!r} is neither an IP address nor a CIDR range")
        shift = found.max_prefixlen - found.prefixlen
        networks.append((found.version, shift, int(found.network_address) >> shift))
    # Most lists have one network, and this is asked for every request.
    version, bits, prefix = networks[0]
    others = networks[1:]

    def test(value: str, _context: Context) -> bool:
        address = _address(value)
        if address is None:
            return False
        if address[0] == version and address[1] >> bits == prefix:
            return True
        return bool(others) and any(address[0] == net[0] and address[1] >> net[1] == net[2] for net in others)

    return Compiled(test)


# ------------------------------------------------------------------------------------------------ the table
@dataclass(frozen=True, slots=True)
class Operator:
    """How an operator's values are compiled; ``negated``: it holds where the compiled test does not."""

    compile: Callable[[Values], Compiled]
    negated: bool = False


_ORDERS: dict[str, Compare] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}
_A_NUMBER = "a number (digits, a sign and a point only)"
_A_DATE = "a date (2030-01-31, 2030-01-31T12:00:00Z or seconds since 1970)"

OPERATORS: dict[str, Operator] = {
    "StringEquals": Operator(_string_equals),
    "StringNotEquals": Operator(_string_equals, negated=True),
    "StringEqualsIgnoreCase": Operator(_string_equals_ignoring_case),
    "StringNotEqualsIgnoreCase": Operator(_string_equals_ignoring_case, negated=True),
    "StringLike": Operator(_string_like),
    "StringNotLike": Operator(_string_like, negated=True),
    **{f"Numeric{name}": Operator(_ordered(_number, compare, _A_NUMBER)) for name, compare in _ORDERS.items()},
    "NumericNotEquals": Operator(_ordered(_number, operator.eq, _A_NUMBER), negated=True),
    **{f"Date{name}": Operator(_ordered(date_us, compare, _A_DATE)) for name, compare in _ORDERS.items()},
    "DateNotEquals": Operator(_ordered(date_us, operator.eq, _A_DATE), negated=True),
    "Bool": Operator(_bool),
    "IpAddress": Operator(_ip_address),
    "NotIpAddress": Operator(_ip_address, negated=True),
    "ArnEquals": Operator(_arn_like),
    "ArnLike": Operator(_arn_like),
    "ArnNotEquals": Operator(_arn_like, negated=True),
    "ArnNotLike": Operator(_arn_like, negated=True),
    NULL: Operator(_null),
}
"""Every condition operator by its name, without set operator and IfExists."""
