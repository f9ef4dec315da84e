"""The contract of Ciphers: subclass CiphersContract and give it ``ciphers``."""

from __future__ import annotations

import pytest

from seglake.domain.model.encryption import KEY_BYTES, SEALING_BYTES
from seglake.domain.model.errors import DecryptionFailed
from seglake.domain.ports.ciphers import Ciphers

PLAIN = bytes(range(256)) * 5


class CiphersContract:
    """What is encrypted comes back whole, under its own key, or not at all."""

    @pytest.fixture
    def ciphers(self) -> Ciphers:
        """Override: the ciphers to prove."""
        raise NotImplementedError

    def test_keys_are_whole_and_differ(self, ciphers: Ciphers) -> None:
        keys = {ciphers.new_key() for _ in range(50)}
        assert len(keys) == 50
        assert {len(key) for key in keys} == {KEY_BYTES}

    @pytest.mark.parametrize("size", [1, 15, 16, 17, len(PLAIN)])
    @pytest.mark.parametrize("shape", [bytes, bytearray, memoryview])
    def test_a_chunk_comes_back(self, ciphers: Ciphers, size: int, shape: type) -> None:
        cipher = ciphers.chunks(ciphers.new_key())
        stored = cipher.encrypt(shape(PLAIN[:size]))
        assert len(stored) == size + SEALING_BYTES
        assert cipher.decrypt(shape(bytes(stored))) == PLAIN[:size]
        assert PLAIN[:16] not in bytes(stored)

    def test_equal_chunks_are_never_stored_equal(self, ciphers: Ciphers) -> None:
        cipher = ciphers.chunks(ciphers.new_key())
        stored = {bytes(cipher.encrypt(PLAIN)) for _ in range(50)}
        assert len(stored) == 50
        assert len({one[:12] for one in stored}) == 50, "a nonce is used once"

    def test_no_changed_bit_and_no_cut_yields_a_byte(self, ciphers: Ciphers) -> None:
        cipher = ciphers.chunks(ciphers.new_key())
        stored = bytes(cipher.encrypt(PLAIN[:9]))
        for bit in range(len(stored) * 8):
            changed = bytearray(stored)
            changed[bit // 8] ^= 1 << bit % 8
            with pytest.raises(DecryptionFailed):
                cipher.decrypt(changed)
        for size in range(len(stored)):
            with pytest.raises(DecryptionFailed):
                cipher.decrypt(stored[:size])

    def test_another_data_key_yields_nothing(self, ciphers: Ciphers) -> None:
        stored = ciphers.chunks(ciphers.new_key()).encrypt(PLAIN)
        with pytest.raises(DecryptionFailed):
            ciphers.chunks(ciphers.new_key()).decrypt(stored)

    def test_a_data_key_opens_only_with_what_wrapped_it(self, ciphers: Ciphers) -> None:
        data_key, under, other = ciphers.new_key(), ciphers.new_key(), ciphers.new_key()
        wrapped = ciphers.wrap(data_key, under)
        assert ciphers.unwrap(wrapped, under) == data_key
        assert data_key not in wrapped
        assert ciphers.wrap(data_key, under) != wrapped
        with pytest.raises(DecryptionFailed):
            ciphers.unwrap(wrapped, other)
        for position in range(len(wrapped)):
            changed = bytearray(wrapped)
            changed[position] ^= 1
            with pytest.raises(DecryptionFailed):
                ciphers.unwrap(bytes(changed), under)

    def test_a_chunk_does_not_pass_for_a_wrapped_key(self, ciphers: Ciphers) -> None:
        key = ciphers.new_key()
        stored = bytes(ciphers.chunks(key).encrypt(ciphers.new_key()))
        with pytest.raises(DecryptionFailed):
            ciphers.unwrap(stored, key)
        with pytest.raises(DecryptionFailed):
            ciphers.chunks(key).decrypt(ciphers.wrap(ciphers.new_key(), key))
