from __future__ import annotations

import pytest

from seglake.adapters.digests import LibraryDigests
from seglake.domain.ports.digests import Digests
from seglake.testing.contracts.digests import DigestsContract


class TestLibraryDigests(DigestsContract):
    @pytest.fixture
    def digests(self) -> Digests:
        return LibraryDigests()
