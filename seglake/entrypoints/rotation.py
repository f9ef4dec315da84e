"""The master key is replaced offline in three steps, and after each of them the store opens.

 1. The key file gets the new key beside the old one.
 2. One commit seals every access key and ring key under the new key. No data is written: data keys hang on ring keys.
 3. When everything opens with the new key alone, the file gets it alone.

Whoever stops in between runs it again: it goes on where it stopped.
"""

from __future__ import annotations

import asyncio

from seglake.adapters.filesystem.master_key import MASTER_KEY_BYTES, load_master_keys, store_master_keys
from seglake.adapters.secret_box import AesGcmSecretBox, key_id
from seglake.domain.ports.log import Log
from seglake.domain.ports.system import Randomness
from seglake.domain.services.resealing import Resealed, ResealSecrets, check_opens

from .offline import locked, open_for_writing
from .settings import Settings


def rotate_master(settings: Settings, log: Log) -> Resealed:
    """Replaces the key-encryption key of a stopped store.

    DataDirLocked, DataDirUnusable, SecretUnreadable, StorageFull, StoreFailed; OSError when the key file cannot be
    written.
    """
    with locked(settings, log) as context:
        path, randomness = settings.master_key_path, context.randomness
        with open_for_writing(context) as store:
            keys = load_master_keys(path, randomness, create=False)
            if len(keys) == 1:
                keys = (_fresh(randomness, keys[0]), keys[0])
                store_master_keys(path, keys)
            box = AesGcmSecretBox(keys[0], randomness, older=keys[1:])
            resealed = asyncio.run(store.committer.commit(ResealSecrets(box)))
            alone = AesGcmSecretBox(keys[0], randomness)
            store.metadata.read(lambda view: check_opens(view, alone))
        # Only now, with segments sealed and the index closed: everything that the old key was needed for is behind us.
        store_master_keys(path, keys[:1])
        return resealed


def _fresh(randomness: Randomness, old: bytes) -> bytes:
    """A key that can be told from the old one."""
    while True:
        key = randomness.bytes(MASTER_KEY_BYTES)
        if key_id(key) != key_id(old):
            return key
