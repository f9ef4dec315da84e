"""Access keys are made, changed and removed here: one unlimited root key stays, and only a new secret is ever told.

Every change is decided inside its commit on the credential that is stored then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from seglake.domain.model.admin_errors import (
    AccessKeyOfFlags,
    AccessKeyTaken,
    AllowListEmpty,
    InvalidAccessKey,
    LastRootKey,
    NoSuchAccessKey,
)
from seglake.domain.model.credential import (
    ACCESS_KEY_RULE,
    SECRET_RULE,
    Credential,
    KeyPolicy,
    is_access_key,
    is_secret,
)
from seglake.domain.model.errors import InvalidArgument, InvalidRequest
from seglake.domain.model.events import CredentialPut, CredentialRemoved
from seglake.domain.model.manifest import ROOT
from seglake.domain.model.names import check_bucket_name
from seglake.domain.model.policy import parse_policy
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.metadata import MetadataStore, MetadataTables, MetadataTx, MetadataView
from seglake.domain.ports.secrets import SecretBox
from seglake.domain.ports.system import Randomness

from .access import KeyPair, new_key_pair
from .users import user_named

BUCKETS_MAX = 1000
"""Buckets that a key may be limited to; more are a policy's business."""

EVERY_BUCKET = "*"
"""In place of a bucket's name: lifts the limit of a key."""

_POLICY_NAMES = {"rw": KeyPolicy.READ_WRITE, "ro": KeyPolicy.READ_ONLY, "read-only": KeyPolicy.READ_ONLY}


def check_access_key(text: str) -> str:
    """A name for an access key. InvalidAccessKey."""
    if not is_access_key(text):
        raise InvalidAccessKey(f"an access key is {ACCESS_KEY_RULE}")
    return text


def check_secret(text: str) -> str:
    """A secret. InvalidAccessKey."""
    if not is_secret(text):
        raise InvalidAccessKey(f"a secret is {SECRET_RULE}")
    return text


def key_policy(text: str) -> str:
    """What is kept of a policy that was asked for: the value of a KeyPolicy, or a document. MalformedPolicy."""
    known = _POLICY_NAMES.get(text)
    if known is not None:
        return known.value
    document = text.strip()
    if not document.startswith("{"):
        raise InvalidArgument("policy", text[:80], "write rw, ro, or a policy document in JSON")
    parse_policy(document, principals=False)
    return document


def _named(view: MetadataView | MetadataTables, access_key: str) -> Credential:
    found = view.credentials.get(access_key)
    if found is None:
        raise NoSuchAccessKey(access_key)
    return found


@dataclass(frozen=True, slots=True)
class CreateKey:
    """The commit of a new access key, whose secret is sealed already."""

    credential: Credential

    def __call__(self, tx: MetadataTx) -> Credential:
        """Records one CredentialPut. NoSuchUser, AccessKeyTaken."""
        user_named(tx, self.credential.user)
        if tx.credentials.get(self.credential.access_key) is not None:
            raise AccessKeyTaken(self.credential.access_key)
        made = replace(self.credential, created_ms=tx.now_ms())
        tx.record(CredentialPut(tx.tick(), made))
        return made


@dataclass(frozen=True, slots=True)
class ChangeKey:
    """The commit of a change; ``rooted`` says that the server has a root key of its own, so none need be kept."""

    access_key: str
    change: Callable[[Credential], Credential]
    rooted: bool

    def __call__(self, tx: MetadataTx) -> Credential:
        """Records one CredentialPut, or nothing when nothing changes. NoSuchAccessKey, LastRootKey."""
        before = _named(tx, self.access_key)
        after = self.change(before)
        if after == before:
            return before
        if _is_root(before) and not _is_root(after):
            _check_another_root(tx, self.access_key, rooted=self.rooted)
        tx.record(CredentialPut(tx.tick(), after))
        return after


@dataclass(frozen=True, slots=True)
class RemoveKey:
    """The commit that removes an access key; what it wrote stays."""

    access_key: str
    rooted: bool

    def __call__(self, tx: MetadataTx) -> Credential:
        """Records one CredentialRemoved. NoSuchAccessKey, LastRootKey."""
        found = _named(tx, self.access_key)
        if _is_root(found):
            _check_another_root(tx, self.access_key, rooted=self.rooted)
        tx.record(CredentialRemoved(tx.tick(), self.access_key))
        return found


def _is_root(found: Credential) -> bool:
    return found.enabled and found.user == ROOT and found.policy == KeyPolicy.READ_WRITE and not found.buckets


def _check_another_root(tx: MetadataTx, access_key: str, *, rooted: bool) -> None:
    if not rooted and not any(_is_root(one) for one in tx.credentials.scan() if one.access_key != access_key):
        raise LastRootKey(access_key)


