"""How a bucket is opened and shut: its access control lists, ownership controls, public access block and policy. What
may not stand together is decided inside the commit.

Source: API Reference of PutBucketAcl, PutObjectAcl, PutBucketOwnershipControls, PutPublicAccessBlock and
PutBucketPolicy; S3 User Guide, "Controlling ownership of objects".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from seglake.domain.model.acl import (
    Acl,
    AskedAcl,
    acl_of,
    is_public,
    only_bucket_owner,
    parse_text,
    private,
    to_text,
)
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.bucket_config import ConfigKind, Configs
from seglake.domain.model.errors import AccessDenied, AclAgainstOwnership, AclsDisabled
from seglake.domain.model.events import AclSet, BucketConfigured
from seglake.domain.model.names import check_key
from seglake.domain.model.ownership import (
    ALL_BLOCKED,
    NOTHING_BLOCKED,
    REMOVED,
    ObjectOwnership,
    PublicAccessBlock,
    ownership_of,
    ownership_text,
    public_access_of,
)
from seglake.domain.model.policy import check_resources, parse_policy
from seglake.domain.model.policy import is_public as policy_is_public
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.metadata import MetadataStore, MetadataTx, MetadataView

from .bucket_settings import SetConfig, configs_of
from .facts import bucket_named, object_version_of
from .object_writes import shown_version
from .owning import first_configs, owner_and_acl

T = TypeVar("T")

_ENFORCED = ObjectOwnership.BUCKET_OWNER_ENFORCED


def default_block(*, listed_public: bool) -> PublicAccessBlock:
    """What a bucket blocks that was never asked: everything, but nothing where the operator listed it as public."""
    return NOTHING_BLOCKED if listed_public else ALL_BLOCKED


def bucket_acl(configs: Configs, bucket: Bucket) -> Acl:
    """The list that counts: the private one under BucketOwnerEnforced."""
    text = "" if ownership_of(configs) is _ENFORCED else configs.get(ConfigKind.ACL, "")
    return acl_of(text, bucket.owner)


def is_bucket_public(configs: Configs, bucket: Bucket, default: PublicAccessBlock) -> bool:
    """Whether its policy or its list opens the bucket to everybody (API: GetBucketPolicyStatus)."""
    policy = configs.get(ConfigKind.POLICY)
    if policy is not None and policy_is_public(parse_policy(policy, principals=True)):
        return True
    return not public_access_of(configs, default=default).ignore_acls and is_public(bucket_acl(configs, bucket))


@dataclass(frozen=True, slots=True)
class SetBucketAcl:
    """The commit of PutBucketAcl; ``default`` is what the bucket blocks if it was never asked."""

    bucket: str
    asked: AskedAcl
    default: PublicAccessBlock

    def __call__(self, tx: MetadataTx) -> None:
        """Records one BucketConfigured, or nothing when nothing changes. NoSuchBucket, AclsDisabled, AccessDenied."""
        bucket = bucket_named(tx, self.bucket)
        configs = configs_of(tx, bucket)
        acl = _resolved(self.asked, bucket.owner, bucket.owner)
        if ownership_of(configs) is _ENFORCED:
            if not only_bucket_owner(acl, bucket.owner):
                raise AclsDisabled(bucket.name)
            return
        _check_public(acl, configs, self.default)
        text = "" if acl == private(bucket.owner) else to_text(acl)
        if configs.get(ConfigKind.ACL, "") != text:
            tx.record(BucketConfigured(tx.tick(), bucket.id, ConfigKind.ACL, text))


@dataclass(frozen=True, slots=True)
class SetObjectAcl:
    """The commit of PutObjectAcl."""

    bucket: str
    key: str
    version: str | None
    asked: AskedAcl
    default: PublicAccessBlock

    def __call__(self, tx: MetadataTx) -> str | None:
        """Records one AclSet, or nothing when nothing changes; the version id to show.

        NoSuchBucket, NoSuchKey, NoSuchVersion, IsDeleteMarker, AclsDisabled, AccessDenied.
        """
        bucket = bucket_named(tx, self.bucket)
        found = object_version_of(tx, bucket, self.key, self.version)
        configs = configs_of(tx, bucket)
        if ownership_of(configs) is _ENFORCED:
            if not only_bucket_owner(_resolved(self.asked, bucket.owner, bucket.owner), bucket.owner):
                raise AclsDisabled(bucket.name)
            return shown_version(bucket, found.manifest)
        owner = found.manifest.owner
        acl = _resolved(self.asked, owner, bucket.owner)
        _check_public(acl, configs, self.default)
        text = "" if acl == private(owner) else to_text(acl)
        if found.acl != text:
            tx.record(AclSet(tx.tick(), bucket.id, self.key, found.manifest.stamp, text))
        return shown_version(bucket, found.manifest)


def _resolved(asked: AskedAcl, owner: str, bucket_owner: str) -> Acl:
    if asked.owner is not None and asked.owner != owner:
        raise AccessDenied("the owner in the ACL is not the present owner, and an owner cannot be changed by an ACL")
    return asked.resolve(owner, bucket_owner)


def _check_public(acl: Acl, configs: Configs, default: PublicAccessBlock) -> None:
    if is_public(acl) and public_access_of(configs, default=default).block_acls:
        raise AccessDenied("the bucket's public access block (BlockPublicAcls) refuses public ACLs")


@dataclass(frozen=True, slots=True)
class SetOwnership:
    """The commit of PutBucketOwnershipControls, and with None of DeleteBucketOwnershipControls."""

    bucket: str
    ownership: ObjectOwnership | None

    def __call__(self, tx: MetadataTx) -> None:
        """Records one BucketConfigured, or nothing when nothing changes. NoSuchBucket, AclAgainstOwnership."""
        bucket = bucket_named(tx, self.bucket)
        text = configs_of(tx, bucket).get(ConfigKind.ACL, "")
        if self.ownership is _ENFORCED and text and not only_bucket_owner(parse_text(text), bucket.owner):
            raise AclAgainstOwnership(bucket.name)
        kept = REMOVED if self.ownership is None else ownership_text(self.ownership)
        SetConfig(self.bucket, ConfigKind.OWNERSHIP, kept)(tx)


@dataclass(frozen=True, slots=True)
class SetPolicy:
    """The commit of PutBucketPolicy; ``public`` says whether the text, which was parsed before, is a public policy."""

    bucket: str
    text: str
    public: bool
    default: PublicAccessBlock

    def __call__(self, tx: MetadataTx) -> None:
        """Records one BucketConfigured, or nothing when nothing changes. NoSuchBucket, AccessDenied."""
        bucket = bucket_named(tx, self.bucket)
        if self.public and public_access_of(configs_of(tx, bucket), default=self.default).block_policy:
            raise AccessDenied("the bucket's public access block (BlockPublicPolicy) refuses public policies")
        SetConfig(self.bucket, ConfigKind.POLICY, self.text)(tx)


class BucketAccess:
    """Reads and sets what opens a bucket; ``public_buckets`` are those that the operator listed."""

    def __init__(self, metadata: MetadataStore, committer: Committer, public_buckets: frozenset[str]) -> None:
        self._metadata = metadata
        self._committer = committer
        self._public = public_buckets

    def acl(self, bucket: str) -> Acl:
        """The bucket's list. NoSuchBucket."""
        return self._read(bucket, bucket_acl)

    def object_acl(self, bucket: str, key: str, version: str | None) -> tuple[Acl, str | None]:
        """An object's list, and the version id to show. NoSuchBucket, NoSuchKey, NoSuchVersion, IsDeleteMarker."""
        check_key(key)

        def query(view: MetadataView) -> tuple[Acl, str | None]:
            found = bucket_named(view, bucket)
            one = object_version_of(view, found, key, version)
            shown = shown_version(found, one.manifest)
            if ownership_of(configs_of(view, found)) is _ENFORCED:
                return private(found.owner), shown
            return acl_of(one.acl, one.manifest.owner), shown

        return self._metadata.read(query)

    def new_object_acl(self, bucket: str, owner: str, asked: AskedAcl) -> str:
        """The text of the list that a new object of ``owner`` asks for. NoSuchBucket, AclsDisabled, AccessDenied."""

        def query(view: MetadataView) -> str:
            found = bucket_named(view, bucket)
            acl = asked.resolve(owner, found.owner)
            kept = to_text(acl)
            owner_and_acl(view, found, owner, kept)
            _check_public(acl, configs_of(view, found), self.default(bucket))
            return kept

        return self._metadata.read(query)

    def first_configs(
        self, bucket: str, owner: str, ownership: ObjectOwnership | None, asked: AskedAcl | None
    ) -> tuple[tuple[ConfigKind, str], ...]:
        """What a new bucket is configured with. AclAgainstOwnership, PublicAclOnNewBucket."""
        return first_configs(bucket, owner, ownership, asked, self.default(bucket))

    async def put_acl(self, bucket: str, asked: AskedAcl) -> None:
        """API: PutBucketAcl. As SetBucketAcl."""
        await self._committer.commit(SetBucketAcl(bucket, asked, self.default(bucket)))

    async def put_object_acl(self, bucket: str, key: str, version: str | None, asked: AskedAcl) -> str | None:
        """API: PutObjectAcl; the version id to show. As SetObjectAcl."""
        script = SetObjectAcl(bucket, check_key(key), version, asked, self.default(bucket))
        return await self._committer.commit(script)

    def ownership(self, bucket: str) -> ObjectOwnership | None:
        """The bucket's ownership controls, None when they were taken away. NoSuchBucket."""
        return self._read(bucket, lambda c, _: None if c.get(ConfigKind.OWNERSHIP) == REMOVED else ownership_of(c))

    async def put_ownership(self, bucket: str, ownership: ObjectOwnership | None) -> None:
        """API: Put- and DeleteBucketOwnershipControls. As SetOwnership."""
        await self._committer.commit(SetOwnership(bucket, ownership))

    def public_access(self, bucket: str) -> PublicAccessBlock | None:
        """What the bucket blocks; None when the block was taken away or a listed bucket never had one. NoSuchBucket."""

        def block(configs: Configs, _found: Bucket) -> PublicAccessBlock | None:
            text = configs.get(ConfigKind.PUBLIC_ACCESS)
            if text == REMOVED or (text is None and bucket in self._public):
                return None
            return public_access_of(configs, default=self.default(bucket))

        return self._read(bucket, block)

    async def put_public_access(self, bucket: str, block: PublicAccessBlock | None) -> None:
        """API: Put- and DeletePublicAccessBlock. NoSuchBucket."""
        text = REMOVED if block is None else block.to_text()
        await self._committer.commit(SetConfig(bucket, ConfigKind.PUBLIC_ACCESS, text))

    def policy(self, bucket: str) -> str | None:
        """The bucket's policy as it was stored. NoSuchBucket."""
        return self._read(bucket, lambda configs, _: configs.get(ConfigKind.POLICY))

    async def put_policy(self, bucket: str, text: str) -> None:
        """API: PutBucketPolicy. NoSuchBucket, MalformedPolicy, AccessDenied for a public one that is blocked."""
        policy = parse_policy(text, principals=True)
        check_resources(policy, bucket)
        await self._committer.commit(SetPolicy(bucket, text, policy_is_public(policy), self.default(bucket)))

    async def remove_policy(self, bucket: str) -> None:
        """API: DeleteBucketPolicy; removing none succeeds. NoSuchBucket."""
        await self._committer.commit(SetConfig(bucket, ConfigKind.POLICY, ""))

    def is_public(self, bucket: str) -> bool | None:
        """API: GetBucketPolicyStatus; None without a policy. NoSuchBucket."""
        return self._read(
            bucket,
            lambda configs, found: (
                is_bucket_public(configs, found, self.default(bucket)) if ConfigKind.POLICY in configs else None
            ),
        )

    def default(self, bucket: str) -> PublicAccessBlock:
        """What this bucket blocks if it was never asked."""
        return default_block(listed_public=bucket in self._public)

    def _read(self, name: str, look: Callable[[Configs, Bucket], T]) -> T:
        def query(view: MetadataView) -> T:
            bucket = bucket_named(view, name)
            return look(configs_of(view, bucket), bucket)

        return self._metadata.read(query)
