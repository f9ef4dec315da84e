"""A tag is a short name with a short value in the characters that Amazon allows; names are unique.

Sources: S3 User Guide, "Categorizing your objects using tags"; Billing User Guide, "User-defined tag restrictions".
"""

from __future__ import annotations

import json
import unicodedata
from functools import lru_cache

from .errors import InvalidTag, TooManyTags
from .manifest import Pairs

OBJECT_TAGS_MAX = 10
BUCKET_TAGS_MAX = 50
KEY_UNITS_MAX = 128
VALUE_UNITS_MAX = 256

_SIGNS = frozenset("_.:/=+-@")
_SYSTEM = "aws:"


def check_object_tags(tags: Pairs) -> Pairs:
    """``tags`` when an object may have them. InvalidTag, TooManyTags."""
    if len(tags) > OBJECT_TAGS_MAX:
        raise TooManyTags(f"Object tags cannot be greater than {OBJECT_TAGS_MAX}")
    return _checked(tags)


def check_bucket_tags(tags: Pairs) -> Pairs:
    """``tags`` when a bucket may have them. InvalidTag, TooManyTags."""
    if len(tags) > BUCKET_TAGS_MAX:
        raise TooManyTags(f"Bucket tag count cannot be greater than {BUCKET_TAGS_MAX}")
    return _checked(tags)


def to_text(tags: Pairs) -> str:
    """A bucket's tags as canonical JSON, in their order."""
    return json.dumps(tags, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=256)
def parse_text(text: str) -> Pairs:
    """The tags that ``to_text`` wrote."""
    return tuple([(key, value) for key, value in json.loads(text)])


def _checked(tags: Pairs) -> Pairs:
    seen: set[str] = set()
    for key, value in tags:
        if not key or _units(key) > KEY_UNITS_MAX or not _allowed(key):
            raise InvalidTag(key, "The TagKey you have provided is invalid")
        if _units(value) > VALUE_UNITS_MAX or not _allowed(value):
            raise InvalidTag(key, "The TagValue you have provided is invalid")
        if key.startswith(_SYSTEM):
            raise InvalidTag(key, "System tags cannot be added/updated by requester")
        if key in seen:
            raise InvalidTag(key, "Cannot provide multiple Tags with the same key")
        seen.add(key)
    return tags


def _units(text: str) -> int:
    """The length as Amazon counts it: in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _allowed(text: str) -> bool:
    """Letters, numbers and separators of any script, and ``_.:/=+-@``."""
    return all(c in _SIGNS or unicodedata.category(c)[0] in "LNZ" for c in text)
