"""Tags of objects and buckets over HTTP."""

from __future__ import annotations

from aiohttp import web

from seglake.adapters.http_s3.authorisation import authorise_document
from seglake.adapters.http_s3.documents import read_document
from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.respond import Fields, answer, document
from seglake.adapters.s3_protocol.documents.tagging import parse_tagging, tagging
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.request_context import tag_facts


def _version_fields(version: str | None) -> Fields:
    return () if version is None else (("x-amz-version-id", version),)


async def get_object_tagging(x: Exchange) -> web.StreamResponse:
    """API: GetObjectTagging; a version without tags has an empty set."""
    tags, version = x.services.tagging.of_object(x.bucket, x.key, x.version)
    return document(x.request_id, tagging(tags), _version_fields(version))


async def put_object_tagging(x: Exchange) -> web.StreamResponse:
    """API: PutObjectTagging."""
    version = x.version
    tags = parse_tagging(await read_document(x))
    authorise_document(x, tag_facts(tags))
    shown = await x.services.tagging.tag_object(x.bucket, x.key, version, tags)
    return answer(x.request_id, _version_fields(shown))


async def delete_object_tagging(x: Exchange) -> web.StreamResponse:
    """API: DeleteObjectTagging."""
    shown = await x.services.tagging.tag_object(x.bucket, x.key, x.version, ())
    return answer(x.request_id, _version_fields(shown), status=204)


async def get_bucket_tagging(x: Exchange) -> web.StreamResponse:
    """API: GetBucketTagging; without tags NoSuchTagSet."""
    tags = x.services.tagging.of_bucket(x.bucket)
    if not tags:
        raise S3Error(ErrorCode.NoSuchTagSet, extra=(("BucketName", x.bucket),))
    return document(x.request_id, tagging(tags))


async def put_bucket_tagging(x: Exchange) -> web.StreamResponse:
    """API: PutBucketTagging; an empty set removes the tags."""
    tags = parse_tagging(await read_document(x, digest_required=True))
    await x.services.tagging.tag_bucket(x.bucket, tags)
    return answer(x.request_id, status=204)


async def delete_bucket_tagging(x: Exchange) -> web.StreamResponse:
    """API: DeleteBucketTagging."""
    await x.services.tagging.tag_bucket(x.bucket, ())
    return answer(x.request_id, status=204)
