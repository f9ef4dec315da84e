"""What rules would do is told page by page, so that asking about a large bucket keeps nobody waiting."""

from __future__ import annotations

from dataclasses import dataclass

from seglake.domain.model.errors import InvalidArgument
from seglake.domain.model.hlc import HLC, parse_hlc
from seglake.domain.ports.metadata import MetadataView

from .lifecycle_scan import START, Due, Place, Question, examined, judged, judged_upload, question, running_uploads

PAGE_ROWS = 2000
"""Versions or uploads looked at for one page."""

_NONE = "-"


@dataclass(frozen=True, slots=True)
class DuePage:
    """What is due among some versions or uploads; the next page begins at ``cursor``, None after the last."""

    dues: tuple[Due, ...]
    cursor: str | None


def due_page(view: MetadataView, bucket: str, at_ms: int, *, day_ms: int, cursor: str | None) -> DuePage:
    """A page of what the rules would do at a time to what is in a bucket now: versions by key, then uploads.

    NoSuchBucket, InvalidArgument for a cursor of nobody.
    """
    uploads, place = (False, START) if cursor is None else _parsed(cursor)
    asked = question(view, bucket, at_ms, day_ms)
    if asked is None:
        return DuePage((), None)
    dues: list[Due] = []
    if not uploads:
        versions = examined(view, asked.bucket.id, asked.reach.versions, place)
        for rows, (entry, facts, behind) in enumerate(versions, start=1):
            found = judged(view, asked, entry, facts, behind.current)
            dues += [] if found is None else [found]
            if rows == PAGE_ROWS:
                return DuePage(tuple(dues), _cursor("versions", behind))
        place = START
    return _uploads_page(view, asked, place, dues)


def _uploads_page(view: MetadataView, asked: Question, place: Place, dues: list[Due]) -> DuePage:
    for rows, (upload, behind) in enumerate(running_uploads(view, asked, place), start=1):
        found = judged_upload(asked, upload)
        dues += [] if found is None else [found]
        if rows == PAGE_ROWS:
            return DuePage(tuple(dues), _cursor("uploads", behind))
    return DuePage(tuple(dues), None)


def _cursor(phase: str, place: Place) -> str:
    stamps = [_NONE if stamp is None else str(stamp) for stamp in (place.stamp, place.current)]
    return " ".join([phase, str(place.above), *stamps, place.key])


def _parsed(cursor: str) -> tuple[bool, Place]:
    """What ``_cursor`` wrote: whether it is among the uploads, and the place. InvalidArgument."""
    try:
        phase, above, stamp, current, key = cursor.split(" ", 4)
        if phase not in ("versions", "uploads") or not (above.isascii() and above.isdigit() and len(above) < 9):
            raise ValueError(cursor)
        return phase == "uploads", Place(key, _stamp(stamp), int(above), _stamp(current))
    except ValueError:
        raise InvalidArgument("cursor", cursor[:80], "this is not a cursor that was given out") from None


def _stamp(text: str) -> HLC | None:
    return None if text == _NONE else parse_hlc(text)
