"""Who a key is and what it may do: default deny, one place, one answer."""

from __future__ import annotations

from dataclasses import dataclass

from seglake.domain.model.credential import Credential, Identity, KeyPolicy
from seglake.domain.model.errors import AccessDenied
from seglake.domain.model.events import CredentialPut
from seglake.domain.model.manifest import ROOT
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.metadata import MetadataStore, MetadataTx, MetadataView
from seglake.domain.ports.secrets import SecretBox
from seglake.domain.ports.system import Clock, Randomness

_READS = ("s3:Get", "s3:List", "s3:Head")
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


def may(identity: Identity, action: str, bucket: str) -> bool:
    """Whether a key's own policy allows ``action`` (as in ``s3:PutObject``) on ``bucket`` (empty at the service
    level)."""
    if identity.buckets and bucket and bucket not in identity.buckets:
        return False
    return identity.policy == KeyPolicy.READ_WRITE or action.startswith(_READS)


class Access:
    """Looks up keys and decides. ``root`` is the pair given on the command line, if any."""

    def __init__(self, metadata: MetadataStore, box: SecretBox, root: KeyPair | None) -> None:
        self._metadata = metadata
        self._box = box
        self._root = root
        self._root_identity = Identity(root.access_key, ROOT, KeyPolicy.READ_WRITE) if root else None

    def lookup(self, access_key: str) -> tuple[Identity, str] | None:
        """The identity and the secret of an enabled key, None for any other."""
        root = self._root
        if root is not None and access_key == root.access_key:
            assert self._root_identity is not None, "made together with the pair"
            return self._root_identity, root.secret
        found = self._metadata.read(lambda view: view.credentials.get(access_key))
        if found is None or not found.enabled:
            return None
        identity = Identity(found.access_key, found.user, found.policy, found.buckets)
        return identity, self._box.open(found.sealed, access_key.encode()).decode()

    def authorize(self, identity: Identity | None, action: str, bucket: str) -> None:
        """Returns when allowed, else AccessDenied. ``identity`` None is an anonymous request."""
        if identity is None:
            raise AccessDenied("this needs a signed request")
        if not may(identity, action, bucket):
            raise AccessDenied(f"the key {identity.access_key} may not do {action} on {bucket or 'the service'}")


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
