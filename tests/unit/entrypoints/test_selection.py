from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seglake.adapters.digests import LibraryDigests
from seglake.adapters.filesystem.layout import open_data_dir
from seglake.adapters.memory.metadata import MemoryMetadataStore
from seglake.adapters.memory.segments import MemorySegmentStore
from seglake.adapters.sqlite.store import SqliteMetadataStore
from seglake.adapters.system.threads import InlineOffload
from seglake.entrypoints.engines import FilesystemEngine
from seglake.entrypoints.selection import AdapterContext, choose_metadata, choose_segments, open_metadata
from seglake.entrypoints.settings import SettingsInvalid, load_settings
from seglake.testing.contracts.doubles import ManualClock, SeededRandomness
from tests.unit.fixtures import RecordingLog


class Odd(MemoryMetadataStore):
    """An adapter of somebody's experiment."""

    def __init__(self, context: AdapterContext) -> None:
        super().__init__(context.clock, context.randomness)
        self.opened: list[bool] = []

    def open(self, *, unclean: bool) -> None:
        self.opened.append(unclean)


def _context(path: Path, **settings: Any) -> AdapterContext:
    known = load_settings(data_dir=path / "data", **settings)
    files = None if known.ephemeral else open_data_dir(known.data_dir)
    return AdapterContext(
        known, files, ManualClock(), SeededRandomness(), LibraryDigests(), InlineOffload(), RecordingLog()
    )


def test_the_durable_adapters_are_the_default(tmp_path: Path) -> None:
    context = _context(tmp_path)
    assert isinstance(choose_metadata(context), SqliteMetadataStore)
    assert isinstance(choose_segments(context), FilesystemEngine)


def test_ephemeral_means_memory_and_touches_no_disk(tmp_path: Path) -> None:
    context = _context(tmp_path, ephemeral=True)
    assert isinstance(choose_metadata(context), MemoryMetadataStore)
    assert isinstance(choose_segments(context).store, MemorySegmentStore)
    assert list(tmp_path.iterdir()) == []


def test_an_adapter_is_found_by_module_and_class(tmp_path: Path) -> None:
    store = choose_metadata(_context(tmp_path, metadata_store=f"{__name__}:Odd"))
    assert isinstance(store, Odd)
    open_metadata(store, unclean=True)
    assert store.opened == [True]


def test_an_adapter_without_open_needs_none(tmp_path: Path) -> None:
    open_metadata(choose_metadata(_context(tmp_path, ephemeral=True)), unclean=False)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("postgres", "--metadata-store: there is no adapter 'postgres'; use memory, sqlite"),
        ("no.such.module:Class", "--metadata-store: cannot import no.such.module"),
        (f"{__name__}:Missing", "has no Missing"),
    ],
)
def test_an_unknown_adapter_is_a_setting_to_correct(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(SettingsInvalid, match=words):
        choose_metadata(_context(tmp_path, metadata_store=name))
