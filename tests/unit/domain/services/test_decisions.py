"""Every ground on which a request is let in or kept out, and which of two wins."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seglake.domain.model.access import Asked, Ground
from seglake.domain.model.acl import CannedAcl, Grant, Permission, canned, to_text
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.bucket_config import ConfigKind, Configs
from seglake.domain.model.credential import Identity, KeyPolicy
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, VersionKind, VersionState
from seglake.domain.model.ownership import NOTHING_BLOCKED, ObjectOwnership, PublicAccessBlock, ownership_text
from seglake.domain.model.user import user_arn
from seglake.domain.model.version import Version
from seglake.domain.services.decisions import Case, decide

ROOT_KEY = Identity("R", "root", KeyPolicy.READ_WRITE)
ADA = Identity("A", "ada", KeyPolicy.READ_WRITE)
BOB = Identity("B", "bob", KeyPolicy.READ_WRITE)
BUCKET = Bucket("bucket", HLC(10, 1), owner="ada", configured=11)
GET = Asked("s3:GetObject", "bucket", "key")
PUT = Asked("s3:PutObject", "bucket", "key")
LIST = Asked("s3:ListBucket", "bucket")
ACLS_ON = ownership_text(ObjectOwnership.OBJECT_WRITER)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(
    effect: str, action: str, principal: Any = "*", resource: str = "arn:aws:s3:::bucket/*", **more: Any
) -> Any:
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": resource, **more}


def of_key(effect: str, action: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource}


def user(name: str) -> dict[str, str]:
    return {"AWS": user_arn(name)}


def version(owner: str = "ada", acl: str = "", **tags: str) -> Version:
    manifest = Manifest(10, "bucket", "key", HLC(12, 1), VersionKind.OBJECT, True, owner=owner)
    return Version(manifest, VersionState.ACTIVE, tuple(tags.items()), acl=acl)


def case(
    identity: Identity | None,
    asked: Asked,
    configs: Configs | None = None,
    *,
    bucket: Bucket | None = BUCKET,
    found: Version | None = None,
    public: bool = False,
    context: dict[str, tuple[str, ...]] | None = None,
) -> Case:
    return Case(
        identity, asked, bucket, configs or {}, 1, lambda _keys: context or {}, lambda: found, listed_public=public
    )


def allowed(*args: Any, **named: Any) -> bool:
    return decide(case(*args, **named)).allowed


def test_root_reaches_everything_and_users_what_they_own() -> None:
    for asked in (GET, PUT, LIST, Asked("s3:DeleteBucket", "bucket")):
        assert allowed(ROOT_KEY, asked)
        assert allowed(ADA, asked)
        assert not allowed(BOB, asked)
        assert not allowed(None, asked)
    for identity in (ROOT_KEY, ADA, BOB):
        assert allowed(identity, Asked("s3:ListAllMyBuckets"))
        assert allowed(identity, Asked("s3:CreateBucket", "new"), bucket=None)
    assert not allowed(None, Asked("s3:ListAllMyBuckets"))
    assert not allowed(None, Asked("s3:CreateBucket", "new"), bucket=None)
    assert not allowed(BOB, Asked("s3:PutBucketPolicy", "nothere"), bucket=None)


def test_a_reading_key_reads_even_where_a_policy_lets_everybody_write() -> None:
    reader = Identity("A", "ada", KeyPolicy.READ_ONLY)
    open_to_all = {ConfigKind.POLICY: policy(statement("Allow", "s3:*"))}
    assert allowed(reader, GET)
    assert not allowed(reader, PUT)
    assert not allowed(reader, PUT, open_to_all, public=True)


def test_an_allow_list_is_above_everything() -> None:
    limited = Identity("R", "root", KeyPolicy.READ_WRITE, ("other",))
    decision = decide(case(limited, GET, {ConfigKind.POLICY: policy(statement("Allow", "s3:*"))}, public=True))
    assert not decision.allowed
    assert decision.ground is Ground.ALLOW_LIST
    assert allowed(limited, Asked("s3:GetObject", "other", "key"), bucket=None)


def test_a_key_document_limits_what_its_user_owns_and_may_reach_further() -> None:
    document = policy(of_key("Allow", "s3:GetObject", "arn:aws:s3:::bucket/*"))
    for name in ("ada", "bob", "root"):
        identity = Identity("K", name, document)
        assert allowed(identity, GET)
        assert not allowed(identity, PUT)
        assert not allowed(identity, Asked("s3:GetObject", "second", "key"))


@pytest.mark.parametrize("name", ["root", "ada", "bob"])
def test_a_deny_wins_wherever_it_stands(name: str) -> None:
    rw = Identity("K", name, KeyPolicy.READ_WRITE)
    everything = policy(of_key("Allow", "*"))
    denied = {ConfigKind.POLICY: policy(statement("Allow", "s3:*"), statement("Deny", "s3:GetObject"))}
    assert not allowed(rw, GET, denied)
    assert not allowed(Identity("K", name, everything), GET, denied)
    by_key = Identity("K", name, policy(of_key("Allow", "*"), of_key("Deny", "s3:GetObject")))
    assert not allowed(by_key, GET, {ConfigKind.POLICY: policy(statement("Allow", "s3:*"))}, public=True)


def test_no_policy_locks_root_out_of_changing_it() -> None:
    shut = {ConfigKind.POLICY: policy(statement("Deny", "s3:*", resource="arn:aws:s3:::bucket"))}
    for action in ("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"):
        assert allowed(ROOT_KEY, Asked(action, "bucket"), shut)
        assert not allowed(ADA, Asked(action, "bucket"), shut)
        assert not allowed(Identity("R", "root", KeyPolicy.READ_WRITE, ("bucket",)), Asked(action, "bucket"), shut)
    assert not allowed(ROOT_KEY, LIST, shut)


def test_a_bucket_policy_opens_it_to_named_users() -> None:
    configs = {ConfigKind.POLICY: policy(statement("Allow", "s3:GetObject", user("bob")))}
    decision = decide(case(BOB, GET, configs))
    assert decision.allowed
    assert (decision.ground, decision.statement) == (Ground.BUCKET_POLICY, 1)
    assert not allowed(BOB, PUT, configs)
    assert not allowed(Identity("C", "cyd", KeyPolicy.READ_WRITE), GET, configs)
    assert not allowed(None, GET, configs, public=True)


def test_anonymous_needs_the_operator_and_the_policy() -> None:
    configs = {ConfigKind.POLICY: policy(statement("Allow", "s3:GetObject"))}
    assert allowed(None, GET, configs, public=True)
    assert not allowed(None, PUT, configs, public=True)
    assert not allowed(None, GET, configs)
    assert not allowed(None, GET, public=True)
    opened = {**configs, ConfigKind.PUBLIC_ACCESS: NOTHING_BLOCKED.to_text()}
    assert not allowed(None, GET, opened), "the bucket's owner alone cannot open it to the world"
    assert decide(case(None, GET, configs)).ground is Ground.PUBLIC


def test_restricting_public_buckets_leaves_them_to_their_owner() -> None:
    restricted = PublicAccessBlock(restrict_buckets=True).to_text()
    configs = {ConfigKind.POLICY: policy(statement("Allow", "s3:GetObject")), ConfigKind.PUBLIC_ACCESS: restricted}
    assert not allowed(None, GET, configs, public=True)
    assert not allowed(BOB, GET, configs, public=True)
    assert allowed(ADA, GET, configs, public=True)
    named = {**configs, ConfigKind.POLICY: policy(statement("Allow", "s3:GetObject", user("bob")))}
    assert allowed(BOB, GET, named, public=True), "a policy for named users is not public"


def test_conditions_see_the_request_and_the_tags_of_the_object() -> None:
    conditions = {"StringEquals": {"s3:ExistingObjectTag/Team": "blue"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    configs = {ConfigKind.POLICY: policy(statement("Allow", "s3:GetObject", user("bob"), Condition=conditions))}
    inside = {"aws:sourceip": ("10.1.2.3",)}
    assert allowed(BOB, GET, configs, found=version(Team="blue"), context=inside)
    assert not allowed(BOB, GET, configs, found=version(Team="red"), context=inside)
    assert not allowed(BOB, GET, configs, found=None, context=inside)
    assert not allowed(BOB, GET, configs, found=version(Team="blue"), context={"aws:sourceip": ("11.1.2.3",)})


def test_no_tag_hides_another_whose_name_differs_in_case() -> None:
    deny = statement("Deny", "s3:GetObject", Condition={"StringEquals": {"s3:ExistingObjectTag/Class": "secret"}})
    configs = {ConfigKind.POLICY: policy(statement("Allow", "s3:GetObject", user("bob")), deny)}
    assert allowed(BOB, GET, configs, found=version(Class="open"))
    assert not allowed(BOB, GET, configs, found=version(Class="secret", klass="x"))
    manifest = version().manifest
    for tags in ((("Class", "secret"), ("class", "open")), (("class", "open"), ("Class", "secret"))):
        assert not allowed(BOB, GET, configs, found=Version(manifest, VersionState.ACTIVE, tags))


def test_lists_count_only_where_ownership_allows_them() -> None:
    shared = to_text(canned(CannedAcl.AUTHENTICATED_READ, "ada", "ada"))
    open_ = {ConfigKind.OWNERSHIP: ACLS_ON, ConfigKind.PUBLIC_ACCESS: NOTHING_BLOCKED.to_text()}
    assert allowed(BOB, GET, open_, found=version(acl=shared))
    assert not allowed(BOB, PUT, open_, found=version(acl=shared))
    assert not allowed(
        BOB,
        GET,
        {**open_, ConfigKind.OWNERSHIP: ownership_text(ObjectOwnership.BUCKET_OWNER_ENFORCED)},
        found=version(acl=shared),
    )
    assert not allowed(BOB, GET, {ConfigKind.OWNERSHIP: ACLS_ON}, found=version(acl=shared)), "blocked unless opened"
    assert not allowed(None, GET, open_, found=version(acl=shared), public=True)
    public = to_text(canned(CannedAcl.PUBLIC_READ, "ada", "ada"))
    assert allowed(None, GET, open_, found=version(acl=public), public=True)
    assert not allowed(None, GET, open_, found=version(acl=public))
    assert allowed(BOB, LIST, {**open_, ConfigKind.ACL: public})


def test_an_object_belongs_to_its_writer_where_lists_count() -> None:
    configs = {ConfigKind.OWNERSHIP: ACLS_ON}
    theirs = version("bob")
    assert allowed(BOB, GET, configs, found=theirs)
    assert not allowed(ADA, GET, configs, found=theirs)
    assert allowed(ADA, Asked("s3:DeleteObject", "bucket", "key"), configs, found=theirs)
    assert allowed(ROOT_KEY, GET, configs, found=theirs)
    given = to_text(canned(CannedAcl.BUCKET_OWNER_FULL_CONTROL, "bob", "ada"))
    assert allowed(ADA, GET, configs, found=version("bob", given))
    assert Grant("ada", Permission.FULL_CONTROL) in canned(CannedAcl.BUCKET_OWNER_FULL_CONTROL, "bob", "ada").grants


@pytest.mark.parametrize("resource", ["*", "arn:aws:s3:::*"])
def test_listing_all_buckets_needs_a_resource_for_all(resource: str) -> None:
    identity = Identity("K", "ada", policy(of_key("Allow", "s3:ListAllMyBuckets", resource)))
    assert allowed(identity, Asked("s3:ListAllMyBuckets"), bucket=None)
    narrow = Identity("K", "ada", policy(of_key("Allow", "s3:List*", "arn:aws:s3:::bucket*")))
    assert not allowed(narrow, Asked("s3:ListAllMyBuckets"), bucket=None)
    assert allowed(narrow, LIST)
