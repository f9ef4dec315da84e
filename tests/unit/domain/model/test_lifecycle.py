from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.domain.model.bucket_config import CONFIG_CHARACTERS_MAX
from seglake.domain.model.errors import InvalidArgument, InvalidRequest
from seglake.domain.model.lifecycle import (
    DAY_MS,
    DAYS_MAX,
    RULES_MAX,
    Expiration,
    Filter,
    FilterForm,
    Lifecycle,
    MinimumSize,
    NoncurrentExpiration,
    Rule,
    generated_id,
    least_prefixes,
    parse_text,
    to_text,
)

OLD = Rule("old", True, Filter(), Expiration(days=3))
TAGGED = Filter(tags=(("a", "b"),))
SIZED = Filter(above=1)

_days = st.integers(1, DAYS_MAX)
_expirations = st.one_of(
    st.builds(Expiration, days=_days),
    st.builds(Expiration, date_ms=st.integers(0, 10_000).map(lambda day: day * DAY_MS)),
    st.builds(Expiration, markers=st.booleans()),
)
_filters = st.builds(
    Filter,
    form=st.sampled_from(FilterForm),
    prefix=st.none() | st.text(),
    tags=st.lists(st.tuples(st.text(), st.text()), max_size=3).map(tuple),
    above=st.none() | st.integers(0, 1 << 50),
    below=st.none() | st.integers(1, 1 << 50),
)
_rules = st.builds(
    Rule,
    id=st.text(),
    enabled=st.booleans(),
    filter=_filters,
    expiration=st.none() | _expirations,
    noncurrent=st.none() | st.builds(NoncurrentExpiration, _days, st.none() | st.integers(1, 100)),
    abort_days=st.none() | _days,
)


