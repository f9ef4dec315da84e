"""A limit on everything, named with its unit."""

from __future__ import annotations

from dataclasses import dataclass

METADATA_BYTES_MAX = 2048
"""User metadata, names and values together (S3 User Guide, "User-defined object metadata")."""

TAGS_MAX = 10
TAG_KEY_MAX = 128
TAG_VALUE_MAX = 256

SINGLE_PUT_BYTES_MAX = 5 << 30
"""One PUT, one part or one copied part (S3 User Guide, "Amazon S3 multipart upload limits")."""

PART_BYTES_MIN = 5 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator may choose. Sizes in bytes."""

    object_bytes_max: int = 5 << 30
    """Largest object; 0 = unlimited."""
    part_bytes_min: int = PART_BYTES_MIN
    inline_bytes_max: int = 256 << 10
    """Payloads up to this size travel with their commit; larger ones go to a segment of their own lane first."""
    require_if_match: frozenset[str] = frozenset()
    """Buckets whose objects are overwritten or deleted only with If-Match; ``*`` names every bucket."""

    def guards(self, bucket: str) -> bool:
        """True for a bucket that takes overwrites only with If-Match."""
        names = self.require_if_match
        return bool(names) and (bucket in names or "*" in names)

    def payload_max(self) -> int:
        """The largest body of one request."""
        return min(SINGLE_PUT_BYTES_MAX, self.object_bytes_max or SINGLE_PUT_BYTES_MAX)
