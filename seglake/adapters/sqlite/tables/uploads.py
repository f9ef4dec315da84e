"""Multipart uploads and the parts of running ones, each kept as the CBOR that its event had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from struct import error as StructError  # noqa: N812 - an exception's name

from seglake.adapters.disk_format import decode_part, decode_upload, encode_part, encode_upload
from seglake.adapters.sqlite.rows import Row, Session, damaged, row_sum
from seglake.domain.model.errors import FormatDamaged
from seglake.domain.model.hlc import HLC
from seglake.domain.model.multipart import Part, Upload
from seglake.domain.model.segment import ChunkSlice, RecordRef
from seglake.domain.ports.tables import Uploads

_UPLOAD = "SELECT id, bucket_id, key, ticks, site, running, upload, row_sum FROM multipart_uploads"
_PART = "SELECT upload, number, part, segment, offset, length, row_sum FROM multipart_parts"
_ONE = f"{_UPLOAD} WHERE id = ?"
_ONE_PART = f"{_PART} WHERE upload = ? AND number = ?"
_RUNNING = f"{_UPLOAD} WHERE running = 1 AND bucket_id = ?"
_ORDER = "ORDER BY bucket_id, key, ticks, site, id"


def _upload_sum(upload: Upload, blob: bytes) -> int:
    key = upload.key.encode()
    integers = (upload.bucket_id, upload.started.ticks, upload.started.site, int(not upload.completed), len(key))
    return row_sum(integers, f"{upload.id}\0", key + blob)


def read_upload(row: Row) -> Upload:
    """The upload of a row, verified. MetadataDamaged."""
    upload_id, bucket_id, key, ticks, site, running, blob, kept = row
    try:
        if row_sum((bucket_id, ticks, site, running, len(key)), f"{upload_id}\0", key + blob) != kept:
            raise damaged("multipart_uploads", row[:6])
        return decode_upload(blob)
    except (StructError, TypeError, ValueError, FormatDamaged) as error:
        raise damaged("multipart_uploads", row[:6], error) from error


def read_part(row: Row) -> Part:
    """The part of a row, verified. MetadataDamaged."""
    upload, number, blob, segment, offset, length, kept = row
    try:
        if row_sum((number, offset, length, len(blob)), f"{upload}\0", blob + segment) != kept:
            raise damaged("multipart_parts", row[:2])
        part = decode_part(blob)
    except (StructError, TypeError, ValueError, FormatDamaged) as error:
        raise damaged("multipart_parts", row[:2], error) from error
    if part.upload != upload or part.number != number:
        raise damaged("multipart_parts", row[:2])
    return part


def _placed(row: Row) -> tuple[Part, RecordRef]:
    return read_part(row), RecordRef(*row[3:6])


class SqliteUploads(Uploads):
    """The port on two tables."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, upload: str, /) -> Upload | None:
        """The upload with that id."""
        row = self._session.one(_ONE, (upload,))
        return None if row is None else read_upload(row)

    def scan_running(self, bucket_id: int, start: str, after: tuple[str, HLC] | None = None, /) -> Iterator[Upload]:
        """Running uploads by key and start."""
        position = start.encode()
        if after is None:
            rows = self._session.scan(f"{_RUNNING} AND key >= ? {_ORDER}", (bucket_id, position))
        else:
            key, stamp = after
            values = (bucket_id, position, key.encode(), stamp.ticks, stamp.site)
            rows = self._session.scan(f"{_RUNNING} AND key >= ? AND (key, ticks, site) > (?, ?, ?) {_ORDER}", values)
        return map(read_upload, rows)

    def parts(self, upload: str, after: int = 0, /) -> Iterator[Part]:
        """Parts by number."""
        return map(
            read_part, self._session.scan(f"{_PART} WHERE upload = ? AND number > ? ORDER BY number", (upload, after))
        )

    def part(self, upload: str, number: int, /) -> Part | None:
        """One part."""
        row = self._session.one(_ONE_PART, (upload, number))
        return None if row is None else read_part(row)

    def part_place(self, upload: str, number: int, /) -> RecordRef | None:
        """Where a part's record lies."""
        row = self._session.one(_ONE_PART, (upload, number))
        return None if row is None else _placed(row)[1]

    def scan_parts(self) -> Iterator[tuple[Part, RecordRef]]:
        """Every part, by upload and number."""
        return map(_placed, self._session.scan(f"{_PART} ORDER BY upload, number", ()))

    def scan_all(self) -> Iterator[Upload]:
        """All, by id."""
        return map(read_upload, self._session.scan(f"{_UPLOAD} ORDER BY id", ()))

    def scan_rows(self) -> Iterator[Row]:
        """Every upload's row as it is kept, for ``check``."""
        return self._session.scan(_UPLOAD, ())

    def scan_part_rows(self) -> Iterator[Row]:
        """Every part's row as it is kept, for ``check``."""
        return self._session.scan(_PART, ())

    def insert(self, upload: Upload, /) -> None:
        """Adds an upload."""
        self._put("INSERT", upload)

    def _put(self, verb: str, upload: Upload) -> None:
        blob = encode_upload(upload)
        values = (
            upload.id,
            upload.bucket_id,
            upload.key.encode(),
            *upload.started,
            int(not upload.completed),
            blob,
            _upload_sum(upload, blob),
        )
        self._session.execute(f"{verb} INTO multipart_uploads VALUES(?, ?, ?, ?, ?, ?, ?, ?)", values)

    def put_part(self, part: Part, ref: RecordRef, /) -> None:
        """Adds a part or replaces the one with its number."""
        blob = encode_part(part)
        segment, offset, length = ref
        kept = row_sum((part.number, offset, length, len(blob)), f"{part.upload}\0", blob + segment)
        values = (part.upload, part.number, blob, segment, offset, length, kept)
        self._session.execute("REPLACE INTO multipart_parts VALUES(?, ?, ?, ?, ?, ?, ?)", values)

    def set_part_chunks(self, upload: str, number: int, chunks: tuple[ChunkSlice, ...], /) -> bool:
        """Changes where a part's bytes lie; False when there is none."""
        row = self._session.one(_ONE_PART, (upload, number))
        if row is None:
            return False
        part, ref = _placed(row)
        self.put_part(replace(part, chunks=chunks), ref)
        return True

    def set_part_place(self, upload: str, number: int, ref: RecordRef, /) -> bool:
        """Changes where a part's record lies; False when there is none."""
        part = self.part(upload, number)
        if part is None:
            return False
        self.put_part(part, ref)
        return True

    def complete(self, upload: str, parts_digest: bytes, result: HLC, /) -> None:
        """Marks an upload completed, if it is there, and drops its parts."""
        old = self.get(upload)
        if old is not None:
            self._put("REPLACE", replace(old, completed=parts_digest, result=result))
        self._session.execute("DELETE FROM multipart_parts WHERE upload = ?", (upload,))

    def delete(self, upload: str, /) -> None:
        """Removes an upload and its parts."""
        self._session.execute("DELETE FROM multipart_uploads WHERE id = ?", (upload,))
        self._session.execute("DELETE FROM multipart_parts WHERE upload = ?", (upload,))
