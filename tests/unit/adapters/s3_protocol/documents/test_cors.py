from __future__ import annotations

import pytest

from seglake.adapters.s3_protocol.documents.cors import DOCUMENT_BYTES_MAX, parse_cors, render_cors
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.domain.model.cors import CorsRule
from seglake.domain.model.errors import InvalidRequest

NS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
RULE = "<AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"


def document(*rules: str) -> bytes:
    inner = "".join(f"<CORSRule>{one}</CORSRule>" for one in rules)
    return f"<CORSConfiguration {NS}>{inner}</CORSConfiguration>".encode()


def test_a_document_gives_its_rules_and_comes_back_in_the_order_of_s3() -> None:
    sent = document(
        "<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3000</MaxAgeSeconds><ID>a&amp;b</ID>"
        "<AllowedMethod>PUT</AllowedMethod><AllowedOrigin>https://a</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
        "<AllowedHeader>x-*</AllowedHeader><AllowedOrigin>https://*.b</AllowedOrigin>",
        RULE,
    )
    rules = parse_cors(sent)
    assert rules == (
        CorsRule(("https://a", "https://*.b"), ("PUT", "GET"), ("x-*",), ("ETag",), 3000, "a&b"),
        CorsRule(("*",), ("GET",)),
    )
    assert render_cors(rules).decode() == (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<CORSConfiguration {NS}><CORSRule><ID>a&amp;b</ID>'
        "<AllowedHeader>x-*</AllowedHeader><AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod>"
        "<AllowedOrigin>https://a</AllowedOrigin><AllowedOrigin>https://*.b</AllowedOrigin>"
        "<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3000</MaxAgeSeconds></CORSRule>"
        "<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>"
    )
    assert parse_cors(render_cors(rules)) == rules


@pytest.mark.parametrize(
    "body",
    [
        b"",
        document(),
        document("<AllowedOrigin>*</AllowedOrigin>"),
        document("<AllowedMethod>GET</AllowedMethod>"),
        document(RULE + "<Other>1</Other>"),
        document(RULE + "<ID>1</ID><ID>2</ID>"),
        document(RULE + "<MaxAgeSeconds>-1</MaxAgeSeconds>"),
        document(RULE + "<MaxAgeSeconds>1e3</MaxAgeSeconds>"),
        document(RULE + "<MaxAgeSeconds>2147483648</MaxAgeSeconds>"),
        document(RULE + "<MaxAgeSeconds/>"),
        document(RULE).replace(b"CORSConfiguration", b"Delete"),
    ],
)
def test_what_the_schema_does_not_allow_is_malformed(body: bytes) -> None:
    with pytest.raises(S3Error) as refused:
        parse_cors(body)
    assert refused.value.code is ErrorCode.MalformedXML


def test_documents_are_bounded() -> None:
    assert len(parse_cors(document(*[RULE] * 100))) == 100
    with pytest.raises(InvalidRequest, match="100 rules"):
        parse_cors(document(*[RULE] * 101))
    with pytest.raises(S3Error) as refused:
        parse_cors(document(RULE + f"<ID>{'x' * DOCUMENT_BYTES_MAX}</ID>"))
    assert refused.value.code is ErrorCode.MaxMessageLengthExceeded
