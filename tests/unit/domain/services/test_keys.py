"""Access keys: a secret is told once, a change counts at once, and one unlimited root key always stays."""

from __future__ import annotations

import json

import pytest

from seglake.domain.model.access import Asked
from seglake.domain.model.admin_errors import (
    AccessKeyOfFlags,
    AccessKeyTaken,
    AllowListEmpty,
    InvalidAccessKey,
    LastRootKey,
    NoSuchAccessKey,
    NoSuchUser,
)
from seglake.domain.model.errors import InvalidArgument, InvalidBucketName, InvalidRequest, MalformedPolicy
from seglake.domain.services.access import KeyPair
from seglake.domain.services.keys import BUCKETS_MAX
from tests.unit.fixtures import Store

ONLY_GET = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
)


async def _store() -> Store:
    """A store with a root key named ``first``."""
    store = Store()
    await store.access_keys.create(access_key="first")
    return store


def _may(store: Store, access_key: str, action: str, bucket: str) -> bool:
    known = store.access.lookup(access_key, bucket)
    return known is not None and store.access.may(known.identity, Asked(action, bucket, "key"))


async def test_a_made_key_signs_and_its_secret_is_stored_only_sealed() -> None:
    store = Store()
    made, pair = await store.access_keys.create()
    known = store.access.lookup(pair.access_key)
    assert known is not None
    assert known.secret == pair.secret
    assert pair.secret.encode() not in made.sealed
    assert pair.secret not in repr((made, pair, store.access_keys.show(pair.access_key), store.access_keys.list()))
    assert made.created_ms == store.clock.ms


async def test_a_key_may_be_given_with_its_secret() -> None:
    store = Store()
    _, pair = await store.access_keys.create(access_key="mine", secret="my-own-secret")
    assert (pair.access_key, pair.secret) == ("mine", "my-own-secret")
    with pytest.raises(AccessKeyTaken):
        await store.access_keys.create(access_key="mine")


@pytest.mark.parametrize("name", ["", "ab", "-abc", "a b c", "käse", "x" * 129, "abc\n"])
async def test_an_access_key_that_could_not_be_sent_is_refused(name: str) -> None:
    with pytest.raises(InvalidAccessKey):
        await Store().access_keys.create(access_key=name)


@pytest.mark.parametrize("secret", ["", "short", "with a space", "ümlaut-secret", "x" * 129, "newline-at-end\n"])
async def test_a_wrong_secret_is_refused_and_not_quoted(secret: str) -> None:
    store = await _store()
    for change in (store.access_keys.create(secret=secret), store.access_keys.rotate("first", secret=secret)):
        with pytest.raises(InvalidAccessKey) as refused:
            await change
        assert not secret or secret not in refused.value.hint


async def test_a_key_of_nobody_is_not_made() -> None:
    store = Store()
    before = store.dump()
    with pytest.raises(NoSuchUser):
        await store.access_keys.create("nobody")
    assert store.dump() == before


async def test_rotation_changes_the_secret_and_nothing_else() -> None:
    store = Store()
    before, old = await store.access_keys.create(policy="ro", buckets=("photos",))
    after, new = await store.access_keys.rotate(old.access_key)
    assert new.secret != old.secret
    known = store.access.lookup(old.access_key)
    assert known is not None
    assert known.secret == new.secret
    assert (after.policy, after.buckets, after.created_ms) == (before.policy, before.buckets, before.created_ms)


async def test_a_disabled_key_is_refused_until_it_is_enabled() -> None:
    store = await _store()
    _, pair = await store.access_keys.create()
    await store.access_keys.set_enabled(pair.access_key, False)
    assert store.access.lookup(pair.access_key) is None
    await store.access_keys.set_enabled(pair.access_key, True)
    assert store.access.lookup(pair.access_key) is not None


async def test_a_deleted_key_is_gone() -> None:
    store = await _store()
    _, pair = await store.access_keys.create()
    await store.access_keys.delete(pair.access_key)
    assert store.access.lookup(pair.access_key) is None
    with pytest.raises(NoSuchAccessKey):
        store.access_keys.show(pair.access_key)


@pytest.mark.parametrize("policy", ["ro", "read-only"])
async def test_a_reading_key_reads(policy: str) -> None:
    store = await _store()
    await store.bucket("photos")
    _, pair = await store.access_keys.create(policy=policy)
    assert _may(store, pair.access_key, "s3:GetObject", "photos")
    assert not _may(store, pair.access_key, "s3:PutObject", "photos")
    await store.access_keys.set_policy(pair.access_key, "rw")
    assert _may(store, pair.access_key, "s3:PutObject", "photos")


async def test_a_document_counts_also_with_white_space_around_it() -> None:
    store = await _store()
    await store.bucket("photos")
    made, pair = await store.access_keys.create(policy=f"\n  {ONLY_GET}\n")
    assert made.policy == ONLY_GET
    assert _may(store, pair.access_key, "s3:GetObject", "photos")
    assert not _may(store, pair.access_key, "s3:DeleteObject", "photos")


@pytest.mark.parametrize("policy", ["", "RW", "everything", "[]", '"rw"'])
async def test_what_is_no_policy_is_refused(policy: str) -> None:
    store = await _store()
    with pytest.raises(InvalidArgument):
        await store.access_keys.create(policy=policy)
    with pytest.raises(InvalidArgument):
        await store.access_keys.set_policy("first", policy)


