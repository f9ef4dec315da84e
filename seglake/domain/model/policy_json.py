"""AWS's policy language, read strictly: an element that is not understood refuses the whole policy.

Source: IAM User Guide, "Grammar of the IAM JSON policy language" and "IAM JSON policy elements reference".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .actions import ACTIONS, EVERYTHING, S3_ACTIONS, covered_actions
from .errors import InvalidUserName, MalformedPolicy
from .manifest import ROOT
from .policy_conditions import Condition, condition
from .policy_keys import condition_key
from .policy_operators import Values
from .policy_patterns import Pattern, parse_pattern
from .policy_terms import RESOURCE_PREFIX, Effect, Principals, Resources, Statement
from .policy_text import Json, below, fields, scalars_of, text_of, texts_of
from .user import check_user_name, user_arn

VARIABLES_VERSION = "2012-10-17"
"""Only in this version is ``${...}`` a policy variable."""

_VERSIONS = ("2008-10-17", VARIABLES_VERSION)
_POLICY = frozenset(["Version", "Id", "Statement"])
_STATEMENT = frozenset(
    ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Principal", "NotPrincipal"]
)
_USER_ARN = user_arn("")
_ROOT_ARN = user_arn(ROOT)
_CANONICAL_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NEVER = {
    "Service": "a service never asks this store for anything, so the statement could never apply",
    "Federated": "there are no federated users here",
}


def statements_of(document: Json, *, principals: bool) -> tuple[Statement, ...]:
    """The statements of a policy in AWS's form; ``principals`` as for policy.parse_policy. MalformedPolicy."""
    policy = fields(document, "", _POLICY)
    version = text_of(policy.get("Version", _VERSIONS[0]), "Version")
    if version not in _VERSIONS:
        raise MalformedPolicy("Version", "this must be 2012-10-17 (or 2008-10-17)")
    text_of(policy.get("Id", ""), "Id")
    listed = policy.get("Statement")
    if listed is None or listed == []:
        raise MalformedPolicy("Statement", "a policy needs at least one statement")
    found, sids = [], set()
    for number, one in enumerate(listed if isinstance(listed, list) else [listed], start=1):
        reader = _Reader(number, variables=version == VARIABLES_VERSION, principals=principals)
        statement = reader.read(one)
        if statement.sid and statement.sid in sids:
            raise MalformedPolicy(below(reader.where, "Sid"), "another statement has the same Sid")
        sids.add(statement.sid)
        found.append(statement)
    return tuple(found)


def effect_of(text: str, where: str) -> Effect:
    """``Allow`` or ``Deny``, to the letter."""
    if text not in tuple(Effect):
        raise MalformedPolicy(where, "this must be Allow or Deny")
    return Effect(text)


def actions_of(names: tuple[str, ...], effect: Effect, where: str, *, negated: bool) -> frozenset[str]:
    """What ``names`` cover (``negated``: all they do not). ``*`` and a negation allow S3's actions only."""
    everything = S3_ACTIONS if effect is Effect.ALLOW else ACTIONS
    covered: set[str] = set()
    for name in names:
        found = everything if name == EVERYTHING else covered_actions(name)
        if not found:
            raise MalformedPolicy(where, f"{name[:80]!r} is no action of S3")
        covered |= found
    return everything - covered if negated else frozenset(covered)


