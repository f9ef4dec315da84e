"""What every suite about a MetadataStore shares: its fixtures, and short ways to fill and read a store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seglake.domain.model.bucket import Bucket
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import Manifest, VersionKind
from seglake.domain.model.segment import RecordRef
from seglake.domain.ports.metadata import MetadataStore, MetadataTx, MetadataView
from seglake.domain.ports.system import Clock, Randomness
from seglake.domain.services.dump import logical_dump
from seglake.testing.contracts.doubles import ManualClock, ScriptedJournal, SeededRandomness

MakeStore = Callable[[Clock, Randomness], MetadataStore]
BUCKET = Bucket("bucket", HLC(10, 1))
REF = RecordRef(b"s" * 16, 4096, 77)


def version(
    key: str, ticks: int, *, kind: VersionKind = VersionKind.OBJECT, null: bool = False, site: int = 1
) -> Manifest:
    """A manifest without bytes in BUCKET."""
    etag = f"{ticks:032x}" if kind is VersionKind.OBJECT else ""
    return Manifest(BUCKET.id, BUCKET.name, key, HLC(ticks, site), kind, null, etag=etag, modified_ms=ticks)


def dump(store: MetadataStore) -> list[str]:
    """Everything logical in a store."""
    return store.read(lambda view: list(logical_dump(view)))


def change(
    store: MetadataStore, *works: Callable[[MetadataTx], Any], journal: ScriptedJournal | None = None
) -> list[Any]:
    """Applies one batch."""
    return store.apply(works, journal or ScriptedJournal())


def stamps(view: MetadataView, key: str) -> list[int]:
    """Ticks of the versions of one key as they are listed."""
    return [entry.stamp.ticks for entry in view.versions.scan_versions(BUCKET.id, key) if entry.key == key]


class StoreCase:
    """The fixtures of every suite about a MetadataStore."""

    @pytest.fixture
    def make_store(self) -> MakeStore:
        """Override: makes a new, empty, open store each time it is called. The fixture closes what it made."""
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def store(self, make_store: MakeStore, clock: ManualClock) -> MetadataStore:
        return make_store(clock, SeededRandomness(7))
