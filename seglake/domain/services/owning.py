"""Who owns a new object is decided by its bucket, inside the commit that makes it.

Source: S3 User Guide, "Controlling ownership of objects and disabling ACLs for your bucket".
"""

from __future__ import annotations

from seglake.domain.model.acl import (
    AskedAcl,
    CannedAcl,
    canned,
    is_public,
    only_bucket_owner,
    parse_text,
    private,
    to_text,
)
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.errors import AclAgainstOwnership, AclsDisabled, PublicAclOnNewBucket
from seglake.domain.model.ownership import ObjectOwnership, PublicAccessBlock, ownership_of, ownership_text
from seglake.domain.ports.metadata import MetadataTables, MetadataView

from .bucket_settings import configs_of


def owner_and_acl(view: MetadataView | MetadataTables, bucket: Bucket, owner: str, acl: str) -> tuple[str, str]:
    """Who owns an object that ``owner`` writes with the list ``acl`` (its text), and the text of its list then.

    AclsDisabled for a list that grants to others in a BucketOwnerEnforced bucket.
    """
    if not bucket.configured and not acl:
        return bucket.owner, ""
    ownership = ownership_of(configs_of(view, bucket))
    if ownership is ObjectOwnership.BUCKET_OWNER_ENFORCED:
        if acl and not only_bucket_owner(parse_text(acl), bucket.owner):
            raise AclsDisabled(bucket.name)
        return bucket.owner, ""
    if not acl:
        return owner, ""
    asked = parse_text(acl)
    if asked == private(owner):
        return owner, ""
    full = canned(CannedAcl.BUCKET_OWNER_FULL_CONTROL, owner, bucket.owner)
    if ownership is ObjectOwnership.BUCKET_OWNER_PREFERRED and asked == full:
        return bucket.owner, ""
    return owner, acl


def completed_owner_and_acl(
    view: MetadataView | MetadataTables, bucket: Bucket, owner: str, acl: str
) -> tuple[str, str]:
    """As owner_and_acl for an upload that is completed: its list was taken when it began, so it is dropped where the
    bucket has stopped to allow lists since."""
    try:
        return owner_and_acl(view, bucket, owner, acl)
    except AclsDisabled:
        return bucket.owner, ""


def first_configs(
    bucket: str, owner: str, ownership: ObjectOwnership | None, asked: AskedAcl | None, default: PublicAccessBlock
) -> tuple[tuple[ConfigKind, str], ...]:
    """What a new bucket is configured with when it asks for ownership controls or a list (API: CreateBucket).

    AclAgainstOwnership, PublicAclOnNewBucket.
    """
    configs: list[tuple[ConfigKind, str]] = []
    if ownership is not None:
        configs.append((ConfigKind.OWNERSHIP, ownership_text(ownership)))
    if asked is not None:
        acl = asked.resolve(owner, owner)
        if ownership_of(dict(configs)) is ObjectOwnership.BUCKET_OWNER_ENFORCED:
            if not only_bucket_owner(acl, owner):
                raise AclAgainstOwnership(bucket)
        elif is_public(acl) and default.block_acls:
            raise PublicAclOnNewBucket(bucket)
        elif acl != private(owner):
            configs.append((ConfigKind.ACL, to_text(acl)))
    return tuple(configs)
