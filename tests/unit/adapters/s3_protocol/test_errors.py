"""The error table is total and unique, and its renderer writes documents that SDKs read."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from botocore.parsers import RestXMLParser
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.s3_protocol.errors import (
    ErrorCode,
    S3Error,
    escape,
    invalid_argument,
    not_implemented,
    render_error,
)


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_code_has_an_error_status_and_a_text(code: ErrorCode) -> None:
    assert code.status == 304 or 400 <= code.status <= 599
    assert re.fullmatch(r"(?:KMS\.)?[A-Za-z0-9]+", code.text)
    assert code.message


def test_no_two_rows_share_a_code() -> None:
    assert len({code.text for code in ErrorCode}) == len(ErrorCode.__members__)


def test_botocore_reads_the_error_document() -> None:
    body = render_error(
        "InvalidArgument",
        "a < b & c",
        resource="/bucket/k%20ey",
        request_id="0123",
        host_id="host",
        extra=(("ArgumentName", "x"), ("ArgumentValue", "<y>")),
    )
    parsed = RestXMLParser().parse({"status_code": 400, "headers": {}, "body": body}, None)
    assert parsed["Error"] == {
        "Code": "InvalidArgument",
        "Message": "a < b & c",
        "ArgumentName": "x",
        "ArgumentValue": "<y>",
        "Resource": "/bucket/k%20ey",
    }
    root = ET.fromstring(body)
    assert (root.findtext("RequestId"), root.findtext("HostId")) == ("0123", "host")
    assert parsed["ResponseMetadata"]["HTTPStatusCode"] == 400


@given(st.text())
def test_any_text_gives_a_document_that_parses(text: str) -> None:
    root = ET.fromstring(f"<a>{escape(text)}</a>".encode())
    kept = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "\ufffd", text)
    assert (root.text or "") == kept


def test_a_refusal_has_the_default_message_and_its_fields() -> None:
    error = S3Error(ErrorCode.AccessDenied, headers=(("Allow", "GET"),))
    assert error.message == error.hint == ErrorCode.AccessDenied.message
    assert error.headers == (("Allow", "GET"),)


def test_the_argument_shown_in_an_error_is_bounded() -> None:
    assert invalid_argument("n", "v" * 10_000, "why").extra == (("ArgumentName", "n"), ("ArgumentValue", "v" * 200))


def test_not_implemented_names_the_header() -> None:
    error = not_implemented("the header x-amz-foo", header="x-amz-foo")
    assert error.code.status == 501
    assert error.extra == (("Header", "x-amz-foo"),)
    assert "x-amz-foo" in error.message
