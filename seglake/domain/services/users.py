"""Users are made, disabled and deleted here: a deleted name stays taken, and nobody goes who has anything left."""

from __future__ import annotations

from dataclasses import dataclass, replace

from seglake.domain.model.admin_errors import NoSuchUser, UserInUse, UserTaken
from seglake.domain.model.events import UserPut
from seglake.domain.model.manifest import ROOT
from seglake.domain.model.user import User, UserState, check_user_name
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.metadata import MetadataStore, MetadataTables, MetadataTx, MetadataView


def user_named(view: MetadataView | MetadataTables, name: str) -> User:
    """The user, disabled or not; ``root`` is always there. NoSuchUser, also for a deleted one."""
    if name == ROOT:
        return User(ROOT)
    found = view.users.get(name)
    if found is None or found.state is UserState.DELETED:
        raise NoSuchUser(name)
    return found


@dataclass(frozen=True, slots=True)
class CreateUser:
    """The commit of a new user."""

    name: str

    def __call__(self, tx: MetadataTx) -> User:
        """Records one UserPut. UserTaken."""
        known = tx.users.get(self.name)
        if known is not None:
            raise UserTaken(self.name, deleted=known.state is UserState.DELETED)
        user = User(self.name, created_ms=tx.now_ms())
        tx.record(UserPut(tx.tick(), user))
        return user


@dataclass(frozen=True, slots=True)
class SetUserState:
    """The commit that disables or enables a user."""

    name: str
    state: UserState

    def __call__(self, tx: MetadataTx) -> User:
        """Records one UserPut, or nothing when nothing changes. NoSuchUser."""
        assert self.state is not UserState.DELETED, "that is DeleteUser"
        user = user_named(tx, self.name)
        if user.state is self.state:
            return user
        changed = replace(user, state=self.state)
        tx.record(UserPut(tx.tick(), changed))
        return changed


@dataclass(frozen=True, slots=True)
class DeleteUser:
    """The commit that deletes a user who has nothing left; objects in buckets of others stay as they are."""

    name: str

    def __call__(self, tx: MetadataTx) -> User:
        """Records one UserPut. NoSuchUser, UserInUse."""
        user = user_named(tx, self.name)
        keys = tuple([found.access_key for found in tx.credentials.scan() if found.user == self.name])
        buckets = tuple([bucket.name for bucket in tx.buckets.scan() if bucket.owner == self.name])
        if keys or buckets:
            raise UserInUse(self.name, keys, buckets)
        deleted = replace(user, state=UserState.DELETED)
        tx.record(UserPut(tx.tick(), deleted))
        return deleted


class Users:
    """The users of the store but for root, who is always there and has no row."""

    def __init__(self, metadata: MetadataStore, committer: Committer) -> None:
        self._metadata = metadata
        self._committer = committer

    def list(self) -> tuple[User, ...]:
        """All but the deleted ones, by name."""

        def query(view: MetadataView) -> tuple[User, ...]:
            return tuple([user for user in view.users.scan() if user.state is not UserState.DELETED])

        return self._metadata.read(query)

    async def create(self, name: str) -> User:
        """Makes a user. InvalidUserName, UserTaken."""
        return await self._committer.commit(CreateUser(check_user_name(name)))

    async def set_enabled(self, name: str, enabled: bool) -> User:
        """Disables a user with all keys, or enables them again; at once. InvalidUserName, NoSuchUser."""
        state = UserState.ACTIVE if enabled else UserState.DISABLED
        return await self._committer.commit(SetUserState(check_user_name(name), state))

    async def delete(self, name: str) -> User:
        """Deletes a user without keys and buckets. InvalidUserName, NoSuchUser, UserInUse."""
        return await self._committer.commit(DeleteUser(check_user_name(name)))
