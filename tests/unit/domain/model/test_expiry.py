from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.domain.model.expiry import (
    DUE_MS_MAX,
    Action,
    Decision,
    UploadFacts,
    VersionFacts,
    due,
    midnight_after,
    reach_of,
    upcoming,
)
from seglake.domain.model.lifecycle import (
    DAY_MS,
    DAYS_MAX,
    Expiration,
    Filter,
    Lifecycle,
    NoncurrentExpiration,
    Rule,
)
from seglake.domain.model.manifest import Pairs

MIDNIGHT = 20_000 * DAY_MS
MORNING = MIDNIGHT + 10 * 3_600_000 + 30 * 60_000
EXPIRE = Rule("expire", True, Filter(), Expiration(days=3))
NONCURRENT = Rule("noncurrent", True, Filter(), noncurrent=NoncurrentExpiration(2))
MARKERS = Rule("markers", True, Filter(), Expiration(markers=True))
ABORT = Rule("abort", True, Filter(prefix="up/"), abort_days=7)

CURRENT = VersionFacts("key", 100, MORNING)
OLDER = VersionFacts("key", 100, MORNING - 9 * DAY_MS, noncurrent_ms=MORNING)
MARKER = VersionFacts("key", 0, MORNING, marker=True, sole=True)


def _due_ms(rule: Rule, facts: VersionFacts | UploadFacts, day_ms: int = DAY_MS) -> int | None:
    """When the rule acts; checks that it does so to the millisecond."""
    found = upcoming((rule,), facts, day_ms)
    if found is None:
        assert due((rule,), facts, DUE_MS_MAX * 2, day_ms=day_ms) is None
        return None
    assert due((rule,), facts, found.due_ms - 1, day_ms=day_ms) is None
    assert due((rule,), facts, found.due_ms, day_ms=day_ms) == found
    return found.due_ms


def _action(rules: tuple[Rule, ...], facts: VersionFacts | UploadFacts) -> Action | None:
    found = due(rules, facts, DUE_MS_MAX, day_ms=DAY_MS)
    return None if found is None else found.action


def test_days_end_at_the_midnight_that_follows() -> None:
    # S3 User Guide: made on the 15th at 10:30, three days: the 19th at 00:00.
    assert _due_ms(EXPIRE, CURRENT) == MIDNIGHT + 4 * DAY_MS
    assert _due_ms(EXPIRE, replace(CURRENT, created_ms=MIDNIGHT - 1)) == MIDNIGHT + 3 * DAY_MS
    assert _due_ms(EXPIRE, replace(CURRENT, created_ms=MIDNIGHT)) == MIDNIGHT + 4 * DAY_MS


@given(st.integers(0, 1 << 45), st.integers(1, 10_000), st.sampled_from([1000, 60_000, DAY_MS, 7919]))
def test_nothing_is_due_before_its_days_are_over_nor_a_whole_day_later(start: int, days: int, day_ms: int) -> None:
    midnight = midnight_after(start, days, day_ms)
    assert midnight % day_ms == 0
    assert 0 < midnight - (start + days * day_ms) <= day_ms


def test_a_shorter_day_ends_at_its_multiples() -> None:
    assert _due_ms(EXPIRE, replace(CURRENT, created_ms=10_400), 1000) == 14_000
    assert _due_ms(NONCURRENT, replace(OLDER, noncurrent_ms=10_999), 1000) == 13_000


def test_a_day_beyond_every_calendar_is_the_last_one() -> None:
    assert _due_ms(replace(EXPIRE, expiration=Expiration(days=DAYS_MAX)), CURRENT) == DUE_MS_MAX


def test_a_date_is_kept_to_the_millisecond_and_for_ever() -> None:
    rule = replace(EXPIRE, expiration=Expiration(date_ms=MIDNIGHT))
    assert _due_ms(rule, CURRENT) == MIDNIGHT
    assert _due_ms(rule, replace(CURRENT, created_ms=MIDNIGHT + 5 * DAY_MS)) == MIDNIGHT
    assert _due_ms(rule, CURRENT, 1000) == MIDNIGHT


def test_only_current_versions_expire() -> None:
    assert _action((EXPIRE,), CURRENT) is Action.EXPIRE
    assert _action((EXPIRE,), OLDER) is None
    assert _action((NONCURRENT,), CURRENT) is None
    assert _action((NONCURRENT,), OLDER) is Action.REMOVE_NONCURRENT


def test_noncurrent_days_count_from_when_a_newer_version_came() -> None:
    assert _due_ms(NONCURRENT, OLDER) == MIDNIGHT + 3 * DAY_MS


def test_the_newest_noncurrent_versions_are_kept() -> None:
    rule = replace(NONCURRENT, noncurrent=NoncurrentExpiration(2, 3))
    for newer in range(3):
        assert _action((rule,), replace(OLDER, newer=newer)) is None
    assert _action((rule,), replace(OLDER, newer=3)) is Action.REMOVE_NONCURRENT


