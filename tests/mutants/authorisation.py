"""Ways to let in whom nobody let in, or to tell what nobody may know."""

from __future__ import annotations

from .mutant import Edit, Mutant

_DECISIONS = "domain/services/decisions.py"
_ACCESS = "domain/services/access.py"
_FRONT = "adapters/http_s3/authorisation.py"
_PURE = ("tests/unit/domain/services/test_decisions.py",)
_ASKED = ("tests/unit/adapters/http_s3/test_authorisation.py",)

AUTHORISATION = (
    Mutant(
        "a bucket policy's Deny does not count for root",
        _PURE,
        (
            Edit(
                _DECISIONS,
                "identity is not None and identity.is_root and case.asked.action in _OWN_POLICY",
                "identity is not None and identity.is_root",
            ),
        ),
    ),
    Mutant(
        "a key's own Deny does not count",
        _PURE,
        (
            Edit(
                _DECISIONS,
                "if by_key is not None and by_key.effect is Effect.DENY:",
                "if by_key is not None and by_key.effect is Effect.DENY and case.identity is None:",
            ),
        ),
    ),
    Mutant(
        "the allow-list of a key is not looked at",
        _PURE,
        (Edit(_DECISIONS, "identity.buckets and asked.bucket and", "identity.buckets and not asked.bucket and"),),
    ),
    Mutant(
        "a read-only key writes where a policy lets everybody write",
        _PURE,
        (
            Edit(
                _DECISIONS,
                "and not _reads(case.asked.action):",
                "and not _reads(case.asked.action) and by_bucket is None:",
            ),
        ),
    ),
    Mutant(
        "a public policy is enough, the operator is not asked",
        _PURE,
        (
            Edit(
                _DECISIONS,
                "if by_bucket is not None and (identity is not None or case.listed_public) and judge.policy_counts():",
                "if by_bucket is not None and judge.policy_counts():",
            ),
        ),
    ),
    Mutant(
        "RestrictPublicBuckets restricts nothing",
        _PURE,
        (Edit(_DECISIONS, "        return not is_public(policy)\n", "        return True\n"),),
    ),
    Mutant(
        "public grants count although they are to be ignored",
        _PURE,
        (Edit(_DECISIONS, "if not self._blocked().ignore_acls:", "if self._blocked() is not None:"),),
    ),
    Mutant(
        "lists count under BucketOwnerEnforced",
        _PURE,
        (Edit(_DECISIONS, "if case.bucket is None or _enforced(case.configs):", "if case.bucket is None:"),),
    ),
    Mutant(
        "a bucket's owner reads what belongs to others",
        _PURE,
        (
            Edit(
                _DECISIONS,
                "if found is not None and found.manifest.owner != identity.user:",
                "if found is None:",
            ),
        ),
    ),
    Mutant(
        "keys of disabled users go on working",
        ("tests/unit/domain/services/test_access.py",),
        (Edit(_ACCESS, "user is None or user.state is not UserState.ACTIVE", "user is None"),),
    ),
    Mutant(
        "a key that is not there is told from one that may not be read",
        _ASKED,
        (
            Edit(
                _FRONT,
                'return error if exchange.may(action, bucket) else AccessDenied("Access Denied")',
                "return error",
            ),
        ),
    ),
    Mutant(
        "what is set beside the object needs no right",
        _ASKED,
        (
            Edit(
                _FRONT,
                "    for action in row.actions(head.query, head.headers):\n        access.authorize(identity, Asked(",
                "    for action in row.actions(head.query, {}):\n        access.authorize(identity, Asked(",
            ),
        ),
    ),
    Mutant(
        "conditions on a document are never decided",
        _ASKED,
        (Edit(_FRONT, "    if _needs_body(x.route.operation, x.identity, x.grounds):", "    if x.key is None:"),),
    ),
    Mutant(
        "anonymous requests choose headers of the answer",
        _ASKED,
        (Edit(_FRONT, '        if name.startswith("response-"):', '        if name.startswith("answer-"):'),),
    ),
    Mutant(
        "every key of a bulk delete is allowed when the bucket is",
        _ASKED,
        (
            Edit(
                "adapters/http_s3/handlers/writing.py",
                "            x.authorize(action, x.bucket, entry.key, entry.version)\n",
                "",
            ),
        ),
    ),
)
