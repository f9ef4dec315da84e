from __future__ import annotations

import resource

import pytest

from seglake.adapters.http_s3.listener import BACKLOG
from seglake.entrypoints.descriptors import FILES, connections_within_limits, raise_limit

NO_LIMIT = resource.RLIM_INFINITY


class Limits:
    """The process's limits, without changing the process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, soft: int, hard: int) -> None:
        self.now = (soft, hard)
        monkeypatch.setattr(resource, "getrlimit", lambda _what: self.now)
        monkeypatch.setattr(resource, "setrlimit", self._set)

    def _set(self, _what: int, limits: tuple[int, int]) -> None:
        soft, hard = limits
        assert hard == self.now[1]
        assert hard == NO_LIMIT or soft <= hard
        self.now = limits


@pytest.mark.parametrize(
    ("soft", "hard", "after"),
    [
        (1024, 524288, 10_000 + FILES + BACKLOG),
        (1024, NO_LIMIT, 10_000 + FILES + BACKLOG),
        (1024, 4096, 4096),
        (65536, 65536, 65536),
        (NO_LIMIT, NO_LIMIT, NO_LIMIT),
    ],
)
def test_the_soft_limit_is_raised_as_far_as_needed_and_possible(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, after: int
) -> None:
    limits = Limits(monkeypatch, soft, hard)
    raise_limit(10_000)
    assert limits.now == (after, hard)


@pytest.mark.parametrize(
    ("soft", "fit"),
    [
        (10_000 + FILES + BACKLOG, 10_000),
        (NO_LIMIT, 10_000),
        (4096, 4096 - FILES - BACKLOG),
        (1024, 512),
        (64, 32),
        (20, 16),
    ],
)
def test_connections_leave_descriptors_to_the_store(monkeypatch: pytest.MonkeyPatch, soft: int, fit: int) -> None:
    Limits(monkeypatch, soft, NO_LIMIT)
    assert connections_within_limits(10_000) == fit
    assert connections_within_limits(5) == 5