@pytest.mark.parametrize("change", [{"Effect": "allow"}, {"Principal": "*"}, {"Action": "s3:Nothing"}, {"More": 1}])
async def test_a_document_that_is_not_understood_is_refused(change: dict[str, object]) -> None:
    document = json.loads(ONLY_GET)
    document["Statement"][0].update(change)
    store = await _store()
    with pytest.raises(MalformedPolicy, match="Statement"):
        await store.access_keys.create(policy=json.dumps(document))


async def test_a_limited_key_reaches_only_its_buckets() -> None:
    store = await _store()
    for name in ("photos", "films", "books"):
        await store.bucket(name)
    _, pair = await store.access_keys.create(buckets=("photos", "photos"))
    reached = {name: _may(store, pair.access_key, "s3:GetObject", name) for name in ("photos", "films", "books")}
    assert reached == {"photos": True, "films": False, "books": False}
    assert (await store.access_keys.allow_bucket(pair.access_key, "films")).buckets == ("films", "photos")
    assert _may(store, pair.access_key, "s3:GetObject", "films")
    assert (await store.access_keys.disallow_bucket(pair.access_key, "photos")).buckets == ("films",)
    assert not _may(store, pair.access_key, "s3:GetObject", "photos")
    assert (await store.access_keys.allow_bucket(pair.access_key, "*")).buckets == ()
    assert _may(store, pair.access_key, "s3:GetObject", "books")


async def test_the_last_bucket_of_a_key_is_not_taken_away_since_that_would_open_all() -> None:
    store = await _store()
    _, pair = await store.access_keys.create(buckets=("photos",))
    with pytest.raises(AllowListEmpty, match="reaches all buckets"):
        await store.access_keys.disallow_bucket(pair.access_key, "photos")
    assert (await store.access_keys.disallow_bucket(pair.access_key, "other")).buckets == ("photos",)


async def test_a_bucket_is_not_taken_from_a_key_that_reaches_all() -> None:
    store = await _store()
    with pytest.raises(InvalidRequest, match="is not limited"):
        await store.access_keys.disallow_bucket("first", "photos")


async def test_names_and_numbers_of_buckets_are_bounded() -> None:
    store = await _store()
    with pytest.raises(InvalidBucketName):
        await store.access_keys.create(buckets=("Not A Bucket",))
    with pytest.raises(InvalidBucketName):
        await store.access_keys.allow_bucket("first", "Not A Bucket")
    with pytest.raises(InvalidArgument, match=str(BUCKETS_MAX)):
        await store.access_keys.create(buckets=tuple([f"bucket-{number}" for number in range(BUCKETS_MAX + 1)]))


async def _narrow(store: Store, how: str, access_key: str) -> None:
    keys = store.access_keys
    match how:
        case "delete":
            await keys.delete(access_key)
        case "disable":
            await keys.set_enabled(access_key, False)
        case "read-only":
            await keys.set_policy(access_key, "ro")
        case "document":
            await keys.set_policy(access_key, ONLY_GET)
        case "limit":
            await keys.allow_bucket(access_key, "photos")


WAYS = ("delete", "disable", "read-only", "document", "limit")


@pytest.mark.parametrize("how", WAYS)
async def test_the_last_root_key_stays_as_it_is(how: str) -> None:
    store = await _store()
    await store.users.create("alice")
    await store.access_keys.create("alice")
    await store.access_keys.create(policy="ro")
    await store.access_keys.create(buckets=("photos",))
    _, disabled = await store.access_keys.create()
    await store.access_keys.set_enabled(disabled.access_key, False)
    before = store.dump()
    with pytest.raises(LastRootKey, match="make another first"):
        await _narrow(store, how, "first")
    assert store.dump() == before
    await store.access_keys.rotate("first")
    await store.access_keys.set_enabled(disabled.access_key, True)
    await _narrow(store, how, "first")
    with pytest.raises(LastRootKey):
        await _narrow(store, how, disabled.access_key)


@pytest.mark.parametrize("how", WAYS)
async def test_a_server_with_a_given_root_key_needs_no_other(how: str) -> None:
    store = Store(root=KeyPair("given", "given-secret"))
    await store.access_keys.create(access_key="first")
    await _narrow(store, how, "first")


async def test_the_given_root_key_is_not_in_the_store() -> None:
    store = Store(root=KeyPair("given", "given-secret"))
    with pytest.raises(AccessKeyTaken):
        await store.access_keys.create(access_key="given")
    with pytest.raises(AccessKeyOfFlags):
        store.access_keys.show("given")
    for change in (store.access_keys.rotate("given"), store.access_keys.delete("given")):
        with pytest.raises(AccessKeyOfFlags, match="--access-key"):
            await change
    assert store.access_keys.list() == ()


async def test_keys_are_listed_by_user() -> None:
    store = await _store()
    await store.users.create("alice")
    await store.access_keys.create("alice", access_key="hers")
    assert [found.access_key for found in store.access_keys.list()] == ["first", "hers"]
    assert [found.access_key for found in store.access_keys.list("alice")] == ["hers"]
    assert [found.access_key for found in store.access_keys.list("root")] == ["first"]


@pytest.mark.parametrize("access_key", ["nobody", "", "x" * 1000])
async def test_a_key_that_is_not_there_is_said(access_key: str) -> None:
    keys = Store().access_keys
    for change in (
        keys.rotate(access_key),
        keys.delete(access_key),
        keys.set_enabled(access_key, False),
        keys.set_policy(access_key, "ro"),
        keys.allow_bucket(access_key, "photos"),
        keys.disallow_bucket(access_key, "photos"),
    ):
        with pytest.raises(NoSuchAccessKey):
            await change
