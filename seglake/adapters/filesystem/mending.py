"""What is written twice is mended from its sound half; payload and records are never touched.

Mended are one of two header copies from the other, and a manifest pack from its sealed segment, whose footer and events
must all be sound. A temporary file that nobody publishes any more is removed. Everything may be done again.
"""

from __future__ import annotations

from collections.abc import Iterator

from seglake.adapters.disk_format.records import RecordCodec
from seglake.adapters.disk_format.segment import (
    SEGMENT_HEADER_BYTES,
    damaged_copies,
    decode_segment_header,
    encode_header_copy,
)
from seglake.adapters.filesystem.layout import MANIFESTS_DIR, OBJECTS_DIR, SEGMENTS_DIR, pack_name
from seglake.adapters.filesystem.packs import pack_finding
from seglake.adapters.filesystem.patient import patient_read
from seglake.adapters.filesystem.publish import TEMPORARY_SUFFIX, sync_directory, sync_file
from seglake.adapters.filesystem.sealing import read_footer, write_pack
from seglake.domain.model.errors import FormatDamaged, UnknownFormat
from seglake.domain.model.segment import Segment, SegmentState
from seglake.domain.ports.files import File, FileSystem

_DIRECTORIES = (".", OBJECTS_DIR, SEGMENTS_DIR, MANIFESTS_DIR)


def mend(files: FileSystem, file: File, segment: bytes, *, dry_run: bool) -> Iterator[str]:
    """What was mended in one segment, or with ``dry_run`` would be. OSError as it comes."""
    region = patient_read(file)(SEGMENT_HEADER_BYTES, 0)
    try:
        header, sound = decode_segment_header(region)
    except (FormatDamaged, UnknownFormat):
        return
    if header.segment != segment:
        return
    codec = RecordCodec(segment, header.key)
    sealed = read_footer(file, codec, file.size())
    if sound < 2:
        if not dry_run:
            # Only the damaged copy: whatever becomes of this write, the sound one is not in its way.
            for offset in damaged_copies(region):
                file.pwritev([encode_header_copy(header)], offset)
            sync_file(file)
        yield "the damaged copy of its header, from the sound one"
    if sealed is None:
        return
    footer, digest = sealed
    row = Segment(segment, SegmentState.SEALED, file.size(), footer.created_ms, digest)
    try:
        finding = pack_finding(files, row, footer.event_count)
    except UnknownFormat:
        return
    if finding and not dry_run:
        try:
            write_pack(files, file, codec, footer, row)
        except FormatDamaged:
            return  # an event in the segment is damaged: there is nothing sound to make a pack of
    if finding and (files.exists(pack_name(segment)) or dry_run):
        yield f"its manifest pack, from its records ({finding})"


def stale_files(files: FileSystem, *, remove: bool) -> list[str]:
    """Temporary files that a crash left, with ``remove`` removed. Nothing else is being written meanwhile."""
    found = []
    for directory in _DIRECTORIES:
        names = [name for name in files.list(directory) if name.endswith(TEMPORARY_SUFFIX)]
        for name in names:
            path = name if directory == "." else f"{directory}/{name}"
            if remove:
                files.remove(path)
            found.append(path)
        if names and remove:
            sync_directory(files, directory)
    return found
