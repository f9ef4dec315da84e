"""Access control lists and ownership controls over HTTP: a list comes as headers or as a document, never as both."""

from __future__ import annotations

from aiohttp import web

from seglake.adapters.http_s3.documents import read_document
from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.respond import answer, document
from seglake.adapters.s3_protocol.documents.acl import parse_acl, render_acl, requested_acl
from seglake.adapters.s3_protocol.documents.ownership import parse_ownership, render_ownership
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.domain.model.acl import AskedAcl


def acl_of_new_object(x: Exchange) -> str:
    """The text of the list that a PutObject, CopyObject or CreateMultipartUpload asks for; empty when it asks for none.

    S3Error as requested_acl; NoSuchBucket, AclsDisabled, AccessDenied for a public one that is blocked.
    """
    asked = requested_acl(x.headers, x.services.directory.name_of)
    return "" if asked is None else x.services.bucket_access.new_object_acl(x.bucket, x.user, asked)


async def _asked(x: Exchange) -> AskedAcl:
    """The list in headers or document. S3Error InvalidRequest for both, MissingSecurityHeader for neither."""
    body = await read_document(x)
    asked = requested_acl(x.headers, x.services.directory.name_of)
    if asked is None:
        if not body.strip():
            raise S3Error(ErrorCode.MissingSecurityHeader, extra=(("MissingHeaderName", "x-amz-acl"),))
        return parse_acl(body, x.services.directory.name_of)
    if body.strip():
        raise S3Error(ErrorCode.InvalidRequest, "The ACL comes in headers or in the document, not in both")
    return asked


async def get_bucket_acl(x: Exchange) -> web.StreamResponse:
    """API: GetBucketAcl."""
    return document(x.request_id, render_acl(x.services.bucket_access.acl(x.bucket), x.services.directory.site))


async def put_bucket_acl(x: Exchange) -> web.StreamResponse:
    """API: PutBucketAcl."""
    await x.services.bucket_access.put_acl(x.bucket, await _asked(x))
    return answer(x.request_id)


async def get_object_acl(x: Exchange) -> web.StreamResponse:
    """API: GetObjectAcl."""
    acl, version = x.services.bucket_access.object_acl(x.bucket, x.key, x.version)
    return document(x.request_id, render_acl(acl, x.services.directory.site), _version_fields(version))


async def put_object_acl(x: Exchange) -> web.StreamResponse:
    """API: PutObjectAcl."""
    asked = await _asked(x)
    version = await x.services.bucket_access.put_object_acl(x.bucket, x.key, x.version, asked)
    return answer(x.request_id, _version_fields(version))


def _version_fields(version: str | None) -> tuple[tuple[str, str], ...]:
    return () if version is None else (("x-amz-version-id", version),)


async def get_ownership(x: Exchange) -> web.StreamResponse:
    """API: GetBucketOwnershipControls."""
    found = x.services.bucket_access.ownership(x.bucket)
    if found is None:
        raise S3Error(ErrorCode.OwnershipControlsNotFoundError, extra=(("BucketName", x.bucket),))
    return document(x.request_id, render_ownership(found))


async def put_ownership(x: Exchange) -> web.StreamResponse:
    """API: PutBucketOwnershipControls."""
    await x.services.bucket_access.put_ownership(x.bucket, parse_ownership(await read_document(x)))
    return answer(x.request_id)


async def delete_ownership(x: Exchange) -> web.StreamResponse:
    """API: DeleteBucketOwnershipControls."""
    await x.services.bucket_access.put_ownership(x.bucket, None)
    return answer(x.request_id, status=204)
