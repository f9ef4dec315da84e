"""Conditional headers become conditions; none is dropped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.s3_protocol.conditions import entity_tags, read_conditions, write_conditions
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.domain.model.conditions import NO_READ_CONDITIONS, NO_WRITE_CONDITIONS, ReadConditions, WriteConditions

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("text", "strong", "weak"),
    [
        ("*", ("*",), ("*",)),
        ('"a"', ("a",), ("a",)),
        ("a", ("a",), ("a",)),
        ('"a", "b" ,c', ("a", "b", "c"), ("a", "b", "c")),
        ('W/"a"', ('W/"a"',), ("a",)),
        ('"a,b"', ("a,b",), ("a,b",)),
        ('""', ("",), ("",)),
        ("", ("",), ("",)),
        ('"a" "b"', ('"a" "b"',), ('"a" "b"',)),
        ('"a', ('"a',), ('"a',)),
    ],
)
def test_entity_tags(text: str, strong: tuple[str, ...], weak: tuple[str, ...]) -> None:
    assert entity_tags(text) == strong
    assert entity_tags(text, weak=True) == weak


def test_conditions_of_a_read() -> None:
    assert read_conditions({}) is NO_READ_CONDITIONS
    headers = {"if-match": '"a"', "if-none-match": 'W/"b"', "if-modified-since": DATE, "if-unmodified-since": DATE}
    expected = ReadConditions(("a",), ("b",), 784111777, 784111777)
    assert read_conditions(headers) == expected
    prefixed = {f"x-amz-copy-source-{name}": value for name, value in headers.items()}
    assert read_conditions(prefixed, "x-amz-copy-source-") == expected
    assert read_conditions(prefixed) is NO_READ_CONDITIONS


def test_a_date_that_is_none_makes_no_condition() -> None:
    assert read_conditions({"if-modified-since": "yesterday"}) == ReadConditions()


def test_an_empty_if_match_matches_nothing() -> None:
    assert read_conditions({"if-match": ""}).if_match == ("",)
    assert write_conditions({"if-match": ""}).if_match == ""


def test_conditions_of_a_write() -> None:
    assert write_conditions({}) is NO_WRITE_CONDITIONS
    assert write_conditions({"if-none-match": "*"}) == WriteConditions(if_none_match=True)
    assert write_conditions({"if-match": '"a"'}) == WriteConditions(if_match="a")
    headers = {"x-amz-if-match-last-modified-time": DATE, "x-amz-if-match-size": "7"}
    assert write_conditions(headers) == WriteConditions(if_modified=784111777, if_size=7)
    assert write_conditions({"x-amz-if-match-last-modified-time": "1994-11-06T08:49:37.500Z"}).if_modified == 784111777


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"if-none-match": '"a"'}, ErrorCode.NotImplemented),
        ({"if-match": '"a", "b"'}, ErrorCode.NotImplemented),
        ({"if-modified-since": DATE}, ErrorCode.NotImplemented),
        ({"if-unmodified-since": DATE}, ErrorCode.NotImplemented),
        ({"x-amz-if-match-size": "1_0"}, ErrorCode.InvalidArgument),
        ({"x-amz-if-match-last-modified-time": "now"}, ErrorCode.InvalidArgument),
    ],
)
def test_conditions_that_cannot_be_honoured_are_refused(headers: dict[str, str], code: ErrorCode) -> None:
    with pytest.raises(S3Error) as caught:
        write_conditions(headers)
    assert caught.value.code is code


@given(st.text(alphabet='abW/"*, \t', max_size=40))
def test_noise_gives_at_least_one_tag(text: str) -> None:
    assert entity_tags(text)
    assert entity_tags(text, weak=True)
