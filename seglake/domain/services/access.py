"""Who a key is and what it may do: default deny, one place, one answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from seglake.domain.model.access import Asked, Decision, Facts, no_facts
from seglake.domain.model.bucket import Bucket
from seglake.domain.model.bucket_config import NO_CONFIGS, Configs
from seglake.domain.model.credential import Credential, Identity, KeyPolicy
from seglake.domain.model.errors import AccessDenied, NoSuchKey, NoSuchVersion
from seglake.domain.model.events import CredentialPut
from seglake.domain.model.manifest import ROOT
from seglake.domain.model.user import UserState
from seglake.domain.model.version import Version
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.metadata import MetadataStore, MetadataTx, MetadataView
from seglake.domain.ports.secrets import SecretBox
from seglake.domain.ports.system import Clock, Randomness

from .bucket_settings import configs_of
from .decisions import Case, decide
from .facts import version_of

_ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_LETTERS_64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass(frozen=True, slots=True, repr=False)
class KeyPair:
    """An access key with its secret in clear; never logged (it has no repr of its fields)."""

    access_key: str
    secret: str


@dataclass(frozen=True, slots=True)
class PutCredential:
    """The commit that makes or changes an access key."""

    credential: Credential

    def __call__(self, tx: MetadataTx) -> None:
        """Records one CredentialPut."""
        tx.record(CredentialPut(tx.tick(), self.credential))


@dataclass(frozen=True, slots=True)
class Grounds:
    """What is known of the bucket that a request names: None when there is no such bucket."""

    name: str
    bucket: Bucket | None
    configs: Configs = field(default_factory=lambda: NO_CONFIGS)


@dataclass(frozen=True, slots=True)
class Known:
    """An enabled key of an active user: who it is, its secret, and the bucket that the request names."""

    identity: Identity
    secret: str = field(repr=False)
    grounds: Grounds


class Access:
    """Looks up keys and decides. ``root`` is the pair given on the command line, if any; ``public_buckets`` are those
    that the operator allows anonymous requests to."""

    def __init__(
        self,
        metadata: MetadataStore,
        box: SecretBox,
        root: KeyPair | None,
        public_buckets: frozenset[str] = frozenset(),
    ) -> None:
        self._metadata = metadata
        self._box = box
        self._root = root
        self._root_identity = Identity(root.access_key, ROOT, KeyPolicy.READ_WRITE) if root else None
        self._public = public_buckets
        self._site: int | None = None

    @property
    def public_buckets(self) -> frozenset[str]:
        """Buckets that anonymous requests may reach, as far as their policy allows it."""
        return self._public

    def lookup(self, access_key: str, bucket: str = "") -> Known | None:
        """The enabled key of an active user, with what is known of ``bucket``, in one snapshot; None for any other."""
        root = self._root
        if root is not None and access_key == root.access_key:
            assert self._root_identity is not None, "made together with the pair"
            return Known(self._root_identity, root.secret, self.grounds(bucket))

        def query(view: MetadataView) -> tuple[Credential, Grounds] | None:
            found = view.credentials.get(access_key)
            if found is None or not found.enabled:
                return None
            if found.user != ROOT:
                user = view.users.get(found.user)
                if user is None or user.state is not UserState.ACTIVE:
                    return None
            return found, _grounds(view, bucket)

        known = self._metadata.read(query)
        if known is None:
            return None
        found, grounds = known
        identity = Identity(found.access_key, found.user, found.policy, found.buckets)
        return Known(identity, self._box.open(found.sealed, access_key.encode()).decode(), grounds)

    def grounds(self, bucket: str) -> Grounds:
        """What is known of a bucket."""
        if not bucket:
            return Grounds("", None)
        return self._metadata.read(lambda view: _grounds(view, bucket))

    def authorize(
        self,
        identity: Identity | None,
        asked: Asked,
        context: Facts = no_facts,
        grounds: Grounds | None = None,
    ) -> None:
        """Returns when allowed, else AccessDenied. ``identity`` None is an anonymous request."""
        if grounds is None or grounds.name != asked.bucket:
            grounds = self.grounds(asked.bucket)
        if identity is not None and identity.is_root and (grounds.bucket is None or not grounds.bucket.configured):
            return
        decision = self.decide(identity, asked, context, grounds)
        if not decision.allowed:
            raise AccessDenied(self._hint(identity, asked, decision))

    @staticmethod
    def _hint(identity: Identity | None, asked: Asked, decision: Decision) -> str:
        if identity is None:
            return decision.reason
        return f"{identity.access_key} may not do {asked.action} on {asked.resource}: {decision.reason}"

    def decide(
        self,
        identity: Identity | None,
        asked: Asked,
        context: Facts = no_facts,
        grounds: Grounds | None = None,
    ) -> Decision:
        """The decision with its reason."""
        known = self.grounds(asked.bucket) if grounds is None else grounds
        bucket = known.bucket

        def found() -> Version | None:
            if bucket is None or not asked.key:
                return None
            try:
                return self._metadata.read(lambda view: version_of(view, bucket, asked.key, asked.version))
            except (NoSuchKey, NoSuchVersion):
                return None

        return decide(
            Case(
                identity,
                asked,
                bucket,
                known.configs,
                self._known_site(),
                context,
                found,
                listed_public=asked.bucket in self._public,
            )
        )

    def _known_site(self) -> int:
        """This site's id, which does not change while a store is open."""
        if self._site is None:
            self._site = self._metadata.read(lambda view: view.settings.site())
        return self._site

    def may(
        self,
        identity: Identity | None,
        asked: Asked,
        context: Facts = no_facts,
        grounds: Grounds | None = None,
    ) -> bool:
        """Whether it is allowed."""
        return self.decide(identity, asked, context, grounds).allowed


