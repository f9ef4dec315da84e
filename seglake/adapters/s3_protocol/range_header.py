"""A Range header that is not understood is ignored, never guessed at; S3 answers such a request with the whole object.

Source: RFC 9110 section 14 (ranges-specifier, byte ranges); a server may ignore the field, and does for too many
ranges.
"""

from __future__ import annotations

import re

from seglake.domain.model.ranges import RANGES_MAX, From, FromTo, RangeSpec, Suffix

_RANGE = re.compile(r"(?:([0-9]{1,40})-([0-9]{0,40})|-([0-9]{1,40}))", re.ASCII)
_OFFSET_MAX = 2**63 - 1


def parse_range(text: str | None) -> tuple[RangeSpec, ...] | None:
    """The ranges asked for, in their order, at most 16; None when the header is absent or to be ignored.

    Offsets beyond 2**63 are cut there; they are unsatisfiable anyway.
    """
    if text is None or text[:6].lower() != "bytes=":
        return None
    pieces = text[6:].split(",", RANGES_MAX)
    if len(pieces) > RANGES_MAX:
        return None
    specs: list[RangeSpec] = []
    for piece in pieces:
        match = _RANGE.fullmatch(piece.strip(" \t"))
        if match is None:
            return None
        first, last, suffix = match.groups()
        if suffix is not None:
            specs.append(Suffix(_offset(suffix)))
        elif not last:
            specs.append(From(_offset(first)))
        elif int(last) < int(first):
            return None
        else:
            specs.append(FromTo(_offset(first), _offset(last)))
    return tuple(specs)


def _offset(digits: str) -> int:
    return min(int(digits), _OFFSET_MAX)
