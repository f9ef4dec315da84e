"""Contract suites, one class a port: subclass one, give it its fixture, and pytest proves the adapter."""

from __future__ import annotations

import pytest

# Asserts of modules that are not tests themselves say little when they fail, unless pytest knows of them.
pytest.register_assert_rewrite(
    "seglake.testing.contracts.committer",
    "seglake.testing.contracts.digests",
    "seglake.testing.contracts.files",
    "seglake.testing.contracts.journal",
    "seglake.testing.contracts.metadata",
    "seglake.testing.contracts.metadata_case",
    "seglake.testing.contracts.metadata_commits",
    "seglake.testing.contracts.segments",
)
