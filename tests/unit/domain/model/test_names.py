from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.domain.model.errors import InvalidBucketName, InvalidKey, KeyTooLong
from seglake.domain.model.hlc import HLC, SITE_MAX, TICKS_MAX
from seglake.domain.model.names import check_bucket_name, check_key, parse_version_id, version_id

STAMPS = st.builds(HLC, st.integers(0, TICKS_MAX), st.integers(0, SITE_MAX))


@pytest.mark.parametrize("name", ["abc", "a-b.c", "1ab", "a" * 63, "my.bucket.name", "a1-2-3"])
def test_bucket_names_of_the_rules_are_taken(name: str) -> None:
    assert check_bucket_name(name) == name


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("ab", "3 to 63"),
        ("a" * 64, "3 to 63"),
        ("", "3 to 63"),
        ("Abc", "only a-z"),
        ("a_b", "only a-z"),
        ("-ab", "beginning"),
        ("ab-", "beginning"),
        ("abc\n", "only a-z"),
        ("äbc", "only a-z"),
        ("a..b", "next to"),
        ("a.-b", "next to"),
        ("a-.b", "next to"),
        ("192.168.0.1", "IP address"),
        ("xn--abc", "reserved"),
        ("abc-s3alias", "reserved"),
        ("abc--x-s3", "reserved"),
    ],
)
def test_other_bucket_names_are_refused_with_the_rule(name: str, word: str) -> None:
    with pytest.raises(InvalidBucketName, match=word):
        check_bucket_name(name)


@pytest.mark.parametrize("key", ["a", "/", "..", "a/../b", "\0", "ü" * 512, "k" * 1024, "\U0001f600" * 256])
def test_keys_up_to_1024_bytes_are_taken(key: str) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize(("key", "size"), [("k" * 1025, 1025), ("ü" * 513, 1026), ("\U0001f600" * 257, 1028)])
def test_longer_keys_are_refused_by_their_bytes(key: str, size: int) -> None:
    with pytest.raises(KeyTooLong) as caught:
        check_key(key)
    assert caught.value.size == size


@pytest.mark.parametrize("key", ["", "\ud800", "a\udfffb"])
def test_no_key_and_half_characters_are_refused(key: str) -> None:
    with pytest.raises(InvalidKey):
        check_key(key)


@given(STAMPS)
def test_a_version_id_names_its_stamp(stamp: HLC) -> None:
    text = version_id(stamp)
    assert len(text) == 20
    assert parse_version_id(text) == stamp


@given(STAMPS, STAMPS)
def test_version_ids_sort_as_their_stamps(one: HLC, other: HLC) -> None:
    assert (version_id(one) < version_id(other)) == (one < other)


@given(st.text(max_size=24))
def test_no_other_text_names_a_version(text: str) -> None:
    stamp = parse_version_id(text)
    assert stamp is None or version_id(stamp) == text


@pytest.mark.parametrize("text", ["", "null", "0" * 19, "0" * 21, "w" * 20, "V" * 20, "v" * 20, "0" * 19 + "1"])
def test_near_misses_name_no_version(text: str) -> None:
    assert parse_version_id(text) is None
