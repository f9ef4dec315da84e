"""A policy is statements in one model, whatever form they were written in; it is compiled once, when it is parsed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from .actions import ACTIONS
from .manifest import ROOT
from .policy_conditions import Condition
from .policy_patterns import Context, Glob, Pattern, Variable
from .user import user_arn

RESOURCE_PREFIX = "arn:aws:s3:::"
PLACES_REMEMBERED_MAX = 1024
"""Actions of principals that a policy remembers its statements for."""


class Effect(StrEnum):
    """What a statement says about the requests that it is about."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a user, or nobody known (``name`` None)."""

    name: str | None

    @property
    def arn(self) -> str | None:
        """``arn:aws:iam::000000000000:user/NAME``; None for an anonymous request."""
        return None if self.name is None else user_arn(self.name)


ANONYMOUS = Principal(None)
ROOT_PRINCIPAL = Principal(ROOT)


@dataclass(frozen=True, slots=True)
class AccessQuery:
    """One question to a policy.

    ``canonical_id`` is the principal's (empty when anonymous), ``action`` as ``s3:PutObject`` (from model/actions.py),
    ``resource`` ``arn:aws:s3:::bucket``, ``arn:aws:s3:::bucket/key`` or, at the service level, ``*``; ``context`` as in
    policy_patterns.Context.
    """

    principal: Principal
    canonical_id: str
    action: str
    resource: str
    context: Context


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy says, and the statement that says it (they count from 1)."""

    effect: Effect
    statement: int
    sid: str


@dataclass(frozen=True, slots=True)
class Principals:
    """Whom a statement is about; ``negated``: everybody else."""

    everyone: bool = False
    users: frozenset[str] = frozenset()
    canonical_ids: frozenset[str] = frozenset()
    negated: bool = False

    def include(self, name: str | None, canonical_id: str) -> bool:
        """Whether the statement is about the one who asks: a user's name (None: anonymous) and canonical id."""
        named = self.everyone or name in self.users or canonical_id in self.canonical_ids
        return named is not self.negated


@dataclass(frozen=True, slots=True)
class BucketPrefix:
    """The keys that begin with ``prefix`` in the buckets whose whole name matches ``bucket``; an empty prefix means
    the buckets too."""

    bucket: Pattern
    prefix: str

    def matches(self, name: str, context: Context) -> bool:
        """``name`` as ``bucket/key``."""
        bucket, slash, key = name.partition("/")
        below = (bool(slash) and key.startswith(self.prefix)) or not self.prefix
        return below and self.bucket.matches(bucket, context)


@dataclass(frozen=True, slots=True)
class Resources:
    """What a statement is about: names as ``bucket`` and ``bucket/key`` (``negated``: all others)."""

    patterns: tuple[Pattern | BucketPrefix, ...]
    negated: bool = False
    _exact: frozenset[str] = field(init=False, compare=False, repr=False)
    _prefixes: tuple[str, ...] = field(init=False, compare=False, repr=False)
    _globs: tuple[Glob, ...] = field(init=False, compare=False, repr=False)
    _others: tuple[Pattern | BucketPrefix, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        exact, prefixes, globs, others = set(), [], [], []
        for pattern in self.patterns:
            if isinstance(pattern, BucketPrefix) or any(pattern.variables()):
                others.append(pattern)
            elif (literal := pattern.literal) is not None:
                exact.add(literal)
            elif (prefix := pattern.prefix) is not None:
                prefixes.append(prefix)
            else:
                globs.append(Glob(pattern.tokens))
        object.__setattr__(self, "_exact", frozenset(exact))
        object.__setattr__(self, "_prefixes", tuple(prefixes))
        object.__setattr__(self, "_globs", tuple(globs))
        object.__setattr__(self, "_others", tuple(others))

    def include(self, name: str, context: Context) -> bool:
        """Whether the statement is about ``name``."""
        found = (
            name in self._exact
            or name.startswith(self._prefixes)
            or (bool(self._globs) and any(glob.matches(name) for glob in self._globs))
            or (bool(self._others) and any(other.matches(name, context) for other in self._others))
        )
        return found is not self.negated

    def variables(self) -> frozenset[Variable]:
        """The policy variables in the patterns."""
        return frozenset([v for p in self.patterns if isinstance(p, Pattern) for v in p.variables()])


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement.

    ``number`` counts from 1; ``principals`` None = whoever bears the key; ``action_names`` as they were written (none
    for NotAction), ``actions`` all that it is about.
    """

    number: int
    effect: Effect
    principals: Principals | None
    action_names: tuple[str, ...]
    actions: frozenset[str]
    resources: Resources
    conditions: tuple[Condition, ...] = ()
    sid: str = ""
    verdict: Verdict = field(init=False, compare=False, repr=False)
    _needs: tuple[Variable, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdict", Verdict(self.effect, self.number, self.sid))
        needs: set[Variable] = set()
        if self.effect is Effect.ALLOW:
            # "Everything but ${x}" without an x must not become everything.
            needs.update(self.resources.variables() if self.resources.negated else ())
            needs.update(*[condition.variables() for condition in self.conditions if condition.negated])
        object.__setattr__(self, "_needs", tuple([variable for variable in needs if variable.default is None]))

    def applies(self, query: AccessQuery, name: str) -> bool:
        """Whether the statement is about the request (action and principal apart); ``name`` is ``bucket/key``."""
        context = query.context
        if not self.resources.include(name, context):
            return False
        for condition in self.conditions:
            if not condition.holds(context):
                return False
        return not self._needs or all(variable.value(context) is not None for variable in self._needs)

    def keys(self) -> frozenset[str]:
        """The condition keys whose values it asks for."""
        variables = self.resources.variables().union(*[condition.variables() for condition in self.conditions])
        return frozenset([c.key for c in self.conditions] + [variable.key for variable in variables])


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed policy; ``source`` is its text, ``condition_keys`` the (lower-case) keys that can change its answer."""

    statements: tuple[Statement, ...]
    source: str = field(compare=False)
    condition_keys: frozenset[str] = field(init=False, compare=False)
    _about: dict[tuple[str, str | None, str], tuple[Statement, ...]] = field(init=False, compare=False, repr=False)
    _answers: dict[Callable[[Policy], bool], bool] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "condition_keys", frozenset().union(*[one.keys() for one in self.statements]))
        object.__setattr__(self, "_about", {})
        object.__setattr__(self, "_answers", {})

    @property
    def users(self) -> frozenset[str]:
        """The names of the users that its principals mention."""
        return frozenset().union(*[one.principals.users for one in self.statements if one.principals is not None])

    def once(self, question: Callable[[Policy], bool]) -> bool:
        """The answer to a question about the policy alone; it is worked out the first time only."""
        answer = self._answers.get(question)
        if answer is None:
            answer = self._answers[question] = question(self)
        return answer

    def about(self, action: str, principal: Principal, canonical_id: str) -> tuple[Statement, ...]:
        """The statements that are about this action of this principal, those that deny first; remembered."""
        place = (action, principal.name, canonical_id)
        found = self._about.get(place)
        if found is None:
            assert action in ACTIONS, f"{action} is missing in model/actions.py"
            if len(self._about) >= PLACES_REMEMBERED_MAX:
                self._about.clear()
            covering = [
                one
                for one in self.statements
                if action in one.actions
                and (one.principals is None or one.principals.include(principal.name, canonical_id))
            ]
            found = self._about[place] = tuple(sorted(covering, key=lambda one: one.effect is Effect.ALLOW))
        return found
