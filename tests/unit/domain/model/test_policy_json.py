"""AWS's form is read to the letter: every element that is not understood is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seglake.domain.model.errors import MalformedPolicy
from seglake.domain.model.policy import Effect, parse_policy

STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}
USER = "arn:aws:iam::000000000000:user/"


def element(change: dict[str, Any], *, principals: bool = True, top: dict[str, Any] | None = None) -> str:
    """The element that is named when the second of two statements is changed so (None removes)."""
    changed = {name: value for name, value in (STATEMENT | change).items() if value is not None}
    first = STATEMENT if principals else {n: v for n, v in STATEMENT.items() if n != "Principal"}
    policy = {"Version": "2012-10-17", "Statement": [first, changed]} | (top or {})
    with pytest.raises(MalformedPolicy) as refused:
        parse_policy(json.dumps(policy), principals=principals)
    return refused.value.element


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"Effects": "Allow"}, "Effects"),
        ({"effect": "Allow"}, "effect"),
        ({"Effect": None}, "Effect"),
        ({"Effect": "allow"}, "Effect"),
        ({"Effect": ["Allow"]}, "Effect"),
        ({"Sid": 1}, "Sid"),
        ({"Action": None}, "Action"),
        ({"NotAction": "s3:GetObject"}, "Action"),
        ({"Action": []}, "Action"),
        ({"Action": ""}, "Action"),
        ({"Action": 5}, "Action"),
        ({"Action": ["s3:GetObject", "s3:GetObjects"]}, "Action"),
        ({"Action": "s3:Gxt*"}, "Action"),
        ({"Action": "GetObject"}, "Action"),
        ({"Action": "ec2:*"}, "Action"),
        ({"Action": "s3*"}, "Action"),
        ({"Action": None, "NotAction": "s3:Nothing"}, "NotAction"),
        ({"Resource": None}, "Resource"),
        ({"NotResource": "*"}, "Resource"),
        ({"Resource": []}, "Resource"),
        ({"Resource": [[]]}, "Resource"),
        ({"Resource": ""}, "Resource"),
        ({"Resource": "b/*"}, "Resource"),
        ({"Resource": "arn:aws:s3:::"}, "Resource"),
        ({"Resource": "arn:aws-cn:s3:::b"}, "Resource"),
        ({"Resource": "arn:aws:s3:us-east-1:000000000000:accesspoint/x"}, "Resource"),
        ({"Resource": "arn:aws:s3:::b/${aws:nobody}"}, "Resource"),
        ({"Resource": None, "NotResource": "arn:aws:sqs:::b"}, "NotResource"),
        ({"Principal": None}, "Principal"),
        ({"NotPrincipal": {"AWS": USER + "a"}}, "Principal"),
        ({"Principal": "alice"}, "Principal"),
        ({"Principal": ["*"]}, "Principal"),
        ({"Principal": {}}, "Principal"),
        ({"Principal": {"AWS": []}}, "Principal.AWS"),
        ({"Principal": {"AWS": "000000000000"}}, "Principal.AWS"),
        ({"Principal": {"AWS": "arn:aws:iam::111111111111:user/a"}}, "Principal.AWS"),
        ({"Principal": {"AWS": "arn:aws:iam::000000000000:role/a"}}, "Principal.AWS"),
        ({"Principal": {"AWS": USER + "*"}}, "Principal.AWS"),
        ({"Principal": {"AWS": USER}}, "Principal.AWS"),
        ({"Principal": {"AWS": USER + "root"}}, "Principal.AWS"),
        ({"Principal": {"AWS": USER + "a/b"}}, "Principal.AWS"),
        ({"Principal": {"CanonicalUser": "*"}}, "Principal.CanonicalUser"),
        ({"Principal": {"CanonicalUser": "A" * 64}}, "Principal.CanonicalUser"),
        ({"Principal": {"Federated": "accounts.google.com"}}, "Principal.Federated"),
        ({"Principal": {"Service": "logging.s3.amazonaws.com"}}, "Principal.Service"),
        ({"Principal": {"aws": "*"}}, "Principal.aws"),
        ({"Principal": None, "NotPrincipal": "*"}, "NotPrincipal"),
        ({"Principal": None, "NotPrincipal": {"AWS": "*"}}, "NotPrincipal"),
        ({"Condition": []}, "Condition"),
        ({"Condition": {"StringEqualz": {"s3:prefix": "a"}}}, "Condition.StringEqualz"),
        ({"Condition": {"StringEquals": {}}}, "Condition.StringEquals"),
        ({"Condition": {"StringEquals": "a"}}, "Condition.StringEquals"),
        ({"Condition": {"StringEquals": {"s3:prefix": []}}}, "Condition.StringEquals.s3:prefix"),
        ({"Condition": {"StringEquals": {"s3:prefix": None}}}, "Condition.StringEquals.s3:prefix"),
        ({"Condition": {"StringEquals": {"s3:prefix": {}}}}, "Condition.StringEquals.s3:prefix"),
        ({"Condition": {"StringEquals": {"aws:Nobody": "a"}}}, "Condition.StringEquals.aws:Nobody"),
        ({"Condition": {"StringEquals": {"header:x": "a"}}}, "Condition.StringEquals.header:x"),
        ({"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}, "Condition.Bool.aws:MultiFactorAuthPresent"),
        (
            {"Condition": {"StringEquals": {"s3:DataAccessPointArn": "a"}}},
            "Condition.StringEquals.s3:DataAccessPointArn",
        ),
        (
            {"Condition": {"StringEquals": {"s3:ExistingObjectTag/": "a"}}},
            "Condition.StringEquals.s3:ExistingObjectTag/",
        ),
        ({"Condition": {"StringEquals": {"s3:prefix": "a", "s3:Prefix": "b"}}}, "Condition.StringEquals.s3:Prefix"),
        ({"Condition": {"NumericEquals": {"s3:max-keys": "ten"}}}, "Condition.NumericEquals.s3:max-keys"),
        ({"Condition": {"NumericEquals": {"s3:max-keys": 1e3}}}, None),
        ({"Condition": {"StringLike": {"s3:prefix": "${aws:no}"}}}, "Condition.StringLike.s3:prefix"),
    ],
)
def test_what_is_not_understood_is_named(change: dict[str, Any], named: str | None) -> None:
    if named is None:
        # 1e3 is written as 1000.0, which is a number.
        changed = STATEMENT | change
        assert parse_policy(json.dumps({"Statement": changed}), principals=True).condition_keys
        return
    assert element(change) == f"Statement[2].{named}"


@pytest.mark.parametrize(
    ("top", "named"),
    [
        ({"Version": "2012-10-18"}, "Version"),
        ({"Version": None}, "Version"),
        ({"Version": 2012}, "Version"),
        ({"Id": 5}, "Id"),
        ({"Comment": "x"}, "Comment"),
        ({"version": "v1"}, "Version"),
    ],
)
def test_the_top_is_read_as_strictly(top: dict[str, Any], named: str) -> None:
    assert element({}, top=top) == named


@pytest.mark.parametrize("name", ["Principal", "NotPrincipal"])
def test_a_keys_policy_names_nobody(name: str) -> None:
    assert element({"Principal": None, name: {"AWS": USER + "a"}}, principals=False) == f"Statement[2].{name}"


def test_a_number_with_an_exponent_is_refused() -> None:
    text = json.dumps({"Statement": STATEMENT | {"Condition": {"NumericEquals": {"s3:max-keys": 7}}}})
    assert parse_policy(text, principals=True).condition_keys
    with pytest.raises(MalformedPolicy):
        parse_policy(text.replace("7", "7e0"), principals=True)


def test_two_statements_never_share_a_sid() -> None:
    with pytest.raises(MalformedPolicy) as refused:
        parse_policy(json.dumps({"Statement": [STATEMENT | {"Sid": "a"}] * 2}), principals=True)
    assert refused.value.element == "Statement[2].Sid"
    assert parse_policy(json.dumps({"Statement": [STATEMENT | {"Sid": ""}] * 2}), principals=True).statements


def test_a_statement_may_stand_alone_and_only_the_newer_version_has_variables() -> None:
    alone = {"Statement": STATEMENT | {"Resource": "arn:aws:s3:::b/${aws:username}", "Condition": {}}}
    assert parse_policy(json.dumps(alone), principals=True).condition_keys == frozenset()
    assert parse_policy(json.dumps(alone | {"Version": "2008-10-17"}), principals=True).condition_keys == frozenset()
    newer = parse_policy(json.dumps(alone | {"Version": "2012-10-17"}), principals=True)
    assert newer.condition_keys == {"aws:username"}
    assert (newer.statements[0].number, newer.statements[0].effect) == (1, Effect.ALLOW)


def test_every_key_of_the_surface_is_understood() -> None:
    keys = [
        *["aws:SourceIp", "aws:CurrentTime", "aws:SecureTransport", "aws:UserAgent", "aws:Referer"],
        *["aws:PrincipalArn", "s3:prefix", "s3:delimiter", "s3:max-keys", "s3:VersionId", "s3:x-amz-acl"],
        *["s3:x-amz-copy-source", "s3:x-amz-server-side-encryption", "s3:ExistingObjectTag/a"],
        *["s3:RequestObjectTag/a", "s3:signatureversion", "aws:username", "aws:userid", "s3:authType"],
        *["s3:signatureAge", "s3:x-amz-content-sha256", "s3:TlsVersion", "s3:object-lock-mode"],
        *["s3:object-lock-retain-until-date", "s3:object-lock-remaining-retention-days"],
        *["s3:object-lock-legal-hold", "s3:x-amz-metadata-directive", "s3:x-amz-storage-class"],
        *["s3:x-amz-grant-read", "s3:x-amz-grant-write", "s3:x-amz-grant-read-acp", "s3:x-amz-grant-write-acp"],
        *["s3:x-amz-grant-full-control", "s3:x-amz-server-side-encryption-aws-kms-key-id"],
        *["s3:x-amz-server-side-encryption-customer-algorithm", "s3:if-match", "s3:if-none-match"],
        *["s3:RequestObjectTagKeys", "s3:locationconstraint", "s3:ResourceAccount", "aws:PrincipalAccount"],
    ]
    statement = STATEMENT | {"Condition": {"StringLike": dict.fromkeys(keys, "x")}}
    policy = parse_policy(json.dumps({"Statement": statement}), principals=True)
    assert policy.condition_keys == {key.lower() for key in keys}