@given(st.builds(Lifecycle, st.lists(_rules, max_size=4).map(tuple), st.sampled_from(MinimumSize)))
def test_a_text_is_what_it_was_made_of(lifecycle: Lifecycle) -> None:
    assert parse_text(to_text(lifecycle)) == lifecycle
    assert to_text(parse_text(to_text(lifecycle))) == to_text(lifecycle)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (replace(OLD, expiration=None), "at least one action"),
        (replace(OLD, expiration=Expiration(markers=True), filter=TAGGED), "ExpiredObjectDeleteMarker"),
        (replace(OLD, abort_days=1, filter=TAGGED), "AbortIncompleteMultipartUpload"),
        (replace(OLD, abort_days=1, filter=SIZED), "AbortIncompleteMultipartUpload"),
        (replace(OLD, abort_days=1, filter=Filter(below=9)), "AbortIncompleteMultipartUpload"),
        (replace(OLD, filter=Filter(above=5, below=6)), "ObjectSize"),
        (replace(OLD, filter=Filter(prefix="ä" * 513)), "1024 bytes"),
        (replace(OLD, filter=Filter(FilterForm.AND, tags=(("a", "1"), ("a", "2")))), "once"),
        (replace(OLD, filter=Filter(tags=(("", "1"),))), "128"),
        (replace(OLD, filter=Filter(tags=(("k" * 129, "1"),))), "128"),
        (replace(OLD, filter=Filter(tags=(("k", "v" * 257),))), "256"),
        (
            replace(OLD, filter=Filter(FilterForm.PREFIX, "a"), noncurrent=NoncurrentExpiration(1, 2)),
            "NewerNoncurrentVersions",
        ),
    ],
)
def test_rules_that_contradict_themselves_are_refused(rule: Rule, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        Lifecycle((rule,)).check()


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (replace(OLD, id="x" * 256), "ID"),
        (replace(OLD, id="a\nb"), "ID"),
        (replace(OLD, expiration=Expiration(days=0)), "Days"),
        (replace(OLD, expiration=Expiration(days=-1)), "Days"),
        (replace(OLD, expiration=Expiration(date_ms=DAY_MS + 1)), "Date"),
        (replace(OLD, noncurrent=NoncurrentExpiration(0)), "NoncurrentDays"),
        (replace(OLD, noncurrent=NoncurrentExpiration(1, 0)), "NewerNoncurrentVersions"),
        (replace(OLD, noncurrent=NoncurrentExpiration(1, 101)), "NewerNoncurrentVersions"),
        (replace(OLD, abort_days=0), "DaysAfterInitiation"),
        (replace(OLD, filter=Filter(above=-1)), "ObjectSizeGreaterThan"),
        (replace(OLD, filter=Filter(below=0)), "ObjectSizeLessThan"),
    ],
)
def test_values_out_of_range_are_refused_by_name(rule: Rule, name: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Lifecycle((rule,)).check()
    assert caught.value.name == name


@pytest.mark.parametrize(
    "rule",
    [
        replace(OLD, id="x" * 255),
        replace(OLD, filter=Filter(prefix="ä" * 512)),
        replace(OLD, filter=Filter(above=0, below=2)),
        replace(OLD, filter=Filter(tags=(("k" * 128, "v" * 256),))),
        replace(OLD, noncurrent=NoncurrentExpiration(1, 100)),
        replace(OLD, expiration=Expiration(markers=False), filter=TAGGED),
        replace(OLD, expiration=Expiration(markers=True), filter=SIZED),
        replace(OLD, expiration=Expiration(date_ms=-DAY_MS)),
        replace(OLD, expiration=None, abort_days=DAYS_MAX, filter=Filter(FilterForm.PREFIX, "")),
    ],
)
def test_the_last_value_in_range_is_taken(rule: Rule) -> None:
    Lifecycle((rule,)).check()


def test_ids_are_unique_and_rules_are_counted() -> None:
    Lifecycle(tuple([replace(OLD, id=str(number)) for number in range(RULES_MAX)])).check()
    with pytest.raises(InvalidRequest, match="1000"):
        Lifecycle(tuple([replace(OLD, id=str(number)) for number in range(RULES_MAX + 1)])).check()
    with pytest.raises(InvalidArgument, match="ID"):
        Lifecycle((OLD, replace(OLD, enabled=False))).check()


def test_old_and_new_filters_do_not_mix() -> None:
    old_form = replace(OLD, id="b", filter=Filter(FilterForm.PREFIX, "a"))
    Lifecycle((old_form,)).check()
    with pytest.raises(InvalidRequest, match="Prefix outside"):
        Lifecycle((OLD, old_form)).check()


def test_a_text_too_long_to_keep_is_refused_before_it_is_kept() -> None:
    tags = tuple([(f"{number}" + "k" * 120, "v" * 256) for number in range(10)])
    rules = [replace(OLD, id=str(number), filter=Filter(FilterForm.AND, tags=tags)) for number in range(RULES_MAX)]
    with pytest.raises(InvalidRequest, match=str(CONFIG_CHARACTERS_MAX)):
        Lifecycle(tuple(rules)).check()


def test_generated_ids_differ_by_place_and_by_rule_and_not_by_chance() -> None:
    nameless = replace(OLD, id="")
    ids = {generated_id(0, nameless), generated_id(1, nameless), generated_id(0, replace(nameless, enabled=False))}
    assert len(ids) == 3
    assert generated_id(0, replace(OLD, id="")) in ids


def test_prefixes_are_reduced_to_those_that_no_other_covers() -> None:
    assert least_prefixes(["b", "a/b", "a", "a/", "b"]) == ("a", "b")
    assert least_prefixes(["a", ""]) == ("",)
    assert least_prefixes([]) == ()


@given(st.lists(st.text("ab", max_size=3)), st.text("ab", max_size=4))
def test_reduced_prefixes_reach_the_same_keys_once(prefixes: list[str], key: str) -> None:
    reached = [prefix for prefix in least_prefixes(prefixes) if key.startswith(prefix)]
    assert len(reached) == any(key.startswith(prefix) for prefix in prefixes)
