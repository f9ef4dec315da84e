"""The fixture of the front end's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.adapters.http_s3.front import Front, front


@pytest.fixture
async def store() -> AsyncIterator[Front]:
    """A fresh store with the bucket ``alpha``."""
    async with front() as running:
        await running.put("/alpha")
        yield running
