"""A copy's source is named in one header with its own grammar; it is read once, and authorised like any other object.

Source: API Reference of CopyObject and UploadPartCopy (x-amz-copy-source, x-amz-copy-source-range).

    source = ["/"] bucket "/" key ["?versionId=" version]          percent-encoded, by some clients with the slashes
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from seglake.adapters.s3_protocol.errors import S3Error, invalid_argument, not_implemented
from seglake.adapters.s3_protocol.request import percent_decode
from seglake.domain.model.ranges import FromTo

_HEADER = "x-amz-copy-source"
_VERSION = "?versionId="
_RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class CopySource:
    """The source of a copy; ``keys`` are its readings, to be tried in order.

    The second reading exists only when the header holds a ``+``: some clients write a space so.
    """

    bucket: str
    keys: tuple[str, ...]
    version: str | None = None


def parse_copy_source(text: str) -> CopySource:
    """Reads x-amz-copy-source; S3Error InvalidArgument, or NotImplemented for an access point's ARN."""
    if text.startswith(("arn:", "/arn:", "arn%3A", "arn%3a", "/arn%3A", "/arn%3a")):
        raise not_implemented("an access point as the source of a copy", header=_HEADER)
    path, mark, version = text.rpartition(_VERSION)
    if not mark:
        path, version = text, ""
    elif not version:
        raise invalid_argument(_HEADER, text, "the versionId is empty; leave it out for the current version")
    if "?" in path or "&" in version:
        raise invalid_argument(_HEADER, text, "only ?versionId= may follow the key; write a '?' of the key as %3F")
    bucket, slash, raw_key = _decode(path, text).removeprefix("/").partition("/")
    if not slash or not bucket or not raw_key:
        raise invalid_argument(_HEADER, text, "it must be /<bucket>/<key> or <bucket>/<key>, percent-encoded")
    keys: tuple[str, ...] = (raw_key,)
    if "+" in path:
        spaced = _decode(path.replace("+", " "), text).removeprefix("/").partition("/")[2]
        if spaced and spaced != raw_key:
            keys = (raw_key, spaced)
    return CopySource(bucket, keys, _decode(version, text) if mark else None)


def parse_copy_range(text: str) -> FromTo:
    """Reads x-amz-copy-source-range: exactly ``bytes=first-last``; S3Error InvalidArgument."""
    match = _RANGE.fullmatch(text)
    if match is None or int(match[1]) > int(match[2]):
        raise invalid_argument(
            "x-amz-copy-source-range",
            text,
            "it must be bytes=<first>-<last>, the offsets from 0 of the first and last byte to copy",
        )
    return FromTo(int(match[1]), int(match[2]))


def _decode(text: str, whole: str) -> str:
    try:
        return percent_decode(text)
    except S3Error:
        raise invalid_argument(_HEADER, whole, "it is not percent-encoded UTF-8; write a '%' as %25") from None