class Keys:
    """The access keys in the store; ``given`` is the root key that the server was started with, if any."""

    def __init__(
        self,
        metadata: MetadataStore,
        committer: Committer,
        box: SecretBox,
        randomness: Randomness,
        *,
        given: str | None = None,
    ) -> None:
        self._metadata = metadata
        self._committer = committer
        self._box = box
        self._randomness = randomness
        self._given = given

    def list(self, user: str | None = None) -> tuple[Credential, ...]:
        """All, or those of one user, by access key. NoSuchUser."""

        def query(view: MetadataView) -> tuple[Credential, ...]:
            if user is None:
                return tuple(view.credentials.scan())
            user_named(view, user)
            return tuple([found for found in view.credentials.scan() if found.user == user])

        return self._metadata.read(query)

    def show(self, access_key: str) -> Credential:
        """One, with its secret still sealed. NoSuchAccessKey, AccessKeyOfFlags."""
        self._check_stored(access_key)
        return self._metadata.read(lambda view: _named(view, access_key))

    async def create(
        self,
        user: str = ROOT,
        *,
        policy: str = KeyPolicy.READ_WRITE,
        buckets: tuple[str, ...] = (),
        access_key: str | None = None,
        secret: str | None = None,
    ) -> tuple[Credential, KeyPair]:
        """Makes a key; what is not given is generated. The pair is told only now.

        NoSuchUser, AccessKeyTaken, InvalidAccessKey, MalformedPolicy, InvalidArgument, InvalidBucketName.
        """
        fresh = new_key_pair(self._randomness)
        pair = KeyPair(
            fresh.access_key if access_key is None else check_access_key(access_key),
            fresh.secret if secret is None else check_secret(secret),
        )
        if pair.access_key == self._given:
            raise AccessKeyTaken(pair.access_key)
        limited = _checked_buckets(buckets)
        credential = Credential(pair.access_key, self._sealed(pair), user, key_policy(policy), limited)
        return await self._committer.commit(CreateKey(credential)), pair

    async def rotate(self, access_key: str, *, secret: str | None = None) -> tuple[Credential, KeyPair]:
        """Gives a key a new secret; the old one is refused at once. NoSuchAccessKey, InvalidAccessKey."""
        fresh = new_key_pair(self._randomness)
        pair = KeyPair(access_key, fresh.secret if secret is None else check_secret(secret))
        sealed = self._sealed(pair)
        return await self._change(access_key, lambda found: replace(found, sealed=sealed)), pair

    async def set_enabled(self, access_key: str, enabled: bool) -> Credential:
        """Lets a key in again, or refuses it from now on. NoSuchAccessKey, LastRootKey."""
        return await self._change(access_key, lambda found: replace(found, enabled=enabled))

    async def delete(self, access_key: str) -> Credential:
        """Removes a key. NoSuchAccessKey, LastRootKey."""
        self._check_stored(access_key)
        return await self._committer.commit(RemoveKey(access_key, rooted=self._given is not None))

    async def set_policy(self, access_key: str, policy: str) -> Credential:
        """Says what a key may do. NoSuchAccessKey, MalformedPolicy, InvalidArgument, LastRootKey."""
        kept = key_policy(policy)
        return await self._change(access_key, lambda found: replace(found, policy=kept))

    async def allow_bucket(self, access_key: str, bucket: str) -> Credential:
        """Limits a key to its buckets so far and this one; ``*`` lifts the limit.

        NoSuchAccessKey, InvalidBucketName, InvalidArgument beyond BUCKETS_MAX, LastRootKey.
        """
        if bucket == EVERY_BUCKET:
            return await self._change(access_key, lambda found: replace(found, buckets=()))
        check_bucket_name(bucket)
        return await self._change(
            access_key, lambda found: replace(found, buckets=_checked_buckets((*found.buckets, bucket)))
        )

    async def disallow_bucket(self, access_key: str, bucket: str) -> Credential:
        """Takes a bucket from a key's list; one that is not in it is no mistake.

        NoSuchAccessKey, InvalidBucketName, AllowListEmpty; InvalidRequest for a key that is not limited.
        """
        check_bucket_name(bucket)

        def without(found: Credential) -> Credential:
            if not found.buckets:
                raise InvalidRequest(
                    f"the key {access_key!r} is not limited to buckets: deny it the bucket by a policy, or limit it to "
                    "the buckets that it needs (`segctl key allow-bucket`)"
                )
            left = tuple([name for name in found.buckets if name != bucket])
            if not left:
                raise AllowListEmpty(found.access_key, bucket)
            return replace(found, buckets=left)

        return await self._change(access_key, without)

    async def _change(self, access_key: str, change: Callable[[Credential], Credential]) -> Credential:
        self._check_stored(access_key)
        return await self._committer.commit(ChangeKey(access_key, change, rooted=self._given is not None))

    def _check_stored(self, access_key: str) -> None:
        if access_key == self._given:
            raise AccessKeyOfFlags(access_key)

    def _sealed(self, pair: KeyPair) -> bytes:
        return self._box.seal(pair.secret.encode(), pair.access_key.encode())


def _checked_buckets(buckets: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, in order. InvalidBucketName, InvalidArgument."""
    names = tuple(sorted({check_bucket_name(name) for name in buckets}))
    if len(names) > BUCKETS_MAX:
        raise InvalidArgument("buckets", str(len(names)), f"a key can be limited to {BUCKETS_MAX} buckets at most")
    return names
