"""The ``v1`` form of a policy, turned into the statements that the same policy has in AWS's language.

A resource ``{"bucket": glob, "prefix": text}`` means the keys that begin with ``prefix`` and, for actions on a bucket,
requests whose own ``prefix`` parameter begins with it. Without a prefix it means the bucket and all its keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .actions import BUCKET_ACTIONS
from .errors import InvalidUserName, MalformedPolicy
from .manifest import ROOT
from .policy_conditions import Condition, condition
from .policy_json import actions_of
from .policy_keys import HEADER
from .policy_operators import Values
from .policy_patterns import Pattern, Wild, literal_pattern, parse_pattern
from .policy_terms import BucketPrefix, Effect, Principals, Resources, Statement
from .policy_text import Json, below, fields, scalars_of, text_of, texts_of
from .user import check_user_name

VERSION = "v1"
MARKS = frozenset(["version", "statements"])
"""Names that only this form has at the top."""

_STATEMENT = frozenset(["sid", "effect", "actions", "resources", "conditions", "principals"])
_RESOURCE = frozenset(["bucket", "prefix"])
_EFFECTS = {"allow": Effect.ALLOW, "deny": Effect.DENY}
_OWN_ACTIONS = frozenset(["getmetastats", "getmetaconflicts"])
_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,128}", re.ASCII)
# {condition: (operator, key)}
_CONDITIONS = {
    "source_ip": ("IpAddress", "aws:sourceip"),
    "before": ("DateLessThan", "aws:currenttime"),
    "after": ("DateGreaterThan", "aws:currenttime"),
    "prefix": ("StringEquals", "s3:prefix"),
    "delimiter": ("StringEquals", "s3:delimiter"),
    "secure_transport": ("Bool", "aws:securetransport"),
}
_TIMES = ("before", "after")


def statements_of(document: Json, *, principals: bool) -> tuple[Statement, ...]:
    """The statements of a policy in the ``v1`` form; ``principals`` as for policy.parse_policy. MalformedPolicy."""
    policy = fields(document, "", MARKS)
    if policy.get("version") != VERSION:
        raise MalformedPolicy("version", f"this must be {VERSION}")
    listed = policy.get("statements")
    if not isinstance(listed, list) or not listed:
        raise MalformedPolicy("statements", "this must be an array of at least one statement")
    found: list[Statement] = []
    for number, one in enumerate(listed, start=1):
        found.extend(_statements(number, one, principals=principals))
    return tuple(found)


def _statements(number: int, value: Json, *, principals: bool) -> list[Statement]:
    where = f"statements[{number}]"
    statement = fields(value, where, _STATEMENT)
    effect = _EFFECTS.get(text_of(statement.get("effect"), below(where, "effect")).lower())
    if effect is None:
        raise MalformedPolicy(below(where, "effect"), "this must be allow or deny")
    path = below(where, "actions")
    names = tuple([_action(text) for text in texts_of(statement.get("actions"), path)])
    actions = actions_of(names, effect, path, negated=False)
    about, folders = _resources(statement.get("resources"), below(where, "resources"))
    conditions = _conditions(statement.get("conditions", {}), below(where, "conditions"))
    whom = _principals(statement, where, principals=principals)
    sid = text_of(statement.get("sid", ""), below(where, "sid"))

    def made(covered: frozenset[str], patterns: Pattern | BucketPrefix, *more: Condition) -> Statement:
        return Statement(number, effect, whom, names, covered, Resources((patterns,)), (*conditions, *more), sid)

    found = [Statement(number, effect, whom, names, actions, Resources(tuple(about)), conditions, sid)]
    if actions & BUCKET_ACTIONS:
        found.extend([made(actions & BUCKET_ACTIONS, bucket, asked) for bucket, asked in folders])
    return found


def _action(text: str) -> str:
    """The name as AWS's language writes it."""
    if ":" in text or text == "*":
        return text
    return f"seglake:{text}" if text.lower() in _OWN_ACTIONS else f"s3:{text}"


