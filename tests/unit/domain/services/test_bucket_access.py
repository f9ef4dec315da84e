from __future__ import annotations

import json

import pytest

from seglake.adapters.memory.metadata import MemoryMetadataStore
from seglake.domain.model.acl import Acl, AskedAcl, CannedAcl, Grant, Permission, canned, private
from seglake.domain.model.bucket import Versioning
from seglake.domain.model.errors import (
    AccessDenied,
    AclAgainstOwnership,
    AclsDisabled,
    IsDeleteMarker,
    MalformedPolicy,
    NoSuchBucket,
    NoSuchKey,
)
from seglake.domain.model.ownership import ALL_BLOCKED, NOTHING_BLOCKED, ObjectOwnership, PublicAccessBlock
from seglake.domain.model.user import user_arn
from seglake.domain.services.bucket_access import BucketAccess
from seglake.domain.services.buckets import CreateBucket
from seglake.domain.services.dump import logical_dump
from seglake.domain.services.object_writes import DeleteObject
from seglake.domain.services.rebuild import Rebuild
from tests.unit.fixtures import Store

ENFORCED, PREFERRED, WRITER = ObjectOwnership
PUBLIC = AskedAcl(CannedAcl.PUBLIC_READ)
TO_BOB = AskedAcl(grants=(Grant("bob", Permission.READ),))


async def opened(ownership: ObjectOwnership | None = WRITER, *, blocked: bool = False) -> Store:
    store = Store(public_buckets=frozenset(("listed",)))
    await store.buckets.create(CreateBucket("bucket", "ada"))
    if ownership is not None:
        await store.bucket_access.put_ownership("bucket", ownership)
    if not blocked:
        await store.bucket_access.put_public_access("bucket", None)
    return store


def policy(principal: object) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": principal,
                    "Action": "s3:GetObject",
                    "Resource": "arn:aws:s3:::bucket/*",
                }
            ],
        }
    )


async def test_a_bucket_list_is_kept_and_given_back() -> None:
    store = await opened()
    access = store.bucket_access
    assert access.acl("bucket") == private("ada")
    await access.put_acl("bucket", PUBLIC)
    assert access.acl("bucket") == canned(CannedAcl.PUBLIC_READ, "ada", "ada")
    await access.put_acl("bucket", TO_BOB)
    assert access.acl("bucket") == Acl("ada", TO_BOB.grants)
    await access.put_acl("bucket", AskedAcl(CannedAcl.PRIVATE))
    assert access.acl("bucket") == private("ada")


async def test_a_repeated_list_changes_nothing() -> None:
    store = await opened()
    await store.bucket_access.put_acl("bucket", PUBLIC)
    before = store.dump()
    await store.bucket_access.put_acl("bucket", PUBLIC)
    assert store.dump() == before


@pytest.mark.parametrize("ownership", [None, ENFORCED])
async def test_where_the_owner_is_enforced_only_its_own_list_is_taken(ownership: ObjectOwnership | None) -> None:
    store = await opened(ownership)
    await store.put("key", b"data")
    before = store.dump()
    for asked in (PUBLIC, TO_BOB, AskedAcl()):
        with pytest.raises(AclsDisabled):
            await store.bucket_access.put_acl("bucket", asked)
        with pytest.raises(AclsDisabled):
            await store.bucket_access.put_object_acl("bucket", "key", None, asked)
        with pytest.raises(AclsDisabled):
            store.bucket_access.new_object_acl("bucket", "ada", asked)
    own = AskedAcl(grants=(Grant("ada", Permission.FULL_CONTROL),))
    for asked in (AskedAcl(CannedAcl.PRIVATE), AskedAcl(CannedAcl.BUCKET_OWNER_FULL_CONTROL), own):
        await store.bucket_access.put_acl("bucket", asked)
        await store.bucket_access.put_object_acl("bucket", "key", None, asked)
    assert store.dump() == before


