"""The index in RAM against the contract that the durable one keeps."""

from __future__ import annotations

import pytest

from seglake.adapters.memory.metadata import MemoryMetadataStore
from seglake.testing.contracts.metadata import MakeStore, MetadataContract


class TestMemoryMetadataStore(MetadataContract):
    @pytest.fixture
    def make_store(self) -> MakeStore:
        return MemoryMetadataStore
