"""Listings seek past what they roll up: a page costs what it returns, not what lies beneath."""

from __future__ import annotations

from dataclasses import dataclass

from seglake.domain.model.bucket import Bucket
from seglake.domain.model.errors import InvalidArgument, NoSuchUpload
from seglake.domain.model.hlc import HLC
from seglake.domain.model.listing import ObjectPage, PartPage, UploadPage, VersionPage, after_prefix, rolled_up
from seglake.domain.model.multipart import Part, Upload
from seglake.domain.model.names import NULL_VERSION, parse_version_id
from seglake.domain.model.version import VersionEntry
from seglake.domain.ports.metadata import MetadataStore, MetadataView

from .facts import bucket_named, running_upload


@dataclass(frozen=True, slots=True)
class Window:
    """What every listing of keys takes: page size 0...1,000 and the roll-up."""

    prefix: str = ""
    delimiter: str = ""
    limit: int = 1000

    def start(self, after: str) -> tuple[str, bool]:
        """Where to begin: the first key to look at, and whether it may itself be listed."""
        if after < self.prefix:
            return self.prefix, True
        if self.delimiter and rolled_up(after, self.prefix, self.delimiter) == after:
            beyond = after_prefix(after)
            return (beyond, True) if beyond is not None else (after, False)
        return after, False


def _objects(view: MetadataView, bucket: Bucket, window: Window, after: str) -> ObjectPage:
    entries: list[VersionEntry] = []
    prefixes: list[str] = []
    prefix, delimiter, room = window.prefix, window.delimiter, window.limit
    if not room:
        return ObjectPage((), (), None)
    last = ""
    position: tuple[str, bool] | None = window.start(after) if after else (prefix, True)
    while position is not None:
        start, inclusive = position
        position = None
        for entry in view.versions.scan_current(bucket.id, start, inclusive=inclusive):
            key = entry.key
            if not key.startswith(prefix):
                break
            if entry.is_marker:
                continue
            if not room:
                return ObjectPage(tuple(entries), tuple(prefixes), last)
            room -= 1
            rolled = rolled_up(key, prefix, delimiter) if delimiter else None
            if rolled is None:
                entries.append(entry)
                last = key
                continue
            prefixes.append(rolled)
            last = rolled
            beyond = after_prefix(rolled)
            position = None if beyond is None else (beyond, True)
            break
    return ObjectPage(tuple(entries), tuple(prefixes), None)


def _versions(view: MetadataView, bucket: Bucket, window: Window, key_marker: str, below: HLC | None) -> VersionPage:
    entries: list[VersionEntry] = []
    latest: list[bool] = []
    prefixes: list[str] = []
    prefix, delimiter, room = window.prefix, window.delimiter, window.limit
    if not room:
        return VersionPage((), (), (), None, None)
    last: tuple[str, str | None] = ("", None)
    previous = key_marker if below is not None else None
    position: tuple[str, bool, HLC | None] | None = (prefix, True, None)
    if key_marker and key_marker >= prefix:
        position = (key_marker, True, below) if below is not None else (*window.start(key_marker), None)
    while position is not None:
        start, inclusive, bound = position
        position = None
        for entry in view.versions.scan_versions(bucket.id, start, bound):
            key = entry.key
            if not inclusive and key == start:
                continue
            if not key.startswith(prefix):
                break
            if not room:
                return VersionPage(tuple(entries), tuple(latest), tuple(prefixes), *last)
            room -= 1
            rolled = rolled_up(key, prefix, delimiter) if delimiter else None
            if rolled is None:
                entries.append(entry)
                latest.append(key != previous)
                previous = key
                last = (key, entry.version)
                continue
            prefixes.append(rolled)
            last = (rolled, None)
            beyond = after_prefix(rolled)
            position = None if beyond is None else (beyond, True, None)
            break
    return VersionPage(tuple(entries), tuple(latest), tuple(prefixes), None, None)


def _uploads(view: MetadataView, bucket: Bucket, window: Window, after: tuple[str, HLC | None]) -> UploadPage:
    uploads: list[Upload] = []
    prefixes: list[str] = []
    prefix, delimiter, room = window.prefix, window.delimiter, window.limit
    key_marker, stamp = after
    last: tuple[str | None, str | None] = (None, None)
    start, inclusive = window.start(key_marker) if key_marker else (prefix, True)
    bound = (key_marker, stamp) if stamp is not None else None
    position: str | None = start if room else None
    while position is not None:
        begin, position = position, None
        for upload in view.uploads.scan_running(bucket.id, begin, bound):
            key = upload.key
            if not inclusive and key == start and bound is None:
                continue
            if not key.startswith(prefix):
                break
            if not room:
                return UploadPage(tuple(uploads), tuple(prefixes), *last)
            room -= 1
            rolled = rolled_up(key, prefix, delimiter) if delimiter else None
            if rolled is None:
                uploads.append(upload)
                last = (key, upload.id)
                continue
            prefixes.append(rolled)
            last = (rolled, "")
            position, bound = after_prefix(rolled), None
            break
    return UploadPage(tuple(uploads), tuple(prefixes), None, None)


class Listings:
    """Every listing below the service level, each from one snapshot."""

    def __init__(self, metadata: MetadataStore) -> None:
        self._metadata = metadata

    def objects(self, bucket: str, window: Window, after: str = "") -> ObjectPage:
        """API: ListObjects, ListObjectsV2: current objects with keys above ``after``."""
        return self._metadata.read(lambda view: _objects(view, bucket_named(view, bucket), window, after))

    def versions(self, bucket: str, window: Window, key_marker: str = "", version_marker: str = "") -> VersionPage:
        """API: ListObjectVersions: after the version ``version_marker`` of the key ``key_marker``."""
        if version_marker and not key_marker:
            raise InvalidArgument("version-id-marker", version_marker, "it needs a key-marker")

        def query(view: MetadataView) -> VersionPage:
            found = bucket_named(view, bucket)
            below = None
            if version_marker == NULL_VERSION:
                entry = view.versions.null_entry(found.id, key_marker)
                below = entry.stamp if entry is not None else None
            elif version_marker:
                below = parse_version_id(version_marker)
                if below is None:
                    raise InvalidArgument("version-id-marker", version_marker, "it is not a version id of this store")
            return _versions(view, found, window, key_marker, below)

        return self._metadata.read(query)

    def uploads(self, bucket: str, window: Window, key_marker: str = "", upload_marker: str = "") -> UploadPage:
        """API: ListMultipartUploads: running uploads above (``key_marker``, ``upload_marker``)."""

        def query(view: MetadataView) -> UploadPage:
            found = bucket_named(view, bucket)
            stamp = None
            if upload_marker and key_marker:
                upload = view.uploads.get(upload_marker)
                stamp = upload.started if upload is not None else None
            return _uploads(view, found, window, (key_marker, stamp))

        return self._metadata.read(query)

    def parts(self, bucket: str, key: str, upload_id: str, *, after: int = 0, limit: int = 1000) -> PartPage:
        """API: ListParts: parts with numbers above ``after``."""

        def query(view: MetadataView) -> PartPage:
            upload = running_upload(view, bucket_named(view, bucket), key, upload_id)
            if upload is None or upload.completed:
                raise NoSuchUpload(upload_id)
            parts: list[Part] = []
            for part in view.uploads.parts(upload_id, after):
                if len(parts) == limit:
                    return PartPage(upload, tuple(parts), parts[-1].number if parts else after)
                parts.append(part)
            return PartPage(upload, tuple(parts), None)

        return self._metadata.read(query)
