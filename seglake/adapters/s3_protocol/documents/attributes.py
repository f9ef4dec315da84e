"""What GetObjectAttributes is asked for and answers.

Source: API Reference of GetObjectAttributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from seglake.adapters.s3_protocol.errors import S3Error, invalid_argument
from seglake.adapters.s3_protocol.request import ascii_number
from seglake.adapters.s3_protocol.xml_out import checksum_element, checksum_type_element, document
from seglake.domain.model.manifest import Manifest

ATTRIBUTES_HEADER = "x-amz-object-attributes"
PARTS_HEADER = "x-amz-max-parts"
MARKER_HEADER = "x-amz-part-number-marker"
PARTS_MAX = 1000


class Attribute(StrEnum):
    """What can be asked for; the order is that of the answer's elements."""

    ETAG = "ETag"
    CHECKSUM = "Checksum"
    OBJECT_PARTS = "ObjectParts"
    STORAGE_CLASS = "StorageClass"
    OBJECT_SIZE = "ObjectSize"


@dataclass(frozen=True, slots=True)
class AttributesAsked:
    """The attributes wanted, and the page of parts: up to ``parts_max`` with numbers above ``after``."""

    wanted: frozenset[Attribute]
    parts_max: int = PARTS_MAX
    after: int = 0


_BY_NAME = {attribute.value: attribute for attribute in Attribute}


def parse_asked(headers: Mapping[str, str]) -> AttributesAsked:
    """What the headers ask for. S3Error InvalidArgument."""
    text = headers.get(ATTRIBUTES_HEADER, "")
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise _invalid(text, "it is missing or empty: say which attributes are wanted")
    wanted = set()
    for name in names:
        if name not in _BY_NAME:
            raise _invalid(text, f"Invalid attribute name specified; known are {', '.join(_BY_NAME)}")
        wanted.add(_BY_NAME[name])
    parts = min(PARTS_MAX, ascii_number(headers.get(PARTS_HEADER, str(PARTS_MAX)), PARTS_HEADER))
    return AttributesAsked(frozenset(wanted), parts, ascii_number(headers.get(MARKER_HEADER, "0"), MARKER_HEADER))


def attributes_of(asked: AttributesAsked, manifest: Manifest) -> bytes:
    """GetObjectAttributesResponse; unlike elsewhere, S3 writes its ETag without quotes."""
    elements = [_element(attribute, asked, manifest) for attribute in Attribute if attribute in asked.wanted]
    return document("GetObjectAttributesResponse", "".join(elements))


def _element(attribute: Attribute, asked: AttributesAsked, manifest: Manifest) -> str:
    match attribute:
        case Attribute.ETAG:
            return f"<ETag>{manifest.etag}</ETag>"
        case Attribute.CHECKSUM:
            checksum = manifest.checksum
            inner = checksum_element(checksum) + checksum_type_element(checksum)
            return f"<Checksum>{inner}</Checksum>" if inner else ""
        case Attribute.OBJECT_PARTS:
            return _parts(asked, manifest) if manifest.parts else ""
        case Attribute.STORAGE_CLASS:
            return f"<StorageClass>{dict(manifest.headers).get('x-amz-storage-class', 'STANDARD')}</StorageClass>"
        case Attribute.OBJECT_SIZE:
            return f"<ObjectSize>{manifest.size}</ObjectSize>"


def _parts(asked: AttributesAsked, manifest: Manifest) -> str:
    """The parts of a multipart object: their number always, each of them only where they have checksums."""
    total = f"<PartsCount>{len(manifest.parts)}</PartsCount>"
    if any(part.checksum is None for part in manifest.parts):
        return f"<ObjectParts>{total}</ObjectParts>"
    following = [part for part in manifest.parts if part.number > asked.after]
    page = following[: asked.parts_max]
    last = page[-1].number if page else asked.after
    rows = [
        f"<Part><PartNumber>{part.number}</PartNumber><Size>{part.size}</Size>{checksum_element(part.checksum)}</Part>"
        for part in page
    ]
    return (
        f"<ObjectParts>{total}<PartNumberMarker>{asked.after}</PartNumberMarker>"
        f"<NextPartNumberMarker>{last}</NextPartNumberMarker><MaxParts>{asked.parts_max}</MaxParts>"
        f"<IsTruncated>{'true' if len(following) > len(page) else 'false'}</IsTruncated>{''.join(rows)}</ObjectParts>"
    )


def _invalid(value: str, reason: str) -> S3Error:
    return invalid_argument(ATTRIBUTES_HEADER, value, reason)
