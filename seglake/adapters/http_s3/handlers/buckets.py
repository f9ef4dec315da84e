"""Buckets over HTTP."""

from __future__ import annotations

from aiohttp import web

from seglake.adapters.http_s3.authorisation import authorise_document
from seglake.adapters.http_s3.documents import read_document
from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.respond import answer, document
from seglake.adapters.s3_protocol import xml_in, xml_out
from seglake.adapters.s3_protocol.documents.acl import ACL_HEADER, GRANT_HEADERS, requested_acl
from seglake.adapters.s3_protocol.documents.ownership import OWNERSHIP_HEADER, requested_ownership
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, invalid_argument
from seglake.adapters.s3_protocol.request import ascii_number
from seglake.domain.model.bucket import Versioning
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.errors import BucketAlreadyOwned
from seglake.domain.model.manifest import ROOT
from seglake.domain.model.ownership import ownership_of
from seglake.domain.services.buckets import CreateBucket

BUCKETS_MAX = 10_000


async def list_buckets(x: Exchange) -> web.StreamResponse:
    """API: ListBuckets: by name, in pages when asked."""
    query = x.query
    limit = ascii_number(query.get("max-buckets") or str(BUCKETS_MAX), "max-buckets")
    if not 1 <= limit <= BUCKETS_MAX:
        raise invalid_argument("max-buckets", str(limit), f"1 to {BUCKETS_MAX} is expected")
    prefix = query.get("prefix", "")
    after, identity = query.get("continuation-token", ""), x.identity
    # Only who may see all of them is shown what belongs to others; a limited key sees what it is limited to.
    owner = None if identity is not None and identity.user == ROOT else x.user
    page = x.services.buckets.list(prefix, after, limit, owner=owner, names=identity.buckets if identity else ())
    wanted = query.get("bucket-region")
    buckets = page.buckets if wanted is None else tuple([b for b in page.buckets if b.region == wanted])
    return document(
        x.request_id,
        xml_out.list_buckets(
            buckets, owner=x.user, site=x.services.directory.site, prefix=prefix, next_token=page.next_after
        ),
    )


async def create_bucket(x: Exchange) -> web.StreamResponse:
    """API: CreateBucket. Creating one's own bucket again answers as the first time, as us-east-1 does."""
    region = _region(x, xml_in.parse_create_bucket(await read_document(x)).location)
    authorise_document(x, {"s3:locationconstraint": (region,)})
    asked = x.headers.get("x-seglake-versioning")
    versioning = x.config.default_versioning if asked is None else _versioning(asked)
    locks = x.headers.get("x-amz-bucket-object-lock-enabled", "").lower() == "true"
    if locks:
        if asked is not None and versioning is not Versioning.ENABLED:
            raise invalid_argument("x-seglake-versioning", asked, "object lock needs enabled versioning")
        versioning = Versioning.ENABLED
    ownership = x.headers.get(OWNERSHIP_HEADER)
    controls = None if ownership is None else requested_ownership(ownership)
    acl = requested_acl(x.headers, x.services.directory.name_of)
    configs = x.services.bucket_access.first_configs(x.bucket, x.user, controls, acl)
    command = CreateBucket(x.bucket, x.user, region, versioning, locks, configs)
    try:
        await x.services.buckets.create(command)
    except BucketAlreadyOwned:
        if not _is_as_asked(x, command):
            raise
    return answer(x.request_id, (("Location", f"/{x.bucket}"),))


def _region(x: Exchange, constraint: str | None) -> str:
    """The region of a new bucket. S3Error InvalidLocationConstraint."""
    config = x.config
    region = constraint or config.region
    if region not in config.all_regions and region != "EU":
        raise S3Error(
            ErrorCode.InvalidLocationConstraint,
            f"this store's region is {config.region}, the request wants {region[:60]!r}",
            extra=(("LocationConstraint", region[:60]),),
        )
    return region


def _is_as_asked(x: Exchange, command: CreateBucket) -> bool:
    """Whether the bucket that is there is what the request says it wants; what it does not say may be otherwise."""
    headers, present, wanted = x.headers, x.services.settings.all(x.bucket), dict(command.configs)
    versioned = x.services.buckets.get(x.bucket).versioning
    if "x-seglake-versioning" in headers and versioned is not command.versioning:
        return False
    if command.locks and ConfigKind.OBJECT_LOCK not in present:
        return False
    if OWNERSHIP_HEADER in headers and ownership_of(present) is not ownership_of(wanted):
        return False
    lists = any(name in headers for name in (ACL_HEADER, *GRANT_HEADERS))
    return not lists or present.get(ConfigKind.ACL, "") == wanted.get(ConfigKind.ACL, "")


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
