"""Ways to read a policy as something else than it says."""

from __future__ import annotations

from .mutant import Edit, Mutant

_MODEL = "domain/model/"
_TESTS = "tests/unit/domain/model/"

POLICIES = (
    Mutant(
        "an Allow is found before a Deny",
        (f"{_TESTS}test_policy_evaluation.py",),
        (Edit(f"{_MODEL}policy_terms.py", "key=lambda one: one.effect is Effect.ALLOW", "key=lambda one: one.number"),),
    ),
    Mutant(
        "a star in a variable's value is a wildcard",
        (f"{_TESTS}test_policy_evaluation.py",),
        (
            Edit(
                f"{_MODEL}policy_patterns.py",
                "            tokens.append(value)\n",
                '            tokens.append(Wild.ANY if value == "*" else value)\n',
            ),
        ),
    ),
    Mutant(
        "everything but an unknown variable is everything",
        (f"{_TESTS}test_policy_evaluation.py",),
        (
            Edit(
                f"{_MODEL}policy_terms.py",
                "        if self.effect is Effect.ALLOW:\n",
                "        if self.effect is None:\n",
            ),
        ),
    ),
    Mutant(
        "a negated operator fails on a missing key",
        (f"{_TESTS}test_policy_operators.py",),
        (Edit(f"{_MODEL}policy_conditions.py", "            without = without or negated\n", "            pass\n"),),
    ),
    Mutant(
        "a name that stands twice in a policy is taken",
        (f"{_TESTS}test_policy.py",),
        (Edit(f"{_MODEL}policy_text.py", "        if name in found:\n", "        if name is found:\n"),),
    ),
    Mutant(
        "a bucket policy may speak of buckets with a longer name",
        (f"{_TESTS}test_policy_evaluation.py",),
        (
            Edit(
                f"{_MODEL}policy_evaluation.py",
                'pattern.head.startswith(f"{bucket}/")',
                "pattern.head.startswith(bucket)",
            ),
        ),
    ),
    Mutant(
        "a star allows the store's own actions",
        (f"{_TESTS}test_policy_evaluation.py",),
        (
            Edit(
                f"{_MODEL}policy_json.py",
                "    everything = S3_ACTIONS if effect is Effect.ALLOW else ACTIONS\n",
                "    everything = ACTIONS\n",
            ),
        ),
    ),
    Mutant(
        "a bucket's glob reaches into the key",
        (f"{_TESTS}test_policy_seed.py",),
        (
            Edit(
                f"{_MODEL}policy_terms.py",
                'bucket, slash, key = name.partition("/")',
                'bucket, slash, key = name.rpartition("/")',
            ),
        ),
    ),
    Mutant(
        "IfExists ties a public statement",
        (f"{_TESTS}test_policy_evaluation.py",),
        (
            Edit(
                f"{_MODEL}policy_evaluation.py",
                "    if condition.if_exists or condition.quantifier is Quantifier.ALL:\n",
                "    if condition.quantifier is Quantifier.ALL:\n",
            ),
        ),
    ),
)