async def test_lists_that_were_stored_do_not_count_while_the_owner_is_enforced() -> None:
    store = await opened()
    access = store.bucket_access
    await store.put("key", b"data", owner="bob")
    await access.put_object_acl("bucket", "key", None, PUBLIC)
    shown = access.object_acl("bucket", "key", None)
    assert shown == (canned(CannedAcl.PUBLIC_READ, "bob", "ada"), None)
    await access.put_ownership("bucket", ENFORCED)
    assert access.object_acl("bucket", "key", None) == (private("ada"), None)
    await access.put_ownership("bucket", PREFERRED)
    assert access.object_acl("bucket", "key", None) == shown


async def test_the_owner_is_not_enforced_over_a_list_that_grants_to_others() -> None:
    store = await opened()
    await store.bucket_access.put_acl("bucket", TO_BOB)
    before = store.dump()
    with pytest.raises(AclAgainstOwnership):
        await store.bucket_access.put_ownership("bucket", ENFORCED)
    assert store.dump() == before
    await store.bucket_access.put_acl("bucket", AskedAcl(CannedAcl.PRIVATE))
    await store.bucket_access.put_ownership("bucket", ENFORCED)
    assert store.bucket_access.ownership("bucket") is ENFORCED


async def test_an_object_list_belongs_to_one_version() -> None:
    store = await opened()
    await store.buckets.set_versioning("bucket", Versioning.ENABLED)
    first = await store.put("key", b"1", owner="bob")
    second = await store.put("key", b"2", owner="bob")
    assert await store.bucket_access.put_object_acl("bucket", "key", first.version, PUBLIC) == first.version
    assert store.bucket_access.object_acl("bucket", "key", None) == (private("bob"), second.version)
    assert store.bucket_access.object_acl("bucket", "key", first.version)[0].owner == "bob"
    marker = (await store.writes.delete("bucket", DeleteObject("key"))).version
    with pytest.raises(NoSuchKey):
        await store.bucket_access.put_object_acl("bucket", "key", None, PUBLIC)
    with pytest.raises(IsDeleteMarker):
        store.bucket_access.object_acl("bucket", "key", marker)


async def test_a_list_cannot_change_the_owner() -> None:
    store = await opened()
    await store.put("key", b"data", owner="bob")
    before = store.dump()
    with pytest.raises(AccessDenied):
        await store.bucket_access.put_acl("bucket", AskedAcl(owner="bob"))
    with pytest.raises(AccessDenied):
        await store.bucket_access.put_object_acl("bucket", "key", None, AskedAcl(owner="ada"))
    assert store.dump() == before
    await store.bucket_access.put_object_acl("bucket", "key", None, AskedAcl(owner="bob"))
    assert store.bucket_access.object_acl("bucket", "key", None)[0] == Acl("bob", ())


@pytest.mark.parametrize("name", [CannedAcl.PUBLIC_READ, CannedAcl.AUTHENTICATED_READ])
async def test_public_lists_are_refused_where_they_are_blocked(name: CannedAcl) -> None:
    store = await opened(blocked=True)
    await store.put("key", b"data")
    before = store.dump()
    for block in (None, PublicAccessBlock(block_acls=True)):
        if block is not None:
            await store.bucket_access.put_public_access("bucket", block)
            before = store.dump()
        with pytest.raises(AccessDenied):
            await store.bucket_access.put_acl("bucket", AskedAcl(name))
        with pytest.raises(AccessDenied):
            await store.bucket_access.put_object_acl("bucket", "key", None, AskedAcl(name))
        with pytest.raises(AccessDenied):
            store.bucket_access.new_object_acl("bucket", "ada", AskedAcl(name))
        assert store.dump() == before
    await store.bucket_access.put_acl("bucket", TO_BOB)
    await store.bucket_access.put_public_access("bucket", PublicAccessBlock(False, True, True, True))
    await store.bucket_access.put_acl("bucket", AskedAcl(name))


async def test_ownership_controls_are_enforced_until_they_are_removed() -> None:
    store = await opened(None)
    assert store.bucket_access.ownership("bucket") is ENFORCED
    await store.bucket_access.put_ownership("bucket", None)
    assert store.bucket_access.ownership("bucket") is None
    await store.bucket_access.put_ownership("bucket", PREFERRED)
    assert store.bucket_access.ownership("bucket") is PREFERRED


