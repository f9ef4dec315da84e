"""What a policy says about one request: a statement that denies wins over any that allows; otherwise it says nothing.

Source: IAM User Guide, "Policy evaluation logic"; Amazon S3 User Guide, 'The meaning of "public"'.
"""

from __future__ import annotations

from .actions import BUCKET_ACTIONS, OBJECT_ACTIONS, SERVICE_ACTIONS, covered_actions
from .errors import MalformedPolicy
from .policy_conditions import Condition, Quantifier
from .policy_operators import Network, network
from .policy_patterns import Pattern
from .policy_terms import RESOURCE_PREFIX, AccessQuery, Effect, Policy, Statement, Verdict

_PREFIX_LENGTH = len(RESOURCE_PREFIX)


def evaluate(policy: Policy, query: AccessQuery) -> Verdict | None:
    """The verdict of the first statement that denies, else of the first that allows, else None."""
    resource = query.resource
    if resource != "*":
        assert resource.startswith(RESOURCE_PREFIX), "a resource is an S3 ARN or *"
        resource = resource[_PREFIX_LENGTH:]
    for statement in policy.about(query.action, query.principal, query.canonical_id):
        if statement.applies(query, resource):
            return statement.verdict
    return None


# ------------------------------------------------------------------------------------------------ the bucket it is for
def check_resources(policy: Policy, bucket: str) -> None:
    """Raises MalformedPolicy when a bucket policy speaks of anything outside ``bucket``, or of an action that concerns
    none of its statement's resources."""
    by_number: dict[int, list[Statement]] = {}
    for statement in policy.statements:
        by_number.setdefault(statement.number, []).append(statement)
    for number, parts in by_number.items():
        where = f"Statement[{number}]"
        levels = frozenset([_level(one, bucket, where) for part in parts for one in part.resources.patterns])
        if parts[0].resources.negated:
            levels |= {BUCKET_ACTIONS, OBJECT_ACTIONS}
        possible = frozenset().union(*levels)
        for name in parts[0].action_names:
            covered = covered_actions(name)
            if covered <= SERVICE_ACTIONS:
                raise MalformedPolicy(f"{where}.Action", f"a bucket policy cannot allow or deny {name}")
            if not covered & possible:
                raise MalformedPolicy(f"{where}.Action", f"{name} does not apply to any resource in the statement")


def _level(pattern: object, bucket: str, where: str) -> frozenset[str]:
    """The actions that can be asked about what ``pattern`` covers."""
    if isinstance(pattern, Pattern):
        if pattern.literal == bucket:
            return BUCKET_ACTIONS
        if pattern.head.startswith(f"{bucket}/"):
            return OBJECT_ACTIONS
    own = RESOURCE_PREFIX + bucket
    raise MalformedPolicy(f"{where}.Resource", f"a bucket policy speaks of its own bucket only: {own} and {own}/...")


# ------------------------------------------------------------------------------------------------ public or not
_FIXED_KEYS = frozenset(
    ["aws:principalaccount", "aws:principalarn", "aws:userid", "s3:x-amz-server-side-encryption-aws-kms-key-id"]
)
_FIXING_OPERATORS = frozenset(["ArnEquals", "ArnLike", "StringEquals", "StringEqualsIgnoreCase", "StringLike"])
# Wider networks are as good as everybody.
_NETWORK_BITS_MIN = {4: 8, 6: 32}
_NOT_FIXED = ("*", "?", "${")


def is_public(policy: Policy) -> bool:
    """Whether a statement allows everybody something without tying it to fixed callers.

    Statements count one by one, and those that deny do not count. What ties: fixed values (no wildcard, no policy
    variable) of the keys that only a known caller has, or aws:SourceIp in networks of at least 8 (IPv6: 32) bits.
    """
    return policy.once(_is_public)


def _is_public(policy: Policy) -> bool:
    return any(_opens(statement) for statement in policy.statements)


def _opens(statement: Statement) -> bool:
    principals = statement.principals
    named_only = principals is not None and not principals.everyone and not principals.negated
    if statement.effect is Effect.DENY or named_only:
        return False
    return not any(_ties(condition) for condition in statement.conditions)


def _ties(condition: Condition) -> bool:
    if condition.if_exists or condition.quantifier is Quantifier.ALL:
        return False
    if condition.key == "aws:sourceip":
        return condition.operator == "IpAddress" and all(_narrow(network(text)) for text in condition.values)
    if condition.key not in _FIXED_KEYS or condition.operator not in _FIXING_OPERATORS:
        return False
    return not any(sign in text for text in condition.values for sign in _NOT_FIXED)


def _narrow(found: Network | None) -> bool:
    assert found is not None, "checked when the condition was compiled"
    return found.prefixlen >= _NETWORK_BITS_MIN[found.version]
