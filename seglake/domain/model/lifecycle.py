"""Lifecycle rules say what is removed by itself, and when; a set of rules is one text, and equal rules are equal texts.

Source: API Reference, PutBucketLifecycleConfiguration; S3 User Guide, "Lifecycle configuration elements". When a rule
acts, model/expiry.py decides.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Any

from .bucket_config import CONFIG_CHARACTERS_MAX
from .errors import InvalidArgument, InvalidRequest
from .limits import TAG_KEY_MAX, TAG_VALUE_MAX
from .manifest import Pairs

DAY_MS = 86_400_000
RULES_MAX = 1000
RULE_ID_CHARACTERS_MAX = 255
PREFIX_BYTES_MAX = 1024
NEWER_VERSIONS_MAX = 100
DAYS_MAX = (1 << 31) - 1


class FilterForm(StrEnum):
    """How a rule names what it is for; kept, because an answer shows a rule as it was given."""

    PREFIX = "prefix"
    """A Prefix beside the actions, as before 2016."""
    SINGLE = "single"
    """A Filter with one condition, or with none: then it is for everything."""
    AND = "and"
    """A Filter whose And has two conditions or more."""


class MinimumSize(StrEnum):
    """API: x-amz-transition-default-minimum-object-size. It is about transitions, which no rule here can have."""

    ALL_128K = "all_storage_classes_128K"
    VARIES = "varies_by_storage_class"


@dataclass(frozen=True, slots=True)
class Filter:
    """What a rule is for: all of its conditions must hold. Sizes in bytes, both bounds exclusive; None = not given."""

    form: FilterForm = FilterForm.SINGLE
    prefix: str | None = None
    tags: Pairs = ()
    above: int | None = None
    below: int | None = None

    def takes(self, key: str, size: int, tags: Pairs | None) -> bool:
        """Whether the rule is for such a version; with ``tags`` None (not looked up) its tags are taken to match."""
        if self.prefix and not key.startswith(self.prefix):
            return False
        if (self.above is not None and size <= self.above) or (self.below is not None and size >= self.below):
            return False
        return tags is None or all(pair in tags for pair in self.tags)


@dataclass(frozen=True, slots=True)
class Expiration:
    """When current versions expire: after ``days``, or from ``date_ms`` (a midnight, ms since the epoch) on.

    ``markers`` removes delete markers under which no version is left; it comes alone.
    """

    days: int | None = None
    date_ms: int | None = None
    markers: bool | None = None


@dataclass(frozen=True, slots=True)
class NoncurrentExpiration:
    """Noncurrent versions are removed ``days`` after they became so; the ``keep`` newest of a key always stay."""

    days: int
    keep: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; ``abort_days`` is the age in days at which a multipart upload in progress is aborted."""

    id: str
    enabled: bool
    filter: Filter
    expiration: Expiration | None = None
    noncurrent: NoncurrentExpiration | None = None
    abort_days: int | None = None


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """A bucket's rules, in the order given."""

    rules: tuple[Rule, ...]
    minimum_size: MinimumSize = MinimumSize.ALL_128K

    def check(self) -> None:
        """InvalidRequest or InvalidArgument naming what S3 does not take. The text is checked too: it is kept."""
        if len(self.rules) > RULES_MAX:
            raise InvalidRequest(f"a lifecycle configuration has at most {RULES_MAX} rules")
        ids: set[str] = set()
        for rule in self.rules:
            _check_id(rule.id, ids)
            ids.add(rule.id)
        if len({rule.filter.form is FilterForm.PREFIX for rule in self.rules}) > 1:
            raise InvalidRequest("either every rule has a Filter or every rule has a Prefix outside of one, not both")
        for rule in self.rules:
            _check_filter(rule.filter)
            _check_actions(rule)
        if len(to_text(self)) > CONFIG_CHARACTERS_MAX:
            raise InvalidRequest(f"the rules take more than {CONFIG_CHARACTERS_MAX} characters together")


def generated_id(position: int, rule: Rule) -> str:
    """The id of a rule that was given none: the same for the same rule at the same place."""
    return sha256(f"{position} {json.dumps(_rule_out(rule))}".encode()).hexdigest()[:48]


def _check_id(rule_id: str, others: set[str]) -> None:
    if len(rule_id) > RULE_ID_CHARACTERS_MAX:
        raise InvalidArgument("ID", rule_id, f"a rule's ID has at most {RULE_ID_CHARACTERS_MAX} characters")
    if not rule_id.isprintable():
        raise InvalidArgument("ID", repr(rule_id), "a rule's ID has no control characters")
    if rule_id in others:
        raise InvalidArgument("ID", rule_id, "two rules have this ID; each needs its own")


