from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from seglake.domain.model.listing import after_prefix, rolled_up

KEYS = st.text(alphabet=st.sampled_from("ab/\0\ud7ff\ue000\U0010ffff"), max_size=6)


@given(KEYS, KEYS)
def test_nothing_with_the_prefix_lies_at_or_above_its_end(prefix: str, rest: str) -> None:
    end = after_prefix(prefix)
    assert end is None or prefix + rest < end


@given(KEYS, KEYS)
def test_nothing_lies_between_a_prefix_and_its_end(prefix: str, other: str) -> None:
    end = after_prefix(prefix)
    assume(end is not None)
    assert end is not None
    if prefix <= other < end:
        assert other.startswith(prefix)


def test_the_last_prefixes_have_no_end() -> None:
    assert after_prefix("") is None
    assert after_prefix("\U0010ffff\U0010ffff") is None
    assert after_prefix("a\U0010ffff") == "b"


def test_the_end_of_a_prefix_is_valid_unicode() -> None:
    assert after_prefix("\ud7ff") == "\ue000"


def test_keys_roll_up_at_the_first_delimiter_behind_the_prefix() -> None:
    assert rolled_up("a/b/c", "", "/") == "a/"
    assert rolled_up("a/b/c", "a/", "/") == "a/b/"
    assert rolled_up("a/b", "a/", "/") is None
    assert rolled_up("a--b", "a", "--") == "a--"
    assert rolled_up("abc", "", "") is None
