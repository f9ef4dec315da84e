"""Conditional headers become conditions of the domain; one that cannot be honoured is refused, and none is dropped.

Sources: RFC 9110 section 13.1 and 8.8.3 (entity tags), API Reference of GetObject, CopyObject, PutObject, DeleteObject.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from seglake.adapters.s3_protocol.errors import invalid_argument, not_implemented
from seglake.adapters.s3_protocol.http_dates import parse_http_date, parse_iso_date
from seglake.adapters.s3_protocol.request import ascii_number
from seglake.domain.model.conditions import NO_READ_CONDITIONS, NO_WRITE_CONDITIONS, ReadConditions, WriteConditions

ETAGS_MAX = 100

_TAG = re.compile(r'[ \t]*(?:(W/)?"([^"]*)"|([^",\s]+))[ \t]*(?:,|\Z)')
_READ_NAMES = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")


def read_conditions(headers: Mapping[str, str], prefix: str = "") -> ReadConditions:
    """The conditions of GET and HEAD, or with the prefix ``x-amz-copy-source-`` those on the source of a copy.

    A date that is not valid makes no condition (RFC 9110 section 13.1.3).
    """
    if_match, if_none_match, modified, unmodified = [headers.get(prefix + name) for name in _READ_NAMES]
    if if_match is None and if_none_match is None and modified is None and unmodified is None:
        return NO_READ_CONDITIONS
    return ReadConditions(
        if_match=() if if_match is None else entity_tags(if_match),
        if_none_match=() if if_none_match is None else entity_tags(if_none_match, weak=True),
        if_modified_since=None if modified is None else parse_http_date(modified),
        if_unmodified_since=None if unmodified is None else parse_http_date(unmodified),
    )


def write_conditions(headers: Mapping[str, str]) -> WriteConditions:
    """The conditions of a write or delete; S3Error NotImplemented for those that S3 has not, InvalidArgument."""
    if_match = headers.get("if-match")
    if_none_match = headers.get("if-none-match")
    modified = headers.get("x-amz-if-match-last-modified-time")
    size = headers.get("x-amz-if-match-size")
    for name in ("if-modified-since", "if-unmodified-since"):
        if name in headers:
            raise not_implemented(f"the header {name} on a write", header=name)
    if if_match is None and if_none_match is None and modified is None and size is None:
        return NO_WRITE_CONDITIONS
    if if_none_match is not None and if_none_match.strip(' \t"') != "*":
        raise not_implemented("If-None-Match on a write with anything but '*'", header="If-None-Match")
    return WriteConditions(
        if_match=None if if_match is None else one_entity_tag(if_match),
        if_none_match=if_none_match is not None,
        if_modified=None if modified is None else modified_time("x-amz-if-match-last-modified-time", modified),
        if_size=None if size is None else ascii_number(size, "x-amz-if-match-size"),
    )


def entity_tags(text: str, *, weak: bool = False) -> tuple[str, ...]:
    """The entity tags of a list, without quotes, ``*`` for any; tags without quotes are taken as S3 takes them.

    With ``weak``, ``W/"x"`` is the same as ``"x"`` (weak comparison); otherwise it stays as it is and matches nothing.
    What is no list of tags is one tag that matches nothing.
    """
    tags: list[str] = []
    at = 0
    while at < len(text):
        match = _TAG.match(text, at)
        if match is None or len(tags) == ETAGS_MAX:
            return (text,) if text != "*" else ("*",)
        mark, quoted, bare = match.groups()
        tag = bare if quoted is None else quoted
        tags.append(tag if weak or not mark else f'W/"{tag}"')
        at = match.end()
    return tuple(tags) or ("",)


def one_entity_tag(text: str) -> str:
    """The single entity tag of If-Match on a write, without quotes, or ``*``; S3Error NotImplemented for a list."""
    tags = entity_tags(text)
    if len(tags) != 1:
        raise not_implemented("If-Match on a write with more than one ETag", header="If-Match")
    return tags[0]


def modified_time(name: str, text: str) -> int:
    """Whole seconds since the epoch of an HTTP-date or ISO 8601 time; S3Error InvalidArgument with ``name``."""
    seconds = parse_http_date(text)
    if seconds is None:
        millis = parse_iso_date(text)
        if millis is None:
            raise invalid_argument(name, text, "an HTTP date or an ISO 8601 time in UTC is expected")
        seconds = millis // 1000
    return seconds
