"""Users and their keys, put into the data directory of a server that is not running."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from seglake.domain.model.credential import Credential
from seglake.domain.model.events import UserPut
from seglake.domain.model.user import User
from seglake.domain.ports.metadata import MetadataTx
from seglake.domain.services.access import PutCredential
from seglake.entrypoints.cli.output import offline_settings, quiet_log
from seglake.entrypoints.data_dir import open_box
from seglake.entrypoints.offline import locked, open_for_writing
from tests.integration.endpoint import Endpoint, running_server


def secret_of(name: str) -> str:
    """The secret of a user's key, whose access key is ``<name>-key``."""
    return f"secret-of-{name}-0123456789"


def found_store(data_dir: Path, *names: str) -> None:
    """Makes a store at ``data_dir`` with these users and a key for each."""
    with running_server(data_dir):
        pass
    settings = offline_settings(data_dir)
    with locked(settings, quiet_log()) as context, open_for_writing(context) as store:
        box = open_box(settings, context.randomness, create=False)
        for name in names:
            key = f"{name}-key"
            credential = Credential(key, box.seal(secret_of(name).encode(), key.encode()), name)

            def put(tx: MetadataTx, name: str = name) -> None:
                tx.record(UserPut(tx.tick(), User(name)))

            asyncio.run(store.committer.commit(put))
            asyncio.run(store.committer.commit(PutCredential(credential)))


def as_user(endpoint: Endpoint, name: str) -> Endpoint:
    """The same server, for a user's key."""
    return replace(endpoint, access_key=f"{name}-key", secret=secret_of(name))
