"""What is not understood in a policy refuses it when it is stored; a policy that parses is evaluated to the letter.

This is the way in to the policy language: both forms, AWS's and ``v1``, become the same Policy.
"""

from __future__ import annotations

from functools import lru_cache

from . import policy_json, policy_seed
from .errors import MalformedPolicy
from .policy_evaluation import check_resources, evaluate, is_public
from .policy_patterns import Context
from .policy_terms import (
    ANONYMOUS,
    RESOURCE_PREFIX,
    ROOT_PRINCIPAL,
    AccessQuery,
    Effect,
    Policy,
    Principal,
    Statement,
    Verdict,
)
from .policy_text import POLICY_BYTES_MAX, read_json

__all__ = [
    "ANONYMOUS",
    "POLICY_BYTES_MAX",
    "RESOURCE_PREFIX",
    "ROOT_PRINCIPAL",
    "AccessQuery",
    "Context",
    "Effect",
    "MalformedPolicy",
    "Policy",
    "Principal",
    "Statement",
    "Verdict",
    "check_resources",
    "evaluate",
    "is_public",
    "parse_policy",
]


def parse_policy(text: str, *, principals: bool) -> Policy:
    """Reads a policy of at most 20 KiB (UTF-8) in AWS's or the ``v1`` form; what equal texts parse to is remembered.

    ``principals``: True for a bucket's policy, whose statements say whom they are about; False for a key's, where that
    is refused. MalformedPolicy names the element that is not understood; statements and resources count from 1.
    """
    return _parsed(text, principals)


@lru_cache(maxsize=512)
def _parsed(text: str, principals: bool) -> Policy:
    document = read_json(text)
    form = policy_seed if isinstance(document, dict) and policy_seed.MARKS & document.keys() else policy_json
    return Policy(form.statements_of(document, principals=principals), text)
