"""Listings: what is asked, what one page holds, and where the next begins. Order is that of the keys' UTF-8 bytes."""

from __future__ import annotations

from dataclasses import dataclass

from .multipart import Part, Upload
from .version import VersionEntry

PAGE_MAX = 1000


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """One page of current objects: entries and rolled-up prefixes, each sorted; ``next_after`` begins the next page.

    ``next_after`` is the last key or prefix of this page, None when nothing follows.
    """

    entries: tuple[VersionEntry, ...]
    prefixes: tuple[str, ...]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class VersionPage:
    """One page of versions and delete markers; ``latest[i]`` says whether ``entries[i]`` is its key's newest."""

    entries: tuple[VersionEntry, ...]
    latest: tuple[bool, ...]
    prefixes: tuple[str, ...]
    next_key: str | None
    next_version: str | None


@dataclass(frozen=True, slots=True)
class UploadPage:
    """One page of uploads in progress, by key then start; the next page begins after (``next_key``,
    ``next_upload``)."""

    uploads: tuple[Upload, ...]
    prefixes: tuple[str, ...]
    next_key: str | None
    next_upload: str | None


@dataclass(frozen=True, slots=True)
class PartPage:
    """One page of parts; the next begins after part number ``next_number``."""

    upload: Upload
    parts: tuple[Part, ...]
    next_number: int | None


def after_prefix(prefix: str) -> str | None:
    """The smallest string above every string that begins with ``prefix``, None when there is none.

    Strings compare by code point, which is the order of their UTF-8 bytes; surrogates are skipped, since no key has
    one.
    """
    for i in range(len(prefix) - 1, -1, -1):
        point = ord(prefix[i])
        if point < 0x10FFFF:
            following = 0xE000 if point == 0xD7FF else point + 1
            return prefix[:i] + chr(following)
    return None


def rolled_up(key: str, prefix: str, delimiter: str) -> str | None:
    """The common prefix that ``key`` rolls up into: through the first ``delimiter`` after ``prefix``; None if it has
    none."""
    if not delimiter:
        return None
    at = key.find(delimiter, len(prefix))
    return key[: at + len(delimiter)] if at >= 0 else None
