"""A new master key takes over by one commit: every sealed secret is sealed anew, and nothing else is written."""

from __future__ import annotations

from dataclasses import dataclass, replace

from seglake.domain.model.credential import Credential
from seglake.domain.model.encryption import RingKey
from seglake.domain.model.events import CredentialPut, RingKeyPut
from seglake.domain.ports.metadata import MetadataTx, MetadataView
from seglake.domain.ports.secrets import SecretBox

from .key_ring import ring_context


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many access keys and ring keys were sealed anew."""

    credentials: int
    ring_keys: int


@dataclass(frozen=True, slots=True)
class ResealSecrets:
    """The commit: what is not yet under the box's newest key is opened and sealed again. SecretUnreadable."""

    box: SecretBox

    def __call__(self, tx: MetadataTx) -> Resealed:
        """Records one CredentialPut or RingKeyPut for each; all or none."""
        box = self.box
        credentials = [one for one in tx.credentials.scan() if not box.is_current(one.sealed)]
        ring_keys = [one for one in tx.ring_keys.scan() if not all(map(box.is_current, one.sealed))]
        changed = [self._credential(one) for one in credentials], [self._ring_key(one) for one in ring_keys]
        for credential in changed[0]:
            tx.record(CredentialPut(tx.tick(), credential))
        for key in changed[1]:
            tx.record(RingKeyPut(tx.tick(), key))
        return Resealed(len(credentials), len(ring_keys))

    def _credential(self, credential: Credential) -> Credential:
        context = credential.access_key.encode()
        return replace(credential, sealed=self.box.seal(self.box.open(credential.sealed, context), context))

    def _ring_key(self, key: RingKey) -> RingKey:
        sealed = []
        for number, one in enumerate(key.sealed, start=1):
            context = ring_context(key.name, number)
            sealed.append(self.box.seal(self.box.open(one, context), context))
        return replace(key, sealed=tuple(sealed))


def check_opens(view: MetadataView, box: SecretBox) -> None:
    """Opens every sealed secret and keeps none. SecretUnreadable."""
    for credential in view.credentials.scan():
        box.open(credential.sealed, credential.access_key.encode())
    for key in view.ring_keys.scan():
        for number, sealed in enumerate(key.sealed, start=1):
            box.open(sealed, ring_context(key.name, number))
