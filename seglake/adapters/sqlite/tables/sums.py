"""Checksums of versions and of manifests, as docs/formats/metadata.md has them."""

from __future__ import annotations

from struct import Struct

from awscrt.checksums import crc64nvme

from seglake.adapters.sqlite.rows import Row, row_sum
from seglake.domain.model.segment import RecordRef

_pack = Struct("<9q").pack
ALL = (1 << 64) - 1
SIGN = 1 << 63


def entry_sum(row: Row) -> int:
    """CRC-64 of an entry's columns, unsigned; ``row_sum`` spelt out, because a page of a listing needs a thousand."""
    bucket_id, key, ticks, site, kind, null, state, size, etag, modified, owner, storage, checksum, manifest_id = row[
        :14
    ]
    crc: int = crc64nvme(
        _pack(bucket_id, ticks, site, kind, null, state, size, modified, manifest_id)
        + f"{etag}\0{owner}\0{storage}\0{checksum}\0".encode()
        + key
    )
    return crc


def manifest_sum(
    manifest: bytes, tags: str | None, ref: RecordRef, locked: str | None = None, acl: str | None = None
) -> int:
    """The checksum of a manifest's row; without its id: the manifest's own key and stamp bind it."""
    integers: tuple[int, ...] = (ref.offset, ref.length, -1 if tags is None else len(tags), len(ref.segment))
    texts = "" if tags is None else f"{tags}\0"
    if locked is not None or acl is not None:
        # Rows that have neither keep the sum that they had before there were such columns.
        integers = (*integers, -1 if locked is None else len(locked), -1 if acl is None else len(acl))
        texts = f"{texts}{locked or ''}\0{acl or ''}\0"
    return row_sum(integers, texts, ref.segment + manifest)
