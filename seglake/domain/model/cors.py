"""Which pages of other origins a browser may let at a bucket: an ordered list of rules, of which the first that fits
decides.

Source: Amazon S3 User Guide, "Elements of a CORS configuration" and "How does Amazon S3 evaluate the CORS configuration
on a bucket?".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from .errors import InvalidRequest

RULES_MAX = 100
ID_CHARACTERS_MAX = 255
METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
ANYONE = "*"

_TOKEN = re.compile(r"[!#$%&'+.^_`|~0-9A-Za-z-]+", re.ASCII)
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_ORIGIN = re.compile(r"[\x21-\x7e]{1,4096}", re.ASCII)

_Glob = tuple[str, str]


def _glob(pattern: str) -> _Glob:
    before, _, after = pattern.partition("*")
    return before, after


def _fits(glob: _Glob, text: str) -> bool:
    before, after = glob
    return len(text) >= len(before) + len(after) and text.startswith(before) and text.endswith(after)


@dataclass(frozen=True, slots=True)
class CorsRule:
    """One rule. ``origins`` and ``headers`` may each hold one ``*``; headers are compared without regard to case.

    ``max_age_s`` is how long a browser may remember the answer to a preflight, None = not said.
    """

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age_s: int | None = None
    id: str = ""
    _named: frozenset[str] = field(init=False, repr=False, compare=False)
    _globs: tuple[_Glob, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lower = [name.lower() for name in self.headers]
        object.__setattr__(self, "_named", frozenset([name for name in lower if "*" not in name]))
        object.__setattr__(self, "_globs", tuple([_glob(name) for name in lower if "*" in name]))

    def check(self) -> None:
        """InvalidRequest in S3's words for what a rule may not say."""
        if not self.origins or not self.methods:
            raise InvalidRequest("A CORS rule needs at least one AllowedOrigin and one AllowedMethod.")
        for method in self.methods:
            if method not in METHODS:
                raise InvalidRequest(
                    f"Found unsupported HTTP method in CORS config. Unsupported method is {method[:40]}"
                )
        for kind, patterns in (("AllowedOrigin", self.origins), ("AllowedHeader", self.headers)):
            for pattern in patterns:
                if pattern.count("*") > 1:
                    raise InvalidRequest(f'{kind} "{pattern[:200]}" can not have more than one wildcard.')
        if "" in self.origins:
            raise InvalidRequest("An AllowedOrigin of a CORS rule is empty.")
        for name in self.headers:
            if not _HEADER.fullmatch(name):
                raise InvalidRequest(f'AllowedHeader "{name[:200]}" is not the name of a header.')
        self._check_exposed()
        if len(self.id) > ID_CHARACTERS_MAX:
            raise InvalidRequest(f"The ID of a CORS rule may have {ID_CHARACTERS_MAX} characters at most.")

    def _check_exposed(self) -> None:
        for name in self.exposed:
            if "*" in name:
                raise InvalidRequest(
                    f'ExposeHeader "{name[:200]}" contains wildcard. We currently do not support wildcard for '
                    "ExposeHeader."
                )
            if not _TOKEN.fullmatch(name):
                raise InvalidRequest(f'ExposeHeader "{name[:200]}" is not the name of a header.')

    def origin(self, origin: str) -> str | None:
        """What to answer to a page of this origin: ``*`` or the origin itself; None when the rule is not for it."""
        for pattern in self.origins:
            if pattern == ANYONE:
                return ANYONE
            if pattern == origin or ("*" in pattern and _fits(_glob(pattern), origin)):
                return origin
        return None

    def takes(self, headers: Iterable[str]) -> bool:
        """Whether a page may send all of these headers (lower case)."""
        named, globs = self._named, self._globs
        return all(name in named or any(_fits(glob, name) for glob in globs) for name in headers)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The rule that decided, and the origin as the answer names it (``*`` or the page's own)."""

    rule: CorsRule
    origin: str


Rules = tuple[CorsRule, ...]
NO_RULES: Rules = ()


def find_rule(rules: Rules, origin: str, method: str, headers: Sequence[str] = ()) -> Allowed | None:
    """The first rule for this origin, method and headers (lower case), None when there is none.

    An origin that no browser sends (not printable ASCII) fits no rule, since it would stand in an answer's head.
    """
    if not _ORIGIN.fullmatch(origin):
        return None
    for rule in rules:
        if method in rule.methods:
            shown = rule.origin(origin)
            if shown is not None and rule.takes(headers):
                return Allowed(rule, shown)
    return None


def check_rules(rules: Rules) -> Rules:
    """``rules`` when a bucket may have them, else InvalidRequest."""
    if len(rules) > RULES_MAX:
        raise InvalidRequest(f"The number of CORS rules should not exceed allowed limit of {RULES_MAX} rules.")
    for rule in rules:
        rule.check()
    return rules


def to_text(rules: Rules) -> str:
    """The text that is kept: a JSON list of objects, equal for equal rules."""
    return json.dumps([_members(rule) for rule in rules], separators=(",", ":"), ensure_ascii=False)


def _members(rule: CorsRule) -> dict[str, object]:
    members: dict[str, object] = {"origins": rule.origins, "methods": rule.methods}
    if rule.headers:
        members["headers"] = rule.headers
    if rule.exposed:
        members["exposed"] = rule.exposed
    if rule.max_age_s is not None:
        members["max_age_s"] = rule.max_age_s
    if rule.id:
        members["id"] = rule.id
    return members


@lru_cache(maxsize=256)
def parse_text(text: str) -> Rules:
    """The rules in a text that ``to_text`` made."""
    return tuple(
        [
            CorsRule(
                origins=tuple(one["origins"]),
                methods=tuple(one["methods"]),
                headers=tuple(one.get("headers", ())),
                exposed=tuple(one.get("exposed", ())),
                max_age_s=one.get("max_age_s"),
                id=one.get("id", ""),
            )
            for one in json.loads(text)
        ]
    )
