from __future__ import annotations

import pytest

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.errors import (
    InvalidTag,
    IsDeleteMarker,
    NoSuchBucket,
    NoSuchKey,
    NoSuchVersion,
    TooManyTags,
)
from seglake.domain.services.object_writes import DeleteObject
from tests.unit.fixtures import Store

ELEVEN = tuple([(f"k{n}", "") for n in range(11)])


async def test_tags_of_a_version_are_replaced_and_removed() -> None:
    store = Store()
    await store.bucket(versioning=Versioning.ENABLED)
    one = await store.put("key", b"1", tags=(("t", "1"),))
    two = await store.put("key", b"2")
    assert store.tagging.of_object("bucket", "key", None) == ((), two.version)
    assert store.tagging.of_object("bucket", "key", one.version) == ((("t", "1"),), one.version)
    assert await store.tagging.tag_object("bucket", "key", one.version, (("t", "2"), ("u", ""))) == one.version
    assert store.tagging.of_object("bucket", "key", one.version)[0] == (("t", "2"), ("u", ""))
    assert await store.tagging.tag_object("bucket", "key", one.version, ()) == one.version
    assert store.tagging.of_object("bucket", "key", one.version)[0] == ()


async def test_equal_tags_change_nothing() -> None:
    store = Store()
    await store.bucket()
    await store.put("key", tags=(("t", "1"),))
    before = store.metadata.read(lambda view: view.settings.last_ticks())
    assert await store.tagging.tag_object("bucket", "key", None, (("t", "1"),)) is None
    assert store.metadata.read(lambda view: view.settings.last_ticks()) == before


async def test_what_has_no_tags_is_refused() -> None:
    store = Store()
    await store.bucket(versioning=Versioning.ENABLED)
    with pytest.raises(NoSuchKey):
        store.tagging.of_object("bucket", "key", None)
    await store.put("key")
    marker = await store.writes.delete("bucket", DeleteObject("key"))
    with pytest.raises(NoSuchKey) as hidden:
        store.tagging.of_object("bucket", "key", None)
    assert hidden.value.marker == marker.version
    with pytest.raises(IsDeleteMarker):
        await store.tagging.tag_object("bucket", "key", marker.version, ())
    with pytest.raises(NoSuchVersion):
        store.tagging.of_object("bucket", "key", "null")
    with pytest.raises(NoSuchBucket):
        store.tagging.of_object("nowhere", "key", None)


async def test_refused_tags_leave_the_old_ones() -> None:
    store = Store()
    await store.bucket()
    await store.put("key", tags=(("t", "1"),))
    with pytest.raises(TooManyTags):
        await store.tagging.tag_object("bucket", "key", None, ELEVEN)
    with pytest.raises(InvalidTag):
        await store.tagging.tag_object("bucket", "key", None, (("aws:x", "1"),))
    assert store.tagging.of_object("bucket", "key", None) == ((("t", "1"),), None)


async def test_tags_of_a_bucket() -> None:
    store = Store()
    await store.bucket()
    assert store.tagging.of_bucket("bucket") == ()
    await store.tagging.tag_bucket("bucket", ELEVEN)
    assert store.tagging.of_bucket("bucket") == ELEVEN
    with pytest.raises(InvalidTag):
        await store.tagging.tag_bucket("bucket", (("k", "<"),))
    assert store.tagging.of_bucket("bucket") == ELEVEN
    await store.tagging.tag_bucket("bucket", ())
    assert store.tagging.of_bucket("bucket") == ()
    with pytest.raises(NoSuchBucket):
        await store.tagging.tag_bucket("nowhere", ())
