"""Secrets at rest are sealed with AES-256-GCM (NIST SP 800-38D) under the key-encryption key, bound to their owner.

A sealed secret is ``version 2 (1) · key id (4) · nonce (12) · ciphertext and tag``; the key id, a hash of the key, says
which key opens it while a store has two. Version 1 had no key id. Nonces are random: far below 2^32 secrets are ever
sealed under one key, the bound of section 8.3.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from seglake.domain.model.errors import SecretUnreadable
from seglake.domain.ports.secrets import SecretBox
from seglake.domain.ports.system import Randomness

KEY_BYTES = 32
KEY_ID_BYTES = 4
_VERSION_1 = b"\x01"
_VERSION_2 = b"\x02"
_NONCE_BYTES = 12
_TAG_BYTES = 16


def key_id(key: bytes) -> bytes:
    """Tells two keys of one store apart; says nothing of the key."""
    return hashlib.sha256(b"seglake key id 1" + key).digest()[:KEY_ID_BYTES]


class AesGcmSecretBox(SecretBox):
    """Seals under one 32-byte key and opens what it, or one of the ``older`` ones, sealed; any thread."""

    __slots__ = ("_ciphers", "_head", "_randomness")

    def __init__(self, key: bytes, randomness: Randomness, *, older: tuple[bytes, ...] = ()) -> None:
        keys = (key, *older)
        assert all(len(one) == KEY_BYTES for one in keys), "a key-encryption key has 32 bytes"
        self._ciphers = tuple([(key_id(one), AESGCM(one)) for one in keys])
        self._head = _VERSION_2 + key_id(key)
        self._randomness = randomness

    def seal(self, secret: bytes, context: bytes, /) -> bytes:
        """See the port."""
        nonce = self._randomness.bytes(_NONCE_BYTES)
        return self._head + nonce + self._ciphers[0][1].encrypt(nonce, secret, self._head + context)

    def open(self, sealed: bytes, context: bytes, /) -> bytes:
        """See the port."""
        version = sealed[:1]
        size = 1 + KEY_ID_BYTES if version == _VERSION_2 else 1
        if version not in (_VERSION_1, _VERSION_2) or len(sealed) < size + _NONCE_BYTES + _TAG_BYTES:
            raise SecretUnreadable("this is not a sealed secret of a known version")
        head, nonce, rest = sealed[:size], sealed[size : size + _NONCE_BYTES], sealed[size + _NONCE_BYTES :]
        for identity, cipher in self._ciphers:
            if version == _VERSION_2 and identity != head[1:]:
                continue
            try:
                return cipher.decrypt(nonce, rest, head + context)
            except InvalidTag:
                continue
        raise SecretUnreadable("the master key is another one, or the sealed secret was changed")

    def is_current(self, sealed: bytes, /) -> bool:
        """See the port."""
        return sealed.startswith(self._head)
