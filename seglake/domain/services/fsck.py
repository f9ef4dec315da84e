"""The index and the segments must tell the same story; every disagreement is a finding, and nothing is changed.

A store that is served meanwhile goes on changing: commits come, segments are sealed, garbage leaves. What was
acknowledged at one moment must hold all the same, so versions are held against the segments of their own snapshot, open
segments are read as far as they were acknowledged, and what differs between index and files counts if it still does at
a second look.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from seglake.domain.model.errors import MetadataDamaged, SeglakeError, SegmentGone
from seglake.domain.model.events import VersionPut
from seglake.domain.model.manifest import Manifest
from seglake.domain.model.multipart import Part
from seglake.domain.model.segment import RecordRef, Segment, SegmentState, same_bytes
from seglake.domain.model.version import Filed, Misfiled
from seglake.domain.ports.metadata import MetadataReads, MetadataView
from seglake.domain.ports.progress import Stages, silent
from seglake.domain.ports.segments import SegmentFiles

from .findings import Finding, Severity, error, place_filed, place_of_part, place_of_segment, warning
from .whole_segments import check_segments, known_segments

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
    """Everything the index names lies within what was acknowledged of each segment.

    May run in another process: it shares nothing and tells nobody how far it is.
    """

    def __call__(self, view: MetadataView) -> _Indexed:
        """Reads all versions and parts, and how far their segments are acknowledged. MetadataDamaged."""
        findings: list[Finding] = []
        try:
            committed = {segment: row.committed for segment, row in known_segments(view).items()}
        except MetadataDamaged:
            committed = {}  # the segments of the index have a finding of their own
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
                    findings += _check_part(place_of_part(upload, part), part, committed)
        except MetadataDamaged as damage:
            findings.append(error("index", f"its uploads cannot be read to their end: {damage.hint}"))
        return _Indexed(versions, parts, findings, {segment: bytes(packed) for segment, packed in records.items()})


def _check_part(where: str, part: Part, committed: dict[bytes, int]) -> Iterator[Finding]:
    for chunk in part.chunks:
        if chunk.offset + chunk.length > committed.get(chunk.segment, -1):
            yield error(where, _beyond(chunk.segment, chunk.segment in committed))


class Fsck:
    """Compares the index with the segments; ``served``: while commits go on. Blocking; reads only."""

    def __init__(
        self, metadata: MetadataReads, files: SegmentFiles, stages: Stages = silent, *, served: bool = False
    ) -> None:
        self._metadata = metadata
        self._files = files
        self._stages = stages
        self._served = served
        self._versions = 0
        self._parts = 0

    def run(self, *, deep: bool = False) -> FsckReport:
        """Index, versions and segment structure; ``deep`` also reads every payload in every segment."""
        self._versions = self._parts = 0
        findings = [error("index", line) for line in self._metadata.check(versions=False)]
        rows, present = self._segments(findings)
        progress = self._stages("versions", "versions")
        index = self._metadata.read_beside(_IndexPass())
        differences = list(self._compare_rows(rows, set(present)))
        in_files = list(self._check_files(rows, present, deep=deep))
        try:
            found = index()
            self._versions, self._parts = found.versions, found.parts
            progress.total(found.versions)
            progress.advance(found.versions)
            findings += found.findings
            findings += self._check_records(found.records)
        except MetadataDamaged as damage:
            findings.append(error("index", f"it cannot be read to its end: {damage.hint}"))
        if differences and self._served:
            rows_again, present_again = self._segments([])
            again = set(self._compare_rows(rows_again, set(present_again)))
            differences = [found for found in differences if found in again]
        return FsckReport(self._versions, self._parts, len(present), (*findings, *differences, *in_files))

    def _segments(self, findings: list[Finding]) -> tuple[dict[bytes, Segment], list[bytes]]:
        """Segments in the index and segments on the disk.

        What is doomed is on its way out: whether its file is there, and in what state, says nothing. Files that a
        served index does not know are those that its server has just begun: at its start all others were known.
        """
        try:
            rows = self._metadata.read(lambda view: {row.id: row for row in view.segments.scan()})
        except MetadataDamaged as damage:
            findings.append(error("index", f"its segments cannot be read: {damage.hint}"))
            return {}, self._files.list()
        doomed = {segment for segment, row in rows.items() if row.state is SegmentState.DOOMED}
        known = {segment: row for segment, row in rows.items() if segment not in doomed}
        present = [segment for segment in self._files.list() if segment not in doomed]
        return known, [segment for segment in present if segment in known] if self._served else present

    def _compare_rows(self, rows: dict[bytes, Segment], present: set[bytes]) -> Iterator[Finding]:
        for segment, row in rows.items():
            where = place_of_segment(segment)
            try:
                size, sealed = self._files.size(segment), self._files.sealed(segment)
            except SegmentGone:
                yield error(where, "the index names it, but there is no file")
                continue
            if size < row.committed:
                yield error(where, f"the file has {size} bytes, {row.committed} were acknowledged")
            if row.state is SegmentState.OPEN:
                if not self._served:
                    yield warning(where, "it was left open; the next start of the server recovers it")
            elif not sealed:
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

    def _check_files(self, rows: dict[bytes, Segment], present: list[bytes], *, deep: bool) -> Iterator[Finding]:
        progress = self._stages("payloads" if deep else "segments", "segments")
        progress.total(len(present))
        served = rows if self._served else None
        yield from check_segments(self._files, present, served, payload=deep, progress=progress)


def _same(recorded: Manifest, kept: Manifest) -> bool:
    """Equal, but that a rewrite may have moved the bytes since they were put."""
    if recorded == kept:
        return True
    return same_bytes(recorded.chunks, kept.chunks) and replace(recorded, chunks=kept.chunks) == kept


def _beyond(segment: bytes, known: bool) -> str:
    if known:
        return f"a chunk ends beyond the acknowledged length of {place_of_segment(segment)}"
    return f"a chunk lies in {place_of_segment(segment)}, which the index does not know"
