from __future__ import annotations

import re
from dataclasses import replace

import pytest

from seglake.adapters.s3_protocol.documents.attributes import Attribute, AttributesAsked, attributes_of, parse_asked
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.domain.model.digest import Checksum, ChecksumAlgorithm, ChecksumType
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, PartLayout, VersionKind

SUM = Checksum(ChecksumAlgorithm.CRC32, b"abcd", ChecksumType.COMPOSITE, 3)
PART = Checksum(ChecksumAlgorithm.CRC32, b"part")
PLAIN = Manifest(1, "bucket", "key", HLC(1, 1), VersionKind.OBJECT, True, size=6, etag="e" * 32)
PARTS = replace(PLAIN, checksum=SUM, parts=tuple([PartLayout(number, 2, PART) for number in (1, 2, 5)]))
EVERYTHING = frozenset(Attribute)


def elements(document: bytes) -> list[str]:
    return re.findall(r"<([A-Za-z0-9]+)[ >]", document.decode())[1:]


def test_all_that_is_asked_for_comes_in_the_documented_order() -> None:
    text = attributes_of(AttributesAsked(EVERYTHING), PARTS)
    names = elements(text)
    assert names[:5] == ["ETag", "Checksum", "ChecksumCRC32", "ChecksumType", "ObjectParts"]
    assert names[-2:] == ["StorageClass", "ObjectSize"]
    assert f"<ETag>{'e' * 32}</ETag>".encode() in text
    assert b"<ChecksumCRC32>YWJjZA==-3</ChecksumCRC32><ChecksumType>COMPOSITE</ChecksumType>" in text
    assert b"<StorageClass>STANDARD</StorageClass><ObjectSize>6</ObjectSize>" in text


def test_nothing_else_comes() -> None:
    assert elements(attributes_of(AttributesAsked(frozenset({Attribute.OBJECT_SIZE})), PARTS)) == ["ObjectSize"]
    plain = attributes_of(AttributesAsked(frozenset({Attribute.CHECKSUM, Attribute.OBJECT_PARTS})), PLAIN)
    assert elements(plain) == [], "an object that was put whole has neither parts nor, here, a checksum"
    bare = replace(PLAIN, parts=(PartLayout(1, 6),), headers=(("x-amz-storage-class", "GLACIER_IR"),))
    assert elements(attributes_of(AttributesAsked(frozenset({Attribute.OBJECT_PARTS})), bare)) == [
        "ObjectParts",
        "PartsCount",
    ], "parts without checksums are only counted"
    assert b"<StorageClass>GLACIER_IR<" in attributes_of(AttributesAsked(EVERYTHING), bare)


@pytest.mark.parametrize(
    ("maximum", "after", "numbers", "truncated"),
    [
        (1000, 0, ["1", "2", "5"], "false"),
        (2, 0, ["1", "2"], "true"),
        (2, 2, ["5"], "false"),
        (3, 0, ["1", "2", "5"], "false"),
        (1, 1, ["2"], "true"),
        (2, 9, [], "false"),
    ],
)
def test_parts_come_in_pages(maximum: int, after: int, numbers: list[str], truncated: str) -> None:
    asked = AttributesAsked(frozenset({Attribute.OBJECT_PARTS}), maximum, after)
    text = attributes_of(asked, PARTS).decode()
    assert re.findall("<PartNumber>([0-9]+)<", text) == numbers
    assert f"<NextPartNumberMarker>{numbers[-1] if numbers else after}<" in text
    assert f"<PartsCount>3</PartsCount><PartNumberMarker>{after}<" in text
    assert f"<MaxParts>{maximum}</MaxParts><IsTruncated>{truncated}<" in text
    assert text.count("<Size>2</Size><ChecksumCRC32>cGFydA==</ChecksumCRC32></Part>") == len(numbers)


def test_headers_are_read() -> None:
    assert parse_asked({"x-amz-object-attributes": "ETag"}) == AttributesAsked(frozenset({Attribute.ETAG}))
    assert parse_asked(
        {"x-amz-object-attributes": " ObjectSize ,ETag,", "x-amz-max-parts": "5000", "x-amz-part-number-marker": "7"}
    ) == AttributesAsked(frozenset({Attribute.OBJECT_SIZE, Attribute.ETAG}), 1000, 7)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-amz-object-attributes": " , "},
        {"x-amz-object-attributes": "etag"},
        {"x-amz-object-attributes": "ETag,Owner"},
        {"x-amz-object-attributes": "ETag", "x-amz-max-parts": "-1"},
        {"x-amz-object-attributes": "ETag", "x-amz-part-number-marker": "x"},
    ],
)
def test_headers_that_are_not_understood_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(S3Error) as refused:
        parse_asked(headers)
    assert refused.value.code is ErrorCode.InvalidArgument
