"""What an inspection found, in the order found: how bad, where, and one sentence for a person."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from seglake.domain.model.multipart import Part, Upload
from seglake.domain.model.names import version_id
from seglake.domain.model.version import Filed, Misfiled, Version
from seglake.domain.ports.metadata import MetadataTables, MetadataView


class Severity(StrEnum):
    """ERROR: data is lost, damaged or cannot be trusted. WARNING: space or order, no data."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; ``where`` names a version, a part, a segment or the index."""

    severity: Severity
    where: str
    text: str


def error(where: str, text: str) -> Finding:
    """Data is concerned."""
    return Finding(Severity.ERROR, where, text)


def warning(where: str, text: str) -> Finding:
    """Nothing is lost."""
    return Finding(Severity.WARNING, where, text)


def place_of(version: Version) -> str:
    """How findings name a version; always by its stamp, since ``null`` names another one later."""
    manifest = version.manifest
    return f"{manifest.bucket}/{manifest.key}?versionId={version_id(manifest.stamp)}"


def place_filed(view: MetadataView | MetadataTables, filed: Filed | Misfiled) -> str:
    """The same, for who has no manifest."""
    bucket = view.buckets.by_id(filed.bucket_id)
    name = bucket.name if bucket is not None else f"bucket {filed.bucket_id}"
    return f"{name}/{filed.key}?versionId={version_id(filed.stamp)}"


def place_of_part(upload: Upload, part: Part) -> str:
    """How findings name a part of a running upload."""
    return f"upload {upload.id} of {upload.key}, part {part.number}"


def place_of_segment(segment: bytes) -> str:
    """How findings name a segment."""
    return f"segment {segment.hex()}"
