"""The v1 form means what its fields say: prefixes hold for keys and listings, globs of buckets end at the slash."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seglake.domain.model.errors import MalformedPolicy
from seglake.domain.model.policy import AccessQuery, Effect, Principal, check_resources, evaluate, parse_policy

STATEMENT = {"effect": "allow", "actions": ["GetObject"], "resources": [{"bucket": "b"}]}


def text(**change: Any) -> str:
    statement = {name: value for name, value in (STATEMENT | change).items() if value is not None}
    return json.dumps({"version": "v1", "statements": [STATEMENT, statement]})


def only(**change: Any) -> str:
    return json.dumps({"version": "v1", "statements": [STATEMENT | change]})


def allowed(policy: str, action: str, name: str, who: str | None = "alice", **context: str) -> bool:
    values = {key.replace("__", ":").replace("_", "-"): (value,) for key, value in context.items()}
    resource = name if name == "*" else f"arn:aws:s3:::{name}"
    query = AccessQuery(Principal(who), "", f"s3:{action}", resource, values)
    parsed = parse_policy(policy, principals='"principals"' in policy)
    verdict = evaluate(parsed, query)
    return verdict is not None and verdict.effect is Effect.ALLOW


def test_a_bucket_without_a_prefix_is_the_bucket_and_its_keys() -> None:
    policy = only(actions=["*"])
    assert allowed(policy, "GetObject", "b/x")
    assert allowed(policy, "ListBucket", "b")
    assert not allowed(policy, "ListBucket", "bb")
    assert not allowed(policy, "ListAllMyBuckets", "*")
    assert allowed(only(actions=["*"], resources=[{"bucket": "*"}]), "ListAllMyBuckets", "*")


def test_a_prefix_holds_for_keys_and_for_listings_below_it() -> None:
    policy = only(actions=["GetObject", "ListBucket"], resources=[{"bucket": "b", "prefix": "p*/"}])
    assert allowed(policy, "GetObject", "b/p*/x")
    assert not allowed(policy, "GetObject", "b/pa/x")
    assert not allowed(policy, "GetObject", "b")
    assert allowed(policy, "ListBucket", "b", s3__prefix="p*/a")
    assert not allowed(policy, "ListBucket", "b", s3__prefix="pa/")
    assert not allowed(policy, "ListBucket", "b", s3__prefix="p")
    assert not allowed(policy, "ListBucket", "b")


def test_a_glob_of_buckets_ends_where_the_key_begins() -> None:
    policy = only(actions=["*"], resources=[{"bucket": "log-*", "prefix": "public/"}])
    assert allowed(policy, "GetObject", "log-1/public/x")
    assert not allowed(policy, "GetObject", "log-1/secret/public/x")
    assert not allowed(policy, "GetObject", "log-1")
    assert allowed(policy, "ListBucket", "log-1", s3__prefix="public/")
    policy = only(actions=["*"], resources=[{"bucket": "*-logs"}])
    assert allowed(policy, "GetObject", "a-logs/x")
    assert allowed(policy, "ListBucket", "a-logs")
    assert not allowed(policy, "ListBucket", "a-logs-2")
    assert not allowed(policy, "GetObject", "b/-logs/x")
    assert not allowed(policy, "GetObject", "bb/a-logs")


def test_dollars_are_text() -> None:
    policy = only(resources=[{"bucket": "b", "prefix": "${aws:username}/"}], actions=["GetObject", "ListBucket"])
    assert allowed(policy, "GetObject", "b/${aws:username}/x", aws__username="a")
    assert not allowed(policy, "GetObject", "b/a/x", aws__username="a")
    assert allowed(policy, "ListBucket", "b", aws__username="a", s3__prefix="${aws:username}/")
    assert not allowed(policy, "ListBucket", "b", aws__username="a", s3__prefix="a/")


def test_conditions() -> None:
    policy = only(conditions={"source_ip": ["10.0.0.0/8", "::1"]})
    assert allowed(policy, "GetObject", "b/x", aws__sourceip="10.1.1.1")
    assert not allowed(policy, "GetObject", "b/x", aws__sourceip="11.1.1.1")
    policy = only(conditions={"after": "2030-01-01T00:00:00Z", "before": "2030-01-02T00:00:00+00:00"})
    assert allowed(policy, "GetObject", "b/x", aws__currenttime="2030-01-01T12:00:00Z")
    assert not allowed(policy, "GetObject", "b/x", aws__currenttime="2030-01-02T00:00:00Z")
    assert not allowed(policy, "GetObject", "b/x", aws__currenttime="2030-01-01T00:00:00Z")
    policy = only(conditions={"headers": {"X-Team": ["a", "b"]}, "secure_transport": False})
    assert allowed(policy, "GetObject", "b/x", header__x_team="b", aws__securetransport="false")
    assert not allowed(policy, "GetObject", "b/x", header__x_team="b", aws__securetransport="true")
    assert not allowed(policy, "GetObject", "b/x", aws__securetransport="false")
    assert parse_policy(policy, principals=False).condition_keys == {"header:x-team", "aws:securetransport"}
    policy = only(actions=["ListBucket"], conditions={"prefix": "a/", "delimiter": "/"})
    assert allowed(policy, "ListBucket", "b", s3__prefix="a/", s3__delimiter="/")
    assert not allowed(policy, "ListBucket", "b", s3__prefix="a/b", s3__delimiter="/")


def test_principals_default_to_everybody() -> None:
    everybody = parse_policy(only(), principals=True).statements[0].principals
    assert everybody is not None
    assert everybody.everyone
    named = only(principals=["alice", "root"])
    assert allowed(named, "GetObject", "b/x")
    assert not allowed(named, "GetObject", "b/x", who="bob")
    assert not allowed(named, "GetObject", "b/x", who=None)
    assert allowed(only(principals="*"), "GetObject", "b/x", who=None)


def test_the_meta_actions_have_a_vendor_of_their_own() -> None:
    parsed = parse_policy(only(actions=["getmetaStats"], resources=[{"bucket": "*"}]), principals=False)
    assert parsed.statements[0].actions == {"seglake:GetMetaStats"}
    assert "seglake:GetMetaStats" not in parse_policy(only(actions="*"), principals=False).statements[0].actions


def test_a_buckets_own_policy_may_be_in_this_form() -> None:
    both = ["GetObject", "ListBucket"]
    check_resources(parse_policy(only(actions=both), principals=True), "b")
    prefixed = only(actions=both, resources=[{"bucket": "b", "prefix": "p/"}])
    check_resources(parse_policy(prefixed, principals=True), "b")
    for bucket in ("*", "b*", "bb"):
        for resource in ({"bucket": bucket}, {"bucket": bucket, "prefix": "p/"}):
            with pytest.raises(MalformedPolicy):
                check_resources(parse_policy(only(resources=[resource]), principals=True), "b")
    with pytest.raises(MalformedPolicy):
        check_resources(parse_policy(only(actions="GetMetaStats"), principals=True), "b")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"effect": "maybe"}, "effect"),
        ({"effect": None}, "effect"),
        ({"Effect": "Allow"}, "Effect"),
        ({"actions": None}, "actions"),
        ({"actions": []}, "actions"),
        ({"actions": ["GetObjekt"]}, "actions"),
        ({"actions": ["ec2:Run"]}, "actions"),
        ({"resources": None}, "resources"),
        ({"resources": []}, "resources"),
        ({"resources": {"bucket": "b"}}, "resources"),
        ({"resources": [{"bucket": "b"}, "b"]}, "resources[2]"),
        ({"resources": [{"prefix": "b"}]}, "resources[1].bucket"),
        ({"resources": [{"bucket": ""}]}, "resources[1].bucket"),
        ({"resources": [{"bucket": "b/c"}]}, "resources[1].bucket"),
        ({"resources": [{"bucket": "b", "key": "c"}]}, "resources[1].key"),
        ({"resources": [{"bucket": "b", "prefix": 1}]}, "resources[1].prefix"),
        ({"conditions": []}, "conditions"),
        ({"conditions": {"user_agent": "x"}}, "conditions.user_agent"),
        ({"conditions": {"source_ip": []}}, "conditions.source_ip"),
        ({"conditions": {"source_ip": ["10.0.0.0/8", "home"]}}, "conditions.source_ip"),
        ({"conditions": {"before": "tomorrow"}}, "conditions.before"),
        ({"conditions": {"before": "2030-01-01"}}, "conditions.before"),
        ({"conditions": {"after": 1893456000}}, "conditions.after"),
        ({"conditions": {"after": ["2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z"]}}, "conditions.after"),
        ({"conditions": {"secure_transport": "yes"}}, "conditions.secure_transport"),
        ({"conditions": {"headers": ["x"]}}, "conditions.headers"),
        ({"conditions": {"headers": {"x y": "a"}}}, "conditions.headers.x y"),
        ({"conditions": {"headers": {"X": "a", "x": "b"}}}, "conditions.headers.x"),
        ({"conditions": {"headers": {"x": 1}}}, "conditions.headers.x"),
        ({"principals": []}, "principals"),
        ({"principals": ["a b"]}, "principals"),
        ({"principals": {"AWS": "*"}}, "principals"),
    ],
)
def test_what_is_not_understood_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(MalformedPolicy) as refused:
        parse_policy(text(**change), principals=True)
    assert refused.value.element == f"statements[2].{named}"


def test_a_keys_policy_names_nobody() -> None:
    with pytest.raises(MalformedPolicy) as refused:
        parse_policy(text(principals=["alice"]), principals=False)
    assert refused.value.element == "statements[2].principals"
