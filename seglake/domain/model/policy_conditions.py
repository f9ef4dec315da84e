"""A condition is compiled when its policy is parsed; asking it can neither fail nor be skipped.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Set operators for multi-valued context
keys". The rules in short: the values of one key are alternatives; a negated operator holds when the positive one does
not; a key without a value fails a positive operator and satisfies a negated one, ``...IfExists`` and ``ForAllValues:``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .errors import MalformedPolicy
from .policy_operators import NULL, OPERATORS, Compiled, Values
from .policy_patterns import Context, Variable


class Quantifier(StrEnum):
    """How the several values of a request's key count; NONE: one of them is enough, and a negation is about all."""

    NONE = ""
    ANY = "ForAnyValue"
    ALL = "ForAllValues"


@dataclass(frozen=True, slots=True)
class Condition:
    """``operator`` without quantifier and IfExists; ``key`` lower-case; ``values`` as they were written."""

    operator: str
    key: str
    values: tuple[str, ...]
    quantifier: Quantifier = Quantifier.NONE
    if_exists: bool = False
    compiled: Compiled = field(compare=False, repr=False, kw_only=True)
    negated: bool = field(init=False, compare=False, repr=False)
    without: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        negated = OPERATORS[self.operator].negated
        object.__setattr__(self, "negated", negated)
        without = self.if_exists or self.quantifier is Quantifier.ALL
        if self.operator == NULL:
            without = "true" in self.values
        elif self.quantifier is Quantifier.NONE:
            without = without or negated
        object.__setattr__(self, "without", without)

    def holds(self, context: Context) -> bool:
        """Whether the request is as the condition wants it."""
        values = context.get(self.key)
        if not values:
            return self.without
        test, negated = self.compiled.test, self.negated
        if self.quantifier is Quantifier.NONE:
            if len(values) == 1:
                return test(values[0], context) is not negated
            return any(test(value, context) for value in values) is not negated
        each = [test(value, context) is not negated for value in values]
        return all(each) if self.quantifier is Quantifier.ALL else any(each)

    def variables(self) -> frozenset[Variable]:
        """The policy variables in its values."""
        return self.compiled.variables


def condition(name: str, key: str, values: Values, *, where: str) -> Condition:
    """Compiles ``name`` (as ``ForAnyValue:StringLikeIfExists``) on ``key`` (checked, lower-case).

    MalformedPolicy naming ``where`` (the operator's path) or the values' own path.
    """
    quantifier, colon, rest = name.rpartition(":")
    if colon and quantifier not in (Quantifier.ANY, Quantifier.ALL):
        raise MalformedPolicy(where, "only ForAnyValue: and ForAllValues: may stand before an operator")
    bare = rest.removesuffix("IfExists")
    if bare not in OPERATORS:
        raise MalformedPolicy(where, "this condition operator is not supported")
    if bare == NULL and name != NULL:
        raise MalformedPolicy(where, "Null is about the key itself: it has neither a set operator nor IfExists")
    texts = tuple([one.lower() for one in values.texts]) if bare in (NULL, "Bool") else values.texts
    compiled = OPERATORS[bare].compile(values)
    return Condition(bare, key, texts, Quantifier(quantifier), bare != rest, compiled=compiled)