def test_noncurrent_markers_go_like_any_version() -> None:
    assert _action((NONCURRENT,), replace(OLDER, marker=True, size=0)) is Action.REMOVE_NONCURRENT


def test_a_delete_marker_goes_when_nothing_is_left_under_it() -> None:
    assert _action((MARKERS,), MARKER) is Action.REMOVE_MARKER
    assert _due_ms(MARKERS, MARKER) == MORNING
    assert _action((MARKERS,), replace(MARKER, sole=False)) is None
    assert _action((MARKERS,), replace(CURRENT, sole=True)) is None
    assert _action((replace(MARKERS, expiration=Expiration(markers=False)),), MARKER) is None


def test_days_and_dates_remove_sole_markers_of_that_age_too() -> None:
    assert _action((EXPIRE,), MARKER) is Action.REMOVE_MARKER
    assert _due_ms(EXPIRE, MARKER) == MIDNIGHT + 4 * DAY_MS
    assert _action((EXPIRE,), replace(MARKER, sole=False)) is None
    assert _due_ms(replace(EXPIRE, expiration=Expiration(date_ms=MIDNIGHT)), MARKER) == MIDNIGHT


def test_uploads_are_aborted_by_age_and_prefix() -> None:
    assert _due_ms(ABORT, UploadFacts("up/a", MORNING)) == MIDNIGHT + 8 * DAY_MS
    assert _due_ms(ABORT, UploadFacts("down/a", MORNING)) is None
    assert _due_ms(EXPIRE, UploadFacts("up/a", MORNING)) is None
    assert _due_ms(ABORT, VersionFacts("up/a", 0, MORNING)) is None


@pytest.mark.parametrize(
    ("chosen", "facts", "taken"),
    [
        (Filter(prefix="ke"), CURRENT, True),
        (Filter(prefix="key/"), CURRENT, False),
        (Filter(prefix=""), CURRENT, True),
        (Filter(above=99), CURRENT, True),
        (Filter(above=100), CURRENT, False),
        (Filter(below=101), CURRENT, True),
        (Filter(below=100), CURRENT, False),
        (Filter(tags=(("a", "1"),)), CURRENT, False),
        (Filter(tags=(("a", "1"),)), replace(CURRENT, tags=(("a", "1"), ("b", "2"))), True),
        (Filter(tags=(("a", "2"),)), replace(CURRENT, tags=(("a", "1"),)), False),
        (Filter(tags=(("a", "1"), ("b", "2"))), replace(CURRENT, tags=(("a", "1"),)), False),
        (Filter(tags=(("a", "1"),)), replace(CURRENT, tags=None), True),
        (Filter(prefix="k", above=1, below=1000, tags=(("a", "1"),)), replace(CURRENT, tags=(("a", "1"),)), True),
        (Filter(prefix="k", above=1, below=50, tags=(("a", "1"),)), replace(CURRENT, tags=(("a", "1"),)), False),
        (Filter(tags=(("a", "1"),)), replace(OLDER, tags=()), False),
    ],
)
def test_all_conditions_of_a_filter_hold(chosen: Filter, facts: VersionFacts, taken: bool) -> None:
    rule = Rule("r", True, chosen, Expiration(days=1), NoncurrentExpiration(1))
    assert (upcoming((rule,), facts, DAY_MS) is not None) == taken


def test_a_disabled_rule_does_nothing() -> None:
    assert _action((replace(EXPIRE, enabled=False),), CURRENT) is None
    assert _action((replace(ABORT, enabled=False),), UploadFacts("up/a", 0)) is None


def test_the_earliest_rule_acts_and_of_two_the_first() -> None:
    sooner = replace(EXPIRE, id="sooner", expiration=Expiration(days=1))
    found = upcoming((EXPIRE, sooner, replace(sooner, id="same")), CURRENT, DAY_MS)
    assert found == Decision(Action.EXPIRE, "sooner", "1 day old", MIDNIGHT + 2 * DAY_MS)


def test_tags_that_were_not_looked_up_only_widen_the_answer() -> None:
    tags: tuple[Pairs, ...] = ((), (("a", "1"),))
    rule = replace(EXPIRE, filter=Filter(tags=(("a", "1"),)))
    for known in tags:
        if due((rule,), replace(CURRENT, tags=known), DUE_MS_MAX, day_ms=DAY_MS) is not None:
            assert due((rule,), replace(CURRENT, tags=None), DUE_MS_MAX, day_ms=DAY_MS) is not None


def test_a_scan_reaches_what_enabled_rules_can_touch() -> None:
    found = reach_of(Lifecycle((ABORT, EXPIRE, replace(NONCURRENT, enabled=False))))
    assert (found.versions, found.uploads, found.reads_tags) == (("",), ("up/",), False)
    tagged = replace(EXPIRE, filter=Filter(prefix="a", tags=(("x", "y"),)))
    found = reach_of(Lifecycle((tagged, replace(tagged, enabled=False, filter=Filter()))))
    assert (found.versions, found.uploads, found.reads_tags) == (("a",), (), True)
