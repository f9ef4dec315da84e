"""Two stores hold the same exactly when their dumps are equal: everything logical as text, no row's place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from seglake.domain.model.segment import ChunkSlice
from seglake.domain.ports.metadata import MetadataTables, MetadataView

Plain = Callable[[ChunkSlice], Any]


def logical_dump(view: MetadataView | MetadataTables, *, places: bool = True) -> Iterator[str]:
    """One line for the site, then for each bucket with its configuration, version, upload, part, credential, user and
    ring key, in a fixed order.

    A line is a word and a JSON array or number; bytes are hexadecimal. Secrets appear only as they are kept: sealed.
    Segment rows and places of event records are left out: a rewrite may move them, and nothing logical changes. Without
    ``places`` so are those of chunks, which a rewrite moves by events.
    """
    chunk_of = None if places else _placeless
    yield f"site {view.settings.site():08x}"
    for bucket in view.buckets.scan():
        yield _line("bucket", bucket)
        for kind, text in sorted(view.configs.of(bucket).items()):
            yield _line("config", (bucket.id, kind, text))
    for version, _ref in view.versions.scan_all():
        yield _line("version", version, chunk_of)
    for upload in view.uploads.scan_all():
        yield _line("upload", upload)
        for part in view.uploads.parts(upload.id):
            yield _line("part", part, chunk_of)
    for credential in view.credentials.scan():
        yield _line("credential", credential)
    for user in view.users.scan():
        yield _line("user", user)
    for key in view.ring_keys.scan():
        yield _line("ring-key", key)


def _line(word: str, value: Any, chunk_of: Plain | None = None) -> str:
    return f"{word} {json.dumps(_plain(value, chunk_of), ensure_ascii=True, separators=(',', ':'))}"


def _placeless(chunk: ChunkSlice) -> Any:
    return _plain(chunk[2:])


def _plain(value: Any, chunk_of: Plain | None = None) -> Any:
    """Nested arrays of numbers and strings: a dataclass is the array of its fields."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if chunk_of is not None and isinstance(value, ChunkSlice):
        return chunk_of(value)
    if is_dataclass(value):
        return [_plain(getattr(value, field.name), chunk_of) for field in fields(value)]
    assert isinstance(value, tuple | list), f"{type(value).__name__} has no plain form"
    return [_plain(item, chunk_of) for item in value]
