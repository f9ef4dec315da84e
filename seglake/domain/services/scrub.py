"""Scrubbing reads every live chunk once and compares its BLAKE3; damage never ends it early, and nothing is changed.

While the store is served, versions go and are moved: a chunk that cannot be read is damage if some version or part
still names it afterwards.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from seglake.domain.model.errors import ChunkCorrupt, SegmentGone
from seglake.domain.model.manifest import VersionState
from seglake.domain.model.segment import ChunkSlice
from seglake.domain.model.version import Filed, Misfiled
from seglake.domain.ports.metadata import MetadataReads, MetadataView
from seglake.domain.ports.progress import Progress, Stages, silent
from seglake.domain.ports.segments import SegmentFiles
from seglake.domain.ports.system import Clock

from .findings import Finding, error, place_filed, place_of_part
from .marking import Suspect
from .whole_segments import check_segments, known_segments

_CHUNK = struct.Struct(">QL32s")
"""Offset, length and digest: packed, because a store has millions of chunks; sorted as bytes they ascend by offset."""


@dataclass(frozen=True, slots=True)
class ScrubReport:
    """``chunks`` and ``bytes`` were read (a shared chunk once); ``damaged`` of them are needed and did not match.

    ``suspects`` are the versions that damage reaches and that are not marked yet.
    """

    chunks: int
    bytes: int
    damaged: int
    seconds: float
    findings: tuple[Finding, ...]
    suspects: tuple[Suspect, ...] = ()

    @property
    def sound(self) -> bool:
        """True when nothing was found."""
        return not self.findings

    @property
    def bytes_per_s(self) -> float:
        """The rate, 0 when nothing was read."""
        return self.bytes / self.seconds if self.seconds > 0 else 0.0


@dataclass(slots=True)
class _Damage:
    """Chunks that failed, and why; and which of these somebody still needs."""

    reasons: dict[tuple[bytes, int], str] = field(default_factory=dict)
    needed: set[tuple[bytes, int]] = field(default_factory=set)

    def of(self, places: Iterator[tuple[bytes, int]]) -> str | None:
        """Why the first damaged chunk at ``places`` (segment, offset), which are needed, failed."""
        found = [place for place in places if place in self.reasons]
        self.needed.update(found)
        return self.reasons[found[0]] if found else None


class Scrub:
    """Verifies all live payload, segment by segment in file order; ``served``: while commits go on. Blocking; reads
    only."""

    def __init__(
        self,
        metadata: MetadataReads,
        files: SegmentFiles,
        clock: Clock,
        stages: Stages = silent,
        *,
        served: bool = False,
    ) -> None:
        self._metadata = metadata
        self._files = files
        self._clock = clock
        self._stages = stages
        self._served = served

    def run(self, *, dead: bool = False) -> ScrubReport:
        """Reads everything that a version or a part needs; each damaged one is a finding.

        With ``dead`` every record of every segment is read as well, whether anything needs it or not.
        """
        begun = self._clock.steady_s()
        findings: list[Finding] = []
        live = self._metadata.read(lambda view: self._collect(view, findings))
        progress = self._stages("payload", "bytes")
        progress.total(sum([length for chunks in live.values() for _, length, _ in _CHUNK.iter_unpack(chunks)]))
        damage = _Damage()
        chunks = size = 0
        for segment in sorted(live):
            for offset, length, digest in _CHUNK.iter_unpack(live[segment]):
                self._verify(ChunkSlice(segment, offset, length, digest, 0, length), damage, progress)
                chunks += 1
                size += length
        seconds = self._clock.steady_s() - begun
        suspects: list[Suspect] = []
        if damage.reasons:
            findings += self._metadata.read(lambda view: list(_who_needs(view, damage, suspects)))
        if dead:
            findings += self._check_all()
        return ScrubReport(chunks, size, len(damage.needed), seconds, tuple(findings), tuple(suspects))

    def _collect(self, view: MetadataView, findings: list[Finding]) -> dict[bytes, bytes]:
        """The live chunks of each segment, packed, each once, by offset."""
        progress = self._stages("index", "versions")
        progress.total(view.versions.count())
        found: dict[bytes, bytearray] = {}
        pack = _CHUNK.pack
        for filed in view.versions.inspect():
            progress.advance()
            if isinstance(filed, Misfiled):
                findings.append(error(place_filed(view, filed), f"{filed.reason}; its bytes cannot be checked"))
                continue
            for segment, offset, length, digest in filed.chunks:
                found.setdefault(segment, bytearray()).extend(pack(offset, length, digest))
        for upload in view.uploads.scan_all():
            for part in view.uploads.parts(upload.id):
                for chunk in part.chunks:
                    found.setdefault(chunk.segment, bytearray()).extend(pack(chunk.offset, chunk.length, chunk.digest))
        step = _CHUNK.size
        return {
            segment: b"".join(sorted({bytes(packed[i : i + step]) for i in range(0, len(packed), step)}))
            for segment, packed in found.items()
        }

    def _verify(self, chunk: ChunkSlice, damage: _Damage, progress: Progress) -> None:
        try:
            self._files.verify(chunk)
        except (ChunkCorrupt, SegmentGone) as failure:
            damage.reasons[(chunk.segment, chunk.offset)] = failure.hint
        progress.advance(chunk.length)

    def _check_all(self) -> Iterator[Finding]:
        rows = self._metadata.read(known_segments) if self._served else None
        segments = [segment for segment in self._files.list() if rows is None or segment in rows]
        progress = self._stages("all records", "segments")
        progress.total(len(segments))
        yield from check_segments(self._files, segments, rows, payload=True, progress=progress)


def _who_needs(view: MetadataView, damage: _Damage, suspects: list[Suspect]) -> Iterator[Finding]:
    """A second pass, only when there is damage: memory stays that of the damage."""
    for filed in view.versions.inspect():
        reason = damage.of((chunk[0], chunk[1]) for chunk in filed.chunks) if isinstance(filed, Filed) else None
        if reason is None:
            continue
        yield error(place_filed(view, filed), reason)
        version = view.versions.find(filed.bucket_id, filed.key, filed.stamp)
        assert version is not None, "it was read in the same snapshot"
        if version.state is VersionState.ACTIVE:
            suspects.append(Suspect.of(version))
    for upload in view.uploads.scan_all():
        for part in view.uploads.parts(upload.id):
            reason = damage.of((chunk.segment, chunk.offset) for chunk in part.chunks)
            if reason is not None:
                yield error(place_of_part(upload, part), reason)
