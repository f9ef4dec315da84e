"""A policy's JSON is read within bounds and to the letter: no duplicate names, no endless depth, no odd numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Never

from .errors import MalformedPolicy

POLICY_BYTES_MAX = 20 << 10
"""Bytes of UTF-8; AWS's limit for a bucket policy."""
DEPTH_MAX = 16
TEXT_CHARACTERS_MAX = 2048
"""Of one name, pattern or value."""
STARS_MAX = 800
QUESTION_MARKS_MAX = 32
"""In all values of a policy: what bounds the time of an evaluation, together with the lengths of the texts."""


class JsonNumber(str):
    """A number as it is written; nothing here calculates with what JSON made of it."""

    __slots__ = ()


Json = Mapping[str, "Json"] | list["Json"] | str | bool | None
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN = re.compile(r"[A-Za-z0-9:/_. -]{1,60}", re.ASCII)


def read_json(text: str) -> Json:
    """The document; MalformedPolicy when it is longer, deeper or looser than allowed."""
    # Every character is at least one byte: an endless text is refused before anything looks at all of it.
    if len(text) > POLICY_BYTES_MAX or len(text.encode("utf-8", "surrogatepass")) > POLICY_BYTES_MAX:
        raise MalformedPolicy("", f"a policy may have at most {POLICY_BYTES_MAX} bytes")
    depth = 0
    for found in _STRUCTURE.finditer(text):
        mark = found[0]
        depth += 1 if mark in "[{" else -1 if mark in "]}" else 0
        if depth > DEPTH_MAX:
            raise MalformedPolicy("", f"a policy may be at most {DEPTH_MAX} levels deep")
    try:
        document: Json = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_int=JsonNumber,
            parse_float=JsonNumber,
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError as error:
        raise MalformedPolicy(
            "", f"this is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        ) from None
    for wildcard, limit in (("*", STARS_MAX), ("?", QUESTION_MARKS_MAX)):
        if _count(document, wildcard) > limit:
            raise MalformedPolicy("", f"a policy may hold at most {limit} {wildcard}")
    return document


def _count(value: Json, character: str) -> int:
    if isinstance(value, str):
        return value.count(character)
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return sum(_count(one, character) for one in inner)


def _without_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, value in pairs:
        if name in found:
            raise MalformedPolicy(shown(name), "this name stands twice in one object")
        found[name] = value
    return found


def _no_constant(name: str) -> Never:
    raise MalformedPolicy("", f"{name} is not a JSON number")


def shown(name: str) -> str:
    """A name from the document, fit for a message."""
    return name if _PLAIN.fullmatch(name) else ascii(name[:60])


def below(where: str, name: str) -> str:
    """The path of the element ``name`` inside the element ``where``."""
    return f"{where}.{shown(name)}" if where else shown(name)


def fields(value: Json, where: str, known: Collection[str] | None = None) -> Mapping[str, Json]:
    """An object whose names are all ``known`` (None: any names)."""
    if not isinstance(value, dict):
        raise MalformedPolicy(where, "this must be a JSON object")
    for name in value:
        if known is not None and name not in known:
            raise MalformedPolicy(below(where, name), "this element is not supported")
    return value


def text_of(value: Json, where: str) -> str:
    """One string."""
    if not isinstance(value, str) or isinstance(value, JsonNumber):
        raise MalformedPolicy(where, "this must be a string")
    if len(value) > TEXT_CHARACTERS_MAX:
        raise MalformedPolicy(where, f"this is longer than {TEXT_CHARACTERS_MAX} characters")
    if _SURROGATE.search(value):
        raise MalformedPolicy(where, "half a surrogate pair is not a character")
    return value


def texts_of(value: Json, where: str) -> tuple[str, ...]:
    """A string, or an array of at least one."""
    return tuple([text_of(one, where) for one in _items(value, where)])


def scalars_of(value: Json, where: str) -> tuple[str, ...]:
    """The same for the values of a condition, where numbers, true and false are taken as their text."""
    found = []
    for one in _items(value, where):
        if isinstance(one, bool):
            found.append("true" if one else "false")
        else:
            found.append(str(one) if isinstance(one, JsonNumber) else text_of(one, where))
    return tuple(found)


def _items(value: Json, where: str) -> list[Json]:
    if not isinstance(value, list):
        return [value]
    if not value:
        raise MalformedPolicy(where, "this must not be empty")
    return value
