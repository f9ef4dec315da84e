"""Global options only: seed, size of randomised programmes, hypothesis profile. Fixtures live in fixtures.py."""

from __future__ import annotations

import random
from typing import Any

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
    config.stash[_SEED] = _drawn_seed(config) if rotating else int(seed_text)
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


def _drawn_seed(config: pytest.Config) -> int:
    """A new seed, drawn once for a run: the processes that share its tests (pytest-xdist) get it from the first one."""
    given: dict[str, int] = getattr(config, "workerinput", {})
    return given["seed"] if "seed" in given else random.SystemRandom().randrange(2**32)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells a process of pytest-xdist the seed of the run."""
    node.workerinput["seed"] = node.config.stash[_SEED]


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
