from __future__ import annotations

import pytest

from seglake.domain.model.errors import InvalidTag, SeglakeError, TooManyTags
from seglake.domain.model.tagging import check_bucket_tags, check_object_tags, parse_text, to_text


def tags(count: int) -> tuple[tuple[str, str], ...]:
    return tuple([(f"k{n}", "v") for n in range(count)])


@pytest.mark.parametrize(
    "pair",
    [
        ("k", ""),
        ("project", "a b + - = . _ : / @"),
        ("Größe", "漢字 ٣"),
        ("k" * 128, "v" * 256),
        ("\U0001d7d9" * 64, "x"),
        ("AWS:upper", "is no system tag"),
    ],
)
def test_a_tag_of_allowed_characters_is_taken(pair: tuple[str, str]) -> None:
    assert check_object_tags((pair,)) == check_bucket_tags((pair,)) == (pair,)


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (("", "v"), "TagKey"),
        (("k" * 129, "v"), "TagKey"),
        (("k!", "v"), "TagKey"),
        (("k\n", "v"), "TagKey"),
        (("\U0001d7d9" * 65, "v"), "TagKey"),
        (("k", "v" * 257), "TagValue"),
        (("k", "a<b"), "TagValue"),
        (("k", "\U0001f600"), "TagValue"),
        (("k", "\ud800"), "TagValue"),
        (("aws:name", "v"), "System tags"),
    ],
)
def test_a_tag_that_breaks_the_rules_is_refused(pair: tuple[str, str], said: str) -> None:
    for check in (check_object_tags, check_bucket_tags):
        with pytest.raises(InvalidTag, match=said) as refused:
            check((pair,))
        assert refused.value.key == pair[0]


def test_a_name_stands_once() -> None:
    with pytest.raises(InvalidTag, match="same key"):
        check_object_tags((("k", "1"), ("l", "1"), ("k", "2")))
    assert check_object_tags((("k", "1"), ("K", "1"))), "names have upper and lower case"


def test_objects_have_ten_and_buckets_fifty_at_most() -> None:
    assert len(check_object_tags(tags(10))) == 10
    assert len(check_bucket_tags(tags(50))) == 50
    for check, count in ((check_object_tags, 11), (check_bucket_tags, 51)):
        with pytest.raises(TooManyTags):
            check(tags(count))
    assert issubclass(TooManyTags, SeglakeError)


def test_a_text_gives_its_tags_in_their_order() -> None:
    for pairs in ((), (("b", '"'), ("a", "ü\u2028"))):
        assert parse_text(to_text(pairs)) == pairs
