"""What the tests of lifecycle rules share: rules, a store with them, and what happens between a scan and its commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seglake.domain.model.bucket import Versioning
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.lifecycle import (
    DAY_MS,
    Expiration,
    Filter,
    Lifecycle,
    NoncurrentExpiration,
    Rule,
    to_text,
)
from seglake.domain.model.object_lock import BucketLock
from seglake.domain.ports.metadata import Script
from seglake.domain.services.lifecycle import Summary
from seglake.domain.services.lifecycle_removal import NOTE, Remove
from seglake.domain.services.listing import Window
from tests.unit.fixtures import Store

EXPIRE = Rule("expire", True, Filter(), Expiration(days=3))
NONCURRENT = Rule("noncurrent", True, Filter(), noncurrent=NoncurrentExpiration(2))
MARKERS = Rule("markers", True, Filter(), Expiration(markers=True))
ABORT = Rule("abort", True, Filter(), abort_days=7)

ENABLED, SUSPENDED, UNVERSIONED = Versioning.ENABLED, Versioning.SUSPENDED, Versioning.UNVERSIONED


async def made(*rules: Rule, versioning: Versioning = UNVERSIONED, bucket: str = "bucket") -> Store:
    store = Store()
    await store.bucket(bucket, versioning)
    await set_rules(store, *rules, bucket=bucket)
    return store


async def set_rules(store: Store, *rules: Rule, bucket: str = "bucket") -> None:
    await store.settings.put(bucket, ConfigKind.LIFECYCLE, to_text(Lifecycle(rules)))


async def ran(store: Store, *, failed: int = 0) -> Summary:
    summary = await store.lifecycle.run()
    assert summary is not None
    assert summary.failed == failed
    return summary


def versions(store: Store, bucket: str = "bucket") -> list[tuple[str, str]]:
    """(key, kind) of every version, newest first."""
    page = store.listings.versions(bucket, Window())
    return [(entry.key, "marker" if entry.is_marker else "object") for entry in page.entries]


def noted(store: Store) -> str | None:
    return store.metadata.read(lambda view: view.notes.get(NOTE))


def removals(store: Store) -> list[dict[str, Any]]:
    return [fields for _, event, fields in store.log.lines if event == "lifecycle_removed"]


def midnight_after(store: Store, days: int) -> int:
    return (store.clock.ms // DAY_MS + days + 1) * DAY_MS


async def locked_bucket(*rules: Rule) -> Store:
    store = await made(*rules, versioning=ENABLED)
    await store.locking.configure("bucket", BucketLock())
    return store


def intercepted(store: Store, before: Callable[[Script[Any]], Any]) -> None:
    """Calls ``before`` with each script ahead of its commit; an error from it is the commit's."""
    commit = store.committer.commit

    async def wrapped(script: Script[Any], /, **options: Any) -> Any:
        await before(script)
        return await commit(script, **options)

    store.committer.commit = wrapped  # type: ignore[method-assign]


def once_before_removing(store: Store, act: Callable[[], Any]) -> None:
    """Lets something else happen between the scan and the first commit of a removal."""
    acted = False

    async def before(script: Script[Any]) -> None:
        nonlocal acted
        if isinstance(script, Remove) and not acted:
            acted = True
            await act()

    intercepted(store, before)
