"""CBOR (RFC 8949) as this program writes it: definite lengths, no tags, no floats, text keys in order, one item.

Reading executes nothing: every semantic tag is refused before its content is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import cbor2

from seglake.domain.model.errors import FormatDamaged
from seglake.domain.model.hlc import HLC, SITE_MAX, TICKS_MAX

DEPTH_MAX = 8
"""Nested containers; the deepest value that is ever written has six."""
TEXT_MAX = 64 << 10
"""Characters of one text value; the longest that S3 allows is far below."""

_BUILT_IN_TAGS = (
    *(0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100),
    *(256, 258, 260, 261, 1004, 43000, 55799),
)


def _refuse_tag(*_: object) -> NoReturn:
    raise ValueError("a semantic tag where none is allowed")


_OPTIONS: dict[str, Any] = {
    "allow_indefinite": False,
    "allow_duplicate_keys": False,
    "strict_hashable_types": True,
    "max_depth": DEPTH_MAX + 1,
    "semantic_decoders": dict.fromkeys(_BUILT_IN_TAGS, _refuse_tag),
    "tag_hook": _refuse_tag,
}

_loads: Callable[[bytes], Any] = partial(cbor2.loads, **_OPTIONS)

dumps = cbor2.dumps
"""Deterministic (RFC 8949 section 4.2.1): maps are built in key order and hold text, bytes, ints, bools, lists."""


def loads_map(data: bytes | memoryview) -> dict[str, Any]:
    """The map in ``data``, the whole of it; FormatDamaged on anything else."""
    # The decoder stops at the end of the first item, so a second one is put behind it which has to be found there.
    length = len(data)
    try:
        value, end = _loads(b"".join((b"\x82", data, b"\x1b", length.to_bytes(8, "big"))))
    except cbor2.CBORError as error:
        raise FormatDamaged(f"not CBOR: {error}") from error
    if end != length or type(value) is not dict:
        raise FormatDamaged("not one CBOR map")
    return value


def uint(value: object, name: str) -> int:
    """``value`` if it is an integer from 0 to 2^63-1."""
    if type(value) is not int or not 0 <= value <= TICKS_MAX:
        raise FormatDamaged(f"{name} is not an unsigned 63-bit integer")
    return value


def text(value: object, name: str, characters_max: int = TEXT_MAX) -> str:
    """``value`` if it is text of bounded length."""
    if type(value) is not str or len(value) > characters_max:
        raise FormatDamaged(f"{name} is not bounded text")
    return value


def octets(value: object, name: str, size: int | None = None) -> bytes:
    """``value`` if it is a byte string, of ``size`` bytes when given."""
    if type(value) is not bytes or (size is not None and len(value) != size) or len(value) > TEXT_MAX:
        raise FormatDamaged(f"{name} is not a byte string of the right size")
    return value


def array(value: object, name: str) -> list[Any]:
    """``value`` if it is an array."""
    if type(value) is not list:
        raise FormatDamaged(f"{name} is not an array")
    return value


def true(value: object, name: str) -> bool:
    """``value`` if it is true; false is written by leaving the field out."""
    if value is not True:
        raise FormatDamaged(f"{name} is not true")
    return True


def stamp(value: object, name: str) -> HLC:
    """The stamp in ``[ticks, site]``."""
    if type(value) is not list or len(value) != 2:
        raise FormatDamaged(f"{name} is not a stamp")
    ticks, site = value
    if type(ticks) is not int or type(site) is not int or not (0 <= ticks <= TICKS_MAX and 0 <= site <= SITE_MAX):
        raise FormatDamaged(f"{name} is not a stamp")
    return HLC(ticks, site)


def pairs(value: object, name: str) -> tuple[tuple[str, str], ...]:
    """Names and values from ``[name, value, name, value, ...]``."""
    if type(value) is not list or len(value) & 1:
        raise FormatDamaged(f"{name} is not a list of pairs")
    for item in value:
        if type(item) is not str:
            raise FormatDamaged(f"{name} holds something that is not text")
    names = iter(value)
    return tuple(zip(names, names, strict=True))


def flat(value: tuple[tuple[str, str], ...]) -> list[str]:
    """The form that ``pairs`` reads."""
    return [item for pair in value for item in pair]


def nothing_left(fields: dict[str, Any], what: str) -> None:
    """Raises FormatDamaged when a map has a field that this version does not know."""
    if fields:
        raise FormatDamaged(f"{what} has an unknown field {min(fields)[:20]!r}")
