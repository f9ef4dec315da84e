"""Adapters are chosen by name: built in, or ``package.module:Class`` of somebody's experiment (docs/adapters.md).

Every one is built as ``Class(context)``. A metadata adapter is a `MetadataStore`; a segment adapter is a
`SegmentEngine`. Constructors are cheap; ``open`` does the work.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from seglake.domain.ports.digests import Digests
from seglake.domain.ports.files import FileSystem
from seglake.domain.ports.log import Log
from seglake.domain.ports.metadata import MetadataStore
from seglake.domain.ports.segments import SegmentFiles, SegmentStore
from seglake.domain.ports.system import Clock, Helper, Offload, Randomness

from .settings import Settings, SettingsInvalid, flag_name

INDEX_FILE = "meta.db"


@dataclass(frozen=True, slots=True)
class AdapterContext:
    """What an adapter is built from. ``files`` is the data directory, None when everything is kept in memory."""

    settings: Settings
    files: FileSystem | None
    clock: Clock
    randomness: Randomness
    digests: Digests
    offload: Offload
    log: Log
    timed: FileSystem | None = None
    """The same directory for who writes segments, where somebody wants to know how long syncs take."""
    helper: Helper | None = None
    """Another process for long computations; only where nothing is served meanwhile."""
    index_file: str = INDEX_FILE
    """Name of the index in the data directory; another one while an index is rebuilt."""

    @property
    def data_dir(self) -> Path:
        """Where an adapter that needs real paths may keep files of its own."""
        return self.settings.data_dir

    def require_files(self) -> FileSystem:
        """The data directory's files, for an adapter that cannot do without."""
        assert self.files is not None, "an adapter on files is never chosen for an ephemeral store"
        return self.files


class SegmentEngine(Protocol):
    """A segment adapter: the same segments as whole files and as a store, and an ``open`` between the two uses."""

    @property
    def files(self) -> SegmentFiles:
        """Whole segments; used before ``open`` (recovery) and by the offline tools."""
        ...

    @property
    def store(self) -> SegmentStore:
        """Writes and reads; used after ``open``."""
        ...

    def open(self) -> None:
        """Makes the store ready to write. Blocking; after the recovery."""
        ...


MetadataFactory = Callable[[AdapterContext], MetadataStore]
SegmentFactory = Callable[[AdapterContext], SegmentEngine]


def choose_metadata(context: AdapterContext) -> MetadataStore:
    """The metadata adapter that the settings name. SettingsInvalid when there is none of that name."""
    factory: MetadataFactory = _choose("metadata_store", context.settings.metadata_adapter, _METADATA)
    return factory(context)


def open_metadata(store: MetadataStore, *, unclean: bool) -> None:
    """Calls the adapter's ``open(unclean=...)`` if it has one. DataDirUnusable, MetadataDamaged. Blocking."""
    opener = getattr(store, "open", None)
    if opener is not None:
        opener(unclean=unclean)


def choose_segments(context: AdapterContext) -> SegmentEngine:
    """The segment adapter that the settings name. SettingsInvalid when there is none of that name."""
    factory: SegmentFactory = _choose("segment_store", context.settings.segment_adapter, _SEGMENTS)
    return factory(context)


def _choose(setting: str, name: str, built_in: dict[str, Callable[[AdapterContext], Any]]) -> Any:
    if name in built_in:
        return built_in[name]
    module_name, colon, class_name = name.partition(":")
    if not colon:
        known = ", ".join(sorted(built_in))
        raise SettingsInvalid((f"{flag_name(setting)}: there is no adapter {name!r}; use {known} or module:Class",))
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise SettingsInvalid((f"{flag_name(setting)}: cannot import {module_name}: {error}",)) from error
    try:
        return getattr(module, class_name)
    except AttributeError:
        raise SettingsInvalid((f"{flag_name(setting)}: {module_name} has no {class_name}",)) from None


def _sqlite(context: AdapterContext) -> MetadataStore:
    from seglake.adapters.sqlite.store import SqliteMetadataStore

    return SqliteMetadataStore(
        str(context.data_dir / context.index_file),
        clock=context.clock,
        randomness=context.randomness,
        helper=context.helper,
    )


def _memory_metadata(context: AdapterContext) -> MetadataStore:
    from seglake.adapters.memory.metadata import MemoryMetadataStore

    return MemoryMetadataStore(context.clock, context.randomness)


def _filesystem(context: AdapterContext) -> SegmentEngine:
    from .engines import FilesystemEngine

    return FilesystemEngine(context)


def _memory_segments(context: AdapterContext) -> SegmentEngine:
    from .engines import MemoryEngine

    return MemoryEngine(context)


_METADATA: dict[str, MetadataFactory] = {"sqlite": _sqlite, "memory": _memory_metadata}
_SEGMENTS: dict[str, SegmentFactory] = {"filesystem": _filesystem, "memory": _memory_segments}
