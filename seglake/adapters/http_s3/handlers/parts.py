"""Multipart uploads over HTTP."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from aiohttp import web

from seglake.adapters.http_s3.attributes import checksum_fields, received
from seglake.adapters.http_s3.documents import read_document
from seglake.adapters.http_s3.encryption import asked_protection, encryption_fields, part_key
from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.handlers.acls import acl_of_new_object
from seglake.adapters.http_s3.handlers.lifecycle import abortion_of, expiration_of_stored
from seglake.adapters.http_s3.handlers.writing import sources_of
from seglake.adapters.http_s3.respond import answer, document
from seglake.adapters.s3_protocol import xml_in, xml_out
from seglake.adapters.s3_protocol.checksums import checksum_type, object_checksum, requested_algorithm
from seglake.adapters.s3_protocol.conditions import write_conditions
from seglake.adapters.s3_protocol.copy_source import parse_copy_range
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, invalid_argument
from seglake.adapters.s3_protocol.request import ascii_number
from seglake.domain.model.errors import NoSuchKey
from seglake.domain.model.ranges import ByteRange
from seglake.domain.services.copying import CopyPart
from seglake.domain.services.multipart import CompleteUpload, CreateUpload, check_part_number


def upload_id(x: Exchange) -> str:
    """The upload that the request is about."""
    return x.query["uploadId"]


def part_number(x: Exchange) -> int:
    """1...10,000. InvalidArgument."""
    text = x.query.get("partNumber")
    if text is None:
        raise invalid_argument("partNumber", "", "it is missing")
    return check_part_number(ascii_number(text, "partNumber"))


async def create_upload(x: Exchange) -> web.StreamResponse:
    """API: CreateMultipartUpload."""
    headers = x.headers
    command = CreateUpload(
        x.bucket,
        x.key,
        received(headers, x.user, acl_of_new_object(x)),
        requested_algorithm(headers),
        checksum_type(headers),
        asked_protection(x),
    )
    upload = await x.services.multipart.create(command)
    fields = [*encryption_fields(x, upload.encryption)]
    if upload.algorithm is not None and upload.checksum_type is not None:
        fields.append(("x-amz-checksum-algorithm", upload.algorithm.value))
        fields.append(("x-amz-checksum-type", upload.checksum_type.value))
    if x.grounds.configs:
        fields.extend(abortion_of(x, upload))
    return document(x.request_id, xml_out.initiate_multipart(x.bucket, x.key, upload.id), fields)


async def upload_part(x: Exchange) -> web.StreamResponse:
    """API: UploadPart."""
    number = part_number(x)
    if x.body.length is None:
        raise S3Error(ErrorCode.MissingContentLength)
    uploads = x.services.multipart
    upload = uploads.precheck(x.bucket, x.key, upload_id(x))
    part = await uploads.upload_part(x.bucket, x.key, upload.id, number, x.body, customer=part_key(x), upload=upload)
    checksum = checksum_fields(part.checksum)[:1]
    return answer(x.request_id, (("ETag", f'"{part.etag}"'), *checksum, *encryption_fields(x, upload.encryption)))


async def upload_part_copy(x: Exchange) -> web.StreamResponse:
    """API: UploadPartCopy."""
    sources = sources_of(x)
    text = x.headers.get("x-amz-copy-source-range")
    chosen = parse_copy_range(text) if text is not None else None
    span = ByteRange(chosen.first, chosen.last - chosen.first + 1) if chosen is not None else None
    command = CopyPart(sources[0], x.bucket, x.key, upload_id(x), part_number(x), span, part_key(x))
    try:
        copied = await x.services.copying.copy_part(command)
    except NoSuchKey:
        if len(sources) == 1:
            raise
        copied = await x.services.copying.copy_part(replace(command, source=sources[1]))
    part = copied.part
    fields = [*encryption_fields(x, copied.encryption)]
    if copied.source_version is not None:
        fields.append(("x-amz-copy-source-version-id", copied.source_version))
    return document(x.request_id, xml_out.copy_part(part.etag, part.modified_ms, part.checksum), fields)


async def complete_upload(x: Exchange) -> web.StreamResponse:
    """API: CompleteMultipartUpload."""
    headers = x.headers
    parts = xml_in.parse_complete(await read_document(x))
    size = headers.get("x-amz-mp-object-size")
    command = CompleteUpload(
        bucket=x.bucket,
        key=x.key,
        upload=upload_id(x),
        parts=parts,
        conditions=write_conditions(headers),
        checksum=object_checksum(headers),
        checksum_type=checksum_type(headers),
        size=ascii_number(size, "x-amz-mp-object-size") if size is not None else None,
        customer=part_key(x),
    )
    stored = await x.services.multipart.complete(command)
    scheme = "https" if x.head.secure else "http"
    location = f"{scheme}://{x.head.host}/{x.bucket}/{quote(x.key)}"
    fields = [] if stored.version is None else [("x-amz-version-id", stored.version)]
    if stored.encryption is not None and not stored.encryption.key_md5:
        # A completion says nothing of a customer's key (API: CompleteMultipartUpload, response syntax).
        fields.extend(encryption_fields(x, stored.encryption))
    if x.grounds.configs:
        fields.extend(expiration_of_stored(x, stored))
    return document(
        x.request_id,
        xml_out.complete_multipart(x.bucket, x.key, location=location, etag=stored.etag, checksum=stored.checksum),
        fields,
    )


async def abort_upload(x: Exchange) -> web.StreamResponse:
    """API: AbortMultipartUpload."""
    await x.services.multipart.abort(x.bucket, x.key, upload_id(x))
    return answer(x.request_id, status=204)


async def list_parts(x: Exchange) -> web.StreamResponse:
    """API: ListParts."""
    query = x.query
    limit = min(1000, ascii_number(query.get("max-parts") or "1000", "max-parts"))
    after = ascii_number(query.get("part-number-marker") or "0", "part-number-marker")
    customer = part_key(x)
    if customer:
        x.services.multipart.check_customer(x.bucket, x.key, upload_id(x), customer)
    page = x.services.listings.parts(x.bucket, x.key, upload_id(x), after=after, limit=limit)
    site = x.services.directory.site
    fields = abortion_of(x, page.upload) if x.grounds.configs else ()
    xml = xml_out.list_parts(x.bucket, page, site=site, marker=after, maximum=limit)
    return document(x.request_id, xml, fields)