def _check_filter(chosen: Filter) -> None:
    if chosen.prefix is not None and len(chosen.prefix.encode()) > PREFIX_BYTES_MAX:
        raise InvalidRequest(f"a Prefix has at most {PREFIX_BYTES_MAX} bytes")
    names = [name for name, _ in chosen.tags]
    if len(set(names)) != len(names):
        raise InvalidRequest("a Filter names each tag once")
    for name, value in chosen.tags:
        if not 1 <= len(name) <= TAG_KEY_MAX or len(value) > TAG_VALUE_MAX:
            raise InvalidRequest(
                f"a tag has a key of 1 to {TAG_KEY_MAX} characters and a value of at most {TAG_VALUE_MAX}"
            )
    for name, number, least in (("ObjectSizeGreaterThan", chosen.above, 0), ("ObjectSizeLessThan", chosen.below, 1)):
        if number is not None and number < least:
            raise InvalidArgument(name, str(number), f"at least {least} is expected")
    if chosen.above is not None and chosen.below is not None and chosen.above + 1 >= chosen.below:
        raise InvalidRequest("no size is above ObjectSizeGreaterThan and below ObjectSizeLessThan")


def _check_actions(rule: Rule) -> None:
    expiration, noncurrent = rule.expiration, rule.noncurrent
    if expiration is None and noncurrent is None and rule.abort_days is None:
        raise InvalidRequest("each rule needs at least one action")
    if expiration is not None:
        _check_positive("Days", expiration.days)
        if expiration.date_ms is not None and expiration.date_ms % DAY_MS:
            raise InvalidArgument("Date", str(expiration.date_ms), "the Date must be at midnight GMT")
        if expiration.markers and rule.filter.tags:
            raise InvalidRequest(
                "ExpiredObjectDeleteMarker cannot be combined with a filter by tags: markers have none"
            )
    if noncurrent is not None:
        _check_positive("NoncurrentDays", noncurrent.days)
        if noncurrent.keep is not None and not 1 <= noncurrent.keep <= NEWER_VERSIONS_MAX:
            raise InvalidArgument(
                "NewerNoncurrentVersions", str(noncurrent.keep), f"1 to {NEWER_VERSIONS_MAX} is expected"
            )
        if noncurrent.keep is not None and rule.filter.form is FilterForm.PREFIX:
            raise InvalidRequest("NewerNoncurrentVersions needs a rule with a Filter")
    if rule.abort_days is not None:
        _check_positive("DaysAfterInitiation", rule.abort_days)
        if rule.filter.tags or rule.filter.above is not None or rule.filter.below is not None:
            raise InvalidRequest(
                "AbortIncompleteMultipartUpload cannot be combined with a filter by tags or object size"
            )


def _check_positive(name: str, days: int | None) -> None:
    if days is not None and not 1 <= days <= DAYS_MAX:
        raise InvalidArgument(name, str(days), "a positive number of days is expected")


def to_text(lifecycle: Lifecycle) -> str:
    """The text that is kept for these rules."""
    document: dict[str, Any] = {"rules": [_rule_out(rule) for rule in lifecycle.rules]}
    if lifecycle.minimum_size is not MinimumSize.ALL_128K:
        document["minimum_size"] = lifecycle.minimum_size.value
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@lru_cache(maxsize=64)
def parse_text(text: str) -> Lifecycle:
    """The rules that ``to_text`` wrote."""
    document = json.loads(text)
    return Lifecycle(
        tuple([_rule_in(rule) for rule in document["rules"]]),
        MinimumSize(document.get("minimum_size", MinimumSize.ALL_128K)),
    )


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _rule_out(rule: Rule) -> dict[str, Any]:
    chosen, expiration, noncurrent = rule.filter, rule.expiration, rule.noncurrent
    return _given(
        id=rule.id,
        enabled=rule.enabled,
        filter=_given(
            form=chosen.form.value,
            prefix=chosen.prefix,
            tags=[list(pair) for pair in chosen.tags] or None,
            above=chosen.above,
            below=chosen.below,
        ),
        expiration=expiration and _given(days=expiration.days, date_ms=expiration.date_ms, markers=expiration.markers),
        noncurrent=noncurrent and _given(days=noncurrent.days, keep=noncurrent.keep),
        abort_days=rule.abort_days,
    )


def _rule_in(fields: dict[str, Any]) -> Rule:
    chosen = dict(fields["filter"])
    expiration, noncurrent = fields.get("expiration"), fields.get("noncurrent")
    return Rule(
        fields["id"],
        fields["enabled"],
        Filter(
            form=FilterForm(chosen.pop("form")),
            tags=tuple([(name, value) for name, value in chosen.pop("tags", ())]),
            **chosen,
        ),
        None if expiration is None else Expiration(**expiration),
        None if noncurrent is None else NoncurrentExpiration(**noncurrent),
        fields.get("abort_days"),
    )


def least_prefixes(prefixes: Iterable[str]) -> tuple[str, ...]:
    """The same keys by as few prefixes as possible, in order: none of them begins with another."""
    kept: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return tuple(kept)
