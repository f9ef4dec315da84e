"""A put read back from a segment carries what an index files, and its manifest as the bytes that it was written as."""

from __future__ import annotations

from typing import NamedTuple

from .events import Event
from .hlc import HLC


class PlainPut(NamedTuple):
    """A put that completes no upload. Everything was checked as if its manifest had been made, but none was.

    A rebuild reads millions of them: making their objects would take twice as long as filing their rows. The fields are
    those of the version's entry (``kind`` and ``null`` as integers), ``manifest`` is the encoded manifest.
    """

    bucket_id: int
    key: str
    ticks: int
    site: int
    kind: int
    null: int
    size: int
    etag: str
    modified_ms: int
    owner: str
    storage_class: str
    checksum: str
    manifest: bytes

    @property
    def stamp(self) -> HLC:
        """When."""
        return HLC(self.ticks, self.site)


Replayed = Event | PlainPut
"""What a segment gives to a rebuild."""
