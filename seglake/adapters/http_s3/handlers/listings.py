"""Listings over HTTP: parameters in, one page out."""

from __future__ import annotations

import base64
import binascii

from aiohttp import web

from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.respond import document
from seglake.adapters.s3_protocol import xml_out
from seglake.adapters.s3_protocol.errors import invalid_argument
from seglake.adapters.s3_protocol.request import ascii_number
from seglake.domain.model.listing import PAGE_MAX
from seglake.domain.services.listing import Window


def _window(x: Exchange, limit_name: str) -> tuple[Window, int, bool]:
    """The window, the page size as asked (for the echo), and whether keys are to be URL-encoded."""
    query = x.query
    encoding = query.get("encoding-type")
    if encoding not in (None, "", "url"):
        raise invalid_argument("encoding-type", str(encoding), "the only encoding type is 'url'")
    asked = ascii_number(query.get(limit_name) or str(PAGE_MAX), limit_name)
    window = Window(query.get("prefix", ""), query.get("delimiter", ""), min(asked, PAGE_MAX))
    return window, min(asked, PAGE_MAX), encoding == "url"


def _token(after: str) -> str:
    """An opaque continuation token; it holds the last key or prefix of the page."""
    return base64.urlsafe_b64encode(b"1" + after.encode()).decode()


def _after(token: str) -> str:
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        if raw[:1] == b"1":
            return raw[1:].decode()
    except (binascii.Error, UnicodeError):
        pass
    raise invalid_argument("continuation-token", token, "it is not a token of this store")


async def list_objects(x: Exchange) -> web.StreamResponse:
    """API: ListObjects (version 1)."""
    window, asked, encode = _window(x, "max-keys")
    marker = x.query.get("marker", "")
    page = x.services.listings.objects(x.bucket, window, marker)
    echo = xml_out.Asked(x.bucket, window.prefix, window.delimiter, asked, encode, x.services.directory.site)
    return document(x.request_id, xml_out.list_objects(echo, page, marker=marker))


async def list_objects_v2(x: Exchange) -> web.StreamResponse:
    """API: ListObjectsV2."""
    window, asked, encode = _window(x, "max-keys")
    query = x.query
    token = query.get("continuation-token")
    start_after = query.get("start-after", "")
    if token == "":
        raise invalid_argument("continuation-token", "", "it is empty")
    page = x.services.listings.objects(x.bucket, window, _after(token) if token is not None else start_after)
    echo = xml_out.Asked(x.bucket, window.prefix, window.delimiter, asked, encode, x.services.directory.site)
    owner = query.get("fetch-owner", "").lower() == "true"
    next_token = _token(page.next_after) if page.next_after is not None else None
    return document(
        x.request_id,
        xml_out.list_objects_v2(
            echo, page, start_after=query.get("start-after"), token=token, next_token=next_token, with_owner=owner
        ),
    )


async def list_versions(x: Exchange) -> web.StreamResponse:
    """API: ListObjectVersions."""
    window, asked, encode = _window(x, "max-keys")
    key_marker, version_marker = x.query.get("key-marker", ""), x.query.get("version-id-marker", "")
    page = x.services.listings.versions(x.bucket, window, key_marker, version_marker)
    echo = xml_out.Asked(x.bucket, window.prefix, window.delimiter, asked, encode, x.services.directory.site)
    return document(
        x.request_id, xml_out.list_versions(echo, page, key_marker=key_marker, version_marker=version_marker)
    )


async def list_uploads(x: Exchange) -> web.StreamResponse:
    """API: ListMultipartUploads."""
    window, asked, encode = _window(x, "max-uploads")
    key_marker, upload_marker = x.query.get("key-marker", ""), x.query.get("upload-id-marker", "")
    page = x.services.listings.uploads(x.bucket, window, key_marker, upload_marker)
    echo = xml_out.Asked(x.bucket, window.prefix, window.delimiter, asked, encode, x.services.directory.site)
    return document(x.request_id, xml_out.list_uploads(echo, page, key_marker=key_marker, upload_marker=upload_marker))
