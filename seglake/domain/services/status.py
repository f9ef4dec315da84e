"""What the store holds, in numbers that one snapshot and the file sizes give."""

from __future__ import annotations

from dataclasses import dataclass

from seglake.domain.model.errors import SegmentGone
from seglake.domain.model.hlc import HLC
from seglake.domain.model.segment import SegmentState
from seglake.domain.ports.metadata import MetadataReads, MetadataView
from seglake.domain.ports.segments import SegmentFiles


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """Sizes in bytes. ``object_bytes`` is the sum of all versions' sizes, ``live_bytes`` what their chunks and those of
    parts take in the segments (a shared chunk once; None when it was not asked for), ``segment_bytes`` the files."""

    site: int
    newest: HLC
    buckets: int
    objects: int
    versions: int
    markers: int
    uploads: int
    object_bytes: int
    live_bytes: int | None
    segments_open: int
    segments_sealed: int
    segment_bytes: int


class Status:
    """Counts. Blocking; reads only."""

    def __init__(self, metadata: MetadataReads, files: SegmentFiles) -> None:
        self._metadata = metadata
        self._files = files

    def run(self, *, live: bool = False) -> StoreStatus:
        """Reads every row of the index once; with ``live`` also every manifest."""
        return self._metadata.read(lambda view: self._count(view, live=live))

    def _count(self, view: MetadataView, *, live: bool) -> StoreStatus:
        buckets = objects = versions = markers = size = 0
        for bucket in view.buckets.scan():
            buckets += 1
            previous = None
            for entry in view.versions.scan_versions(bucket.id, ""):
                if entry.is_marker:
                    markers += 1
                else:
                    versions += 1
                    size += entry.size
                    objects += entry.key != previous
                previous = entry.key
        rows = list(view.segments.scan())
        sealed = sum([row.state is SegmentState.SEALED for row in rows])
        return StoreStatus(
            site=view.settings.site(),
            newest=HLC(view.settings.last_ticks(), view.settings.site()),
            buckets=buckets,
            objects=objects,
            versions=versions,
            markers=markers,
            uploads=sum([1 for upload in view.uploads.scan_all() if not upload.completed]),
            object_bytes=size,
            live_bytes=_live_bytes(view) if live else None,
            segments_open=sum([row.state is SegmentState.OPEN for row in rows]),
            segments_sealed=sealed,
            segment_bytes=sum([self._size(segment) for segment in self._files.list()]),
        )

    def _size(self, segment: bytes) -> int:
        try:
            return self._files.size(segment)
        except SegmentGone:
            # Moved between listing and asking.
            return 0


def _live_bytes(view: MetadataView) -> int:
    chunks: dict[tuple[bytes, int], int] = {}
    for version, _ in view.versions.scan_all():
        for chunk in version.manifest.chunks:
            chunks[chunk.segment, chunk.offset] = chunk.length
    for upload in view.uploads.scan_all():
        for part in view.uploads.parts(upload.id):
            for chunk in part.chunks:
                chunks[chunk.segment, chunk.offset] = chunk.length
    return sum(chunks.values())
