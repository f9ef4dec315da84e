"""Ciphers as a port: the domain knows what is encrypted under which key, the adapter which library does it."""

from __future__ import annotations

from typing import Protocol

from .digests import Buffer


class ChunkCipher(Protocol):
    """Encrypts and decrypts chunks under one data key. Any thread; large input lets other threads run."""

    def encrypt(self, plaintext: Buffer, /) -> bytes | bytearray:
        """The stored form (``SEALING_BYTES`` longer), under a nonce that was never used before."""
        ...

    def decrypt(self, stored: Buffer, /) -> bytes | bytearray:
        """The plaintext; DecryptionFailed when a bit differs or the key is another. Never unauthenticated bytes."""
        ...


class Ciphers(Protocol):
    """Makes and wraps keys of 32 bytes. Any thread."""

    def new_key(self) -> bytes:
        """An unpredictable key."""
        ...

    def wrap(self, data_key: bytes, under: bytes, /) -> bytes:
        """The data key, readable and changeable only with the key ``under``."""
        ...

    def unwrap(self, wrapped: bytes, under: bytes, /) -> bytes:
        """The data key; DecryptionFailed when ``under`` is not the key that wrapped it."""
        ...

    def chunks(self, data_key: bytes, /) -> ChunkCipher:
        """The cipher of one object or upload."""
        ...
