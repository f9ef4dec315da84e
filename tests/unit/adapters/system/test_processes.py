from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from seglake.adapters.system.processes import BATCH, HelperGone, ProcessHelper
from seglake.domain.model.errors import StoreFailed


@dataclass(frozen=True)
class Count:
    """Counts to ``end``, and then perhaps fails."""

    end: int
    fail: bool = False

    def __call__(self) -> Iterator[int]:
        yield from range(self.end)
        if self.fail:
            raise StoreFailed("after all")


@dataclass(frozen=True)
class Whoami:
    def __call__(self) -> Iterator[int]:
        yield os.getpid()


class Unspeakable(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} {two}")


@dataclass(frozen=True)
class Fail:
    def __call__(self) -> Iterator[int]:
        raise Unspeakable(1, 2)


@pytest.fixture(scope="module")
def helper() -> Iterator[ProcessHelper]:
    made = ProcessHelper()
    yield made
    made.close()
    made.close()


@pytest.mark.parametrize("count", [0, 1, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH])
def test_items_come_in_order(helper: ProcessHelper, count: int) -> None:
    assert list(helper.iterate(Count(count))) == list(range(count))


def test_it_is_another_process(helper: ProcessHelper) -> None:
    assert list(helper.iterate(Whoami())) != [os.getpid()]


def test_several_may_be_read_in_turns(helper: ProcessHelper) -> None:
    first, second = helper.iterate(Count(2 * BATCH)), helper.iterate(Count(BATCH + 5))
    assert [next(first) for _ in range(BATCH + 1)] == list(range(BATCH + 1))
    assert list(second) == list(range(BATCH + 5))
    assert list(first) == list(range(BATCH + 1, 2 * BATCH))


def test_who_stops_early_leaves_nothing_behind(helper: ProcessHelper) -> None:
    one = helper.iterate(Count(10 * BATCH))
    assert next(one) == 0
    del one
    never = helper.iterate(Count(10 * BATCH))
    assert list(helper.iterate(Count(3))) == [0, 1, 2]
    del never
    assert list(helper.iterate(Count(3))) == [0, 1, 2]


def test_an_error_comes_after_what_came_before_it(helper: ProcessHelper) -> None:
    seen: list[int] = []
    with pytest.raises(StoreFailed, match="after all"):
        seen.extend(helper.iterate(Count(5, fail=True)))
    assert seen == [0, 1, 2, 3, 4]
    assert list(helper.iterate(Count(1))) == [0]


def test_an_error_that_cannot_travel_says_what_it_was(helper: ProcessHelper) -> None:
    with pytest.raises(RuntimeError, match="Unspeakable: 1 2"):
        list(helper.iterate(Fail()))


def test_a_dead_helper_is_told() -> None:
    helper = ProcessHelper()
    try:
        items = helper.iterate(Count(10 * BATCH))
        assert next(items) == 0
        os.kill(helper._process.pid, signal.SIGKILL)
        with pytest.raises(HelperGone):
            list(items)
    finally:
        helper.close()
