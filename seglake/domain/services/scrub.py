"""Scrubbing reads every live chunk once and compares its BLAKE3; damage never ends it early."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from seglake.domain.model.errors import ChunkCorrupt, SegmentGone
from seglake.domain.model.segment import ChunkSlice
from seglake.domain.ports.metadata import MetadataStore, MetadataView
from seglake.domain.ports.progress import Progress, Stages, silent
from seglake.domain.ports.segments import SegmentFiles
from seglake.domain.ports.system import Clock

from .findings import Finding, error, place_of, place_of_part

_CHUNK = struct.Struct(">QL32s")
"""Offset, length and digest: packed, because a store has millions of chunks; sorted as bytes they ascend by offset."""


@dataclass(frozen=True, slots=True)
class ScrubReport:
    """``chunks`` and ``bytes`` were read (a shared chunk once); ``damaged`` of them did not match."""

    chunks: int
    bytes: int
    damaged: int
    seconds: float
    findings: tuple[Finding, ...]

    @property
    def bytes_per_s(self) -> float:
        """The rate, 0 when nothing was read."""
        return self.bytes / self.seconds if self.seconds > 0 else 0.0


@dataclass(slots=True)
class _Damage:
    """Chunks that failed, and why."""

    reasons: dict[tuple[bytes, int], str] = field(default_factory=dict)

    def of(self, chunks: tuple[ChunkSlice, ...]) -> str | None:
        """Why the first damaged one of ``chunks`` failed."""
        for chunk in chunks:
            reason = self.reasons.get((chunk.segment, chunk.offset))
            if reason is not None:
                return reason
        return None


class Scrub:
    """Verifies all live payload, segment by segment in file order. Offline; blocking; reads only."""

    def __init__(self, metadata: MetadataStore, files: SegmentFiles, clock: Clock, stages: Stages = silent) -> None:
        self._metadata = metadata
        self._files = files
        self._clock = clock
        self._stages = stages

    def run(self) -> ScrubReport:
        """Reads everything that a version or a part needs; each damaged one is a finding."""
        begun = self._clock.steady_s()
        live = self._metadata.read(self._collect)
        progress = self._stages("payload", "bytes")
        progress.total(sum([length for chunks in live.values() for _, length, _ in _CHUNK.iter_unpack(chunks)]))
        damage = _Damage()
        chunks = size = 0
        for segment in sorted(live):
            for offset, length, digest in _CHUNK.iter_unpack(live[segment]):
                self._verify(ChunkSlice(segment, offset, length, digest, 0, length), damage, progress)
                chunks += 1
                size += length
        findings = self._metadata.read(lambda view: tuple(_who_needs(view, damage))) if damage.reasons else ()
        return ScrubReport(chunks, size, len(damage.reasons), self._clock.steady_s() - begun, findings)

    def _collect(self, view: MetadataView) -> dict[bytes, bytes]:
        """The live chunks of each segment, packed, each once, by offset."""
        progress = self._stages("index", "versions")
        progress.total(view.versions.count())
        found: dict[bytes, bytearray] = {}
        for chunks in _live(view, progress):
            for chunk in chunks:
                packed = found.setdefault(chunk.segment, bytearray())
                packed += _CHUNK.pack(chunk.offset, chunk.length, chunk.digest)
        step = _CHUNK.size
        return {
            segment: b"".join(sorted({bytes(packed[i : i + step]) for i in range(0, len(packed), step)}))
            for segment, packed in found.items()
        }

    def _verify(self, chunk: ChunkSlice, damage: _Damage, progress: Progress) -> None:
        try:
            self._files.read(chunk)
        except (ChunkCorrupt, SegmentGone) as failure:
            damage.reasons[(chunk.segment, chunk.offset)] = failure.hint
        progress.advance(chunk.length)


def _live(view: MetadataView, progress: Progress) -> Iterator[tuple[ChunkSlice, ...]]:
    for version, _ in view.versions.scan_all():
        yield version.manifest.chunks
        progress.advance()
    for upload in view.uploads.scan_all():
        for part in view.uploads.parts(upload.id):
            yield part.chunks


def _who_needs(view: MetadataView, damage: _Damage) -> Iterator[Finding]:
    """A second pass, only when there is damage: memory stays that of the damage."""
    for version, _ in view.versions.scan_all():
        reason = damage.of(version.manifest.chunks)
        if reason is not None:
            yield error(place_of(version), reason)
    for upload in view.uploads.scan_all():
        for part in view.uploads.parts(upload.id):
            reason = damage.of(part.chunks)
            if reason is not None:
                yield error(place_of_part(upload, part), reason)
