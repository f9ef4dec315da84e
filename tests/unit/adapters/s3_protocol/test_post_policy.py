from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.post_policy import PostPolicy, SizeRange, parse_policy

EXPIRES = "2023-11-14T22:13:20.500Z"
EXPIRES_MS = 1_700_000_000_500


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def policy(*conditions: Any, expiration: str = EXPIRES) -> PostPolicy:
    return parse_policy(encoded(json.dumps({"expiration": expiration, "conditions": conditions})))


def allows(read: PostPolicy, fields: dict[str, str], now_ms: int = 0) -> str:
    """Empty, or why not."""
    try:
        read.check(fields, now_ms=now_ms)
    except S3Error as refused:
        message = refused.message if refused.code is ErrorCode.AccessDenied else refused.code.text
        return message.removeprefix("Invalid according to Policy: ")
    return ""


def test_a_policy_ends_at_its_expiration() -> None:
    assert allows(policy(), {}, EXPIRES_MS - 1) == ""
    assert allows(policy(), {}, EXPIRES_MS) == "Policy expired."
    assert policy(expiration="2023-11-14T22:13:20Z").expires_ms == EXPIRES_MS - 500


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ({"acl": "private"}, "private", True),
        ({"ACL": "private"}, "private", True),
        ({"acl": "private"}, "Private", False),
        ({"acl": "private"}, "private ", False),
        (["eq", "$acl", "private"], "private", True),
        (["EQ", "$Acl", "private"], "private", True),
        (["eq", "$acl", "private"], "privat", False),
        (["starts-with", "$acl", "pub"], "public-read", True),
        (["starts-with", "$acl", "pub"], "pu", False),
        (["starts-with", "$acl", ""], "anything", True),
    ],
)
def test_a_condition_holds_or_not(condition: Any, value: str, holds: bool) -> None:
    reason = allows(policy(condition), {"acl": value})
    assert (reason == "") == holds
    assert holds or reason.startswith('Policy Condition failed: ["')


def test_each_of_several_types_must_begin_as_asked() -> None:
    read = policy(["starts-with", "$Content-Type", "image/"])
    assert allows(read, {"content-type": "image/png,image/jpeg, image/gif"}) == ""
    assert allows(read, {"content-type": "image/png,text/html"})
    assert allows(policy(["eq", "$Content-Type", "a,b"]), {"content-type": "a,b"}) == ""


def test_a_condition_on_a_field_that_is_not_there_fails_unless_all_is_allowed() -> None:
    assert allows(policy({"acl": "private"}), {})
    assert allows(policy(["starts-with", "$acl", "p"]), {})
    assert allows(policy(["starts-with", "$acl", ""]), {}) == ""


def test_every_field_needs_a_condition() -> None:
    fields = {"policy": "p", "x-amz-signature": "s", "x-ignore-a": "1", "x-ignore": "2", "key": "k", "b": "1"}
    assert allows(policy({"key": "k"}), fields) == "Extra input fields: b, x-ignore"
    assert allows(policy({"key": "k"}, {"b": "1"}, {"x-ignore": "2"}), fields) == ""


def test_all_conditions_on_a_field_must_hold() -> None:
    read = policy(["starts-with", "$key", "a"], ["starts-with", "$key", "ab"])
    assert allows(read, {"key": "abc"}) == ""
    assert allows(read, {"key": "acb"})


def test_ranges_narrow_each_other() -> None:
    assert policy().size == SizeRange()
    assert policy(["content-length-range", 5, 10]).size == SizeRange(5, 10)
    assert policy(["Content-Length-Range", "5", "10"]).size == SizeRange(5, 10)
    both = policy(["content-length-range", 0, 10], ["content-length-range", 5, 100]).size
    assert both == SizeRange(5, 10)


def test_escapes_of_s3_are_understood() -> None:
    text = f'{{"expiration": "{EXPIRES}", "conditions": [["eq", "$key", ' + r'"\$a\v\\$bü\u00e9\\v"]]}'
    assert allows(parse_policy(encoded(text)), {"key": "$a\x0b\\$büé\\v"}) == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"text"',
        "{}",
        f'{{"expiration": "{EXPIRES}"}}',
        '{"conditions": []}',
        '{"expiration": 5, "conditions": []}',
        '{"expiration": "2023-11-14", "conditions": []}',
        '{"expiration": "tomorrow", "conditions": []}',
        f'{{"expiration": "{EXPIRES}", "conditions": {{}}}}',
        f'{{"expiration": "{EXPIRES}", "conditions": [], "more": 1}}',
        f'{{"expiration": "{EXPIRES}", "expiration": "{EXPIRES}", "conditions": []}}',
        f'{{"expiration": "{EXPIRES}", "conditions": [{"[" * 9000}]}}',
    ],
)
def test_a_policy_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(S3Error) as refused:
        parse_policy(encoded(text))
    assert refused.value.code is ErrorCode.InvalidPolicyDocument


@pytest.mark.parametrize(
    "condition",
    [
        "text",
        5,
        None,
        {},
        {"a": "1", "b": "2"},
        {"a": 1},
        {"a": ["1"]},
        [],
        ["eq"],
        ["eq", "$a"],
        ["eq", "a", "1"],
        ["eq", "$a", 1],
        ["eq", "$a", "1", "2"],
        ["ends-with", "$a", "1"],
        [1, "$a", "1"],
        ["content-length-range", 1],
        ["content-length-range", -1, 5],
        ["content-length-range", 1.5, 5],
        ["content-length-range", True, 5],
        ["content-length-range", "+1", 5],
        ["content-length-range", "٣", 5],
        ["content-length-range", None, 5],
        ["content-length-range", 1, 10**30],
    ],
)
def test_a_condition_that_is_none_is_refused(condition: Any) -> None:
    with pytest.raises(S3Error) as refused:
        policy(condition)
    assert refused.value.code is ErrorCode.InvalidPolicyDocument


@pytest.mark.parametrize("text", ["", "e30", "e30=\n", "e3 0=", "****", "e30=e30=", "_-8="])
def test_base64_is_strict(text: str) -> None:
    with pytest.raises(S3Error) as refused:
        parse_policy(text)
    assert refused.value.code is ErrorCode.InvalidPolicyDocument


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["eq", "starts-with", "$a", "1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(_JSON, max_size=4))
def test_any_conditions_are_read_or_refused(conditions: list[Any]) -> None:
    try:
        outcome = allows(policy(*conditions), {"a": "1"})
    except S3Error as refused:
        outcome = refused.code.text
    assert outcome == "" or outcome.startswith(("InvalidPolicyDocument", "Policy ", "Extra input fields"))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for text in (base64.b64encode(data).decode(), data.decode("latin-1")):
        with pytest.raises(S3Error) as refused:
            parse_policy(text)
        assert refused.value.code is ErrorCode.InvalidPolicyDocument
