"""Who owns what is written into a bucket, and how far ACLs and policies may open it; a bucket that was never asked is
closed.

Source: Amazon S3 User Guide, "Controlling ownership of objects and disabling ACLs for your bucket" and "Blocking public
access to your Amazon S3 storage".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from .bucket_config import ConfigKind, Configs


class ObjectOwnership(StrEnum):
    """API: ObjectOwnership. Under BUCKET_OWNER_ENFORCED no ACL counts and the bucket's owner owns every object."""

    BUCKET_OWNER_ENFORCED = "BucketOwnerEnforced"
    BUCKET_OWNER_PREFERRED = "BucketOwnerPreferred"
    OBJECT_WRITER = "ObjectWriter"


@dataclass(frozen=True, slots=True)
class PublicAccessBlock:
    """API: PublicAccessBlockConfiguration.

    ``block_acls`` refuses new public ACLs, ``ignore_acls`` treats stored ones as private, ``block_policy`` refuses new
    public policies, ``restrict_buckets`` shuts a bucket with a public policy to everybody but the store's own users.
    """

    block_acls: bool = False
    ignore_acls: bool = False
    block_policy: bool = False
    restrict_buckets: bool = False

    def to_text(self) -> str:
        """The text to keep."""
        fields = {
            "block_acls": self.block_acls,
            "block_policy": self.block_policy,
            "ignore_acls": self.ignore_acls,
            "restrict_buckets": self.restrict_buckets,
        }
        return json.dumps(fields, separators=(",", ":"))


ALL_BLOCKED = PublicAccessBlock(True, True, True, True)
NOTHING_BLOCKED = PublicAccessBlock()

REMOVED = "{}"
"""The text of a configuration that its owner took away: not the default of a fresh bucket, but none at all."""


@lru_cache(maxsize=64)
def parse_public_access(text: str) -> PublicAccessBlock:
    """Reads what to_text wrote; REMOVED blocks nothing."""
    return PublicAccessBlock(**json.loads(text))


def public_access_of(configs: Configs, *, default: PublicAccessBlock) -> PublicAccessBlock:
    """What a bucket blocks; ``default`` holds for one that was never asked."""
    text = configs.get(ConfigKind.PUBLIC_ACCESS)
    return default if text is None else parse_public_access(text)


def ownership_text(ownership: ObjectOwnership) -> str:
    """The text to keep."""
    return json.dumps({"object_ownership": ownership.value}, separators=(",", ":"))


@lru_cache(maxsize=16)
def parse_ownership(text: str) -> ObjectOwnership:
    """Reads what ownership_text wrote; REMOVED leaves objects to their writers, as S3 does without controls."""
    return ObjectOwnership(json.loads(text).get("object_ownership", ObjectOwnership.OBJECT_WRITER))


def ownership_of(configs: Configs) -> ObjectOwnership:
    """How ownership is decided in a bucket: BUCKET_OWNER_ENFORCED unless it was asked otherwise."""
    text = configs.get(ConfigKind.OWNERSHIP)
    return ObjectOwnership.BUCKET_OWNER_ENFORCED if text is None else parse_ownership(text)
