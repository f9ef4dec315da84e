"""A bucket's default encryption over HTTP."""

from __future__ import annotations

from aiohttp import web

from seglake.adapters.http_s3.documents import read_document
from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.respond import answer, document
from seglake.adapters.s3_protocol.documents.encryption import parse_encryption, render_encryption
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.bucket_encryption import BucketEncryption, parse_text, to_text


async def put_encryption(x: Exchange) -> web.StreamResponse:
    """API: PutBucketEncryption."""
    config = parse_encryption(await read_document(x, digest_required=True), x.config.all_regions)
    await x.services.settings.put(x.bucket, ConfigKind.ENCRYPTION, to_text(config))
    return answer(x.request_id)


async def get_encryption(x: Exchange) -> web.StreamResponse:
    """API: GetBucketEncryption: the bucket's own configuration, else the store's default."""
    text = x.services.settings.get(x.bucket, ConfigKind.ENCRYPTION)
    default = x.services.encrypting.default
    if text is not None:
        return document(x.request_id, render_encryption(parse_text(text)))
    if default is None:
        raise S3Error(ErrorCode.ServerSideEncryptionConfigurationNotFound)
    return document(x.request_id, render_encryption(BucketEncryption(default)))


async def delete_encryption(x: Exchange) -> web.StreamResponse:
    """API: DeleteBucketEncryption: from now on the store's default holds."""
    await x.services.settings.remove(x.bucket, ConfigKind.ENCRYPTION)
    return answer(x.request_id, status=204)
