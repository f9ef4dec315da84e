"""Ways to break encryption: each would give bytes to who has not the key, or keep them in clear."""

from __future__ import annotations

from .mutant import Edit, Mutant

_CIPHERS = ("tests/unit/adapters/ciphers",)
_OBJECTS = ("tests/unit/domain/services/test_encryption.py",)
_RING = ("tests/unit/domain/services/test_key_ring.py",)
_ROTATION = ("tests/unit/entrypoints/test_rotation.py",)
_SERVICE = "domain/services/encryption.py"

ENCRYPTION = (
    Mutant(
        "a tag that does not fit is no matter",
        _CIPHERS,
        (
            Edit(
                "adapters/ciphers/__init__.py",
                "    except InvalidTag:\n        raise DecryptionFailed("
                '"the key is another one, or the encrypted bytes were changed") from None\n',
                "    except InvalidTag:\n        return bytes(view[NONCE_BYTES:-16])\n",
            ),
        ),
    ),
    Mutant(
        "every chunk has the same nonce",
        _CIPHERS,
        (
            Edit(
                "adapters/ciphers/__init__.py",
                "_encrypt(self._cipher, self._randomness.bytes(NONCE_BYTES), plaintext, _CHUNK)",
                "_encrypt(self._cipher, bytes(NONCE_BYTES), plaintext, _CHUNK)",
            ),
        ),
    ),
    Mutant(
        "a wrong customer's key is good enough",
        _OBJECTS,
        (
            Edit(
                _SERVICE,
                "            raise AccessDenied("
                '"the object was encrypted with another key than the one provided") from None\n',
                "            return self._ciphers.chunks(customer)\n",
            ),
        ),
    ),
    Mutant(
        "a customer's object is read without its key",
        _OBJECTS,
        (Edit(_SERVICE, "    if needed and not customer:\n", "    if needed and customer is None:\n"),),
    ),
    Mutant(
        "a customer's key for what is not under one is ignored",
        _OBJECTS,
        (Edit(_SERVICE, "    if customer and not needed:\n", "    if customer is None:\n"),),
    ),
    Mutant(
        "a bucket's default encryption is not applied",
        _OBJECTS,
        (Edit(_SERVICE, "            return config.default or self.default\n", "            return self.default\n"),),
    ),
    Mutant(
        "the store's default encryption is not applied",
        _OBJECTS,
        (
            Edit(
                _SERVICE,
                "        if not bucket.configured:\n            return asked or self.default\n",
                "        if not bucket.configured:\n            return asked\n",
            ),
        ),
    ),
    Mutant(
        "a bucket that blocks customers' keys takes them",
        _OBJECTS,
        (
            Edit(
                _SERVICE,
                "if asked.kind is EncryptionKind.CUSTOMER and config.blocks_customer_keys:",
                "if asked.kind is EncryptionKind.S3 and config.blocks_customer_keys:",
            ),
        ),
    ),
    Mutant(
        "the ETag of an object under a secret key is the MD5 of its bytes",
        _OBJECTS,
        (
            Edit(
                _SERVICE,
                "    if encryption is None or encryption.kind is EncryptionKind.S3:\n",
                "    if encryption is None or encryption.kind is not None:\n",
            ),
        ),
    ),
    Mutant(
        "a disabled key still opens",
        (*_RING, *_OBJECTS),
        (Edit("domain/services/key_ring.py", "    if not key.enabled:\n", "    if key.enabled is None:\n"),),
    ),
    Mutant(
        "a rotation forgets the older versions",
        _RING,
        (
            Edit(
                "domain/services/key_ring.py",
                "sealed=(*key.sealed, self.sealed)",
                "sealed=(*key.sealed[1:], self.sealed)",
            ),
        ),
    ),
    Mutant(
        "a copy under another ring key shares the data key",
        _OBJECTS,
        (
            Edit(
                _SERVICE,
                "encryption.kind is protection.kind and encryption.key == protection.key",
                "encryption.kind is protection.kind",
            ),
        ),
    ),
    Mutant(
        "the large chunks of an encrypted object are stored in clear",
        _OBJECTS,
        (
            Edit(
                "domain/services/ingest.py",
                "            stored = stream.cipher.encrypt(chunk)\n",
                "            stored = bytes(12) + bytes(chunk) + bytes(16)\n",
            ),
        ),
    ),
    Mutant(
        "the new master key stands alone before anything is sealed under it",
        _ROTATION,
        (
            Edit(
                "entrypoints/rotation.py",
                "                store_master_keys(path, keys)\n",
                "                store_master_keys(path, keys[:1])\n",
            ),
        ),
    ),
    Mutant(
        "the old master key goes although a secret is still under it",
        _ROTATION,
        (
            Edit(
                "domain/services/resealing.py",
                "        for key in changed[1]:\n            tx.record(RingKeyPut(tx.tick(), key))\n",
                "",
            ),
        ),
    ),
    Mutant(
        "a customer's key may come in clear from anywhere",
        ("tests/unit/adapters/s3_protocol/test_encryption_headers.py",),
        (
            Edit(
                "adapters/s3_protocol/encryption_headers.py",
                "    if secure or anywhere or _is_loopback(peer):\n",
                "    if secure or anywhere or peer:\n",
            ),
        ),
    ),
    Mutant(
        "a log line shows a customer's key",
        ("tests/unit/entrypoints/test_redaction.py",),
        (Edit("entrypoints/redaction.py", '        value = _CUSTOMER_KEY.sub(rf"\\1{REDACTED}", value)\n', ""),),
    ),
)
