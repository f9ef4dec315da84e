"""Buckets over HTTP."""

from __future__ import annotations

from aiohttp import web

from seglake.adapters.http_s3.documents import read_document
from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.respond import answer, document
from seglake.adapters.s3_protocol import xml_in, xml_out
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, invalid_argument
from seglake.adapters.s3_protocol.request import ascii_number
from seglake.domain.model.bucket import Versioning
from seglake.domain.model.errors import BucketAlreadyOwned
from seglake.domain.services.buckets import CreateBucket

BUCKETS_MAX = 10_000


async def list_buckets(x: Exchange) -> web.StreamResponse:
    """API: ListBuckets: by name, in pages when asked."""
    query = x.query
    limit = ascii_number(query.get("max-buckets") or str(BUCKETS_MAX), "max-buckets")
    if not 1 <= limit <= BUCKETS_MAX:
        raise invalid_argument("max-buckets", str(limit), f"1 to {BUCKETS_MAX} is expected")
    prefix = query.get("prefix", "")
    page = x.services.buckets.list(prefix, query.get("continuation-token", ""), limit)
    wanted = query.get("bucket-region")
    buckets = page.buckets if wanted is None else tuple([b for b in page.buckets if b.region == wanted])
    return document(
        x.request_id, xml_out.list_buckets(buckets, owner=x.identity.user, prefix=prefix, next_token=page.next_after)
    )


async def create_bucket(x: Exchange) -> web.StreamResponse:
    """API: CreateBucket. Creating one's own bucket again answers as the first time, as us-east-1 does."""
    data = await read_document(x)
    constraint = xml_in.parse_create_bucket(data).location
    config = x.config
    region = constraint or config.region
    if region not in config.all_regions and region != "EU":
        raise S3Error(
            ErrorCode.InvalidLocationConstraint,
            f"this store's region is {config.region}, the request wants {region[:60]!r}",
            extra=(("LocationConstraint", region[:60]),),
        )
    asked = x.headers.get("x-seglake-versioning")
    versioning = config.default_versioning if asked is None else _versioning(asked)
    try:
        await x.services.buckets.create(CreateBucket(x.bucket, x.identity.user, region, versioning))
    except BucketAlreadyOwned:
        if asked is not None and x.services.buckets.get(x.bucket).versioning is not versioning:
            raise
    return answer(x.request_id, (("Location", f"/{x.bucket}"),))


def _versioning(asked: str) -> Versioning:
    for choice in Versioning:
        if choice.value.lower() == asked.lower():
            return choice
    raise invalid_argument("x-seglake-versioning", asked, "unversioned, enabled or suspended is expected")


async def head_bucket(x: Exchange) -> web.StreamResponse:
    """API: HeadBucket."""
    bucket = x.services.buckets.get(x.bucket)
    return answer(x.request_id, (("x-amz-bucket-region", bucket.region), ("x-amz-access-point-alias", "false")))


async def delete_bucket(x: Exchange) -> web.StreamResponse:
    """API: DeleteBucket."""
    await x.services.buckets.delete(x.bucket)
    return answer(x.request_id, status=204)


async def get_location(x: Exchange) -> web.StreamResponse:
    """API: GetBucketLocation: empty for us-east-1."""
    region = x.services.buckets.get(x.bucket).region
    return document(x.request_id, xml_out.location_constraint(region))


async def get_versioning(x: Exchange) -> web.StreamResponse:
    """API: GetBucketVersioning: an empty document for a bucket that was never configured."""
    return document(x.request_id, xml_out.versioning(x.services.buckets.get(x.bucket).versioning))


async def put_versioning(x: Exchange) -> web.StreamResponse:
    """API: PutBucketVersioning."""
    versioning = xml_in.parse_versioning(await read_document(x))
    await x.services.buckets.set_versioning(x.bucket, versioning)
    return answer(x.request_id)
