from __future__ import annotations

import pytest

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.form_fields import filled, head_of, key_of, redirect_asked
from seglake.adapters.s3_protocol.request import RequestHead

HEADERS = {
    "host": "store.example",
    "origin": "https://page.example",
    "referer": "https://page.example/form",
    "user-agent": "browser",
    "content-type": "multipart/form-data; boundary=a",
    "content-length": "5",
    "cache-control": "no-cache",
    "cookie": "a=b",
    "authorization": "no",
    "x-amz-date": "20231114T221320Z",
}
KEPT = {"host", "origin", "referer", "user-agent"}
HEAD = RequestHead("POST", "/b", "/b", "", {}, HEADERS, "store.example")


def test_the_forms_own_headers_do_not_describe_the_object() -> None:
    assert head_of(HEAD, {"key": "k"}).headers.keys() == KEPT


def test_fields_become_the_headers_of_the_same_name() -> None:
    fields = {
        "key": "k",
        "acl": "public-read",
        "content-type": "text/plain",
        "x-amz-meta-a": "1",
        "x-amz-credential": "c",
        "success_action_status": "200",
        "unknown": "x",
        "host": "other",
        "x-ignore-b": "2",
        "tagging": "<Tagging><TagSet><Tag><Key>a b</Key><Value>1</Value></Tag></TagSet></Tagging>",
    }
    headers = head_of(HEAD, fields).headers
    assert {name: value for name, value in headers.items() if name not in KEPT} == {
        "x-amz-acl": "public-read",
        "content-type": "text/plain",
        "x-amz-meta-a": "1",
        "x-amz-tagging": "a+b=1",
    }
    assert headers["host"] == "store.example"


@pytest.mark.parametrize("name", ["x-amz-meta-", "x-amz-meta-a:b", "x-amz-meta-ü", "x-amz-meta-a\n"])
def test_a_name_that_no_header_can_have_is_refused(name: str) -> None:
    if name == "x-amz-meta-":
        assert head_of(HEAD, {name: "1"}).headers[name] == "1"
        return
    with pytest.raises(S3Error) as refused:
        head_of(HEAD, {name: "1"})
    assert refused.value.code is ErrorCode.InvalidArgument


def test_the_files_name_fills_every_field_but_the_signed_ones() -> None:
    fields = {
        "key": "a/${filename}/${filename}",
        "x-amz-meta-a": "${filename}",
        "policy": "${filename}",
        "b": "$filename",
    }
    assert filled(fields, "f${filename}") == {
        "key": "a/f${filename}/f${filename}",
        "x-amz-meta-a": "f${filename}",
        "policy": "${filename}",
        "b": "$filename",
    }
    assert key_of(filled({"key": "a${filename}"}, "")) == "a"
    with pytest.raises(S3Error):
        key_of(filled({"key": "${filename}"}, ""))


@pytest.mark.parametrize(
    ("url", "sent_to"),
    [
        ("https://a.example", "https://a.example?bucket=b&key=k%2F%C3%BC&etag=%22e%22"),
        ("http://a.example:8080/p?x=y#f", "http://a.example:8080/p?x=y&bucket=b&key=k%2F%C3%BC&etag=%22e%22#f"),
        ("//a.example/p", None),
        ("data:text/html,a", None),
        ("https://a.example/\n", None),
        ("https://a.example/ü", None),
        ("https://<a>/", None),
    ],
)
def test_a_browser_is_sent_only_to_what_is_a_url(url: str, sent_to: str | None) -> None:
    assert redirect_asked({"success_action_redirect": url}, "b", "k/ü", "e") == sent_to
