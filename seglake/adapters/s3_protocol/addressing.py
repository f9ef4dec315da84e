"""Bucket and key come from the raw path and the Host header, are decoded exactly once, and are never normalised.

Sources: Amazon S3 User Guide, "Virtual hosting of buckets" and "Path-style requests". Slashes, dots and empty segments
of a key are part of the key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.request import percent_decode

_IP = re.compile(r"\[.*\]|[0-9.]+", re.ASCII)


class Address(NamedTuple):
    """What a request is about: the service (no bucket), a bucket (no key) or an object. ``virtual`` tells the style.

    ``meta`` names a document that the service has about itself; then there is neither bucket nor key.
    """

    bucket: str | None
    key: str | None
    virtual: bool = False
    meta: str = ""


SERVICE = Address(None, None)
_META_BUCKET = "v1"
"""No bucket can have this name: it is too short."""
_META = {
    "/v1/meta/stats": Address(None, None, meta="stats"),
    "/v1/meta/conflicts": Address(None, None, meta="conflicts"),
}


def locate(host: str, path: str, *, domains: Sequence[str] = (), virtual_hosted: bool = True) -> Address:
    """The address of a request with this Host header and raw path (which begins with ``/``).

    ``domains`` are lower-case base domains without port; a host below one names its bucket in front of it, and a host
    below ``localhost`` always does. Every other host is path style: guessing that a label is a bucket would break path
    style on an endpoint such as ``store.example.org``. Raises S3Error: InvalidURI for a path that is no UTF-8,
    InvalidBucketName for an empty bucket segment. Names are not checked further here.
    """
    bucket = bucket_of_host(host, domains) if virtual_hosted else None
    if bucket is not None:
        return Address(bucket, percent_decode(path[1:]) or None, virtual=True)
    raw_bucket, _, raw_key = path[1:].partition("/")
    if not raw_bucket:
        if raw_key or path != "/":
            raise S3Error(ErrorCode.InvalidBucketName, "the path begins with '//', so the bucket name is empty")
        return SERVICE
    if raw_bucket == _META_BUCKET and path in _META:
        return _META[path]
    return Address(percent_decode(raw_bucket), percent_decode(raw_key) or None)


def bucket_of_host(host: str, domains: Sequence[str] = ()) -> str | None:
    """The bucket that a Host header names, None for path style; the result is lower case."""
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if "." not in name or _IP.fullmatch(name):
        return None
    name = name.lower()
    for domain in domains:
        if name == domain:
            return None
        if name.endswith(domain) and name[-len(domain) - 1] == ".":
            return name[: -len(domain) - 1]
    return name[:-10] if name.endswith(".localhost") else None
