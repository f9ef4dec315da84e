"""The index and the segments must tell the same story; every disagreement is a finding, and nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seglake.domain.model.errors import SeglakeError
from seglake.domain.model.events import VersionPut
from seglake.domain.model.segment import ChunkSlice, RecordRef, Segment, SegmentState
from seglake.domain.model.version import Version
from seglake.domain.ports.metadata import MetadataStore, MetadataView
from seglake.domain.ports.progress import Stages, silent
from seglake.domain.ports.segments import SegmentFiles

from .findings import Finding, Severity, error, place_of, place_of_part, place_of_segment, warning


@dataclass(frozen=True, slots=True)
class FsckReport:
    """What was looked at, and every finding."""

    versions: int
    parts: int
    segments: int
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """True without any error; warnings concern no data."""
        return all(found.severity is not Severity.ERROR for found in self.findings)


class Fsck:
    """Compares the index with the segments. Offline; blocking; reads only."""

    def __init__(self, metadata: MetadataStore, files: SegmentFiles, stages: Stages = silent) -> None:
        self._metadata = metadata
        self._files = files
        self._stages = stages
        self._versions = 0
        self._parts = 0

    def run(self, *, deep: bool = False) -> FsckReport:
        """Index, versions and segment structure; ``deep`` also reads every payload in every segment."""
        self._versions = self._parts = 0
        findings = [error("index", line) for line in self._metadata.check()]
        rows = self._metadata.read(lambda view: {row.id: row for row in view.segments.scan()})
        present = self._files.list()
        findings += self._compare_rows(rows, set(present))
        findings += self._metadata.read(lambda view: self._check_index(view, rows))
        findings += self._check_files(present, deep=deep)
        return FsckReport(self._versions, self._parts, len(present), tuple(findings))

    def _compare_rows(self, rows: dict[bytes, Segment], present: set[bytes]) -> Iterator[Finding]:
        for segment, row in rows.items():
            where = place_of_segment(segment)
            if segment not in present:
                yield error(where, "the index names it, but there is no file")
                continue
            size = self._files.size(segment)
            if size < row.committed:
                yield error(where, f"the file has {size} bytes, {row.committed} were acknowledged")
            if row.state is SegmentState.OPEN:
                yield warning(where, "it was left open; the next start of the server recovers it")
            elif not self._files.sealed(segment):
                yield error(where, "the index calls it sealed, but its footer is missing or damaged")
        for segment in sorted(present - rows.keys()):
            yield warning(place_of_segment(segment), "the index does not know it; the next start of the server decides")

    def _check_index(self, view: MetadataView, rows: dict[bytes, Segment]) -> list[Finding]:
        """Everything the index names lies within what was acknowledged, and the records say the same."""
        findings: list[Finding] = []
        progress = self._stages("versions", "versions")
        progress.total(view.versions.count())
        try:
            for version, ref in view.versions.scan_all():
                self._versions += 1
                where = place_of(version)
                findings += _outside(where, version.manifest.chunks, rows)
                findings += self._check_record(where, version, ref, rows)
                progress.advance()
            for upload in view.uploads.scan_all():
                for part in view.uploads.parts(upload.id):
                    self._parts += 1
                    findings += _outside(place_of_part(upload, part), part.chunks, rows)
        except SeglakeError as damage:
            findings.append(error("index", f"it cannot be read to its end: {damage.hint}"))
        return findings

    def _check_record(
        self, where: str, version: Version, ref: RecordRef, rows: dict[bytes, Segment]
    ) -> Iterator[Finding]:
        """The manifest in the segment is the manifest in the index."""
        row = rows.get(ref.segment)
        if row is None or ref.offset >= row.committed:
            yield error(where, f"its record lies outside every known segment ({ref.segment.hex()} at {ref.offset})")
            return
        try:
            event = self._files.event(ref)
        except SeglakeError as damage:
            yield error(where, f"its record cannot be read: {damage.hint}")
            return
        if not isinstance(event, VersionPut) or event.manifest != version.manifest:
            yield error(where, f"its record in {place_of_segment(ref.segment)} at {ref.offset} says something else")

    def _check_files(self, present: list[bytes], *, deep: bool) -> Iterator[Finding]:
        progress = self._stages("payloads" if deep else "segments", "segments")
        progress.total(len(present))
        for segment in present:
            for offset, text in self._files.check(segment, payload=deep):
                yield error(place_of_segment(segment), f"at byte {offset}: {text}")
            progress.advance()


def _outside(where: str, chunks: tuple[ChunkSlice, ...], rows: dict[bytes, Segment]) -> Iterator[Finding]:
    for chunk in chunks:
        row = rows.get(chunk.segment)
        if row is None:
            yield error(where, f"a chunk lies in {place_of_segment(chunk.segment)}, which the index does not know")
        elif chunk.offset + chunk.length > row.committed:
            yield error(where, f"a chunk ends beyond the acknowledged length of {place_of_segment(chunk.segment)}")
