from __future__ import annotations

from dataclasses import dataclass

from seglake.domain.model.events import UserPut
from seglake.domain.model.user import User, UserState, canonical_id
from seglake.domain.ports.metadata import MetadataTx
from tests.unit.fixtures import Store


@dataclass(frozen=True)
class Put:
    user: User

    def __call__(self, tx: MetadataTx) -> None:
        tx.record(UserPut(tx.tick(), self.user))


async def test_names_and_ids_are_turned_into_each_other() -> None:
    store = Store()
    directory = store.directory
    await store.committer.commit(Put(User("ada")))
    await store.committer.commit(Put(User("idle", UserState.DISABLED)))
    await store.committer.commit(Put(User("gone", UserState.DELETED)))
    for name in ("root", "ada", "idle"):
        assert directory.id_of(name) == canonical_id(directory.site, name)
        assert directory.name_of(directory.id_of(name)) == name
    for nobody in (directory.id_of("gone"), directory.id_of("anonymous"), directory.id_of("bob"), "", "root"):
        assert directory.name_of(nobody) is None
    assert directory.site == store.metadata.read(lambda view: view.settings.site())
