"""Segment files are checked whole, or, while they are written to, as far as they were acknowledged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from seglake.domain.model.errors import SegmentGone
from seglake.domain.model.segment import Segment, SegmentState
from seglake.domain.ports.metadata import MetadataView
from seglake.domain.ports.progress import Progress
from seglake.domain.ports.segments import SegmentFiles

from .findings import Finding, error, place_of_segment


def known_segments(view: MetadataView) -> dict[bytes, Segment]:
    """The rows of all segments but those on their way out. MetadataDamaged."""
    return {row.id: row for row in view.segments.scan() if row.state is not SegmentState.DOOMED}


def check_segments(
    files: SegmentFiles,
    present: Sequence[bytes],
    served: Mapping[bytes, Segment] | None,
    *,
    payload: bool,
    progress: Progress,
) -> Iterator[Finding]:
    """Findings in structure and, with ``payload``, in every payload of ``present``.

    With the rows of a store that is ``served`` meanwhile: what leaves is passed over, and an open segment is looked at
    up to what the row acknowledges.
    """
    for segment in present:
        row = None if served is None else served[segment]
        end = row.committed if row is not None and row.state is SegmentState.OPEN else None
        try:
            for offset, text in files.check(segment, payload=payload, end=end):
                yield error(place_of_segment(segment), f"at byte {offset}: {text}")
        except SegmentGone:
            if served is None:
                raise
        progress.advance()
