"""GetObjectAttributes over HTTP: what is known of an object, without its bytes."""

from __future__ import annotations

from aiohttp import web

from seglake.adapters.http_s3.encryption import reading_key
from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.respond import document
from seglake.adapters.s3_protocol.conditions import read_conditions
from seglake.adapters.s3_protocol.documents.attributes import attributes_of, parse_asked
from seglake.adapters.s3_protocol.http_dates import http_date
from seglake.domain.services.object_reads import ReadObject


async def get_object_attributes(x: Exchange) -> web.StreamResponse:
    """API: GetObjectAttributes."""
    asked = parse_asked(x.headers)
    command = ReadObject(x.bucket, x.key, x.version, read_conditions(x.headers), customer=reading_key(x))
    opened = x.services.reads.open(command)
    fields = [("Last-Modified", http_date(opened.manifest.modified_ms // 1000))]
    version = opened.shown_version
    if version is not None:
        fields.append(("x-amz-version-id", version))
    return document(x.request_id, attributes_of(asked, opened.manifest), fields)
