"""Whatever is not understood refuses a policy by name, quickly; and both forms become the same policy."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglake.domain.model.errors import MalformedPolicy
from seglake.domain.model.policy import (
    POLICY_BYTES_MAX,
    AccessQuery,
    Principal,
    check_resources,
    evaluate,
    is_public,
    parse_policy,
)
from seglake.domain.model.policy_text import DEPTH_MAX, QUESTION_MARKS_MAX, STARS_MAX

STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}
AWS = {"Version": "2012-10-17", "Id": "one", "Statement": [STATEMENT | {"Sid": "first"}]}
SEED = {
    "version": "v1",
    "statements": [
        {
            "effect": "deny",
            "actions": ["GetObject", "ListBucket"],
            "resources": [{"bucket": "b", "prefix": "p/"}],
            "conditions": {"source_ip": ["10.0.0.0/8"], "headers": {"X-Team": "a"}, "before": "2030-01-01T00:00:00Z"},
        }
    ],
}
QUERY = AccessQuery(Principal("alice"), "a" * 64, "s3:GetObject", "arn:aws:s3:::b/p/x", {"aws:sourceip": ("10.0.0.1",)})


def parse(value: Any, *, principals: bool = True) -> Any:
    return parse_policy(value if isinstance(value, str) else json.dumps(value), principals=principals)


def refusal(value: Any, *, principals: bool = True) -> MalformedPolicy:
    with pytest.raises(MalformedPolicy) as refused:
        parse(value, principals=principals)
    return refused.value


def test_a_policy_keeps_its_text_and_equal_texts_are_parsed_once() -> None:
    text = json.dumps(AWS)
    assert parse(text).source == text
    assert parse(text) is parse("".join(list(text)))
    assert parse(text).statements[0].sid == "first"


@pytest.mark.parametrize(
    "text",
    [
        *["", " ", "{", "null", "[]", '"x"', "1", "true", "{}", "{'Version': 1}", "{} {}", "\ufeff{}", "\x00"],
        *[
            '{"Version":"2012-10-17"}',
            '{"Statement":[]}',
            '{"Statement":{}}',
            '{"Statement":null}',
            '{"Statement":[1]}',
        ],
        *[
            '{"version":"v1"}',
            '{"version":"v2","statements":[]}',
            '{"statements":[{}]}',
            '{"version":1,"Statement":[]}',
        ],
        *['{"Statement":NaN}', '{"Statement":-Infinity}', '{"a":1e999999999}', '{"Statement":[{"Sid":"\\ud800"}]}'],
        "9" * 5000,
    ],
)
@pytest.mark.parametrize("principals", [True, False])
def test_what_is_no_policy_is_refused(text: str, principals: bool) -> None:
    refusal(text, principals=principals)


def test_a_name_that_stands_twice_is_refused_on_every_level() -> None:
    text = json.dumps(AWS)
    assert refusal(text.replace('"Id"', '"Version": "2012-10-17", "Id"')).element == "Version"
    assert refusal(text.replace('"Effect"', '"Effect": "Deny", "Effect"')).element == "Effect"


def test_bounds() -> None:
    filled = json.dumps(AWS)
    fits = filled + " " * (POLICY_BYTES_MAX - len(filled))
    assert len(parse(fits).statements) == 1
    assert str(POLICY_BYTES_MAX) in str(refusal(fits + " "))
    assert str(POLICY_BYTES_MAX) in str(refusal(json.dumps(AWS | {"Id": "\u20ac" * 7000}, ensure_ascii=False)))
    assert "levels" in str(refusal("[" * (DEPTH_MAX + 1)))
    assert "levels" in str(refusal('{"a":' * 1000))
    assert "levels" in str(refusal('{"\\"": ' + "[" * 10_000))
    assert "JSON object" in str(refusal("[" * DEPTH_MAX + "]" * DEPTH_MAX))
    long = STATEMENT | {"Resource": "arn:aws:s3:::b/" + "x" * 2048}
    assert refusal({"Statement": long}).element == "Statement[1].Resource"


def test_wildcards_are_counted_however_they_are_written() -> None:
    stars = STATEMENT | {"Resource": ["arn:aws:s3:::b/" + "*a" * 399] * 2}
    assert len(parse({"Statement": stars}).statements) == 1
    text = json.dumps({"Statement": stars | {"Sid": "**"}}).replace("*", "\\u002a")
    assert refusal(text).reason == f"a policy may hold at most {STARS_MAX} *"
    marks = STATEMENT | {"Resource": "arn:aws:s3:::b/" + "?" * (QUESTION_MARKS_MAX + 1)}
    assert "?" in refusal({"Statement": marks}).reason


def test_a_name_in_a_message_is_short_and_plain() -> None:
    name = "\n\u202e" + "x" * 1000
    error = refusal({"Statement": STATEMENT | {name: 1}})
    assert error.element.isascii()
    assert error.element.isprintable()
    assert len(str(error)) < 200


# ------------------------------------------------------------------------------------------------ one model
def aws(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def seed(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"version": "v1", "statements": list(statements)}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (
            {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"},
            {"effect": "allow", "actions": "GetObject", "resources": [{"bucket": "*"}]},
        ),
        (
            {"Effect": "Allow", "Action": "*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]},
            {"effect": "Allow", "actions": ["*"], "resources": [{"bucket": "b"}]},
        ),
        (
            {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/p/*", "Sid": "x"},
            {
                "effect": "deny",
                "actions": ["s3:PutObject"],
                "resources": [{"bucket": "b", "prefix": "p/"}],
                "sid": "x",
            },
        ),
        (
            {
                "Effect": "Deny",
                "Action": "s3:ListBucket",
                "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
                "Condition": {
                    "IpAddress": {"aws:SourceIp": ["10.0.0.0/8"]},
                    "DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"},
                    "DateGreaterThan": {"aws:CurrentTime": "2029-01-01T00:00:00Z"},
                    "StringEquals": {"s3:prefix": "a", "s3:delimiter": "/"},
                    "Bool": {"aws:SecureTransport": True},
                },
            },
            {
                "effect": "deny",
                "actions": ["ListBucket"],
                "resources": [{"bucket": "b", "prefix": ""}],
                "conditions": {
                    "source_ip": "10.0.0.0/8",
                    "before": "2030-01-01T00:00:00Z",
                    "after": "2029-01-01T00:00:00Z",
                    "prefix": "a",
                    "delimiter": "/",
                    "secure_transport": True,
                },
            },
        ),
        (
            {"Effect": "Allow", "Action": "seglake:GetMetaStats", "Resource": "*"},
            {"effect": "allow", "actions": ["GetMetaStats"], "resources": [{"bucket": "*"}]},
        ),
    ],
)
def test_both_forms_give_the_same_policy(theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    left, right = parse(aws(theirs), principals=False), parse(seed(ours), principals=False)
    assert [one.actions for one in left.statements] == [one.actions for one in right.statements]
    strip = theirs | {"Action": "s3:GetObject"}, ours | {"actions": ["s3:GetObject"]}
    assert parse(aws(strip[0]), principals=False) == parse(seed(strip[1]), principals=False)


# ------------------------------------------------------------------------------------------------ fuzz
JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["*", "s3:*", "v1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*AWS, *STATEMENT, "Condition", "StringLike", "aws:SourceIp", *SEED, "effect", "actions"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.text(max_size=200) | JSONS.map(json.dumps) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_policy_or_malformed(text: str) -> None:
    for principals in (True, False):
        try:
            parse(text, principals=principals)
        except MalformedPolicy:
            continue


PARTS = [
    *['"*"', '"', "{", "}", "[", "]", ",", ":", "${", "${aws:username}", "*", "?", "\\u0000", "\\ud800", "1e9", "null"],
    *['"Deny"', '"NotAction"', '"NotPrincipal"', '"Null"', "ForAllValues:", "IfExists", '"2008-10-17"', "\u20ac", "//"],
]


def mutated(text: str, draw: random.Random) -> str:
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(text) + 1)
        kind = draw.randrange(4)
        if kind == 0:
            text = text[:at] + draw.choice(PARTS) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + draw.randint(1, 12) :]
        elif kind == 2:
            start = draw.randrange(len(text) + 1)
            text = text[:at] + text[start : start + draw.randint(1, 40)] + text[at:]
        else:
            text = text[:at] + chr(draw.randrange(1, 0x180)) + text[at + 1 :]
    return text


RICH = aws(
    STATEMENT
    | {
        "Condition": {
            "IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "::1"]},
            "ForAnyValue:StringLikeIfExists": {"s3:RequestObjectTagKeys": ["a*", "${aws:username}"]},
            "NumericLessThan": {"s3:max-keys": 10},
            "DateGreaterThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"},
            "Null": {"s3:x-amz-acl": "true"},
            "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::000000000000:user/*"},
        }
    },
    {
        "Effect": "Deny",
        "NotPrincipal": {"AWS": "arn:aws:iam::000000000000:user/alice", "CanonicalUser": ["b" * 64]},
        "NotAction": ["s3:Get*"],
        "NotResource": "arn:aws:s3:::b/${aws:username}/*",
    },
)


def twisted(value: Any, draw: random.Random, spare: list[Any]) -> Any:
    """The document with about one of its parts exchanged for another one."""
    if draw.random() < 0.03:
        return draw.choice(spare)
    if isinstance(value, dict):
        return {name: twisted(one, draw, spare) for name, one in value.items() if draw.random() > 0.01}
    return [twisted(one, draw, spare) for one in value] if isinstance(value, list) else value


SPARE = [
    *["*", "a", "", 5, True, None, [], {}, "s3:*", "Deny", ["10.0.0.0/8"], "arn:aws:s3:::b/?", {"s3:prefix": ["a"]}],
    *[["arn:aws:s3:::b"], {"AWS": "*"}, "2030-01-01", "${aws:userid}", 1.5, [{"bucket": "b"}], "allow", ["s3:Put*"]],
]


def test_damaged_policies_are_policies_or_malformed(seed: int, scale: int) -> None:
    draw = random.Random(seed)
    texts = [json.dumps(RICH), json.dumps(SEED)]
    understood = 0
    for _ in range(10_000 * scale):
        text = draw.choice(texts)
        text = mutated(text, draw) if draw.random() < 0.5 else json.dumps(twisted(json.loads(text), draw, SPARE))
        started = time.process_time()
        try:
            policy = parse(text)
            understood += 1
            check_resources(policy, "b")
        except MalformedPolicy:
            pass
        else:
            is_public(policy)
            evaluate(policy, QUERY)
        assert time.process_time() - started < 1
    assert understood > 100


@pytest.mark.parametrize(
    "statement",
    [
        {"Action": [f"s3:*{a}*{b}*{c}*" for a in "aeiotn" for b in "aeiotn" for c in "aeiotn"]},
        {"Action": ["s3:" + "*a" * 350 + "*", "s3:GetObject"]},
        {"Resource": [f"arn:aws:s3:::b/*{number:05}*x*" for number in range(400)]},
        {"Condition": {"IpAddress": {"aws:SourceIp": [f"10.{n // 250}.{n % 250}.0/24" for n in range(1000)]}}},
        {"Condition": {"StringLike": {"aws:UserAgent": ["*a" * 350 + "b"]}}},
        {"Condition": {"StringEquals": {"aws:UserAgent": ["${aws:username}"] * 800}}},
        {"Sid": "x" * 2048},
    ],
)
def test_the_largest_policies_are_no_work(statement: dict[str, Any]) -> None:
    started = time.process_time()
    try:
        policy = parse(aws(STATEMENT | statement))
    except MalformedPolicy:
        return
    context = {"aws:useragent": ("a" * 30_000,), "aws:username": ("a" * 64,)}
    evaluate(policy, AccessQuery(Principal("a"), "", "s3:GetObject", "arn:aws:s3:::b/" + "x0" * 500, context))
    assert time.process_time() - started < 2
