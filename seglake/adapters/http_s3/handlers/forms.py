"""Uploads from a browser's form: stored as by PutObject, answered as the form asks."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.handlers.writing import store
from seglake.adapters.http_s3.respond import XML, answer
from seglake.adapters.s3_protocol.form_fields import post_response, redirect_asked, status_asked


async def post_object(x: Exchange) -> web.StreamResponse:
    """API: PostObject."""
    file = x.form
    assert file is not None, "the gate made it"
    await file.gather()
    stored, fields = await store(x, file)
    redirect = redirect_asked(x.form_fields, x.bucket, x.key, stored.etag)
    if redirect is not None:
        return answer(x.request_id, (*fields, ("Location", redirect)), status=303)
    scheme = "https" if x.head.secure else "http"
    location = f"{scheme}://{x.head.host}/{x.bucket}/{quote(x.key)}"
    fields.append(("Location", location))
    status = status_asked(x.form_fields)
    if status != 201:
        return answer(x.request_id, fields, status=status)
    fields.append(("Content-Type", XML))
    return answer(x.request_id, fields, status=status, body=post_response(location, x.bucket, x.key, stored.etag))
