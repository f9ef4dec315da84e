"""Parts and uploads as CBOR, by the rules of manifests (docs/formats/events.md has the CDDL)."""

from __future__ import annotations

from typing import Any

from seglake.adapters.disk_format import strict_cbor as cbor
from seglake.adapters.disk_format.chunks import checksum_in, checksum_out, chunks_in, chunks_out
from seglake.adapters.disk_format.states import encryption_in, encryption_out, lock_in, lock_out
from seglake.domain.model.digest import ChecksumAlgorithm, ChecksumType
from seglake.domain.model.errors import FormatDamaged
from seglake.domain.model.manifest import ROOT
from seglake.domain.model.multipart import Part, Upload
from seglake.domain.model.object_lock import NO_LOCK

_ALGORITHMS = {algorithm.value: algorithm for algorithm in ChecksumAlgorithm}
_TYPES = {kind.value: kind for kind in ChecksumType}


def encode_part(part: Part) -> bytes:
    """The part's CBOR."""
    return cbor.dumps(part_fields(part))


def part_fields(part: Part) -> dict[str, Any]:
    """The map of a part."""
    chunks, segments = chunks_out(part.chunks)
    fields: dict[str, Any] = {}
    if part.checksum is not None:
        fields["a"] = checksum_out(part.checksum)
    if chunks:
        fields["c"] = chunks
    fields["e"] = part.etag
    fields["i"] = part.number
    fields["m"] = part.modified_ms
    if chunks:
        fields["s"] = segments
    fields["t"] = [part.stamp.ticks, part.stamp.site]
    fields["w"] = part.upload
    fields["z"] = part.size
    return fields


def decode_part(data: bytes | memoryview) -> Part:
    """The part in ``data``; FormatDamaged when it is not exactly one."""
    return part_from(cbor.loads_map(data))


def part_from(fields: dict[str, Any]) -> Part:
    """The part in a decoded map, which is emptied."""
    take = fields.pop
    try:
        part = Part(
            upload=cbor.text(take("w"), "upload"),
            number=cbor.uint(take("i"), "number"),
            stamp=cbor.stamp(take("t"), "stamp"),
            size=cbor.uint(take("z"), "size"),
            etag=cbor.text(take("e"), "etag"),
            modified_ms=cbor.uint(take("m"), "modified"),
            checksum=checksum_in(take("a")) if "a" in fields else None,
            chunks=chunks_in(take("c"), take("s")) if "c" in fields else (),
        )
    except KeyError as error:
        raise FormatDamaged(f"a part lacks the field {error}") from None
    except AssertionError as error:
        raise FormatDamaged(f"a part contradicts itself: {error}") from None
    cbor.nothing_left(fields, "a part")
    return part


def encode_upload(upload: Upload) -> bytes:
    """The upload's CBOR."""
    return cbor.dumps(upload_fields(upload))


def upload_fields(upload: Upload) -> dict[str, Any]:
    """The map of an upload."""
    fields: dict[str, Any] = {}
    if upload.algorithm is not None:
        fields["a"] = upload.algorithm.value
    fields["b"] = upload.bucket_id
    if upload.completed:
        fields["d"] = upload.completed
    if upload.acl:
        fields["f"] = upload.acl
    if upload.tags:
        fields["g"] = cbor.flat(upload.tags)
    if upload.headers:
        fields["h"] = cbor.flat(upload.headers)
    if upload.lock != NO_LOCK:
        fields["i"] = lock_out(upload.lock)
    fields["k"] = upload.key
    if upload.owner != ROOT:
        fields["o"] = upload.owner
    if upload.result is not None:
        fields["r"] = [upload.result.ticks, upload.result.site]
    fields["t"] = [upload.started.ticks, upload.started.site]
    if upload.metadata:
        fields["u"] = cbor.flat(upload.metadata)
    fields["w"] = upload.id
    if upload.encryption is not None:
        fields["x"] = encryption_out(upload.encryption)
    if upload.checksum_type is not None:
        fields["y"] = upload.checksum_type.value
    return fields


def decode_upload(data: bytes | memoryview) -> Upload:
    """The upload in ``data``; FormatDamaged when it is not exactly one."""
    return upload_from(cbor.loads_map(data))


def upload_from(fields: dict[str, Any]) -> Upload:
    """The upload in a decoded map, which is emptied."""
    take = fields.pop
    try:
        upload = Upload(
            id=cbor.text(take("w"), "upload"),
            bucket_id=cbor.uint(take("b"), "bucket id"),
            key=cbor.text(take("k"), "key"),
            started=cbor.stamp(take("t"), "stamp"),
            owner=cbor.text(take("o", ROOT), "owner"),
            headers=cbor.pairs(take("h", []), "headers"),
            metadata=cbor.pairs(take("u", []), "metadata"),
            tags=cbor.pairs(take("g", []), "tags"),
            algorithm=_ALGORITHMS[cbor.text(take("a"), "algorithm")] if "a" in fields else None,
            checksum_type=_TYPES[cbor.text(take("y"), "checksum type")] if "y" in fields else None,
            completed=cbor.octets(take("d", b""), "parts digest"),
            result=cbor.stamp(take("r"), "result") if "r" in fields else None,
            lock=lock_in(take("i")) if "i" in fields else NO_LOCK,
            acl=cbor.text(take("f", ""), "acl"),
            encryption=encryption_in(take("x")) if "x" in fields else None,
        )
    except KeyError as error:
        raise FormatDamaged(f"an upload lacks, or does not know, {error}") from None
    cbor.nothing_left(fields, "an upload")
    return upload
