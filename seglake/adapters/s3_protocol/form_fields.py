"""The fields of a form say what the headers of a PutObject say, under the same names and the same rules.

Source: API Reference, "POST Object" (form fields), "Creating a POST policy" (the variable ``${filename}``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, urlencode, urlsplit

from seglake.adapters.s3_protocol.documents.tagging import TAGGING_HEADER, parse_tagging
from seglake.adapters.s3_protocol.errors import escape, invalid_argument, not_implemented
from seglake.adapters.s3_protocol.form_claims import SIGNING_FIELDS, missing_field
from seglake.adapters.s3_protocol.operations import Operation
from seglake.adapters.s3_protocol.request import RequestHead
from seglake.adapters.s3_protocol.routing import ROUTES, check_header

FILE_NAME = "${filename}"
KEY = "key"

_SAME = frozenset(
    (
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-md5",
        "content-type",
        "expires",
    )
)
_RENAMED = {"acl": "x-amz-acl"}
# What a form cannot say: conditions, the framing of a body, and a lock, for which S3 has no field.
_REFUSED = frozenset(
    (
        "if-match",
        "if-none-match",
        "x-amz-content-sha256",
        "x-amz-decoded-content-length",
        "x-amz-object-lock-legal-hold",
        "x-amz-object-lock-mode",
        "x-amz-object-lock-retain-until-date",
        "x-amz-tagging",
        "x-amz-trailer",
    )
)
# Headers of the request itself that go on to say who asks and from where; all others describe the form, not the object.
_KEPT = ("host", "origin", "referer", "user-agent")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+", re.ASCII)
_URL = re.compile(r"[\x21\x23-\x3b\x3d\x3f-\x7e]+", re.ASCII)
_STATUSES = {"200": 200, "201": 201}


def filled(fields: Mapping[str, str], file_name: str) -> dict[str, str]:
    """The fields with ``${filename}`` replaced, but for those that are signed as they are."""
    return {
        name: value.replace(FILE_NAME, file_name) if FILE_NAME in value and name not in SIGNING_FIELDS else value
        for name, value in fields.items()
    }


def key_of(fields: Mapping[str, str]) -> str:
    """The key that the form names, as far as it names one. S3Error InvalidArgument."""
    key = fields.get(KEY)
    if key is None:
        raise missing_field(KEY)
    if not key:
        raise invalid_argument(KEY, "", "User key must have a length greater than 0.")
    return key


def head_of(head: RequestHead, fields: Mapping[str, str]) -> RequestHead:
    """The head of the PutObject that the form stands for.

    Fields that S3 does not know say nothing to it. Raises S3Error: NotImplemented for one that it knows and a form
    cannot have here, InvalidArgument for a value that no header could hold, MalformedXML for tags.
    """
    headers = {name: head.headers[name] for name in _KEPT if name in head.headers}
    route = ROUTES[Operation.PutObject]
    for field, value in fields.items():
        if field in _REFUSED:
            raise not_implemented(f"the form field {field[:100]}")
        name = _RENAMED.get(field, field)
        if field in SIGNING_FIELDS or not (name in _SAME or name.startswith("x-amz-")):
            continue
        if not _NAME.fullmatch(name):
            raise invalid_argument(name[:100], value, "the name of the field is not one that a header can have")
        if not value.isprintable():
            raise invalid_argument(name, value, "a field that describes the object holds no control characters")
        if name.startswith("x-amz-"):
            check_header(route, name, value)
        headers[name] = value
    tags = fields.get("tagging")
    if tags is not None:
        headers[TAGGING_HEADER] = urlencode(parse_tagging(tags.encode("utf-8")))
    return replace(head, headers=headers)


def status_asked(fields: Mapping[str, str]) -> int:
    """The status to answer with: 200 and 201 as asked for, 204 for everything else, as S3."""
    return _STATUSES.get(fields.get("success_action_status", ""), 204)


def redirect_asked(fields: Mapping[str, str], bucket: str, key: str, etag: str) -> str | None:
    """Where to send the browser, with what was stored in the query; None without a URL that can be understood, as S3.

    ``redirect`` is the old name of ``success_action_redirect``. ``etag`` is without quotes.
    """
    url = fields.get("success_action_redirect") or fields.get("redirect", "")
    if not _URL.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return None
    if not usable:
        return None
    query = f"bucket={quote(bucket)}&key={quote(key, safe='')}&etag=%22{quote(etag)}%22"
    return parts._replace(query=f"{parts.query}&{query}" if parts.query else query).geturl()


def post_response(location: str, bucket: str, key: str, etag: str) -> bytes:
    """PostResponse, the document of status 201; it has no namespace. ``etag`` is without quotes."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<PostResponse><Location>{escape(location)}</Location><Bucket>{escape(bucket)}</Bucket>"
        f"<Key>{escape(key)}</Key><ETag>&quot;{etag}&quot;</ETag></PostResponse>"
    ).encode("utf-8", "replace")
