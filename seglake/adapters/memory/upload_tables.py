"""Multipart uploads and their parts as plain dictionaries; every change leaves a step that undoes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from seglake.domain.model.hlc import HLC
from seglake.domain.model.multipart import Part, Upload
from seglake.domain.model.segment import ChunkSlice, RecordRef
from seglake.domain.ports.tables import Uploads

Step = Callable[[], object]


class MemoryUploads(Uploads):
    """Uploads by id, parts by upload and number."""

    def __init__(self, undo: list[Step]) -> None:
        self._undo = undo
        self._rows: dict[str, Upload] = {}
        self._parts: dict[str, dict[int, tuple[Part, RecordRef]]] = {}

    def get(self, upload: str, /) -> Upload | None:
        """The upload with that id."""
        return self._rows.get(upload)

    def scan_running(self, bucket_id: int, start: str, after: tuple[str, HLC] | None = None, /) -> Iterator[Upload]:
        """Running uploads by key and start."""
        found = [
            row for row in self._rows.values() if row.bucket_id == bucket_id and row.key >= start and not row.completed
        ]
        for row in sorted(found, key=lambda row: (row.key, row.started, row.id)):
            if after is None or (row.key, row.started) > after:
                yield row

    def parts(self, upload: str, after: int = 0, /) -> Iterator[Part]:
        """Parts by number."""
        parts = self._parts.get(upload, {})
        for number in sorted(parts):
            if number > after:
                yield parts[number][0]

    def part(self, upload: str, number: int, /) -> Part | None:
        """One part."""
        found = self._parts.get(upload, {}).get(number)
        return found[0] if found else None

    def part_place(self, upload: str, number: int, /) -> RecordRef | None:
        """Where a part's record lies."""
        found = self._parts.get(upload, {}).get(number)
        return found[1] if found else None

    def scan_parts(self) -> Iterator[tuple[Part, RecordRef]]:
        """Every part, by upload and number."""
        for upload in sorted(self._parts):
            for _, found in sorted(self._parts[upload].items()):
                yield found

    def scan_all(self) -> Iterator[Upload]:
        """All, by id."""
        for upload in sorted(self._rows):
            yield self._rows[upload]

    def insert(self, upload: Upload, /) -> None:
        """Adds an upload."""
        assert upload.id not in self._rows, "an upload id is given out once"
        self._rows[upload.id] = upload
        self._undo.append(lambda: self._rows.pop(upload.id))

    def put_part(self, part: Part, ref: RecordRef, /) -> None:
        """Adds a part or replaces the one with its number."""
        old = self._parts.get(part.upload, {})
        self._set_parts(part.upload, {**old, part.number: (part, ref)})

    def set_part_chunks(self, upload: str, number: int, chunks: tuple[ChunkSlice, ...], /) -> bool:
        """Changes where a part's bytes lie; False when there is none."""
        found = self._parts.get(upload, {}).get(number)
        if found is not None:
            self.put_part(replace(found[0], chunks=chunks), found[1])
        return found is not None

    def set_part_place(self, upload: str, number: int, ref: RecordRef, /) -> bool:
        """Changes where a part's record lies; False when there is none."""
        found = self._parts.get(upload, {}).get(number)
        if found is not None:
            self.put_part(found[0], ref)
        return found is not None

    def _set_parts(self, upload: str, parts: dict[int, tuple[Part, RecordRef]]) -> None:
        old = self._parts.get(upload)
        if parts:
            self._parts[upload] = parts
        else:
            self._parts.pop(upload, None)
        if old is None:
            self._undo.append(lambda: self._parts.pop(upload, None))
        else:
            self._undo.append(lambda: self._parts.__setitem__(upload, old))

    def complete(self, upload: str, parts_digest: bytes, result: HLC, /) -> None:
        """Marks an upload completed, if it is there, and drops its parts."""
        old = self._rows.get(upload)
        if old is not None:
            self._rows[upload] = replace(old, completed=parts_digest, result=result)
            self._undo.append(lambda: self._rows.__setitem__(upload, old))
        self._set_parts(upload, {})

    def delete(self, upload: str, /) -> None:
        """Removes an upload and its parts."""
        old = self._rows.pop(upload, None)
        if old is not None:
            self._undo.append(lambda: self._rows.__setitem__(upload, old))
        self._set_parts(upload, {})
