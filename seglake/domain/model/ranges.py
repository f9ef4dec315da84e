"""Byte ranges before and after the size is known (RFC 9110 section 14)."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import RangeNotSatisfiable

RANGES_MAX = 16


@dataclass(frozen=True, slots=True)
class FromTo:
    """``first-last``, both inclusive."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class From:
    """``first-``."""

    first: int


@dataclass(frozen=True, slots=True)
class Suffix:
    """``-length``: the last bytes."""

    length: int


RangeSpec = FromTo | From | Suffix


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A range of an object of known size: ``first`` byte and ``length`` > 0."""

    first: int
    length: int

    @property
    def last(self) -> int:
        """The last byte, inclusive."""
        return self.first + self.length - 1


def resolve(spec: RangeSpec, size: int) -> ByteRange | None:
    """The bytes that ``spec`` selects of ``size``, or None when it selects none."""
    match spec:
        case FromTo(first, last):
            return ByteRange(first, min(last, size - 1) - first + 1) if first < size else None
        case From(first):
            return ByteRange(first, size - first) if first < size else None
        case Suffix(length):
            taken = min(length, size)
            return ByteRange(size - taken, taken) if taken else None


def resolve_all(specs: tuple[RangeSpec, ...], size: int) -> tuple[ByteRange, ...]:
    """All that overlap, in the order asked. RangeNotSatisfiable when none does.

    Several ranges whose sum exceeds the object are answered with one range over the whole (a range-amplification
    guard).
    """
    found = tuple([r for spec in specs if (r := resolve(spec, size)) is not None])
    if not found:
        raise RangeNotSatisfiable(size)
    if len(found) > 1 and sum([r.length for r in found]) > size:
        return (ByteRange(0, size),)
    return found
