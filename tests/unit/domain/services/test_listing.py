"""Listings against a model that looks at every key."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.errors import InvalidArgument, NoSuchBucket
from seglake.domain.services.listing import Window
from seglake.domain.services.multipart import CreateUpload
from seglake.domain.services.object_writes import DeleteObject, ObjectAttributes
from tests.unit.fixtures import Store

KEYS = st.text(alphabet=st.sampled_from("ab/\ud7ff\ue000\U0010ffff"), min_size=1, max_size=5)
PREFIXES = st.text(alphabet=st.sampled_from("ab/"), max_size=2)
DELIMITERS = st.sampled_from(["", "/", "b", "//"])
WINDOWS = st.builds(Window, PREFIXES, DELIMITERS, st.integers(1, 4))


class Item(NamedTuple):
    """What a page shows: a key (and version), or a common prefix."""

    name: str
    rolled: bool
    version: str = ""


def _roll(keys: list[str], window: Window) -> list[Item]:
    """Keys in order become items; a common prefix is shown once."""
    items: list[Item] = []
    for key in keys:
        if not key.startswith(window.prefix):
            continue
        at = key.find(window.delimiter, len(window.prefix)) if window.delimiter else -1
        item = Item(key[: at + len(window.delimiter)], True) if at >= 0 else Item(key, False)
        if not item.rolled or item not in items:
            items.append(item)
    return items


@given(st.sets(KEYS, max_size=12), st.sets(KEYS, max_size=4), WINDOWS)
def test_pages_of_objects_are_the_keys_rolled_up(keys: set[str], hidden: set[str], window: Window) -> None:
    async def main() -> None:
        store = Store()
        await store.bucket(versioning=Versioning.ENABLED)
        for key in keys | hidden:
            await store.put(key)
        for key in hidden:
            await store.writes.delete("bucket", DeleteObject(key))
        items: list[Item] = []
        after = ""
        while True:
            page = store.listings.objects("bucket", window, after)
            shown = [Item(e.key, False) for e in page.entries] + [Item(p, True) for p in page.prefixes]
            assert len(shown) <= window.limit
            items += sorted(shown)
            if page.next_after is None:
                break
            assert len(shown) == window.limit
            after = page.next_after
        assert items == _roll(sorted(keys - hidden), window)

    asyncio.run(main())


@given(st.sets(KEYS, min_size=1, max_size=8), KEYS, DELIMITERS)
def test_a_listing_may_begin_after_any_text(keys: set[str], after: str, delimiter: str) -> None:
    async def main() -> None:
        store = Store()
        await store.bucket()
        for key in keys:
            await store.put(key)
        page = store.listings.objects("bucket", Window(delimiter=delimiter), after)
        shown = sorted([Item(e.key, False) for e in page.entries] + [Item(p, True) for p in page.prefixes])
        above = [key for key in sorted(keys) if key > after]
        if delimiter and after.endswith(delimiter) and after.index(delimiter) == len(after) - len(delimiter):
            above = [key for key in above if not key.startswith(after)]
        assert shown == _roll(above, Window(delimiter=delimiter))

    asyncio.run(main())


@given(st.lists(st.tuples(KEYS, st.booleans()), max_size=12), WINDOWS)
def test_pages_of_versions_are_all_versions_newest_first(history: list[tuple[str, bool]], window: Window) -> None:
    async def main() -> None:
        store = Store()
        await store.bucket(versioning=Versioning.ENABLED)
        versions: dict[str, list[str]] = {}
        for key, deleted in history:
            if deleted:
                version = (await store.writes.delete("bucket", DeleteObject(key))).version
            else:
                version = (await store.put(key)).version
            assert version is not None
            versions.setdefault(key, []).insert(0, version)
        expected = [
            Item(item.name, False, version) if not item.rolled else item
            for item in _roll(sorted(versions), window)
            for version in (versions[item.name] if not item.rolled else [""])
        ]
        items: list[Item] = []
        latest: list[bool] = []
        key_marker, version_marker = "", ""
        while True:
            page = store.listings.versions("bucket", window, key_marker, version_marker)
            pairs = list(zip(page.entries, page.latest, strict=True))
            shown = [(Item(e.key, False, e.version), newest) for e, newest in pairs]
            shown += [(Item(prefix, True), False) for prefix in page.prefixes]
            # Stable: versions of one key stay in the order given.
            shown.sort(key=lambda pair: pair[0].name)
            items += [item for item, _ in shown]
            latest += [newest for item, newest in shown if not item.rolled]
            if page.next_key is None:
                break
            key_marker, version_marker = page.next_key, page.next_version or ""
        assert items == expected
        assert latest == [item.version == versions[item.name][0] for item in expected if not item.rolled]

    asyncio.run(main())


@given(st.lists(KEYS, max_size=8), WINDOWS)
def test_pages_of_uploads_are_all_uploads_by_key_and_start(keys: list[str], window: Window) -> None:
    async def main() -> None:
        store = Store()
        await store.bucket()
        ids: dict[str, list[str]] = {}
        for key in keys:
            upload = await store.multipart.create(CreateUpload("bucket", key, ObjectAttributes()))
            ids.setdefault(key, []).append(upload.id)
        expected = [
            Item(item.name, False, upload_id) if not item.rolled else item
            for item in _roll(sorted(ids), window)
            for upload_id in (ids[item.name] if not item.rolled else [""])
        ]
        items: list[Item] = []
        key_marker, upload_marker = "", ""
        for _ in range(50):
            page = store.listings.uploads("bucket", window, key_marker, upload_marker)
            shown = [Item(upload.key, False, upload.id) for upload in page.uploads]
            shown += [Item(prefix, True) for prefix in page.prefixes]
            shown.sort(key=lambda item: item.name)
            items += shown
            if page.next_key is None:
                break
            key_marker, upload_marker = page.next_key, page.next_upload or ""
        assert items == expected

    asyncio.run(main())


async def test_an_empty_page_says_that_nothing_follows() -> None:
    store = Store()
    await store.bucket()
    await store.put("key")
    page = store.listings.objects("bucket", Window(limit=0))
    assert (page.entries, page.prefixes, page.next_after) == ((), (), None)
    with pytest.raises(NoSuchBucket):
        store.listings.objects("other", Window())


async def test_a_full_last_page_has_no_next() -> None:
    store = Store()
    await store.bucket()
    for key in ("a", "b"):
        await store.put(key)
    assert store.listings.objects("bucket", Window(limit=2)).next_after is None
    assert store.listings.objects("bucket", Window(limit=1)).next_after == "a"


async def test_version_markers_are_checked() -> None:
    store = Store()
    await store.bucket()
    with pytest.raises(InvalidArgument):
        store.listings.versions("bucket", Window(), "", "null")
    with pytest.raises(InvalidArgument):
        store.listings.versions("bucket", Window(), "key", "nonsense")


async def test_a_null_version_marker_goes_on_below_it() -> None:
    store = Store()
    await store.bucket()
    await store.put("key", b"null")
    await store.buckets.set_versioning("bucket", Versioning.ENABLED)
    newer = await store.put("key", b"newer")
    await store.put("later")
    assert newer.version is not None
    page = store.listings.versions("bucket", Window(), "key", newer.version)
    assert [(entry.key, entry.version) for entry in page.entries][:1] == [("key", "null")]
    page = store.listings.versions("bucket", Window(), "key", "null")
    assert [entry.key for entry in page.entries] == ["later"]
