"""What is asked of the store, and the answer with its reason: the same values for a request and for its explanation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

Context = Mapping[str, tuple[str, ...]]
"""Condition keys of a request (lower-case) with their values; a key that does not apply is missing."""


Facts = Callable[[Collection[str]], Context]
"""Gives the values of the condition keys that are asked for, as far as the request has them."""


def no_facts(_keys: Collection[str], /) -> Context:
    """The facts of what no request asked for."""
    return {}


def tag_values(prefix: str, tags: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Tags as condition keys; those whose names differ in case only share one key, and none of their values is lost."""
    values: dict[str, tuple[str, ...]] = {}
    for name, value in tags:
        key = prefix + name.lower()
        values[key] = (*values.get(key, ()), value)
    return values


@dataclass(frozen=True, slots=True)
class Asked:
    """One action on one resource: ``key`` empty at a bucket, ``bucket`` empty at the service.

    ``action`` is an IAM action name such as ``s3:GetObject``; ``version`` the version id asked for, None for the
    current one.
    """

    action: str
    bucket: str = ""
    key: str = ""
    version: str | None = None

    @property
    def resource(self) -> str:
        """The ARN that policies name."""
        if self.key:
            return f"arn:aws:s3:::{self.bucket}/{self.key}"
        return f"arn:aws:s3:::{self.bucket or '*'}"


class Ground(StrEnum):
    """Where a decision comes from."""

    ROOT = "root key"
    KEY_POLICY = "key policy"
    ALLOW_LIST = "bucket allow-list of the key"
    OWNER = "owner"
    BUCKET_POLICY = "bucket policy"
    ACL = "access control list"
    PUBLIC = "public buckets"
    NOTHING = "nothing allows it"


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed or not, on which ground; ``statement`` is the number (from 1) of the policy statement that decided."""

    allowed: bool
    ground: Ground
    reason: str
    statement: int | None = None
    sid: str = ""
