"""A deny wins, silence allows nothing, and public is what everybody may do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seglake.domain.model.errors import MalformedPolicy
from seglake.domain.model.policy import (
    ANONYMOUS,
    ROOT_PRINCIPAL,
    AccessQuery,
    Effect,
    Principal,
    Verdict,
    check_resources,
    evaluate,
    is_public,
    parse_policy,
)

ALICE = "arn:aws:iam::000000000000:user/alice"
IDS = {"alice": "a" * 64, "bob": "b" * 64, "root": "0" * 64, None: ""}


def bucket_policy(*statements: dict[str, Any]) -> str:
    base = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}
    whole = [{name: value for name, value in (base | one).items() if value is not None} for one in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": whole})


def ask(
    text: str, who: str | None = "alice", action: str = "s3:GetObject", name: str = "b/k", **context: str
) -> Verdict | None:
    values = {key.replace("__", ":").replace("_", "-"): (value,) for key, value in context.items()}
    resource = name if name == "*" else f"arn:aws:s3:::{name}"
    return evaluate(
        parse_policy(text, principals=True), AccessQuery(Principal(who), IDS[who], action, resource, values)
    )


def test_deny_wins_over_an_allow_that_stands_before_it() -> None:
    text = bucket_policy({"Sid": "open"}, {"Sid": "but", "Effect": "Deny", "Resource": "arn:aws:s3:::b/secret/*"})
    assert ask(text) == Verdict(Effect.ALLOW, 1, "open")
    assert ask(text, name="b/secret/k") == Verdict(Effect.DENY, 2, "but")


def test_what_no_statement_is_about_has_no_verdict() -> None:
    text = bucket_policy({})
    assert ask(text, action="s3:PutObject") is None
    assert ask(text, name="b") is None
    assert ask(text, name="other/k") is None


@pytest.mark.parametrize(
    ("principal", "whom"),
    [
        ("*", {"alice", "bob", "root", None}),
        ({"AWS": "*"}, {"alice", "bob", "root", None}),
        ({"AWS": ALICE}, {"alice"}),
        ({"AWS": [ALICE, "arn:aws:iam::000000000000:root"]}, {"alice", "root"}),
        ({"CanonicalUser": "b" * 64}, {"bob"}),
        ({"CanonicalUser": ["b" * 64], "AWS": [ALICE]}, {"alice", "bob"}),
    ],
)
def test_principals_are_those_named(principal: Any, whom: set[str | None]) -> None:
    text = bucket_policy({"Principal": principal})
    assert {who for who in IDS if ask(text, who) is not None} == whom
    if "*" not in (principal, principal.get("AWS") if isinstance(principal, dict) else None):
        text = bucket_policy({"Principal": None, "NotPrincipal": principal, "Effect": "Deny"})
        assert {who for who in IDS if ask(text, who) is not None} == set(IDS) - whom


def test_a_named_principal_is_never_the_anonymous_one() -> None:
    assert ANONYMOUS.arn is None
    assert ROOT_PRINCIPAL.arn == "arn:aws:iam::000000000000:root"
    assert Principal("alice").arn == ALICE


@pytest.mark.parametrize("everything", ["*", "s3:*"])
def test_a_star_allows_no_action_of_another_vendor(everything: str) -> None:
    allow = bucket_policy({"Action": everything, "Resource": "*"})
    deny = bucket_policy({"Action": everything, "Resource": "*", "Effect": "Deny"})
    assert ask(allow, action="s3:ListAllMyBuckets", name="*") is not None
    assert ask(allow, action="seglake:GetMetaStats", name="*") is None
    assert (ask(deny, action="seglake:GetMetaStats", name="*") is not None) is (everything == "*")
    explicit = bucket_policy({"Action": "seglake:getmeta*", "Resource": "*"})
    assert ask(explicit, action="seglake:GetMetaConflicts", name="*") is not None


def test_not_action_is_all_but_those() -> None:
    text = bucket_policy({"Action": None, "NotAction": ["s3:Delete*", "s3:PutObject"]})
    assert ask(text) is not None
    assert ask(text, action="s3:PutObject") is None
    assert ask(text, action="s3:DeleteObjectVersion") is None


def test_the_service_itself_is_every_resource_only_under_a_star() -> None:
    for resource, covered in (("*", True), ("arn:aws:s3:::*", True), ("arn:aws:s3:::b*", False)):
        text = bucket_policy({"Action": "s3:ListAllMyBuckets", "Resource": resource})
        assert (ask(text, action="s3:ListAllMyBuckets", name="*") is not None) is covered


def test_a_variable_is_the_callers_own_value() -> None:
    text = bucket_policy({"Resource": "arn:aws:s3:::b/home/${aws:username}/*"})
    assert ask(text, name="b/home/alice/k", aws__username="alice") is not None
    assert ask(text, name="b/home/alice/k", aws__username="bob") is None
    assert ask(text, name="b/home/alice/k") is None
    assert ask(text, name="b/home/${aws:username}/k") is None


def test_a_star_in_a_variables_value_is_no_wildcard() -> None:
    text = bucket_policy({"Resource": "arn:aws:s3:::b/${s3:prefix}/x"})
    assert ask(text, name="b/abc/x", s3__prefix="*") is None
    assert ask(text, name="b/*/x", s3__prefix="*") is not None


def test_everything_but_an_unknown_variable_allows_nothing_and_denies_everything() -> None:
    element: dict[str, Any] = {"Resource": None, "NotResource": "arn:aws:s3:::b/${aws:username}/*"}
    assert ask(bucket_policy(element), None) is None
    assert ask(bucket_policy(element), None, aws__username="x") is not None
    assert ask(bucket_policy(element | {"Effect": "Deny"}), None) is not None
    element = {"Condition": {"StringNotEquals": {"s3:prefix": "${aws:username}"}}}
    assert ask(bucket_policy(element), None) is None
    assert ask(bucket_policy(element | {"Effect": "Deny"}), None) is not None


def test_a_default_stands_in_for_a_missing_value() -> None:
    text = bucket_policy({"Resource": "arn:aws:s3:::b/${aws:username, 'guest'}/*"})
    assert ask(text, None, name="b/guest/k") is not None
    assert ask(text, name="b/guest/k", aws__username="alice") is None


def test_a_policy_says_which_keys_it_needs() -> None:
    text = bucket_policy(
        {"Resource": "arn:aws:s3:::b/${aws:username}/*"},
        {"Condition": {"StringEquals": {"s3:ExistingObjectTag/Team": "${aws:userid}"}}},
    )
    policy = parse_policy(text, principals=True)
    assert policy.condition_keys == {"aws:username", "s3:existingobjecttag/team", "aws:userid"}
    assert parse_policy(bucket_policy({}), principals=True).condition_keys == frozenset()
    assert parse_policy(bucket_policy({"Principal": {"AWS": ALICE}}), principals=True).users == {"alice"}


def test_an_action_that_nobody_knows_is_a_bug_of_the_caller() -> None:
    with pytest.raises(AssertionError, match="s3:Gobject"):
        ask(bucket_policy({}), action="s3:Gobject")


# ------------------------------------------------------------------------------------------------ check_resources
@pytest.mark.parametrize(
    "resource",
    [
        "*",
        "arn:aws:s3:::*",
        "arn:aws:s3:::b*",
        "arn:aws:s3:::bb/*",
        "arn:aws:s3:::other",
        "arn:aws:s3:::b*/k",
        "arn:aws:s3:::${aws:username}/k",
        "arn:aws:s3:::?/k",
    ],
)
@pytest.mark.parametrize("element", ["Resource", "NotResource"])
def test_a_bucket_policy_speaks_of_its_own_bucket_only(resource: str, element: str) -> None:
    text = bucket_policy({"Resource": None, element: ["arn:aws:s3:::b/*", resource], "Action": "s3:*"})
    with pytest.raises(MalformedPolicy) as refused:
        check_resources(parse_policy(text, principals=True), "b")
    assert refused.value.element == "Statement[1].Resource"


@pytest.mark.parametrize(
    ("action", "resource", "fine"),
    [
        ("s3:GetObject", "arn:aws:s3:::b/*", True),
        ("s3:GetObject", "arn:aws:s3:::b", False),
        ("s3:ListBucket", "arn:aws:s3:::b/*", False),
        ("s3:ListBucket", "arn:aws:s3:::b", True),
        (["s3:ListBucket", "s3:GetObject"], "arn:aws:s3:::b/*", False),
        (["s3:ListBucket", "s3:GetObject"], ["arn:aws:s3:::b/*", "arn:aws:s3:::b"], True),
        ("s3:Get*", "arn:aws:s3:::b", True),
        ("s3:*", "arn:aws:s3:::b/x", True),
        ("*", "arn:aws:s3:::b/x", True),
        ("s3:ListAllMyBuckets", "arn:aws:s3:::b", False),
        ("seglake:*", "arn:aws:s3:::b", False),
    ],
)
def test_every_action_of_a_bucket_policy_applies_to_a_resource(action: Any, resource: Any, fine: bool) -> None:
    policy = parse_policy(bucket_policy({"Action": action, "Resource": resource}), principals=True)
    if fine:
        check_resources(policy, "b")
        return
    with pytest.raises(MalformedPolicy) as refused:
        check_resources(policy, "b")
    assert refused.value.element == "Statement[1].Action"


def test_not_resource_and_not_action_of_a_bucket_policy_are_fine() -> None:
    own = {"Resource": None, "NotResource": "arn:aws:s3:::b/public/*", "Action": ["s3:ListBucket", "s3:GetObject"]}
    check_resources(parse_policy(bucket_policy(own), principals=True), "b")
    own = {"Action": None, "NotAction": "s3:ListBucket"}
    check_resources(parse_policy(bucket_policy(own), principals=True), "b")


# ------------------------------------------------------------------------------------------------ public
def cidr(*ranges: str) -> dict[str, Any]:
    return {"Condition": {"IpAddress": {"aws:SourceIp": list(ranges)}}}


@pytest.mark.parametrize(
    ("statement", "public"),
    [
        ({}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": [ALICE, "*"]}}, True),
        ({"Principal": {"AWS": ALICE}}, False),
        ({"Principal": {"CanonicalUser": "b" * 64}}, False),
        ({"Principal": None, "NotPrincipal": {"AWS": ALICE}}, True),
        ({"Effect": "Deny"}, False),
        (cidr("192.0.2.0/24"), False),
        (cidr("10.0.0.0/8", "2001:db8::/32"), False),
        (cidr("192.0.2.0/24", "0.0.0.0/0"), True),
        (cidr("0.0.0.0/1"), True),
        (cidr("::/0"), True),
        (cidr("2001:db8::/31"), True),
        ({"Condition": {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}, True),
        ({"Condition": {"IpAddressIfExists": {"aws:SourceIp": "192.0.2.0/24"}}}, True),
        ({"Condition": {"StringEquals": {"aws:userid": "u-1"}}}, False),
        ({"Condition": {"StringLike": {"aws:userid": "u-*"}}}, True),
        ({"Condition": {"StringEquals": {"aws:userid": "${aws:username}"}}}, True),
        ({"Condition": {"ForAllValues:StringEquals": {"aws:userid": "u-1"}}}, True),
        ({"Condition": {"StringNotEquals": {"aws:userid": "u-1"}}}, True),
        ({"Condition": {"ArnEquals": {"aws:PrincipalArn": ALICE}}}, False),
        ({"Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::000000000000:user/*"}}}, True),
        ({"Condition": {"StringLike": {"aws:Referer": "https://example.org/page"}}}, True),
    ],
)
def test_public_is_what_everybody_may_do_from_anywhere(statement: dict[str, Any], public: bool) -> None:
    assert is_public(parse_policy(bucket_policy(statement), principals=True)) is public


def test_one_public_statement_among_others_is_enough_and_a_deny_does_not_take_it_back() -> None:
    closed = {"Principal": {"AWS": ALICE}}
    assert is_public(parse_policy(bucket_policy(closed, {}, {"Effect": "Deny"}), principals=True))
    assert not is_public(parse_policy(bucket_policy(closed, closed), principals=True))
