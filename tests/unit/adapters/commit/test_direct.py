"""The committer without a thread against the contract."""

from __future__ import annotations

import pytest

from seglake.adapters.commit.direct import DirectCommitter
from seglake.testing.contracts.committer import CommitterContract, MakeCommitter


class TestDirectCommitter(CommitterContract):
    @pytest.fixture
    def make_committer(self) -> MakeCommitter:
        return lambda metadata, segments, on_failure: DirectCommitter(metadata, segments, on_failure=on_failure)
