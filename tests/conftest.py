"""Global options only: seed, size of randomised programmes, hypothesis profile. Fixtures live in fixtures.py."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, settings

_SCALE: pytest.StashKey[int] = pytest.StashKey()
_SEED: pytest.StashKey[int] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("seglake")
    group.addoption("--scale", type=int, default=1, help="multiplies the size of randomised programmes (make soak: 20)")
    group.addoption("--seed", default="1", help="seed of randomised programmes: a number, or 'random' for a new one")


def pytest_configure(config: pytest.Config) -> None:
    scale: int = config.getoption("--scale")
    seed_text: str = config.getoption("--seed")
    rotating = seed_text == "random"
    config.stash[_SCALE] = scale
    config.stash[_SEED] = random.SystemRandom().randrange(2**32) if rotating else int(seed_text)
    # A timed assertion is never a test, hence no deadline. A run with a fixed seed is the same run every time.
    settings.register_profile(
        "seglake",
        deadline=None,
        derandomize=not rotating,
        max_examples=50 * scale,
        database=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("seglake")


def pytest_report_header(config: pytest.Config) -> str:
    return f"seglake: --seed {config.stash[_SEED]} --scale {config.stash[_SCALE]}"


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """The run's seed; printed in the header, so that any failure can be run again."""
    return pytestconfig.stash[_SEED]


@pytest.fixture(scope="session")
def scale(pytestconfig: pytest.Config) -> int:
    """Factor for the size of randomised programmes: 1 in CI, 20 in `make soak`."""
    return pytestconfig.stash[_SCALE]
