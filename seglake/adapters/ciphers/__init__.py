"""Chunks and data keys are encrypted with AES-256-GCM (NIST SP 800-38D); what does not authenticate yields no byte.

Both are ``nonce (12) · ciphertext · tag (16)``, told apart by their associated data. Nonces are random: a data key
encrypts at most about 1.3 million chunks (5 TiB), a wrapping key fewer than 2^32 data keys, the bound of section 8.3.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from seglake.domain.model.encryption import KEY_BYTES, SEALING_BYTES
from seglake.domain.model.errors import DecryptionFailed
from seglake.domain.ports.ciphers import ChunkCipher, Ciphers
from seglake.domain.ports.digests import Buffer
from seglake.domain.ports.system import Randomness

NONCE_BYTES = 12
_CHUNK = b"seglake chunk 1"
_DATA_KEY = b"seglake data key 1"


class AesGcmChunks(ChunkCipher):
    """Chunks under one data key."""

    __slots__ = ("_cipher", "_randomness")

    def __init__(self, key: bytes, randomness: Randomness) -> None:
        assert len(key) == KEY_BYTES, "a data key has 32 bytes"
        self._cipher = AESGCM(key)
        self._randomness = randomness

    def encrypt(self, plaintext: Buffer, /) -> bytearray:
        """See the port."""
        return _encrypt(self._cipher, self._randomness.bytes(NONCE_BYTES), plaintext, _CHUNK)

    def decrypt(self, stored: Buffer, /) -> bytes:
        """See the port."""
        return _decrypt(self._cipher, stored, _CHUNK)


class AesGcmCiphers(Ciphers):
    """The ciphers of the ``cryptography`` package."""

    __slots__ = ("_randomness",)

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness

    def new_key(self) -> bytes:
        """See the port."""
        return self._randomness.bytes(KEY_BYTES)

    def wrap(self, data_key: bytes, under: bytes, /) -> bytes:
        """See the port."""
        return bytes(_encrypt(AESGCM(under), self._randomness.bytes(NONCE_BYTES), data_key, _DATA_KEY))

    def unwrap(self, wrapped: bytes, under: bytes, /) -> bytes:
        """See the port."""
        return _decrypt(AESGCM(under), wrapped, _DATA_KEY)

    def chunks(self, data_key: bytes, /) -> AesGcmChunks:
        """See the port."""
        return AesGcmChunks(data_key, self._randomness)


def _encrypt(cipher: AESGCM, nonce: bytes, plaintext: Buffer, purpose: bytes) -> bytearray:
    """In one buffer: a second copy of a chunk would count against the memory of its upload."""
    sealed = bytearray(len(plaintext) + SEALING_BYTES)
    sealed[:NONCE_BYTES] = nonce
    with memoryview(sealed) as view:
        cipher.encrypt_into(nonce, plaintext, purpose, view[NONCE_BYTES:])
    return sealed


def _decrypt(cipher: AESGCM, sealed: Buffer, purpose: bytes) -> bytes:
    if len(sealed) < SEALING_BYTES:
        raise DecryptionFailed("it is too short to be encrypted")
    view = memoryview(sealed)
    try:
        return cipher.decrypt(bytes(view[:NONCE_BYTES]), view[NONCE_BYTES:], purpose)
    except InvalidTag:
        raise DecryptionFailed("the key is another one, or the encrypted bytes were changed") from None
