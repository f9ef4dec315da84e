"""Users own keys, buckets and objects. A name is never given out twice, so what a deleted user owned stays nobody's."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from .errors import InvalidUserName
from .manifest import ROOT

ACCOUNT = "000000000000"
"""The account id of the whole store, as ARNs and x-amz-expected-bucket-owner name it."""

ANONYMOUS_USER = "anonymous"
"""Owns what an unsigned request wrote where the bucket's owner does not; nobody can have this name."""

_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}", re.ASCII)


class UserState(StrEnum):
    """DISABLED users and their keys are refused; DELETED names stay taken."""

    ACTIVE = "active"
    DISABLED = "disabled"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class User:
    """One user; ``root`` exists without a row."""

    name: str
    state: UserState = UserState.ACTIVE
    created_ms: int = 0


def check_user_name(name: str) -> str:
    """Returns ``name`` (1 to 64 of the characters that IAM allows) or raises InvalidUserName."""
    if not _NAME.fullmatch(name) or name in (ROOT, ANONYMOUS_USER):
        raise InvalidUserName(name)
    return name


@lru_cache(maxsize=1024)
def canonical_id(site: int, name: str) -> str:
    """The canonical user id in ACLs and listings: 64 hex digits that follow from the site and the name alone."""
    return hashlib.sha256(f"seglake user {site:08x} {name}".encode()).hexdigest()


def user_arn(name: str) -> str:
    """The ARN of a user, ``arn:aws:iam::000000000000:root`` for root."""
    return f"arn:aws:iam::{ACCOUNT}:root" if name == ROOT else f"arn:aws:iam::{ACCOUNT}:user/{name}"
