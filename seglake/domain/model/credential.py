"""Access keys: who may sign, and how far a key reaches. The secret is only ever held sealed here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from .manifest import ROOT

ACCESS_KEY_RULE = "3 to 128 letters, digits, '_', '.', '@' or '-', beginning with a letter or digit"
SECRET_RULE = "8 to 128 printable ASCII characters without spaces"  # noqa: S105 - what a secret may be

_ACCESS_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{2,127}", re.ASCII)
_SECRET = re.compile(r"[!-~]{8,128}", re.ASCII)


def is_access_key(text: str) -> bool:
    """Whether an access key may have this name (ACCESS_KEY_RULE)."""
    return _ACCESS_KEY.fullmatch(text) is not None


def is_secret(text: str) -> bool:
    """Whether a secret may be this (SECRET_RULE)."""
    return _SECRET.fullmatch(text) is not None


class KeyPolicy(StrEnum):
    """The key policies that have a name; every other one is a policy document (JSON, begins with ``{``)."""

    READ_WRITE = "rw"
    READ_ONLY = "ro"


@dataclass(frozen=True, slots=True)
class Credential:
    """One access key. ``sealed`` is the secret under the key-encryption key; ``policy`` a KeyPolicy's value or a policy
    document as JSON; ``buckets`` empty = all buckets."""

    access_key: str
    sealed: bytes
    user: str = ROOT
    policy: str = KeyPolicy.READ_WRITE
    buckets: tuple[str, ...] = ()
    enabled: bool = True
    created_ms: int = 0


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a verified request acts for; made once by the verifier and never derived again."""

    access_key: str
    user: str
    policy: str
    buckets: tuple[str, ...] = ()

    @property
    def is_root(self) -> bool:
        """True for the owner of the store with a full key."""
        return self.user == ROOT and self.policy == KeyPolicy.READ_WRITE and not self.buckets
