from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.domain.model.cors import RULES_MAX, CorsRule, check_rules, find_rule, parse_text, to_text
from seglake.domain.model.errors import InvalidRequest

PAGE = "https://page.example"


def rule(**fields: Any) -> CorsRule:
    return CorsRule(**{"origins": (PAGE,), "methods": ("GET",), **fields})


@pytest.mark.parametrize(
    ("pattern", "origin", "shown"),
    [
        (PAGE, PAGE, PAGE),
        (PAGE, "https://page.example:8443", None),
        (PAGE, "http://page.example", None),
        (PAGE, "https://PAGE.example", None),
        ("*", PAGE, "*"),
        ("*", "null", "*"),
        ("https://*.example", PAGE, PAGE),
        ("https://*.example", "https://.example", "https://.example"),
        ("https://*.example", "https://example", None),
        ("https://*.example", "https://page.example.evil", None),
        ("https://*", PAGE, PAGE),
        ("https://*", "http://page.example", None),
        ("*.example", PAGE, PAGE),
        ("https://page.*page.example", "https://page.example", None),
        ("*", "https://a b", None),
        ("https://*", "https://a\r\nx: y", None),
        ("*", "https://\udcff", None),
        ("*", "https://ä.example", None),
        ("*", "", None),
    ],
)
def test_an_origin_fits_exactly_or_around_one_star(pattern: str, origin: str, shown: str | None) -> None:
    found = find_rule((rule(origins=(pattern,)),), origin, "GET")
    assert (found.origin if found else None) == shown


def test_the_first_rule_that_fits_decides() -> None:
    rules = (
        rule(methods=("PUT",), id="1"),
        rule(origins=("https://other.example",), id="2"),
        rule(headers=("x-a",), id="3"),
        rule(origins=("https://*",), headers=("x-*",), id="4"),
        rule(origins=("*",), headers=("*",), id="5"),
    )

    def decided(*headers: str, origin: str = PAGE, method: str = "GET") -> str:
        found = find_rule(rules, origin, method, headers)
        return found.rule.id if found else ""

    assert decided() == "3"
    assert decided("x-a") == "3"
    assert decided("x-a", "x-b") == "4"
    assert decided("x-a", "content-type") == "5"
    assert decided(method="PUT") == "1"
    assert decided("x-a", method="PUT") == ""
    assert decided(origin="http://a") == "5"
    assert decided(method="DELETE") == ""


def test_the_first_origin_that_fits_is_the_one_shown() -> None:
    both = find_rule((rule(origins=("*", PAGE)),), PAGE, "GET")
    named = find_rule((rule(origins=(PAGE, "*")),), PAGE, "GET")
    assert both is not None
    assert named is not None
    assert (both.origin, named.origin) == ("*", PAGE)


def test_headers_are_compared_without_case() -> None:
    rules = (rule(headers=("X-Amz-*", "Content-TYPE")),)
    assert find_rule(rules, PAGE, "GET", ("x-amz-date", "content-type")) is not None
    assert find_rule(rules, PAGE, "GET", ("x-amz", "content-type")) is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"methods": ("PATCH",)}, "Found unsupported HTTP method in CORS config. Unsupported method is PATCH"),
        ({"methods": ("get",)}, "Unsupported method is get"),
        ({"methods": ("OPTIONS",)}, "Unsupported method is OPTIONS"),
        ({"methods": ()}, "at least one"),
        ({"origins": ()}, "at least one"),
        ({"origins": ("",)}, "empty"),
        ({"origins": ("http://*.*.com",)}, 'AllowedOrigin "http://*.*.com" can not have more than one wildcard.'),
        ({"headers": ("*-*",)}, 'AllowedHeader "*-*" can not have more than one wildcard.'),
        ({"headers": ("a b",)}, "is not the name of a header"),
        ({"exposed": ("*",)}, 'ExposeHeader "*" contains wildcard.'),
        ({"exposed": ("a\r\nb: c",)}, "is not the name of a header"),
        ({"exposed": ("",)}, "is not the name of a header"),
        ({"id": "i" * 256}, "255"),
    ],
)
def test_what_a_rule_may_not_say_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_rules((rule(), rule(**fields)))
    assert message in refused.value.hint


def test_a_bucket_has_at_most_a_hundred_rules() -> None:
    rules = (rule(),) * RULES_MAX
    assert check_rules(rules) == rules
    with pytest.raises(InvalidRequest):
        check_rules((*rules, rule()))


_TEXTS = st.lists(st.text(max_size=5), max_size=3).map(tuple)


@given(
    st.lists(
        st.builds(
            CorsRule,
            origins=_TEXTS,
            methods=_TEXTS,
            headers=_TEXTS,
            exposed=_TEXTS,
            max_age_s=st.none() | st.integers(0, 2**31 - 1),
            id=st.text(max_size=5),
        ),
        max_size=4,
    ).map(tuple)
)
def test_a_text_gives_back_its_rules(rules: tuple[CorsRule, ...]) -> None:
    text = to_text(rules)
    assert parse_text(text) == rules
    assert to_text(parse_text(text)) == text
