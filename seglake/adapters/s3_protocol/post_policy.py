"""What the owner of a bucket signed for a form: until when, which fields with which values, and how large a file.

Source: API Reference, "Creating a POST policy" (elements, condition matching, escapes). A policy is read strictly: an
element, an operator or a kind of value that is not described there refuses the whole form.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.http_dates import parse_iso_date

SIZE_MAX = 1 << 60

_UNCOVERED = frozenset(("x-amz-signature", "file", "policy"))
"""Fields that no condition needs to name; those that begin with ``x-ignore-`` neither."""

_EQ, _STARTS_WITH, _RANGE = "eq", "starts-with", "content-length-range"
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
# S3's escapes that JSON does not have.
_MORE_ESCAPES = {"$": "$", "v": "\\u000b"}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a field (``name`` in lower case): its value equals, or ``prefix`` begins with, ``value``."""

    name: str
    value: str
    prefix: bool = False

    def holds(self, value: str) -> bool:
        """Whether a field's value meets it. Each of several types in a Content-Type must begin as asked."""
        if not self.prefix:
            return value == self.value
        if self.name == "content-type":
            return all(one.strip(" ").startswith(self.value) for one in value.split(","))
        return value.startswith(self.value)

    def __str__(self) -> str:
        return json.dumps([_STARTS_WITH if self.prefix else _EQ, f"${self.name}", self.value], ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class SizeRange:
    """Bytes that the file may have, both ends included."""

    minimum: int = 0
    maximum: int = SIZE_MAX

    def both(self, other: SizeRange) -> SizeRange:
        """What two ranges allow together."""
        return SizeRange(max(self.minimum, other.minimum), min(self.maximum, other.maximum))


@dataclass(frozen=True, slots=True)
class PostPolicy:
    """A policy document. ``expires_ms`` is in milliseconds since the epoch."""

    expires_ms: int
    conditions: tuple[Condition, ...]
    size: SizeRange

    def check(self, fields: Mapping[str, str], *, now_ms: int) -> None:
        """Returns when ``fields`` (lower-case names, the bucket of the request among them) are allowed at this time.

        Raises S3Error AccessDenied: expired, a condition that does not hold, a field that no condition covers.
        """
        if now_ms >= self.expires_ms:
            raise _denied("Policy expired.")
        covered = set(_UNCOVERED)
        for condition in self.conditions:
            if not condition.holds(fields.get(condition.name, "")):
                raise _denied(f"Policy Condition failed: {condition}")
            covered.add(condition.name)
        extra = [name for name in fields if name not in covered and not name.startswith("x-ignore-")]
        if extra:
            raise _denied(f"Extra input fields: {', '.join(sorted(extra))[:500]}")


def parse_policy(encoded: str) -> PostPolicy:
    """The policy in the base64 text of the form's field. S3Error InvalidPolicyDocument."""
    if len(encoded) % 4 or not _BASE64.fullmatch(encoded):
        raise _invalid("Invalid Base64 in the policy")
    try:
        text = base64.b64decode(encoded, validate=True).decode("utf-8")
        document = json.loads(
            _ESCAPE.sub(_escape, text), object_pairs_hook=_object, parse_constant=_no_number, parse_float=_no_number
        )
    except binascii.Error:
        raise _invalid("Invalid Base64 in the policy") from None
    except (ValueError, RecursionError):  # not UTF-8, not JSON, a number without end, or nested without end
        raise _invalid("Invalid JSON") from None
    if not isinstance(document, dict):
        raise _invalid("Invalid JSON: an object is expected")
    unknown = document.keys() - {"expiration", "conditions"}
    if unknown:
        raise _invalid(f"Unexpected: {', '.join(sorted(unknown))[:200]}")
    expires_ms = _expiration(document.get("expiration"))
    listed = document.get("conditions")
    if listed is None:
        raise _invalid("Policy missing conditions")
    if not isinstance(listed, list):
        raise _invalid("Invalid 'conditions': a list is expected")
    conditions: list[Condition] = []
    size = SizeRange()
    for item in listed:
        read = _condition(item)
        if isinstance(read, SizeRange):
            size = size.both(read)
        else:
            conditions.append(read)
    return PostPolicy(expires_ms, tuple(conditions), size)


def _escape(match: re.Match[str]) -> str:
    return _MORE_ESCAPES.get(match[1], match[0])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is not a whole number")


def _expiration(value: object) -> int:
    if value is None:
        raise _invalid("Policy missing expiration")
    expires_ms = parse_iso_date(value) if isinstance(value, str) else None
    if expires_ms is None:
        raise _invalid(f"Invalid 'expiration' value: {str(value)[:60]!r}")
    return expires_ms


def _condition(item: object) -> Condition | SizeRange:
    match item:
        case dict():
            if len(item) != 1:
                raise _invalid("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified")
            ((name, value),) = item.items()
            if not isinstance(value, str):
                raise _invalid("Invalid Simple-Condition: value must be a string")
            return Condition(name.lower(), value)
        case [str() as operator, first, second]:
            return _operation(operator.lower(), first, second)
        case _:
            raise _invalid("Invalid condition: an object, or a list of an operator and two operands, is expected")


def _operation(operator: str, first: object, second: object) -> Condition | SizeRange:
    if operator == _RANGE:
        return SizeRange(_size(first), _size(second))
    if operator not in (_EQ, _STARTS_WITH):
        raise _invalid(f"Invalid operator: {operator[:60]!r}")
    if not isinstance(first, str) or not first.startswith("$") or not isinstance(second, str):
        raise _invalid(f"Invalid {operator} condition: '$' with the name of a field, and a string, are expected")
    return Condition(first[1:].lower(), second, operator == _STARTS_WITH)


def _size(value: object) -> int:
    """Numbers come as JSON numbers, and from some clients as text."""
    text = value if isinstance(value, str) else str(value) if type(value) is int else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise _invalid(f"Invalid {_RANGE}: whole numbers of bytes are expected")
    return int(text)


def _invalid(reason: str) -> S3Error:
    return S3Error(ErrorCode.InvalidPolicyDocument, f"Invalid Policy: {reason}.")


def _denied(reason: str) -> S3Error:
    return S3Error(ErrorCode.AccessDenied, f"Invalid according to Policy: {reason}")
