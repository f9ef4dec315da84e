"""A pattern matches what it says, and no pattern is slow."""

from __future__ import annotations

import time
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seglake.domain.model.errors import MalformedPolicy
from seglake.domain.model.policy_patterns import Glob, Pattern, Variable, Wild, literal_pattern, parse_pattern


def glob(pattern: str) -> Glob:
    return Glob(parse_pattern(pattern, "here", wildcards=True, variables=False).tokens)


def plainly(pattern: str, text: str) -> bool:
    @cache
    def match(i: int, j: int) -> bool:
        if i == len(pattern):
            return j == len(text)
        if pattern[i] == "*":
            return match(i + 1, j) or (j < len(text) and match(i, j + 1))
        return j < len(text) and pattern[i] in ("?", text[j]) and match(i + 1, j + 1)

    return match(0, 0)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("", ["", ""], ["a"]),
        ("*", ["", "a/b"], []),
        ("a*", ["a", "ab"], ["", "ba"]),
        ("*a", ["a", "ba"], ["ab"]),
        ("a*a", ["aa", "aba"], ["a"]),
        ("?", ["a", "\N{GRINNING FACE}"], ["", "ab"]),
        ("a?c*e", ["abce", "abcde", "a?ce"], ["ace"]),
        ("*ab*ab*", ["abab", "xabyabz"], ["ab", "aba"]),
        ("*a?b*", ["axb", "aaxbb"], ["ab"]),
        ("*ab*ba*", ["abba", "xab-bax"], ["xabax"]),
        ("*a?*?a*", ["axxa", "-axya-"], ["-axa-"]),
        ("[a]", ["[a]"], ["a"]),
        ("a**b", ["ab", "axb"], ["a"]),
        (r"\*", ["\\", r"\x"], ["x"]),
    ],
)
def test_wildcards(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [text for text in yes if not glob(pattern).matches(text)] == []
    assert [text for text in no if glob(pattern).matches(text)] == []


@settings(max_examples=settings().max_examples * 10)
@given(st.text("ab?*", max_size=8), st.text("ab", max_size=10))
def test_matching_is_what_trying_everything_finds(pattern: str, text: str) -> None:
    assert glob(pattern).matches(text) == plainly(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*a" * 1000 + "b", "a" * 30_000),
        ("a*" * 1000 + "b", "a" * 30_000),
        ("*" + "a?" * 1000 + "b*", "a" * 30_000),
        ("*?a" * 1000, "b" * 30_000),
        ("*" + "a" * 1000 + "b*", "a" * 30_000),
    ],
)
def test_a_pattern_bomb_is_as_fast_as_any(pattern: str, text: str) -> None:
    started = time.process_time()
    assert not glob(pattern).matches(text)
    # Backtracking would take longer than the universe has; the limit only tells these two apart.
    assert time.process_time() - started < 5


def test_kinds_of_patterns_are_told_apart() -> None:
    def parsed(text: str) -> Pattern:
        return parse_pattern(text, "here", wildcards=True, variables=True)

    assert (parsed("abc").literal, parsed("").literal, parsed("a*").literal) == ("abc", "", None)
    assert (parsed("a*").prefix, parsed("*").prefix, parsed("**").prefix, parsed("a*b").prefix) == ("a", "", "", None)
    assert (parsed("a${aws:username}*").head, parsed("?b").head, parsed("ab").head) == ("a", "", "ab")
    assert parsed("${*}${?}${$}{").literal == "*?${"
    assert parsed("a${aws:username}b?").tokens == ("a", Variable("aws:username"), "b", Wild.ONE)
    assert parsed("${aws:username, 'x y'}").tokens == (Variable("aws:username", "x y"),)
    assert literal_pattern("*").literal == "*"
    assert literal_pattern("") == parsed("")


def test_a_dollar_alone_and_an_old_policys_braces_are_text() -> None:
    assert parse_pattern("$a$", "here", wildcards=True, variables=True).literal == "$a$"
    old = parse_pattern("${aws:username}${*}", "here", wildcards=True, variables=False)
    assert old.tokens == ("${aws:username}${", Wild.ANY, "}")


@pytest.mark.parametrize(
    "text",
    [
        *["${", "${}", "${aws:username", "${aws:nobody}", "${username}", "${aws:username,x}", "${aws:username,'x'"],
        *["${s3:RequestObjectTagKeys}", "${ aws:username}", "${aws:${aws:username}}", "${header:x}", "${**}"],
    ],
)
def test_variables_that_are_not_known_are_refused(text: str) -> None:
    with pytest.raises(MalformedPolicy) as refused:
        parse_pattern(f"a{text}", "Statement[1].Resource", wildcards=True, variables=True)
    assert refused.value.element == "Statement[1].Resource"


def test_a_variable_has_one_value_or_none() -> None:
    pattern = parse_pattern("${s3:prefix}", "here", wildcards=True, variables=True)
    assert pattern.matches("a", {"s3:prefix": ("a",)})
    assert not pattern.matches("a", {"s3:prefix": ("a", "b")})
    assert not pattern.matches("", {})
