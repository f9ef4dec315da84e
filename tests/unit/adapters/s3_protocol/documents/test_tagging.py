from __future__ import annotations

import pytest

from seglake.adapters.s3_protocol.documents.tagging import TAGS_READ_MAX, parse_tag_query, parse_tagging, tagging
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.xml_in import NAMESPACE

PAIRS = (("b", "1 & <2>"), ("a", ""), ("ü", "漢"))


def document(*tags: str) -> bytes:
    return f'<Tagging xmlns="{NAMESPACE}"><TagSet>{"".join(tags)}</TagSet></Tagging>'.encode()


def test_what_is_written_is_read_again() -> None:
    assert parse_tagging(tagging(PAIRS)) == PAIRS
    assert parse_tagging(tagging(())) == ()
    assert parse_tagging(b"<Tagging><TagSet/></Tagging>") == ()
    assert b"<Key>b</Key><Value>1 &amp; &lt;2&gt;</Value>" in tagging(PAIRS)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Tagging/>",
        b"<TagSet/>",
        document("<Tag><Key>a</Key></Tag>"),
        document("<Tag><Value>a</Value></Tag>"),
        document("<Tag><Key>a</Key><Value>b</Value><More>c</More></Tag>"),
        document("<Tag><Key>a</Key><Value>b</Value></Tag>" * (TAGS_READ_MAX + 1)),
        document("<Tag><Key>a</Key><Key>a</Key><Value>b</Value></Tag>"),
    ],
)
def test_any_other_document_is_malformed(body: bytes) -> None:
    with pytest.raises(S3Error) as refused:
        parse_tagging(body)
    assert refused.value.code is ErrorCode.MalformedXML


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", ()),
        ("a=1", (("a", "1"),)),
        ("b=2&a=", (("b", "2"), ("a", ""))),
        ("a", (("a", ""),)),
        ("a+b=c%20d%2Be", (("a b", "c d+e"),)),
        ("%C3%BC=%E6%BC%A2", (("ü", "漢"),)),
        ("ü=漢", (("ü", "漢"),)),
        ("a%26b=%3D", (("a&b", "="),)),
    ],
)
def test_a_header_is_read_as_a_form(text: str, pairs: tuple[tuple[str, str], ...]) -> None:
    assert parse_tag_query(text) == pairs


@pytest.mark.parametrize(
    "text", ["=1", "&", "a=1&", "a=1&a=2", "a=1=2", "a=%", "a=%zz", "%ff=1", "a=\udcff", "a=1&&b=2"]
)
def test_any_other_header_is_refused(text: str) -> None:
    with pytest.raises(S3Error) as refused:
        parse_tag_query(text)
    assert refused.value.code is ErrorCode.InvalidArgument
    assert refused.value.extra[0] == ("ArgumentName", "x-amz-tagging")
