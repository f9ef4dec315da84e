"""Every store that a test opened is closed with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .stack import let_go_of_all


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    yield
    let_go_of_all()
