"""Which handler answers which operation; a test compares this table with the router's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.handlers import buckets, listings, parts, reading, writing
from seglake.adapters.s3_protocol.operations import Operation

HANDLERS: Mapping[Operation, Callable[[Exchange], Awaitable[web.StreamResponse]]] = {
    Operation.ListBuckets: buckets.list_buckets,
    Operation.CreateBucket: buckets.create_bucket,
    Operation.DeleteBucket: buckets.delete_bucket,
    Operation.HeadBucket: buckets.head_bucket,
    Operation.GetBucketLocation: buckets.get_location,
    Operation.GetBucketVersioning: buckets.get_versioning,
    Operation.PutBucketVersioning: buckets.put_versioning,
    Operation.ListObjects: listings.list_objects,
    Operation.ListObjectsV2: listings.list_objects_v2,
    Operation.ListObjectVersions: listings.list_versions,
    Operation.ListMultipartUploads: listings.list_uploads,
    Operation.DeleteObjects: writing.delete_objects,
    Operation.PutObject: writing.put_object,
    Operation.CopyObject: writing.copy_object,
    Operation.GetObject: reading.get_object,
    Operation.HeadObject: reading.head_object,
    Operation.DeleteObject: writing.delete_object,
    Operation.CreateMultipartUpload: parts.create_upload,
    Operation.UploadPart: parts.upload_part,
    Operation.UploadPartCopy: parts.upload_part_copy,
    Operation.ListParts: parts.list_parts,
    Operation.CompleteMultipartUpload: parts.complete_upload,
    Operation.AbortMultipartUpload: parts.abort_upload,
}