async def test_public_access_is_blocked_until_that_is_removed() -> None:
    store = await opened(blocked=True)
    await store.buckets.create(CreateBucket("listed", "ada"))
    access = store.bucket_access
    assert access.public_access("bucket") == ALL_BLOCKED
    assert access.public_access("listed") is None
    for bucket in ("bucket", "listed"):
        await access.put_public_access(bucket, NOTHING_BLOCKED)
        assert access.public_access(bucket) == NOTHING_BLOCKED
        await access.put_public_access(bucket, None)
        assert access.public_access(bucket) is None


async def test_a_policy_is_given_back_as_it_came() -> None:
    store = await opened(blocked=True)
    access = store.bucket_access
    text = " " + policy({"AWS": user_arn("bob")}) + "\n"
    assert access.policy("bucket") is None
    assert access.is_public("bucket") is None
    await access.put_policy("bucket", text)
    assert access.policy("bucket") == text
    assert access.is_public("bucket") is False
    await access.remove_policy("bucket")
    assert access.policy("bucket") is None
    await access.remove_policy("bucket")


async def test_a_policy_is_understood_before_it_is_stored() -> None:
    store = await opened()
    before = store.dump()
    for text in ("{}", "nonsense", policy("*").replace("bucket/*", "other/*")):
        with pytest.raises(MalformedPolicy):
            await store.bucket_access.put_policy("bucket", text)
    assert store.dump() == before


async def test_a_public_policy_is_refused_where_it_is_blocked() -> None:
    store = await opened(blocked=True)
    before = store.dump()
    with pytest.raises(AccessDenied):
        await store.bucket_access.put_policy("bucket", policy("*"))
    assert store.dump() == before
    await store.bucket_access.put_public_access("bucket", PublicAccessBlock(True, True, False, True))
    await store.bucket_access.put_policy("bucket", policy("*"))
    assert store.bucket_access.is_public("bucket") is True


async def test_a_public_list_makes_a_bucket_public_where_it_counts() -> None:
    store = await opened()
    access = store.bucket_access
    await access.put_policy("bucket", policy({"AWS": user_arn("bob")}))
    assert access.is_public("bucket") is False
    await access.put_acl("bucket", PUBLIC)
    assert access.is_public("bucket") is True
    await access.put_public_access("bucket", PublicAccessBlock(ignore_acls=True))
    assert access.is_public("bucket") is False


async def test_a_bucket_that_is_not_there_is_said_so() -> None:
    store = Store()
    access = store.bucket_access
    for read in (access.acl, access.ownership, access.public_access, access.policy, access.is_public):
        with pytest.raises(NoSuchBucket):
            read("bucket")
    for write in (
        access.put_acl("bucket", PUBLIC),
        access.put_ownership("bucket", WRITER),
        access.put_public_access("bucket", None),
        access.put_policy("bucket", policy("*")),
        access.remove_policy("bucket"),
    ):
        with pytest.raises(NoSuchBucket):
            await write


async def test_what_opens_a_bucket_survives_a_rebuild() -> None:
    store = await opened()
    await store.put("key", b"data", owner="bob")
    await store.bucket_access.put_acl("bucket", TO_BOB)
    await store.bucket_access.put_object_acl("bucket", "key", None, PUBLIC)
    await store.bucket_access.put_policy("bucket", policy("*"))
    assert store.bucket_access.object_acl("bucket", "key", None)[0] == canned(CannedAcl.PUBLIC_READ, "bob", "ada")
    fresh = MemoryMetadataStore(store.clock, store.randomness)
    Rebuild(fresh, store.files).run()
    rebuilt = BucketAccess(fresh, store.committer, frozenset())
    assert fresh.read(lambda view: list(logical_dump(view))) == store.dump()
    assert rebuilt.acl("bucket") == Acl("ada", TO_BOB.grants)
    assert rebuilt.object_acl("bucket", "key", None)[0] == canned(CannedAcl.PUBLIC_READ, "bob", "ada")
    assert (rebuilt.ownership("bucket"), rebuilt.public_access("bucket")) == (WRITER, None)
    assert rebuilt.policy("bucket") == policy("*")