# ------------------------------------------------------------------------------------------------ resources
def _resources(value: Json, where: str) -> tuple[list[Pattern | BucketPrefix], list[tuple[Pattern, Condition]]]:
    """What is meant, and for each prefix the bucket with the condition that a request asks for the prefix."""
    if not isinstance(value, list) or not value:
        raise MalformedPolicy(where, 'this must be an array of at least one {"bucket": ..., "prefix": ...}')
    about: list[Pattern | BucketPrefix] = []
    folders = []
    for number, one in enumerate(value, start=1):
        path = f"{where}[{number}]"
        named = fields(one, path, _RESOURCE)
        text = text_of(named.get("bucket"), below(path, "bucket"))
        if not text or "/" in text:
            raise MalformedPolicy(below(path, "bucket"), "this must be the name of a bucket, * and ? are wildcards")
        bucket = parse_pattern(text, below(path, "bucket"), wildcards=True, variables=False)
        prefix = text_of(named.get("prefix", ""), below(path, "prefix"))
        about.extend(_meant(bucket, prefix))
        if prefix:
            starts = Values((f"{_literally(prefix)}*",), below(path, "prefix"), with_variables=True)
            folders.append((bucket, condition("StringLike", "s3:prefix", starts, where=path)))
    return about, folders


def _meant(bucket: Pattern, prefix: str) -> tuple[Pattern | BucketPrefix, ...]:
    name = bucket.literal
    if name is not None:
        keys = Pattern((f"{name}/{prefix}", Wild.ANY))
        return (keys,) if prefix else (literal_pattern(name), keys)
    # As in AWS's form, * without a prefix is everything, the service itself included.
    return (bucket,) if bucket.tokens == (Wild.ANY,) and not prefix else (BucketPrefix(bucket, prefix),)


def _literally(text: str) -> str:
    """``text`` as a pattern that only it matches."""
    return re.sub(r"[*?$]", lambda found: f"${{{found[0]}}}", text)


# ------------------------------------------------------------------------------------------------ conditions
def _conditions(value: Json, top: str) -> tuple[Condition, ...]:
    found: list[Condition] = []
    for name, wanted in fields(value, top, {*_CONDITIONS, "headers"}).items():
        where = below(top, name)
        if name == "headers":
            found.extend(_headers(fields(wanted, where), where))
            continue
        texts = scalars_of(wanted, where)
        if name in _TIMES and not all("T" in text for text in texts):
            raise MalformedPolicy(where, "this must be a time as 2030-01-31T12:00:00Z")
        if name in _TIMES and len(texts) != 1:
            raise MalformedPolicy(where, "this must be one time")
        operator, key = _CONDITIONS[name]
        found.append(condition(operator, key, Values(texts, where, with_variables=False), where=where))
    return tuple(found)


def _headers(wanted: Mapping[str, Json], top: str) -> list[Condition]:
    found: dict[str, Condition] = {}
    for name, value in wanted.items():
        where = below(top, name)
        lower = name.lower()
        if not _HEADER_NAME.fullmatch(lower):
            raise MalformedPolicy(where, "this is not the name of a header")
        if lower in found:
            raise MalformedPolicy(where, "this header stands twice (case does not matter)")
        values = Values(texts_of(value, where), where, with_variables=False)
        found[lower] = condition("StringEquals", HEADER + lower, values, where=where)
    return list(found.values())


# ------------------------------------------------------------------------------------------------ principals
def _principals(statement: Mapping[str, Json], top: str, *, principals: bool) -> Principals | None:
    where = below(top, "principals")
    if not principals:
        if "principals" in statement:
            raise MalformedPolicy(where, "a key's policy is about the key; it names nobody")
        return None
    names = texts_of(statement.get("principals", "*"), where)
    users = set()
    for name in names:
        if name == "*":
            continue
        try:
            users.add(name if name == ROOT else check_user_name(name))
        except InvalidUserName as error:
            raise MalformedPolicy(where, error.hint) from None
    return Principals(everyone="*" in names, users=frozenset(users))
