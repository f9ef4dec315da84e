"""The built-in key ring: named keys that wrap data keys, kept only sealed; a rotated key keeps its older versions.

``create``, ``list``, ``rotate`` and ``set_enabled`` take and give plain values; no answer holds a key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from seglake.domain.model.encryption import KMS_KEY, S3_KEY, RingKey
from seglake.domain.model.errors import Busy, InvalidRingKeyName, RingKeyDisabled, RingKeyTaken, RingKeyUnknown
from seglake.domain.model.events import RingKeyPut
from seglake.domain.ports.ciphers import Ciphers
from seglake.domain.ports.committer import Committer
from seglake.domain.ports.metadata import MetadataStore, MetadataTables, MetadataTx
from seglake.domain.ports.secrets import SecretBox

BUILT_IN = frozenset((S3_KEY, KMS_KEY))
"""Keys that are made when they are first needed."""

_NAME = re.compile(r"[A-Za-z0-9_/-]{1,128}", re.ASCII)
_OWN = ("seglake/", "aws/", "alias/", "key/")


@dataclass(frozen=True, slots=True)
class RingKeyInfo:
    """What may be shown of a key: its newest version's number, and when it was made (ms since the epoch)."""

    name: str
    version: int
    enabled: bool
    created_ms: int


def check_ring_key_name(name: str) -> str:
    """A name that an operator may give. InvalidRingKeyName."""
    if not _NAME.fullmatch(name) or name.startswith(_OWN):
        raise InvalidRingKeyName(name)
    return name


def ring_context(name: str, version: int) -> bytes:
    """What a sealed ring key is bound to."""
    return f"ring {name} {version}".encode()


def usable(key: RingKey | None, name: str) -> RingKey:
    """The key, if it may be used. RingKeyUnknown, RingKeyDisabled."""
    if key is None:
        raise RingKeyUnknown(name)
    if not key.enabled:
        raise RingKeyDisabled(name)
    return key


def _known(tx: MetadataTables, name: str) -> RingKey:
    key = tx.ring_keys.get(name)
    if key is None:
        raise RingKeyUnknown(name)
    return key


@dataclass(frozen=True, slots=True)
class MakeRingKey:
    """The commit of a new key; with ``shared`` one that is there already is the answer, else a refusal."""

    name: str
    sealed: bytes
    shared: bool = False

    def __call__(self, tx: MetadataTx) -> RingKey:
        """Records one RingKeyPut. RingKeyTaken."""
        found = tx.ring_keys.get(self.name)
        if found is not None:
            if self.shared:
                return found
            raise RingKeyTaken(self.name)
        key = RingKey(self.name, (self.sealed,), created_ms=tx.now_ms())
        tx.record(RingKeyPut(tx.tick(), key))
        return key


@dataclass(frozen=True, slots=True)
class AddVersion:
    """The commit of a rotation: ``sealed`` is version ``version``."""

    name: str
    version: int
    sealed: bytes

    def __call__(self, tx: MetadataTx) -> RingKey:
        """Records one RingKeyPut. RingKeyUnknown; Busy when another rotation came first."""
        key = _known(tx, self.name)
        if key.version + 1 != self.version:
            raise Busy(f"the key {self.name!r} was rotated at the same time; look at it again")
        rotated = replace(key, sealed=(*key.sealed, self.sealed))
        tx.record(RingKeyPut(tx.tick(), rotated))
        return rotated


@dataclass(frozen=True, slots=True)
class EnableRingKey:
    """The commit that enables or disables a key."""

    name: str
    enabled: bool

    def __call__(self, tx: MetadataTx) -> RingKey:
        """Records one RingKeyPut, or nothing when nothing changes. RingKeyUnknown."""
        key = _known(tx, self.name)
        if key.enabled is self.enabled:
            return key
        changed = replace(key, enabled=self.enabled)
        tx.record(RingKeyPut(tx.tick(), changed))
        return changed


def _info(key: RingKey) -> RingKeyInfo:
    return RingKeyInfo(key.name, key.version, key.enabled, key.created_ms)


class KeyRing:
    """Makes, lists, rotates, disables; and gives keys in clear to whoever wraps data keys."""

    def __init__(self, metadata: MetadataStore, committer: Committer, box: SecretBox, ciphers: Ciphers) -> None:
        self._metadata = metadata
        self._committer = committer
        self._box = box
        self._ciphers = ciphers

    def list(self) -> tuple[RingKeyInfo, ...]:
        """All keys, by name."""
        return self._metadata.read(lambda view: tuple([_info(key) for key in view.ring_keys.scan()]))

    async def create(self, name: str) -> RingKeyInfo:
        """A new key. InvalidRingKeyName, RingKeyTaken."""
        sealed = self._sealed(check_ring_key_name(name), 1)
        return _info(await self._committer.commit(MakeRingKey(name, sealed)))

    async def rotate(self, name: str) -> RingKeyInfo:
        """A new version, which wraps data keys from now on; nothing is encrypted again. RingKeyUnknown, Busy."""
        key = self._metadata.read(lambda view: view.ring_keys.get(name))
        if key is None:
            raise RingKeyUnknown(name)
        version = key.version + 1
        return _info(await self._committer.commit(AddVersion(name, version, self._sealed(name, version))))

    async def set_enabled(self, name: str, enabled: bool) -> RingKeyInfo:
        """Allows or refuses every use of a key. RingKeyUnknown."""
        return _info(await self._committer.commit(EnableRingKey(name, enabled)))

    async def for_wrapping(self, name: str) -> tuple[int, bytes]:
        """The newest version's number and key; a built-in one is made if need be. RingKeyUnknown, RingKeyDisabled."""
        key = self._metadata.read(lambda view: view.ring_keys.get(name))
        if key is None and name in BUILT_IN:
            key = await self._committer.commit(MakeRingKey(name, self._sealed(name, 1), shared=True))
        key = usable(key, name)
        return key.version, self._opened(key, key.version)

    def for_unwrapping(self, name: str, version: int) -> bytes:
        """The key of one version. RingKeyUnknown, RingKeyDisabled."""
        key = usable(self._metadata.read(lambda view: view.ring_keys.get(name)), name)
        if not 1 <= version <= key.version:
            raise RingKeyUnknown(f"{name}, version {version}")
        return self._opened(key, version)

    def _sealed(self, name: str, version: int) -> bytes:
        return self._box.seal(self._ciphers.new_key(), ring_context(name, version))

    def _opened(self, key: RingKey, version: int) -> bytes:
        return self._box.open(key.sealed[version - 1], ring_context(key.name, version))
