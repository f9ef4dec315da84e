"""A manifest as CBOR: a map of one-letter keys in order, defaults left out (docs/formats/events.md has the CDDL)."""

from __future__ import annotations

from typing import Any

import cbor2

from seglake.adapters.disk_format import strict_cbor as cbor
from seglake.adapters.disk_format.chunks import (
    checksum_in,
    checksum_out,
    chunks_in,
    chunks_out,
    layout_in,
    layout_out,
)
from seglake.adapters.disk_format.states import encryption_in, encryption_out, lock_in, lock_out
from seglake.domain.model.errors import FormatDamaged
from seglake.domain.model.hlc import HLC, TICKS_MAX
from seglake.domain.model.manifest import ROOT, Manifest, VersionKind
from seglake.domain.model.names import KEY_BYTES_MAX
from seglake.domain.model.object_lock import NO_LOCK

_loads = cbor2.loads
_new: Any = tuple.__new__


class _Memo:
    """The last manifest encoded: its event and its row are written from the same bytes, one right after the other.

    One attribute holds both halves, so a thread sees a pair that belongs together or misses.
    """

    last: tuple[Manifest | None, bytes] = (None, b"")


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest's CBOR; the same bytes for equal manifests."""
    known, encoded = _Memo.last
    if known is manifest:
        return encoded
    encoded = cbor.dumps(_fields(manifest))
    _Memo.last = (manifest, encoded)
    return encoded


def _fields(manifest: Manifest) -> dict[str, Any]:  # noqa: C901 - one test a field, in key order, on a hot path
    chunks, segments = chunks_out(manifest.chunks) if manifest.chunks else ([], [])
    fields: dict[str, Any] = {}
    if manifest.checksum is not None:
        fields["a"] = checksum_out(manifest.checksum)
    fields["b"] = manifest.bucket_id
    if chunks:
        fields["c"] = chunks
    if manifest.kind is VersionKind.MARKER:
        fields["d"] = True
    if manifest.etag:
        fields["e"] = manifest.etag
    if manifest.acl:
        fields["f"] = manifest.acl
    if manifest.tags:
        fields["g"] = cbor.flat(manifest.tags)
    if manifest.headers:
        fields["h"] = cbor.flat(manifest.headers)
    if manifest.lock is not NO_LOCK and manifest.lock != NO_LOCK:
        fields["i"] = lock_out(manifest.lock)
    fields["k"] = manifest.key
    if manifest.null:
        fields["l"] = True
    fields["m"] = manifest.modified_ms
    fields["n"] = manifest.bucket
    if manifest.owner != ROOT:
        fields["o"] = manifest.owner
    if manifest.parts:
        fields["p"] = [layout_out(part) for part in manifest.parts]
    if chunks:
        fields["s"] = segments
    fields["t"] = [manifest.stamp.ticks, manifest.stamp.site]
    if manifest.metadata:
        fields["u"] = cbor.flat(manifest.metadata)
    if manifest.upload:
        fields["w"] = manifest.upload
    if manifest.encryption is not None:
        fields["x"] = encryption_out(manifest.encryption)
    if manifest.size:
        fields["z"] = manifest.size
    return fields


def decode_manifest(data: bytes | memoryview) -> Manifest:
    """The manifest in ``data``; FormatDamaged when it is not exactly one."""
    return manifest_from(cbor.loads_map(data))


def held_in(data: bytes) -> tuple[int, str, HLC, list[tuple[bytes, int, int]]]:
    """Bucket id, key, stamp and whole chunks (segment, offset, length) of a manifest, and nothing else of it.

    For bytes that a checksum vouches for: ``encode_manifest`` wrote them, so their grammar is not proved again.
    FormatDamaged when they are no manifest.
    """
    try:
        fields = _loads(data)
        stamp: HLC = _new(HLC, fields["t"])
        chunks = []
        if "c" in fields:
            table = fields["s"]
            for index, offset, length, *_ in fields["c"]:
                chunks.append((table[index], offset, length))
        return fields["b"], fields["k"], stamp, chunks
    except (KeyError, IndexError, TypeError, ValueError, cbor2.CBORError) as error:
        raise FormatDamaged(f"a manifest that does not say what it keeps alive: {error!r}") from None


def manifest_from(fields: dict[str, Any]) -> Manifest:
    """The manifest in a decoded map, which is emptied. FormatDamaged on a wrong type, bound, field or sum."""
    take = fields.pop
    try:
        bucket_id, bucket, key, modified = take("b"), take("n"), take("k"), take("m")
        stamp = cbor.stamp(take("t"), "stamp")
        size, etag = take("z", 0), take("e", "")
        owner, upload = take("o", ROOT), take("w", "")
        # One test for all plain fields: this runs for every request that reads a manifest.
        if not (
            type(bucket_id) is type(size) is type(modified) is int
            and 0 <= bucket_id <= TICKS_MAX
            and 0 <= size <= TICKS_MAX
            and 0 <= modified <= TICKS_MAX
            and type(bucket) is type(key) is type(etag) is type(owner) is type(upload) is str
            and 0 < len(key) <= KEY_BYTES_MAX
            and len(bucket) + len(etag) + len(owner) + len(upload) <= cbor.TEXT_MAX
        ):
            raise FormatDamaged("a manifest's field has a wrong type or is out of its bounds")
        # What is left is optional, and most of it is missing.
        manifest = Manifest(
            bucket_id,
            bucket,
            key,
            stamp,
            VersionKind.MARKER if "d" in fields and cbor.true(take("d"), "marker") else VersionKind.OBJECT,
            "l" in fields and cbor.true(take("l"), "null"),
            size,
            etag,
            modified,
            owner,
            cbor.pairs(take("h"), "headers") if "h" in fields else (),
            cbor.pairs(take("u"), "metadata") if "u" in fields else (),
            cbor.pairs(take("g"), "tags") if "g" in fields else (),
            checksum_in(take("a")) if "a" in fields else None,
            tuple([layout_in(part) for part in cbor.array(take("p"), "parts")]) if "p" in fields else (),
            chunks_in(take("c"), take("s")) if "c" in fields else (),
            upload,
            lock_in(take("i")) if "i" in fields else NO_LOCK,
            cbor.text(take("f"), "acl") if "f" in fields else "",
            encryption_in(take("x")) if "x" in fields else None,
        )
        manifest.check()
    except KeyError as error:
        raise FormatDamaged(f"a manifest lacks the field {error}") from None
    except AssertionError as error:
        raise FormatDamaged(f"a manifest contradicts itself: {error}") from None
    if fields:
        cbor.nothing_left(fields, "a manifest")
    return manifest
