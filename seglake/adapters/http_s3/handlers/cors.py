"""The CORS rules of a bucket over HTTP."""

from __future__ import annotations

from aiohttp import web

from seglake.adapters.http_s3.documents import read_document
from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.respond import answer, document
from seglake.adapters.s3_protocol.documents.cors import parse_cors, render_cors
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.cors import parse_text, to_text


async def put_cors(x: Exchange) -> web.StreamResponse:
    """API: PutBucketCors."""
    rules = parse_cors(await read_document(x, digest_required=True))
    await x.services.settings.put(x.bucket, ConfigKind.CORS, to_text(rules))
    return answer(x.request_id)


async def get_cors(x: Exchange) -> web.StreamResponse:
    """API: GetBucketCors."""
    text = x.services.settings.get(x.bucket, ConfigKind.CORS)
    if text is None:
        raise S3Error(ErrorCode.NoSuchCORSConfiguration, extra=(("BucketName", x.bucket),))
    return document(x.request_id, render_cors(parse_text(text)))


async def delete_cors(x: Exchange) -> web.StreamResponse:
    """API: DeleteBucketCors."""
    await x.services.settings.remove(x.bucket, ConfigKind.CORS)
    return answer(x.request_id, status=204)
