"""Manifests read for their index row alone: as strictly as whole ones, and without making what no row holds.

A rebuild and a check read every manifest of a store. Nearly all have the same few fields; one with any other field is
read the long way.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from awscrt.checksums import crc64nvme

from seglake.adapters.disk_format import strict_cbor as cbor
from seglake.adapters.disk_format.chunks import checksum_in
from seglake.adapters.disk_format.events import manifest_of_put
from seglake.adapters.disk_format.manifests import decode_manifest, manifest_from
from seglake.domain.model.errors import FormatDamaged
from seglake.domain.model.events import VersionPut
from seglake.domain.model.hlc import SITE_MAX, TICKS_MAX
from seglake.domain.model.manifest import ROOT, VersionKind
from seglake.domain.model.names import KEY_BYTES_MAX
from seglake.domain.model.replayed import PlainPut
from seglake.domain.model.segment import CHUNK_BYTES, DIGEST_BYTES, SEGMENT_ID_BYTES
from seglake.domain.model.version import entry_of

_USUAL = frozenset("abcdehklmnostuz")
_OBJECT, _MARKER = int(VersionKind.OBJECT), int(VersionKind.MARKER)
_STANDARD, _STORAGE_CLASS = "STANDARD", "x-amz-storage-class"
_TEXT = frozenset((str,))

Entry = tuple[int, str, int, int, int, int, int, str, int, str, str, str]
"""Bucket id, key, ticks, site, kind, null, size, etag, modified, owner, storage class, checksum."""
Chunks = list[tuple[bytes, int, int, bytes]]


class Columns(NamedTuple):
    """What a manifest says in the columns of its version's row, and its whole chunks (segment, offset, length,
    BLAKE3)."""

    entry: Entry
    chunks: Chunks


def content_sum(manifest: bytes | memoryview) -> int:
    """CRC-64/NVME of an encoded manifest: tells rot and mix-ups, not forgery."""
    crc: int = crc64nvme(manifest)
    return crc


def columns_of(data: bytes | memoryview) -> Columns:
    """The columns of the manifest in ``data``; FormatDamaged where ``decode_manifest`` would raise it."""
    fields = cbor.loads_map(data)
    if not fields.keys() <= _USUAL:
        return _columns_of_unusual(fields)
    get = fields.get
    try:
        bucket_id, bucket, key, modified = fields["b"], fields["n"], fields["k"], fields["m"]
        ticks, site = fields["t"]
    except (KeyError, TypeError, ValueError) as error:
        raise FormatDamaged(f"a manifest lacks a field or has no stamp: {error!r}") from None
    size, etag, owner = get("z", 0), get("e", ""), get("o", ROOT)
    if not (
        type(bucket_id) is type(size) is type(modified) is type(ticks) is type(site) is int
        and 0 <= bucket_id <= TICKS_MAX
        and 0 <= size <= TICKS_MAX
        and 0 <= modified <= TICKS_MAX
        and 0 <= ticks <= TICKS_MAX
        and 0 <= site <= SITE_MAX
        and type(bucket) is type(key) is type(etag) is type(owner) is str
        and 0 < len(key) <= KEY_BYTES_MAX
        and len(bucket) + len(etag) + len(owner) <= cbor.TEXT_MAX
        and get("l", True) is True
        and get("d", True) is True
    ):
        raise FormatDamaged("a manifest's field has a wrong type or is out of its bounds")
    marker = "d" in fields
    if marker and (size or etag):
        raise FormatDamaged("a delete marker has no bytes")
    if "u" in fields:
        _check_texts(fields["u"], "metadata")
    storage = _storage_class(fields["h"]) if "h" in fields else _STANDARD
    checksum = ""
    if "a" in fields:
        found = checksum_in(fields["a"])
        checksum = f"{found.algorithm}/{found.type}"
    chunks = _chunks(fields, size)
    kind, null = _MARKER if marker else _OBJECT, 1 if "l" in fields else 0
    entry = (bucket_id, key, ticks, site, kind, null, size, etag, modified, owner, storage, checksum)
    return Columns(entry, chunks)


def _check_texts(value: object, name: str) -> None:
    """As ``pairs`` reads them, but without the pairs."""
    if type(value) is not list or len(value) & 1 or not _TEXT.issuperset(map(type, value)):
        raise FormatDamaged(f"{name} is not a list of pairs of texts")


def _storage_class(headers: object) -> str:
    _check_texts(headers, "headers")
    assert isinstance(headers, list), "pairs are written as a list"
    if _STORAGE_CLASS not in headers:
        return _STANDARD
    found = _STANDARD
    for name, value in cbor.pairs(headers, "headers"):
        if name == _STORAGE_CLASS:
            found = value
    return found


def _chunks(fields: dict[str, Any], size: int) -> Chunks:
    """Whole chunks, which together give ``size`` bytes of the object."""
    if "c" not in fields:
        if size or "s" in fields:
            raise FormatDamaged("a manifest contradicts itself: the chunks make up the object")
        return []
    rows, segments = fields["c"], fields.get("s")
    if type(rows) is not list or type(segments) is not list:
        raise FormatDamaged("chunks or segments are not arrays")
    for segment in segments:
        if type(segment) is not bytes or len(segment) != SEGMENT_ID_BYTES:
            raise FormatDamaged("a segment id has not 16 bytes")
    known, total, out = len(segments), 0, []
    for row in rows:
        if type(row) is not list or len(row) not in (4, 6):
            raise FormatDamaged("a chunk is not an array of 4 or 6")
        index, offset, length, digest = row[:4]
        skip, take = (0, length) if len(row) == 4 else row[4:]
        if not (
            type(index) is type(offset) is type(length) is type(skip) is type(take) is int
            and type(digest) is bytes
            and len(digest) == DIGEST_BYTES
            and 0 <= index < known
            and 0 <= offset <= TICKS_MAX
            and length <= CHUNK_BYTES
            and 0 <= skip <= skip + take <= length
        ):
            raise FormatDamaged("a chunk has a wrong type or is out of its bounds")
        total += take
        out.append((segments[index], offset, length, digest))
    if total != size:
        raise FormatDamaged("a manifest contradicts itself: the chunks make up the object")
    return out


def _columns_of_unusual(fields: dict[str, Any]) -> Columns:
    manifest = manifest_from(fields)
    entry = entry_of(manifest)
    columns = (
        *(entry.bucket_id, entry.key, *entry.stamp, int(entry.kind), int(entry.null), entry.size, entry.etag),
        *(entry.modified_ms, entry.owner, entry.storage_class, entry.checksum),
    )
    return Columns(columns, [(one.segment, one.offset, one.length, one.digest) for one in manifest.chunks])


def plain_put(data: bytes) -> PlainPut | None:
    """The put in an event's bytes, None when it is another event or a put that completes an upload. FormatDamaged."""
    manifest, completes = manifest_of_put(data)
    if manifest is None or completes:
        return None
    return PlainPut(*columns_of(manifest).entry, manifest)


def whole_put(put: PlainPut) -> VersionPut:
    """The same put with its manifest made. FormatDamaged."""
    return VersionPut(decode_manifest(put.manifest))