def _grounds(view: MetadataView, name: str) -> Grounds:
    if not name:
        return Grounds("", None)
    bucket = view.buckets.get(name)
    return Grounds(name, bucket, NO_CONFIGS if bucket is None else configs_of(view, bucket))


def new_key_pair(randomness: Randomness) -> KeyPair:
    """A fresh access key (20 characters) and secret (40 characters, 240 bits)."""
    letters = [_ID_LETTERS[b & 31] for b in randomness.bytes(18)]
    secret = "".join([_LETTERS_64[b & 63] for b in randomness.bytes(40)])
    return KeyPair("SL" + "".join(letters), secret)


def root_credential(view: MetadataView) -> Credential | None:
    """An enabled key of the owner of the store with full rights, None when there is none."""
    for found in view.credentials.scan():
        if found.enabled and found.user == ROOT and found.policy == KeyPolicy.READ_WRITE and not found.buckets:
            return found
    return None


def unsealed(credential: Credential, box: SecretBox) -> KeyPair:
    """The pair in clear. SecretUnreadable."""
    return KeyPair(credential.access_key, box.open(credential.sealed, credential.access_key.encode()).decode())


class RootKey:
    """Sees to it that the store is never open: without any key, one is made (A8)."""

    def __init__(
        self, metadata: MetadataStore, committer: Committer, box: SecretBox, clock: Clock, randomness: Randomness
    ) -> None:
        self._metadata = metadata
        self._committer = committer
        self._box = box
        self._clock = clock
        self._randomness = randomness

    async def ensure(self) -> KeyPair | None:
        """Makes a root key when no enabled one is stored; returns it only then."""
        if self.stored() is not None:
            return None
        pair = new_key_pair(self._randomness)
        sealed = self._box.seal(pair.secret.encode(), pair.access_key.encode())
        await self._committer.commit(
            PutCredential(Credential(pair.access_key, sealed, created_ms=self._clock.now_ms()))
        )
        return pair

    def stored(self) -> str | None:
        """The access key of an enabled root key in the store."""
        found = self._metadata.read(root_credential)
        return None if found is None else found.access_key

    def reveal(self) -> KeyPair | None:
        """The stored root key in clear, for its owner at the console."""
        found = self._metadata.read(root_credential)
        return None if found is None else unsealed(found, self._box)
