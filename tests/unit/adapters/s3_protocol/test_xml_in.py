"""Documents are read against their schema, and a hostile one costs little before it is refused."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.s3_protocol import xml_in
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.xml_in import (
    DOCUMENT_BYTES_MAX,
    NAMESPACE,
    TEXT_CHARACTERS_MAX,
    BucketConfiguration,
    DeleteEntry,
    Element,
    parse_complete,
    parse_create_bucket,
    parse_delete,
    parse_versioning,
    read,
)
from seglake.domain.model.bucket import Versioning
from seglake.domain.model.conditions import WriteConditions
from seglake.domain.model.digest import ChecksumAlgorithm
from seglake.domain.model.multipart import PartClaim
from tests.unit.adapters.s3_protocol.wire import attempt

PARSERS: tuple[Callable[[bytes], Any], ...] = (parse_create_bucket, parse_versioning, parse_complete, parse_delete)
NUMBERED = "<PartNumber>1</PartNumber><ETag>a</ETag>"
DELETE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<Delete xmlns="{NAMESPACE}"><Object><Key>a &amp; b\u6f22&#13;</Key><VersionId>v1</VersionId></Object>'
    "<Object><Key> spaced </Key></Object><Quiet>true</Quiet></Delete>"
)


def refusal(body: str | bytes, parse: Callable[[bytes], Any] = parse_delete) -> S3Error:
    with pytest.raises(S3Error) as caught:
        parse(body.encode() if isinstance(body, str) else body)
    return caught.value


def test_a_delete_document() -> None:
    got = parse_delete(DELETE.encode())
    assert got.entries == (DeleteEntry("a & b漢\r", "v1"), DeleteEntry(" spaced "))
    assert got.quiet


def test_a_byte_order_mark_and_utf_16_are_read() -> None:
    expected = parse_delete(DELETE.encode())
    assert parse_delete(DELETE.encode("utf-8-sig")) == expected
    assert parse_delete(DELETE.replace("UTF-8", "UTF-16").encode("utf-16")) == expected


def test_conditions_of_a_delete() -> None:
    body = (
        "<Delete><Object><Key>k</Key><ETag>&quot;abc&quot;</ETag><LastModifiedTime>Sun, 06 Nov 1994 08:49:37 GMT"
        "</LastModifiedTime><Size>7</Size></Object></Delete>"
    )
    expected = WriteConditions(if_match="abc", if_modified=784111777, if_size=7)
    assert parse_delete(body.encode()).entries == (DeleteEntry("k", None, expected),)
    iso = body.replace("Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z")
    assert parse_delete(iso.encode()).entries == (DeleteEntry("k", None, expected),)


def test_a_completion() -> None:
    body = (
        f'<CompleteMultipartUpload xmlns="{NAMESPACE}">\n  <Part>\n <ETag>"abc"</ETag><PartNumber>1</PartNumber>'
        "<ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part><Part><PartNumber>10000</PartNumber><ETag>def</ETag></Part>"
        "</CompleteMultipartUpload>"
    )
    assert parse_complete(body.encode()) == (
        PartClaim(1, "abc", (ChecksumAlgorithm.CRC32, "AAAAAA==")),
        PartClaim(10000, "def"),
    )


@pytest.mark.parametrize("number", ["0", "10001", "-1", "1_0", "+1", "", "٣", "1.0", "9" * 20])
def test_part_numbers_are_from_1_to_10000(number: str) -> None:
    part = f"<Part><PartNumber>{number}</PartNumber><ETag>a</ETag></Part>"
    body = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>"
    assert refusal(body, parse_complete).code in (ErrorCode.MalformedXML, ErrorCode.InvalidArgument)


@pytest.mark.parametrize(
    "inner",
    [
        "",
        "<Part/>",
        "<Part><PartNumber>1</PartNumber></Part>",
        "<Part><ETag>a</ETag></Part>",
        "<Part><PartNumber>1</PartNumber><PartNumber>2</PartNumber><ETag>a</ETag></Part>",
        f"<Part>{NUMBERED}<ChecksumCRC32>a</ChecksumCRC32><ChecksumSHA1>b</ChecksumSHA1></Part>",
        "<Part><PartNumber>1</PartNumber><ETag>a</ETag><Other/></Part>",
    ],
)
def test_incomplete_parts_are_refused(inner: str) -> None:
    body = f"<CompleteMultipartUpload>{inner}</CompleteMultipartUpload>"
    assert refusal(body, parse_complete).code is ErrorCode.MalformedXML


def test_versioning() -> None:
    body = f'<VersioningConfiguration xmlns="{NAMESPACE}"><Status>Enabled</Status></VersioningConfiguration>'
    assert parse_versioning(body.encode()) is Versioning.ENABLED
    assert parse_versioning(body.replace("Enabled", "Suspended").encode()) is Versioning.SUSPENDED
    assert refusal(body.replace("Enabled", "enabled"), parse_versioning).code is ErrorCode.MalformedXML
    empty = "<VersioningConfiguration/>"
    assert refusal(empty, parse_versioning).code is ErrorCode.IllegalVersioningConfigurationException
    mfa = body.replace("<Status>", "<MfaDelete>Enabled</MfaDelete><Status>")
    assert refusal(mfa, parse_versioning).code is ErrorCode.NotImplemented
    assert parse_versioning(mfa.replace(">Enabled</Mfa", ">Disabled</Mfa").encode()) is Versioning.ENABLED


def test_create_bucket() -> None:
    assert parse_create_bucket(b"") == BucketConfiguration()
    assert parse_create_bucket(b"<CreateBucketConfiguration/>") == BucketConfiguration()
    body = "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>"
    assert parse_create_bucket(body.encode()).location == "eu-west-1"
    for other in ("Location", "Bucket", "Tags"):
        refused = refusal(body.replace("LocationConstraint", other), parse_create_bucket)
        assert refused.code is ErrorCode.NotImplemented
        assert other in refused.message


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "garbage",
        "<Delete>",
        "<Delete/>",
        "<Other/>",
        DELETE + "x",
        DELETE + DELETE,
        DELETE.replace("<Quiet>true", "<Quiet>maybe"),
        DELETE.replace("</Object><Object>", "</Object>text<Object>"),
        DELETE.replace("<Quiet>", "<Quiet a='1'>"),
        DELETE.replace("<Quiet>true</Quiet>", "<Quiet>true</Quiet><Quiet>true</Quiet>"),
        DELETE.replace("<Quiet>true", "<Quiet><b/>"),
        DELETE.replace("<Key> spaced </Key>", "<Key></Key>"),
        DELETE.replace("<Key> spaced </Key>", ""),
        DELETE.replace(NAMESPACE, "http://example.org/"),
        DELETE.replace("Quiet>", "Loud>"),
        DELETE.replace("UTF-8", "EBCDIC-9000"),
        DELETE.replace("&amp;", "&nbsp;"),
        DELETE.replace("&#13;", "&#0;"),
    ],
)
def test_what_does_not_follow_the_schema_is_malformed(body: str) -> None:
    assert refusal(body).code is ErrorCode.MalformedXML


def test_the_unknown_element_is_named() -> None:
    assert "Loud" in refusal(DELETE.replace("Quiet>", "Loud>")).message


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE Delete [<!ENTITY a "x">]>',
        '<!DOCTYPE Delete SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE Delete [<!ENTITY % p SYSTEM "http://evil/x.dtd"> %p;]>',
        '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>',
        "<!DOCTYPE Delete>",
    ],
)
def test_document_types_and_entity_bombs_are_refused(doctype: str) -> None:
    body = doctype + "<Delete><Object><Key>&c;</Key></Object></Delete>"
    error = refusal(body)
    assert error.code is ErrorCode.MalformedXML
    assert "document types" in error.message


def test_size_depth_count_and_text_are_bounded() -> None:
    assert refusal(b" " * (DOCUMENT_BYTES_MAX + 1)).code is ErrorCode.MaxMessageLengthExceeded
    assert refusal("<Delete>" * 50_000).code is ErrorCode.MalformedXML
    many = "<Delete>" + "<Object><Key>k</Key></Object>" * 1001 + "</Delete>"
    assert "more than 1000 times" in refusal(many).message
    assert len(parse_delete(many.replace("<Object><Key>k</Key></Object>", "", 1).encode()).entries) == 1000
    assert refusal(f"<Delete><Object><Key>{'k' * (TEXT_CHARACTERS_MAX + 1)}</Key></Object></Delete>").code is (
        ErrorCode.MalformedXML
    )


def test_the_largest_documents_stay_below_16_mib_of_memory() -> None:
    part = "<Part><PartNumber>{}</PartNumber><ETag>{}</ETag><ChecksumSHA256>{}</ChecksumSHA256></Part>"
    parts = "".join(part.format(n, "a" * 32, "b" * 44) for n in range(1, 10_001))
    bombs = [
        f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode(),
        b"<Delete>" + b"<Object><Key>k</Key></Object>" * 60_000 + b"</Delete>",
        b"<Delete>" + b"<a/>" * 500_000,
        b"<Delete " + b"".join(b"a%d='' " % n for n in range(150_000)) + b">",
    ]
    for body in bombs:
        tracemalloc.start()
        for parse in PARSERS:
            attempt(partial(parse, body[:DOCUMENT_BYTES_MAX]))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 16 * 1024 * 1024


@given(st.binary(max_size=200))
def test_noise_is_a_declared_error(body: bytes) -> None:
    for parse in PARSERS:
        got = attempt(partial(parse, body))
        assert isinstance(got, S3Error) or not body.strip()


def test_damaged_documents_are_read_or_refused() -> None:
    rng = random.Random(11)
    sample = DELETE.encode()
    for _ in range(3000):
        changed = bytearray(sample)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(changed))
            changed[at : at + rng.randint(0, 6)] = rng.choice((b"", b"<", b">", b"&", b"</Key>", rng.randbytes(2)))
        got = attempt(partial(parse_delete, bytes(changed)))
        if isinstance(got, S3Error):
            assert got.code.status in (400, 501)


def test_a_tag_longer_than_a_block_is_refused() -> None:
    for filler in (b"<a " + b" " * 300_000 + b"/>", b"<!--" + b"x" * 300_000 + b"-->"):
        assert "longer than" in refusal(b"<Delete>" + filler + b"</Delete>").message
    spaced = b"<Delete>" + b" " * 300_000 + b"<Object><Key>k</Key></Object></Delete>"
    assert parse_delete(spaced).entries == (DeleteEntry("k"),)


def test_a_document_cut_anywhere_is_malformed() -> None:
    sample = DELETE.encode()
    for at in range(len(sample)):
        assert refusal(sample[:at]).code is ErrorCode.MalformedXML
    assert xml_in.read(sample, "Delete", xml_in._DELETE).texts == {"Quiet": "true"}


def test_texts_that_may_be_repeated_come_as_a_list_in_their_order() -> None:
    schema = Element({"A": Element(repeat=3), "B": Element()})
    node = read(b"<R><A>2</A><B>x</B><A/><A>1</A></R>", "R", schema)
    assert (node.lists, node.texts) == ({"A": ["2", "", "1"]}, {"B": "x"})
    for body in (b"<R><A/><A/><A/><A/></R>", b"<R><B/><B/></R>", b"<R><A><B/></A></R>"):
        with pytest.raises(S3Error) as refused:
            read(body, "R", schema)
        assert refused.value.code is ErrorCode.MalformedXML
