from __future__ import annotations

import pytest

from seglake.domain.model.access import Asked
from seglake.domain.model.credential import Credential, Identity, KeyPolicy
from seglake.domain.model.errors import AccessDenied, SecretUnreadable
from seglake.domain.model.events import UserPut
from seglake.domain.model.user import User, UserState
from seglake.domain.services.access import Access, KeyPair, PutCredential
from tests.unit.fixtures import Store

FULL = Identity("k", "root", KeyPolicy.READ_WRITE)
READER = Identity("k", "root", KeyPolicy.READ_ONLY)


def test_nobody_may_do_nothing() -> None:
    access = Store().access
    access.authorize(FULL, Asked("s3:PutObject", "any", "key"))
    with pytest.raises(AccessDenied, match="signed"):
        access.authorize(None, Asked("s3:GetObject", "any", "key"))
    with pytest.raises(AccessDenied, match="read-only"):
        access.authorize(READER, Asked("s3:PutObject", "any", "key"))


async def test_keys_of_a_user_count_only_while_the_user_is_active() -> None:
    store = Store()
    pair = KeyPair("USERKEY", "secret")
    sealed = store.box.seal(pair.secret.encode(), pair.access_key.encode())
    await store.committer.commit(PutCredential(Credential(pair.access_key, sealed, user="ada")))
    assert store.access.lookup("USERKEY") is None, "a user that was never made"
    for state, known in ((UserState.ACTIVE, True), (UserState.DISABLED, False), (UserState.DELETED, False)):
        user = User("ada", state)
        await store.committer.commit(lambda tx, user=user: tx.record(UserPut(tx.tick(), user)))
        assert (store.access.lookup("USERKEY") is not None) is known


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
    assert found.identity.is_root
    assert found.secret == made.secret
    assert made.secret not in repr(found)


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
    assert found.identity.is_root
    assert found.secret == "given-secret"
    assert Access(store.metadata, store.box, None).lookup("given") is None


async def test_a_limited_or_reading_key_does_not_count_as_root() -> None:
    store = Store()
    sealed = store.box.seal(b"secret", b"key")
    await store.committer.commit(PutCredential(Credential("key", sealed, policy=KeyPolicy.READ_ONLY)))
    assert store.root_key.stored() is None
    await store.committer.commit(PutCredential(Credential("key", sealed, buckets=("one",))))
    assert store.root_key.stored() is None
    assert await store.root_key.ensure() is not None