class _Reader:
    """Reads one statement."""

    def __init__(self, number: int, *, variables: bool, principals: bool) -> None:
        self.number = number
        self.where = f"Statement[{number}]"
        self._variables = variables
        self._principals = principals

    def read(self, value: Json) -> Statement:
        """The statement. MalformedPolicy."""
        statement = fields(value, self.where, _STATEMENT)
        effect = effect_of(text_of(statement.get("Effect"), below(self.where, "Effect")), below(self.where, "Effect"))
        principals = self._principals_of(statement)
        action, negated = self._either(statement, "Action")
        names = texts_of(statement[action], below(self.where, action))
        actions = actions_of(names, effect, below(self.where, action), negated=negated)
        return Statement(
            number=self.number,
            effect=effect,
            principals=principals,
            action_names=() if negated else names,
            actions=actions,
            resources=self._resources(statement),
            conditions=self._conditions(statement.get("Condition", {})),
            sid=text_of(statement.get("Sid", ""), below(self.where, "Sid")),
        )

    def _either(self, statement: Mapping[str, Json], name: str) -> tuple[str, bool]:
        """Which of ``name`` and its negation there is."""
        present = [one for one in (name, f"Not{name}") if one in statement]
        if len(present) != 1:
            raise MalformedPolicy(below(self.where, name), f"exactly one of {name} and Not{name} is needed")
        return present[0], present[0] != name

    def _resources(self, statement: Mapping[str, Json]) -> Resources:
        element, negated = self._either(statement, "Resource")
        where = below(self.where, element)
        return Resources(tuple([self._resource(text, where) for text in texts_of(statement[element], where)]), negated)

    def _resource(self, text: str, where: str) -> Pattern:
        if text != "*" and not text.startswith(RESOURCE_PREFIX):
            raise MalformedPolicy(where, f"{text[:80]!r} is neither * nor an ARN that begins with {RESOURCE_PREFIX}")
        name = text.removeprefix(RESOURCE_PREFIX)
        if not name:
            raise MalformedPolicy(where, "the ARN names no bucket")
        return parse_pattern(name, where, wildcards=True, variables=self._variables)

    # -------------------------------------------------------------------------------------------- principals
    def _principals_of(self, statement: Mapping[str, Json]) -> Principals | None:
        if not self._principals:
            for name in ("Principal", "NotPrincipal"):
                if name in statement:
                    raise MalformedPolicy(below(self.where, name), "a key's policy is about the key; it names nobody")
            return None
        element, negated = self._either(statement, "Principal")
        where = below(self.where, element)
        value = statement[element]
        everyone = value == "*"
        users: set[str] = set()
        ids: set[str] = set()
        if not everyone:
            named = fields(value, where)
            if not named:
                raise MalformedPolicy(where, "this must not be empty")
            for kind, who in named.items():
                everyone |= _add_principals(kind, who, below(where, kind), (users, ids))
        if everyone and negated:
            raise MalformedPolicy(where, "a statement about nobody could never apply")
        return Principals(everyone, frozenset(users), frozenset(ids), negated)

    # -------------------------------------------------------------------------------------------- conditions
    def _conditions(self, value: Json) -> tuple[Condition, ...]:
        top = below(self.where, "Condition")
        found = []
        for name, keys in fields(value, top).items():
            where = below(top, name)
            if not fields(keys, where):
                raise MalformedPolicy(where, "this must not be empty")
            seen = set()
            for key, values in fields(keys, where).items():
                path = below(where, key)
                known = condition_key(key, path)
                if known in seen:
                    raise MalformedPolicy(path, "this key stands twice (case does not matter)")
                seen.add(known)
                wanted = Values(scalars_of(values, path), path, self._variables)
                found.append(condition(name, known, wanted, where=where))
        return tuple(found)


def _add_principals(kind: str, value: Json, where: str, found: tuple[set[str], set[str]]) -> bool:
    """Adds the users and canonical ids that ``value`` names; True when it names everybody."""
    users, ids = found
    if kind in _NEVER:
        raise MalformedPolicy(where, _NEVER[kind])
    if kind not in ("AWS", "CanonicalUser"):
        raise MalformedPolicy(where, "this kind of principal is not supported")
    everyone = False
    for text in texts_of(value, where):
        if kind == "CanonicalUser":
            if not _CANONICAL_ID.fullmatch(text):
                raise MalformedPolicy(where, "a canonical user id has 64 hexadecimal digits")
            ids.add(text)
        elif text == "*":
            everyone = True
        else:
            users.add(_user(text, where))
    return everyone


def _user(arn: str, where: str) -> str:
    """The name of the user whose ARN this is."""
    if arn == _ROOT_ARN:
        return ROOT
    if not arn.startswith(_USER_ARN):
        raise MalformedPolicy(where, f"{arn[:80]!r} is neither {_USER_ARN}NAME nor {_ROOT_ARN}")
    name = arn.removeprefix(_USER_ARN)
    if name == ROOT:
        raise MalformedPolicy(where, f"the user root is named by {_ROOT_ARN}")
    try:
        return check_user_name(name)
    except InvalidUserName as error:
        raise MalformedPolicy(where, error.hint) from None
