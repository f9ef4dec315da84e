"""After a change of the master key everything opens with the new one, and with nothing else."""

from __future__ import annotations

import pytest

from seglake.adapters.secret_box import AesGcmSecretBox
from seglake.domain.model.encryption import SSE_S3
from seglake.domain.model.errors import SecretUnreadable
from seglake.domain.services.object_writes import ObjectAttributes, PutObject
from seglake.domain.services.resealing import Resealed, ResealSecrets, check_opens
from tests.unit.fixtures import Pieces, Store


async def test_every_secret_moves_to_the_new_key_in_one_commit() -> None:
    store = Store()
    await store.root_key.ensure()
    await store.bucket()
    await store.writes.put(PutObject("bucket", "key", ObjectAttributes(), protection=SSE_S3), Pieces([b"text"]))
    await store.key_ring.create("mine")
    await store.key_ring.rotate("mine")
    both = AesGcmSecretBox(b"n" * 32, store.randomness, older=(bytes(32),))
    alone = AesGcmSecretBox(b"n" * 32, store.randomness)
    with pytest.raises(SecretUnreadable):
        store.metadata.read(lambda view: check_opens(view, alone))
    assert await store.committer.commit(ResealSecrets(both)) == Resealed(1, 2)
    store.metadata.read(lambda view: check_opens(view, alone))
    assert await store.committer.commit(ResealSecrets(both)) == Resealed(0, 0), "nothing is left to do"
    store.box = alone
    store.open_segments()
    assert await store.get("key") == b"text"


async def test_a_secret_that_does_not_open_stops_all() -> None:
    store = Store()
    await store.root_key.ensure()
    await store.key_ring.create("mine")
    before = store.dump()
    with pytest.raises(SecretUnreadable):
        await store.committer.commit(ResealSecrets(AesGcmSecretBox(b"n" * 32, store.randomness)))
    assert store.dump() == before
