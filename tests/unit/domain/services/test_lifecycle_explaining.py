"""Explanations of lifecycle rules come in pages that together say what one look would."""

from __future__ import annotations

import pytest

from seglake.domain.model.errors import InvalidArgument, NoSuchBucket
from seglake.domain.model.lifecycle import DAY_MS
from seglake.domain.services import lifecycle_explaining as module
from seglake.domain.services.lifecycle_explaining import DuePage, due_page
from seglake.domain.services.lifecycle_scan import Due, explain
from seglake.domain.services.multipart import CreateUpload
from seglake.domain.services.object_writes import ObjectAttributes
from tests.unit.domain.services.lifecycle_cases import ABORT, ENABLED, EXPIRE, NONCURRENT, made
from tests.unit.fixtures import Store


async def _store() -> Store:
    store = await made(EXPIRE, NONCURRENT, ABORT, versioning=ENABLED)
    for number in range(7):
        await store.put(f"key {number % 3}", b"x")
    for number in range(4):
        await store.multipart.create(CreateUpload("bucket", f"up {number}", ObjectAttributes()))
    return store


def _page(store: Store, cursor: str | None, bucket: str = "bucket") -> DuePage:
    at = store.clock.ms + 10 * DAY_MS
    return store.metadata.read(lambda view: due_page(view, bucket, at, day_ms=DAY_MS, cursor=cursor))


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 7, 11, 100])
async def test_pages_add_up_to_the_whole(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_ROWS", rows)
    store = await _store()
    found: list[Due] = []
    page = _page(store, None)
    found += page.dues
    while page.cursor is not None:
        page = _page(store, page.cursor)
        assert len(page.dues) <= 2 * rows
        found += page.dues
    at = store.clock.ms + 10 * DAY_MS
    assert found == store.metadata.read(lambda view: list(explain(view, "bucket", at, day_ms=DAY_MS)))
    assert len(found) == 11


async def test_a_bucket_without_rules_has_nothing_due() -> None:
    store = await _store()
    await store.bucket("plain")
    assert _page(store, None, "plain") == DuePage((), None)
    with pytest.raises(NoSuchBucket):
        _page(store, None, "nobody")


@pytest.mark.parametrize("cursor", ["", "x", "versions", "versions -1 - - k", "uploads x - - k", "versions 1 zz - k"])
async def test_a_cursor_of_nobody_is_refused(cursor: str) -> None:
    store = await _store()
    with pytest.raises(InvalidArgument):
        _page(store, cursor)
