"""What segments' events mention, from their packs where these are sound; this is bound by Python, so it is short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seglake.adapters.disk_format.events import decode_event, manifest_of_put
from seglake.adapters.disk_format.manifests import decode_manifest, held_in
from seglake.adapters.filesystem.packs import pack_entries
from seglake.adapters.filesystem.segment_events import segment_events, sound_entries
from seglake.domain.model.errors import FormatDamaged, SegmentGone, UnknownFormat
from seglake.domain.model.mentions import Mentions
from seglake.domain.ports.files import FileSystem


@dataclass(frozen=True, slots=True)
class ReadMentions:
    """One item for each of ``segments`` (id, limit); may run in another process."""

    files: FileSystem
    segments: Sequence[tuple[bytes, int | None]]

    def __call__(self) -> Iterator[Mentions]:
        """In the order given."""
        for segment, limit in self.segments:
            yield self._of(segment, limit)

    def _of(self, segment: bytes, limit: int | None) -> Mentions:
        found = Mentions(segment)
        try:
            if limit is None and sound_entries(self.files, segment):
                _take_pack(self.files, segment, found)
            else:
                for event, _ in segment_events(self.files, segment, limit):
                    found.take(event)
        except (FormatDamaged, UnknownFormat, SegmentGone, OSError):
            found.whole = False
        return found


def _take_pack(files: FileSystem, segment: bytes, found: Mentions) -> None:
    known = found.buckets
    for _offset, _length, payload in pack_entries(files, segment):
        data = bytes(payload)
        blob, _completes = manifest_of_put(data)
        if blob is None:
            found.take(decode_event(data))
            continue
        bucket_id, _key, stamp, chunks = held_in(blob)
        if bucket_id not in known:
            known[bucket_id] = decode_manifest(blob).bucket
        found.saw(stamp[0])
        found.add(bucket_id, chunks)
