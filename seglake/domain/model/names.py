"""Names are checked once, where they enter; everything behind this module trusts them.

Bucket rules: Amazon S3 User Guide, "General purpose bucket naming rules". Key rules: "Naming Amazon S3 objects".
"""

from __future__ import annotations

import re

from .errors import InvalidBucketName, InvalidKey, KeyTooLong
from .hlc import HLC, SITE_MAX, TICKS_MAX

KEY_BYTES_MAX = 1024
NULL_VERSION = "null"

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_IPV4 = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}", re.ASCII)
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_ALPHABET = "0123456789abcdefghijklmnopqrstuv"
_VERSION = re.compile(r"[0-9a-v]{20}", re.ASCII)
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}


def check_bucket_name(name: str) -> str:
    """Returns ``name`` or raises InvalidBucketName with the rule it breaks."""
    if not 3 <= len(name) <= 63:
        raise InvalidBucketName(name, "3 to 63 characters are allowed")
    if not _BUCKET.fullmatch(name):
        raise InvalidBucketName(name, "only a-z, 0-9, '.' and '-', beginning and ending with a letter or digit")
    if ".." in name or ".-" in name or "-." in name:
        raise InvalidBucketName(name, "a '.' may not stand next to '.' or '-'")
    if _IPV4.fullmatch(name):
        raise InvalidBucketName(name, "it looks like an IP address")
    if name.startswith(_RESERVED_PREFIXES) or name.endswith(_RESERVED_SUFFIXES):
        raise InvalidBucketName(name, "this prefix or suffix is reserved by S3")
    return name


def check_key(key: str) -> str:
    """Returns ``key`` (1 to 1,024 bytes of UTF-8) or raises InvalidKey or KeyTooLong."""
    if not key:
        raise InvalidKey("the object key is empty")
    if len(key) * 4 > KEY_BYTES_MAX or not key.isascii():
        try:
            size = len(key.encode())
        except UnicodeEncodeError:
            raise InvalidKey("the object key is not valid Unicode") from None
        if size > KEY_BYTES_MAX:
            raise KeyTooLong(size)
    return key


def version_id(stamp: HLC) -> str:
    """The public id of a version: its stamp in 20 characters of base32hex, sortable by time."""
    number = (stamp.ticks << 32 | stamp.site) << 4
    return "".join([_ALPHABET[number >> shift & 31] for shift in range(95, -1, -5)])


def parse_version_id(text: str) -> HLC | None:
    """The stamp of a version id, or None when no version can have this id."""
    if not _VERSION.fullmatch(text):
        return None
    number = 0
    for letter in text:
        number = number << 5 | _VALUES[letter]
    if number & 15:
        return None
    ticks, site = number >> 36, number >> 4 & SITE_MAX
    return HLC(ticks, site) if ticks <= TICKS_MAX else None
