from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from seglake.adapters.secret_box import AesGcmSecretBox
from seglake.domain.model.errors import SecretUnreadable
from seglake.testing.contracts.doubles import SeededRandomness

BOX = AesGcmSecretBox(b"k" * 32, SeededRandomness(1))


@pytest.mark.parametrize("secret", [b"", b"x", b"secret" * 20])
def test_a_secret_comes_back_in_its_context(secret: bytes) -> None:
    sealed = BOX.seal(secret, b"AKIA")
    assert BOX.open(sealed, b"AKIA") == secret
    if secret:
        assert secret not in sealed or len(secret) == 1


def test_sealing_twice_gives_different_bytes() -> None:
    assert BOX.seal(b"secret", b"AKIA") != BOX.seal(b"secret", b"AKIA")


def test_another_key_or_context_does_not_open() -> None:
    sealed = BOX.seal(b"secret", b"AKIA")
    with pytest.raises(SecretUnreadable):
        BOX.open(sealed, b"AKIB")
    with pytest.raises(SecretUnreadable):
        AesGcmSecretBox(b"l" * 32, SeededRandomness(1)).open(sealed, b"AKIA")


def test_no_changed_bit_and_no_cut_opens() -> None:
    sealed = BOX.seal(b"secret", b"AKIA")
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SecretUnreadable):
            BOX.open(bytes(changed), b"AKIA")
    for size in range(len(sealed)):
        with pytest.raises(SecretUnreadable):
            BOX.open(sealed[:size], b"AKIA")


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(AssertionError):
        AesGcmSecretBox(b"short", SeededRandomness(1))


def _version_1(key: bytes, secret: bytes, context: bytes) -> bytes:
    """As sealed before keys had ids."""
    return b"\x01" + bytes(12) + AESGCM(key).encrypt(bytes(12), secret, b"\x01" + context)


def test_what_was_sealed_before_keys_had_ids_still_opens() -> None:
    old = _version_1(b"k" * 32, b"secret", b"AKIA")
    assert BOX.open(old, b"AKIA") == b"secret"
    assert not BOX.is_current(old)
    rotated = AesGcmSecretBox(b"n" * 32, SeededRandomness(2), older=(b"k" * 32,))
    assert rotated.open(old, b"AKIA") == b"secret"


def test_two_keys_open_both_and_seal_under_the_first() -> None:
    sealed = BOX.seal(b"secret", b"AKIA")
    rotated = AesGcmSecretBox(b"n" * 32, SeededRandomness(2), older=(b"k" * 32,))
    assert rotated.open(sealed, b"AKIA") == b"secret"
    assert not rotated.is_current(sealed)
    anew = rotated.seal(b"secret", b"AKIA")
    assert rotated.is_current(anew)
    assert AesGcmSecretBox(b"n" * 32, SeededRandomness(2)).open(anew, b"AKIA") == b"secret"
    with pytest.raises(SecretUnreadable):
        BOX.open(anew, b"AKIA")
