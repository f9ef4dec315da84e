from __future__ import annotations

import pytest

from seglake.domain.model.credential import Credential, Identity, KeyPolicy
from seglake.domain.model.errors import AccessDenied, SecretUnreadable
from seglake.domain.services.access import Access, KeyPair, PutCredential, may
from tests.unit.fixtures import Store

FULL = Identity("k", "root", KeyPolicy.READ_WRITE)
READER = Identity("k", "root", KeyPolicy.READ_ONLY)
LIMITED = Identity("k", "root", KeyPolicy.READ_WRITE, ("one",))


@pytest.mark.parametrize(
    ("identity", "action", "bucket", "allowed"),
    [
        (FULL, "s3:PutObject", "any", True),
        (FULL, "s3:ListAllMyBuckets", "", True),
        (READER, "s3:GetObject", "any", True),
        (READER, "s3:ListBucket", "any", True),
        (READER, "s3:PutObject", "any", False),
        (READER, "s3:DeleteObject", "any", False),
        (READER, "s3:CreateBucket", "any", False),
        (LIMITED, "s3:PutObject", "one", True),
        (LIMITED, "s3:PutObject", "two", False),
        (LIMITED, "s3:GetObject", "two", False),
    ],
)
def test_what_a_key_may_do(identity: Identity, action: str, bucket: str, *, allowed: bool) -> None:
    assert may(identity, action, bucket) is allowed


def test_nobody_may_do_nothing() -> None:
    access = Store().access
    access.authorize(FULL, "s3:PutObject", "any")
    with pytest.raises(AccessDenied):
        access.authorize(None, "s3:GetObject", "any")
    with pytest.raises(AccessDenied):
        access.authorize(READER, "s3:PutObject", "any")


async def test_a_store_without_a_key_gets_one_and_only_one() -> None:
    store = Store()
    made = await store.root_key.ensure()
    assert made is not None
    assert await store.root_key.ensure() is None
    revealed = store.root_key.reveal()
    assert revealed is not None
    assert (revealed.access_key, revealed.secret) == (made.access_key, made.secret)
    found = store.access.lookup(made.access_key)
    assert found is not None
    assert found[0].is_root
    assert found[1] == made.secret


async def test_a_secret_is_never_kept_in_clear() -> None:
    store = Store()
    made = await store.root_key.ensure()
    assert made is not None
    assert made.secret not in "\n".join(store.dump())
    assert made.secret.encode().hex() not in "\n".join(store.dump())
    assert made.secret not in repr(made)


async def test_unknown_and_disabled_keys_are_not_found() -> None:
    store = Store()
    sealed = store.box.seal(b"secret", b"key")
    await store.committer.commit(PutCredential(Credential("key", sealed)))
    assert store.access.lookup("key") is not None
    await store.committer.commit(PutCredential(Credential("key", sealed, enabled=False)))
    assert store.access.lookup("key") is None
    assert store.access.lookup("other") is None


async def test_a_secret_moved_to_another_key_does_not_open() -> None:
    store = Store()
    await store.committer.commit(PutCredential(Credential("thief", store.box.seal(b"secret", b"key"))))
    with pytest.raises(SecretUnreadable):
        store.access.lookup("thief")


def test_the_given_pair_is_root() -> None:
    store = Store(root=KeyPair("given", "given-secret"))
    found = store.access.lookup("given")
    assert found is not None
    assert found[0].is_root
    assert found[1] == "given-secret"
    assert Access(store.metadata, store.box, None).lookup("given") is None


async def test_a_limited_or_reading_key_does_not_count_as_root() -> None:
    store = Store()
    sealed = store.box.seal(b"secret", b"key")
    await store.committer.commit(PutCredential(Credential("key", sealed, policy=KeyPolicy.READ_ONLY)))
    assert store.root_key.stored() is None
    await store.committer.commit(PutCredential(Credential("key", sealed, buckets=("one",))))
    assert store.root_key.stored() is None
    assert await store.root_key.ensure() is not None
