"""Secrets at rest: sealed under the key-encryption key, opened only to verify or sign."""

from __future__ import annotations

from typing import Protocol


class SecretBox(Protocol):
    """Authenticated encryption; ``context`` (for example the access key) is bound to the sealed bytes."""

    def seal(self, secret: bytes, context: bytes, /) -> bytes: ...
    def open(self, sealed: bytes, context: bytes, /) -> bytes:
        """The secret; SecretUnreadable when the key or the context differs or the bytes were changed."""
        ...

    def is_current(self, sealed: bytes, /) -> bool:
        """Whether it is sealed under the key that ``seal`` uses now, and not under an older one."""
        ...
