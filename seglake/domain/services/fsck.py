"""The index and the segments must tell the same story; every disagreement is a finding, and nothing is changed."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from seglake.domain.model.errors import MetadataDamaged, SeglakeError
from seglake.domain.model.events import VersionPut
from seglake.domain.model.manifest import Manifest
from seglake.domain.model.multipart import Part
from seglake.domain.model.segment import RecordRef, Segment, SegmentState, same_bytes
from seglake.domain.model.version import Filed, Misfiled
from seglake.domain.ports.metadata import MetadataStore, MetadataView
from seglake.domain.ports.progress import Stages, silent
from seglake.domain.ports.segments import SegmentFiles

from .findings import Finding, Severity, error, place_filed, place_of_part, place_of_segment, warning

_RECORD = struct.Struct(">QIQ")
"""Offset, length and content of a record: packed, because there are millions; sorted as bytes they ascend by offset."""


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


@dataclass(frozen=True, slots=True)
class _Indexed:
    """What the index says: findings, and the records that its versions name, packed, by segment."""

    versions: int
    parts: int
    findings: list[Finding]
    records: dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class _IndexPass:
    """Everything the index names lies within what was acknowledged: ``committed`` bytes of each segment.

    May run in another process: it shares nothing and tells nobody how far it is.
    """

    committed: dict[bytes, int]

    def __call__(self, view: MetadataView) -> _Indexed:
        """Reads all versions and parts. MetadataDamaged."""
        findings: list[Finding] = []
        committed = self.committed
        records: dict[bytes, bytearray] = {}
        versions = 0
        for filed in view.versions.inspect():
            versions += 1
            if isinstance(filed, Misfiled):
                findings.append(error(place_filed(view, filed), filed.reason))
                continue
            if filed.damaged:
                findings.append(error(place_filed(view, filed), "it is marked damaged and is not served"))
            for segment, offset, length, _digest in filed.chunks:
                if offset + length > committed.get(segment, -1):
                    findings.append(error(place_filed(view, filed), _beyond(segment, segment in committed)))
            segment, offset, length = filed.ref
            if offset >= committed.get(segment, 0):
                text = f"its record lies outside every known segment ({segment.hex()} at {offset})"
                findings.append(error(place_filed(view, filed), text))
                continue
            records.setdefault(segment, bytearray()).extend(_RECORD.pack(offset, length, filed.content))
        parts = 0
        try:
            for upload in view.uploads.scan_all():
                for part in view.uploads.parts(upload.id):
                    parts += 1
                    findings += self._check_part(place_of_part(upload, part), part)
        except MetadataDamaged as damage:
            findings.append(error("index", f"its uploads cannot be read to their end: {damage.hint}"))
        return _Indexed(versions, parts, findings, {segment: bytes(packed) for segment, packed in records.items()})

    def _check_part(self, where: str, part: Part) -> Iterator[Finding]:
        for chunk in part.chunks:
            if chunk.offset + chunk.length > self.committed.get(chunk.segment, -1):
                yield error(where, _beyond(chunk.segment, chunk.segment in self.committed))


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
        findings = [error("index", line) for line in self._metadata.check(versions=False)]
        rows, present = self._segments(findings)
        progress = self._stages("versions", "versions")
        index = self._metadata.read_beside(_IndexPass({segment: row.committed for segment, row in rows.items()}))
        findings += self._compare_rows(rows, set(present))
        in_files = list(self._check_files(present, deep=deep))
        try:
            found = index()
            self._versions, self._parts = found.versions, found.parts
            progress.total(found.versions)
            progress.advance(found.versions)
            findings += found.findings
            findings += self._check_records(found.records)
        except MetadataDamaged as damage:
            findings.append(error("index", f"it cannot be read to its end: {damage.hint}"))
        findings += in_files
        return FsckReport(self._versions, self._parts, len(present), tuple(findings))

    def _segments(self, findings: list[Finding]) -> tuple[dict[bytes, Segment], list[bytes]]:
        """Segments in the index and segments on the disk.

        What is doomed is on its way out: whether its file is there, and in what state, says nothing.
        """
        present = self._files.list()
        try:
            rows = self._metadata.read(lambda view: {row.id: row for row in view.segments.scan()})
        except MetadataDamaged as damage:
            findings.append(error("index", f"its segments cannot be read: {damage.hint}"))
            return {}, present
        doomed = {segment for segment, row in rows.items() if row.state is SegmentState.DOOMED}
        known = {segment: row for segment, row in rows.items() if segment not in doomed}
        return known, [segment for segment in present if segment not in doomed]

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

    def _check_records(self, records: dict[bytes, bytes]) -> list[Finding]:
        """The manifest in the segment is the manifest in the index; segment by segment, in file order."""
        progress = self._stages("records", "segments")
        progress.total(len(records))
        suspects: set[RecordRef] = set()
        for segment, packed in sorted(records.items()):
            size = _RECORD.size
            ordered = sorted([packed[at : at + size] for at in range(0, len(packed), size)])
            places = map(_RECORD.unpack, ordered)
            try:
                suspects.update(self._files.differing(segment, places))
            except SeglakeError:
                suspects.update([RecordRef(segment, *_RECORD.unpack(one)[:2]) for one in ordered])
            progress.advance()
        return self._metadata.read(lambda view: list(self._suspected(view, suspects))) if suspects else []

    def _suspected(self, view: MetadataView, suspects: set[RecordRef]) -> Iterator[Finding]:
        for filed in view.versions.inspect():
            if isinstance(filed, Filed) and filed.ref in suspects:
                yield from self._check_record(view, filed)

    def _check_record(self, view: MetadataView, filed: Filed) -> Iterator[Finding]:
        """A record that is not, byte for byte, the manifest in the index: a rewrite may have moved its chunks."""
        ref, where = filed.ref, place_filed(view, filed)
        try:
            event = self._files.event(ref)
        except SeglakeError as damage:
            yield error(where, f"its record cannot be read: {damage.hint}")
            return
        version = view.versions.find(filed.bucket_id, filed.key, filed.stamp)
        assert version is not None, "it was read in the same snapshot"
        if not isinstance(event, VersionPut) or not _same(event.manifest, version.manifest):
            yield error(where, f"its record in {place_of_segment(ref.segment)} at {ref.offset} says something else")

    def _check_files(self, present: list[bytes], *, deep: bool) -> Iterator[Finding]:
        progress = self._stages("payloads" if deep else "segments", "segments")
        progress.total(len(present))
        for segment in present:
            for offset, text in self._files.check(segment, payload=deep):
                yield error(place_of_segment(segment), f"at byte {offset}: {text}")
            progress.advance()


def _same(recorded: Manifest, kept: Manifest) -> bool:
    """Equal, but that a rewrite may have moved the bytes since they were put."""
    if recorded == kept:
        return True
    return same_bytes(recorded.chunks, kept.chunks) and replace(recorded, chunks=kept.chunks) == kept


def _beyond(segment: bytes, known: bool) -> str:
    if known:
        return f"a chunk ends beyond the acknowledged length of {place_of_segment(segment)}"
    return f"a chunk lies in {place_of_segment(segment)}, which the index does not know"
