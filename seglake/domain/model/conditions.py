"""Preconditions decide on one version, in the order of RFC 9110 section 13.2.2 for reads and inside the commit for
writes."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import NoSuchKey, NotModified, PreconditionFailed

ANY = "*"


@dataclass(frozen=True, slots=True)
class ReadConditions:
    """Conditions of GET and HEAD: ETags without quotes (``*`` = any), times in whole seconds since the epoch."""

    if_match: tuple[str, ...] = ()
    if_none_match: tuple[str, ...] = ()
    if_modified_since: int | None = None
    if_unmodified_since: int | None = None

    def check(self, etag: str, modified_ms: int) -> None:
        """Raises PreconditionFailed or NotModified; S3 gives If-Match precedence over If-Unmodified-Since (API:
        GetObject)."""
        modified_s = modified_ms // 1000
        if self.if_match:
            if ANY not in self.if_match and etag not in self.if_match:
                raise PreconditionFailed("If-Match")
        elif self.if_unmodified_since is not None and modified_s > self.if_unmodified_since:
            raise PreconditionFailed("If-Unmodified-Since")
        if self.if_none_match:
            if ANY in self.if_none_match or etag in self.if_none_match:
                raise NotModified(etag, modified_ms)
        elif self.if_modified_since is not None and modified_s <= self.if_modified_since:
            raise NotModified(etag, modified_ms)

    def check_copy_source(self, etag: str, modified_ms: int) -> None:
        """The same for ``x-amz-copy-source-if-*``, where every failure is PreconditionFailed (API: CopyObject)."""
        try:
            self.check(etag, modified_ms)
        except NotModified:
            raise PreconditionFailed("x-amz-copy-source-if-none-match or -if-modified-since") from None


NO_READ_CONDITIONS = ReadConditions()


@dataclass(frozen=True, slots=True)
class WriteConditions:
    """Conditions of a write: ``if_match`` one ETag without quotes or ``*``, ``if_none_match`` only ``*``.

    ``if_modified`` (whole seconds) and ``if_size`` are the further conditions of deletes (API: DeleteObject).
    """

    if_match: str | None = None
    if_none_match: bool = False
    if_modified: int | None = None
    if_size: int | None = None

    def check(self, key: str, current: tuple[str, int, int] | None) -> None:
        """Decides against the current object (ETag, modified ms, size), None when there is none or a delete marker."""
        if self.if_none_match and current is not None:
            raise PreconditionFailed("If-None-Match")
        if self.if_match is None and self.if_modified is None and self.if_size is None:
            return
        if current is None:
            raise NoSuchKey(key)
        etag, modified_ms, size = current
        if self.if_match is not None and self.if_match not in (ANY, etag):
            raise PreconditionFailed("If-Match")
        if self.if_modified is not None and modified_ms // 1000 != self.if_modified:
            raise PreconditionFailed("x-amz-if-match-last-modified-time")
        if self.if_size is not None and size != self.if_size:
            raise PreconditionFailed("x-amz-if-match-size")


NO_WRITE_CONDITIONS = WriteConditions()
