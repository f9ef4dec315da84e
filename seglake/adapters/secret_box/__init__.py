"""Secrets at rest are sealed with AES-256-GCM (NIST SP 800-38D) under the key-encryption key, bound to their owner.

A sealed secret is ``version (1) · nonce (12) · ciphertext and tag``. Nonces are random: far below 2^32 secrets are ever
sealed under one key, the bound of section 8.3.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from seglake.domain.model.errors import SecretUnreadable
from seglake.domain.ports.secrets import SecretBox
from seglake.domain.ports.system import Randomness

KEY_BYTES = 32
_VERSION = b"\x01"
_NONCE_BYTES = 12
_TAG_BYTES = 16


class AesGcmSecretBox(SecretBox):
    """Seals and opens under one 32-byte key; any thread."""

    __slots__ = ("_cipher", "_randomness")

    def __init__(self, key: bytes, randomness: Randomness) -> None:
        assert len(key) == KEY_BYTES, "a key-encryption key has 32 bytes"
        self._cipher = AESGCM(key)
        self._randomness = randomness

    def seal(self, secret: bytes, context: bytes, /) -> bytes:
        """See the port."""
        nonce = self._randomness.bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret, _VERSION + context)

    def open(self, sealed: bytes, context: bytes, /) -> bytes:
        """See the port."""
        if len(sealed) < 1 + _NONCE_BYTES + _TAG_BYTES or sealed[:1] != _VERSION:
            raise SecretUnreadable("this is not a sealed secret of a known version")
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, rest, _VERSION + context)
        except InvalidTag:
            raise SecretUnreadable("the master key is another one, or the sealed secret was changed") from None
