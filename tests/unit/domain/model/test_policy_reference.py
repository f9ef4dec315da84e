"""On any policy the answer is that of a plain reference evaluator: on policies as they come, and on many that are
narrow in one or two elements only."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from seglake.domain.model.policy import AccessQuery, Principal, evaluate, parse_policy
from tests.unit.domain.model.naive_policy import decide

ALICE = "arn:aws:iam::000000000000:user/alice"
IDS = {"alice": "a" * 64, "bob": "b" * 64, "root": "0" * 64, None: ""}


def some(values: list[Any], most: int = 2) -> st.SearchStrategy[Any]:
    return st.sampled_from(values) | st.lists(st.sampled_from(values), min_size=1, max_size=most)


ACTIONS = [
    *["*", "s3:*", "S3:getobject", "s3:Get*", "s3:*Object", "s3:?etObject", "s3:ListBucket", "s3:Put*Tagging"],
    *["seglake:*", "s3:ListAllMyBuckets", "seglake:GetMetaStats", "s3:PutObject"],
]
ASKED = ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:ListAllMyBuckets", "seglake:GetMetaStats"]
RESOURCES = ["*"] + [
    f"arn:aws:s3:::{name}"
    for name in (
        *["*", "b", "b*", "b/*", "b/a?c", "b/a*c*", "*/x", "b/${aws:username}/*", "b/${s3:prefix, 'x'}", "b/${*}"],
        *["b/${s3:prefix}?${aws:username}", "b/*a?c*a?*", "?", "b/*aa*ca?", "b/x?*?x", "b/ab*bc"],
    )
]
NAMES = ["b", "bb", "b/", "b/a", "b/abc", "b/x", "b/alice/1", "b/*", "b/xaacab", "c/x", "b/${aws:username}/k"]
TEXTS = [
    "",
    "a",
    "A",
    "a*",
    "?",
    "alice",
    "${aws:username}",
    "${aws:userid, 'a'}",
    "${s3:prefix}",
    "${$}",
    "*l*c*",
    "*c*c*",
]
NUMBERS = ["10", "10.0", "-5", "5.25", "0010"]
TIMES = [
    "2030-01-01T00:00:00Z",
    "1893456000",
    "2029-12-31",
    "2030-01-01T01:30:00.5+01:30",
    "2029-12-31T23:59Z",
    "2029-12-31T22:30-01:30",
]
RANGES = ["10.0.0.0/8", "10.1.2.3", "192.0.2.128/25", "2001:db8::/33", "::1"]
ARNS = [
    ALICE,
    "arn:aws:iam::*:*",
    "arn:*:iam::0*:r?ot",
    "arn:aws:iam::*:user/*",
    "arn:aws:iam::000000000000:user/${aws:username}",
    "arn:*:*:*:*:r??t",
]
CONTEXT = {
    "s3:prefix": ["", "a", "A", "alice", "*", "$", "aLc", "alcc"],
    "s3:requestobjecttagkeys": ["a", "A", "alice", "b"],
    "aws:username": ["alice", "a", "*"],
    "aws:userid": ["a", "alice"],
    "s3:max-keys": ["10", "5.25", "-5", "x", "1_0", "11"],
    "aws:currenttime": [
        "2030-01-01T00:00:00Z",
        "2029-12-31T23:59:59.5Z",
        "never",
        "1893456001",
        "2030-01-01T00:00:00.5Z",
    ],
    "aws:securetransport": ["true", "False", "maybe"],
    "aws:sourceip": ["10.1.2.3", "10.9.9.9", "192.0.2.129", "2001:db8::1", "::1"],
    "aws:principalarn": [
        ALICE,
        "arn:aws:iam::000000000000:root",
        "no arn",
        "arn:aws:iam:r:000000000000:user/alice",
        "arn:aws:iam::1:user/x:y",
    ],
}
MULTIVALUED = ("s3:requestobjecttagkeys", "s3:prefix")
ORDERS = ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
FAMILIES: list[tuple[list[str], list[str], list[Any]]] = [
    (
        [f"String{n}{kind}" for n in ("", "Not") for kind in ("Equals", "Like", "EqualsIgnoreCase")],
        ["s3:prefix", "S3:RequestObjectTagKeys", "aws:UserName"],
        TEXTS,
    ),
    ([f"Numeric{order}" for order in ORDERS], ["s3:max-keys"], [*NUMBERS, 10, 5.25]),
    ([f"Date{order}" for order in ORDERS], ["aws:CurrentTime"], [*TIMES, 1893456000]),
    (["Bool"], ["aws:SecureTransport"], ["true", "FALSE", True, False]),
    (["IpAddress", "NotIpAddress"], ["aws:SourceIp"], RANGES),
    (["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"], ["aws:PrincipalArn"], ARNS),
]


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(draw(st.integers(0, 2))):
        if draw(st.integers(0, 9)) == 0:
            found["Null"] = {draw(st.sampled_from(sorted(CONTEXT))): draw(some(["true", "false", True]))}
            continue
        names, keys, values = draw(st.sampled_from(FAMILIES))
        each = draw(st.sampled_from(["", "", "ForAnyValue:", "ForAllValues:"]))
        name = each + draw(st.sampled_from(names)) + draw(st.sampled_from(["", "IfExists"]))
        found[name] = {draw(st.sampled_from(keys)): draw(some(values))}
    return found


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": draw(st.sampled_from(["Allow", "Deny"]))}
    whom = st.fixed_dictionaries(
        {"AWS": some([ALICE, "arn:aws:iam::000000000000:root"])}, optional={"CanonicalUser": some(["a" * 64, "b" * 64])}
    )
    element = draw(st.sampled_from(["Principal", "Principal", "NotPrincipal"]))
    everyone = [] if element == "NotPrincipal" else [st.just("*"), st.just({"AWS": [ALICE, "*"]})]
    statement[element] = draw(st.one_of(whom, *everyone))
    statement[draw(st.sampled_from(["Action", "Action", "NotAction"]))] = draw(some(ACTIONS, 3))
    statement[draw(st.sampled_from(["Resource", "Resource", "NotResource"]))] = draw(some(RESOURCES, 3))
    if found := draw(conditions()):
        statement["Condition"] = found
    return statement


POLICIES = st.fixed_dictionaries(
    {"Statement": statements() | st.lists(statements(), min_size=1, max_size=4)},
    optional={"Version": st.sampled_from(["2012-10-17", "2012-10-17", "2008-10-17"]), "Id": st.just("x")},
)
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        key: st.lists(st.sampled_from(values), max_size=3 if key in MULTIVALUED else 1).map(tuple)
        for key, values in CONTEXT.items()
    },
)


def compare(policy: Any, who: str | None, action: str, context: Mapping[str, tuple[str, ...]], names: list[str]) -> int:
    """Asks both about every name; returns how often some statement applied."""
    compiled = parse_policy(json.dumps(policy), principals=True)
    service = action in ("s3:ListAllMyBuckets", "seglake:GetMetaStats")
    applied = 0
    for name in ["*"] if service else names:
        resource = name if service else f"arn:aws:s3:::{name}"
        got = evaluate(compiled, AccessQuery(Principal(who), IDS[who], action, resource, context))
        wanted = decide(policy, name=who, canonical=IDS[who], action=action, resource=resource, context=context)
        assert (got and (got.effect, got.statement)) == wanted, (policy, who, action, resource, context)
        applied += got is not None
    return applied


@settings(max_examples=settings().max_examples * 2)
@given(
    POLICIES,
    st.lists(
        st.tuples(st.sampled_from(sorted(IDS, key=str)), st.sampled_from(ASKED), CONTEXTS), min_size=4, max_size=4
    ),
)
def test_the_answer_is_that_of_the_reference_evaluator(policy: Any, questions: list[Any]) -> None:
    for number, (who, action, context) in enumerate(questions):
        compare(policy, who, action, context, NAMES[number % 3 :: 3])


# ------------------------------------------------------------------------------------------------ one element at a time
def few(draw: random.Random, values: list[Any]) -> Any:
    """One of the values, or an array of one or two."""
    chosen = draw.sample(values, draw.randint(1, 2))
    return chosen[0] if draw.random() < 0.5 else chosen


WHOM = [{"AWS": ALICE}, {"AWS": [ALICE, "arn:aws:iam::000000000000:root"]}, {"CanonicalUser": "b" * 64}]


def narrow(draw: random.Random) -> dict[str, Any]:
    """A statement about everything, but for one element or two."""
    statement: dict[str, Any] = {
        "Effect": draw.choice(["Allow", "Allow", "Deny"]),
        "Principal": "*",
        "Action": "*",
        "Resource": "*",
    }
    kinds = ["Principal", "Action", "Resource", "Resource", *["Condition"] * 4]
    for element in draw.sample(kinds, draw.randint(1, 2)):
        if element == "Condition":
            statement.setdefault("Condition", {}).update(one_condition(draw))
            continue
        statement = {name: one for name, one in statement.items() if name.removeprefix("Not") != element}
        negated = draw.random() < 0.4
        values = {"Action": ACTIONS, "Resource": RESOURCES}.get(element)
        found = few(draw, values) if values else draw.choice(WHOM)
        statement[f"Not{element}" if negated else element] = found
    return statement


def one_condition(draw: random.Random) -> dict[str, Any]:
    if draw.random() < 0.05:
        return {"Null": {draw.choice(sorted(CONTEXT)): draw.choice(["true", "false", True])}}
    names, keys, values = draw.choice(FAMILIES)
    each = draw.choice(["", "", "ForAnyValue:", "ForAllValues:"])
    name = each + draw.choice(names) + draw.choice(["", "", "IfExists"])
    return {name: {draw.choice(keys): few(draw, values)}}


def some_context(draw: random.Random) -> dict[str, tuple[str, ...]]:
    found = {}
    for key, values in CONTEXT.items():
        if draw.random() < 0.8:
            most = 3 if key in MULTIVALUED else 1
            found[key] = tuple(draw.sample(values, draw.randint(0 if draw.random() < 0.1 else 1, most)))
    return found


def test_each_element_is_read_as_the_reference_evaluator_reads_it(seed: int, scale: int) -> None:
    draw = random.Random(seed)
    applied = asked = 0
    for _ in range(2500 * scale):
        policy: dict[str, Any] = {
            "Version": draw.choice(["2012-10-17"] * 4 + ["2008-10-17"]),
            "Statement": [narrow(draw)],
        }
        if draw.random() < 0.3:
            policy["Statement"].append(narrow(draw))
        for _question in range(4):
            who, action = draw.choice(list(IDS)), draw.choice([*ASKED, ASKED[0], ASKED[0], ASKED[2]])
            names = draw.sample(NAMES, 3)
            asked += len(names)
            applied += compare(policy, who, action, some_context(draw), names)
    assert asked // 6 < applied < asked * 5 // 6
