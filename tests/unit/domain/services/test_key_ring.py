"""Ring keys: made once, rotated without forgetting, useless while disabled, and never shown."""

from __future__ import annotations

import pytest

from seglake.domain.model.encryption import KMS_KEY, S3_KEY
from seglake.domain.model.errors import (
    Busy,
    InvalidRingKeyName,
    RingKeyDisabled,
    RingKeyTaken,
    RingKeyUnknown,
    SecretUnreadable,
)
from seglake.domain.services.key_ring import AddVersion, RingKeyInfo, ring_context
from tests.unit.fixtures import Store


async def test_a_key_is_made_once_and_listed() -> None:
    store = Store()
    made = await store.key_ring.create("mine")
    assert made == RingKeyInfo("mine", 1, True, store.clock.ms)
    with pytest.raises(RingKeyTaken):
        await store.key_ring.create("mine")
    await store.key_ring.create("also/mine")
    assert [key.name for key in store.key_ring.list()] == ["also/mine", "mine"]


@pytest.mark.parametrize("name", ["", "a" * 129, "a b", "ä", "a:b", "seglake/s3", "seglake/x", "aws/s3", "alias/x"])
async def test_names_that_could_be_misread_are_refused(name: str) -> None:
    with pytest.raises(InvalidRingKeyName):
        await Store().key_ring.create(name)


@pytest.mark.parametrize("name", [S3_KEY, KMS_KEY])
async def test_a_built_in_key_is_made_when_it_is_needed_and_kept(name: str) -> None:
    store = Store()
    first = await store.key_ring.for_wrapping(name)
    assert await store.key_ring.for_wrapping(name) == first
    assert len(store.key_ring.list()) == 1
    with pytest.raises(RingKeyUnknown):
        await store.key_ring.for_wrapping("mine")


async def test_a_rotated_key_wraps_with_its_newest_and_opens_with_all_versions() -> None:
    store = Store()
    await store.key_ring.create("mine")
    first = await store.key_ring.for_wrapping("mine")
    assert (await store.key_ring.rotate("mine")).version == 2
    second = await store.key_ring.for_wrapping("mine")
    assert (first[0], second[0]) == (1, 2)
    assert first[1] != second[1]
    assert store.key_ring.for_unwrapping("mine", 1) == first[1]
    assert store.key_ring.for_unwrapping("mine", 2) == second[1]
    for version in (0, 3):
        with pytest.raises(RingKeyUnknown):
            store.key_ring.for_unwrapping("mine", version)
    with pytest.raises(RingKeyUnknown):
        await store.key_ring.rotate("other")


async def test_two_rotations_at_once_do_not_lose_a_version() -> None:
    store = Store()
    await store.key_ring.create("mine")
    await store.key_ring.rotate("mine")
    sealed = store.box.seal(bytes(32), ring_context("mine", 2))
    with pytest.raises(Busy):
        await store.committer.commit(AddVersion("mine", 2, sealed))


async def test_a_disabled_key_neither_wraps_nor_opens() -> None:
    store = Store()
    await store.key_ring.create("mine")
    assert not (await store.key_ring.set_enabled("mine", False)).enabled
    before = store.dump()
    await store.key_ring.set_enabled("mine", False)
    assert store.dump() == before
    with pytest.raises(RingKeyDisabled):
        await store.key_ring.for_wrapping("mine")
    with pytest.raises(RingKeyDisabled):
        store.key_ring.for_unwrapping("mine", 1)
    await store.key_ring.set_enabled("mine", True)
    assert store.key_ring.for_unwrapping("mine", 1)
    with pytest.raises(RingKeyUnknown):
        await store.key_ring.set_enabled("other", True)


async def test_keys_are_kept_sealed_and_bound_to_their_place() -> None:
    store = Store()
    await store.key_ring.create("mine")
    _, key = await store.key_ring.for_wrapping("mine")
    kept = store.metadata.read(lambda view: view.ring_keys.get("mine"))
    assert kept is not None
    assert key not in kept.sealed[0]
    assert key.hex() not in "\n".join(store.dump())
    for context in (ring_context("mine", 2), ring_context("other", 1), b"mine"):
        with pytest.raises(SecretUnreadable):
            store.box.open(kept.sealed[0], context)
