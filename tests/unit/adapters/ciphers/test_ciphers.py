from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from seglake.adapters.ciphers import AesGcmCiphers
from seglake.domain.model.encryption import PLAIN_CHUNK_BYTES
from seglake.domain.model.segment import CHUNK_BYTES
from seglake.domain.ports.ciphers import Ciphers
from seglake.testing.contracts.ciphers import CiphersContract
from seglake.testing.contracts.doubles import SeededRandomness


class TestAesGcmCiphers(CiphersContract):
    @pytest.fixture
    def ciphers(self) -> Ciphers:
        return AesGcmCiphers(SeededRandomness(3))


def test_the_stored_form_is_what_the_format_says() -> None:
    stored = bytes(AesGcmCiphers(SeededRandomness(1)).chunks(b"k" * 32).encrypt(b"plain"))
    assert AESGCM(b"k" * 32).decrypt(stored[:12], stored[12:], b"seglake chunk 1") == b"plain"
    wrapped = AesGcmCiphers(SeededRandomness(1)).wrap(b"d" * 32, b"u" * 32)
    assert AESGCM(b"u" * 32).decrypt(wrapped[:12], wrapped[12:], b"seglake data key 1") == b"d" * 32


def test_a_full_chunk_is_stored_in_a_full_chunk() -> None:
    stored = AesGcmCiphers(SeededRandomness(1)).chunks(b"k" * 32).encrypt(bytes(PLAIN_CHUNK_BYTES))
    assert len(stored) == CHUNK_BYTES
