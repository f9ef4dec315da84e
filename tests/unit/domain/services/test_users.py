"""Users: a name is given out once, a disabled user is refused at once, and nobody is deleted who has anything."""

from __future__ import annotations

import pytest

from seglake.domain.model.admin_errors import NoSuchUser, UserInUse, UserTaken
from seglake.domain.model.errors import InvalidUserName
from seglake.domain.model.user import User, UserState
from seglake.domain.services.buckets import CreateBucket
from tests.unit.fixtures import Store


async def test_a_user_is_made_and_listed() -> None:
    store = Store()
    made = await store.users.create("bob")
    await store.users.create("alice")
    assert made == User("bob", UserState.ACTIVE, store.clock.ms)
    assert [user.name for user in store.users.list()] == ["alice", "bob"]
    with pytest.raises(UserTaken, match="is taken"):
        await store.users.create("bob")


@pytest.mark.parametrize("name", ["", "root", "anonymous", "a b", "a/b", "ü", "x" * 65, "a\n"])
async def test_names_that_no_user_can_have_are_refused_everywhere(name: str) -> None:
    store = Store()
    with pytest.raises(InvalidUserName):
        await store.users.create(name)
    with pytest.raises(InvalidUserName):
        await store.users.set_enabled(name, False)
    with pytest.raises(InvalidUserName):
        await store.users.delete(name)
    assert store.users.list() == ()


async def test_a_disabled_users_keys_are_refused_at_once_and_let_in_again() -> None:
    store = Store()
    await store.users.create("alice")
    _, pair = await store.access_keys.create("alice")
    assert store.access.lookup(pair.access_key) is not None
    assert (await store.users.set_enabled("alice", False)).state is UserState.DISABLED
    assert store.access.lookup(pair.access_key) is None
    before = store.dump()
    await store.users.set_enabled("alice", False)
    assert store.dump() == before
    await store.users.set_enabled("alice", True)
    assert store.access.lookup(pair.access_key) is not None


async def test_a_user_with_keys_or_buckets_is_not_deleted_and_told_which() -> None:
    store = Store()
    await store.users.create("alice")
    await store.access_keys.create("alice", access_key="alices-key")
    await store.buckets.create(CreateBucket("photos", "alice"))
    with pytest.raises(UserInUse, match=r"the keys alices-key and the buckets photos") as refused:
        await store.users.delete("alice")
    assert (refused.value.keys, refused.value.buckets) == (("alices-key",), ("photos",))
    await store.access_keys.delete("alices-key")
    with pytest.raises(UserInUse, match="the buckets photos;"):
        await store.users.delete("alice")
    await store.buckets.delete("photos")
    assert (await store.users.delete("alice")).state is UserState.DELETED


async def test_many_buckets_are_not_all_named() -> None:
    store = Store()
    await store.users.create("alice")
    for number in range(8):
        await store.buckets.create(CreateBucket(f"bucket-{number}", "alice"))
    with pytest.raises(UserInUse, match="bucket-4 and 3 more"):
        await store.users.delete("alice")


async def test_a_deleted_name_stays_taken_and_is_nobody() -> None:
    store = Store()
    await store.users.create("alice")
    await store.users.delete("alice")
    assert store.users.list() == ()
    with pytest.raises(UserTaken, match="never given out twice"):
        await store.users.create("alice")
    for change in (store.users.set_enabled("alice", True), store.users.delete("alice")):
        with pytest.raises(NoSuchUser):
            await change
    with pytest.raises(NoSuchUser):
        await store.access_keys.create("alice")
    with pytest.raises(NoSuchUser):
        store.access_keys.list("alice")
