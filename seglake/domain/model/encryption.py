"""How a version's chunks are encrypted; the data key is kept only wrapped (S3 User Guide, "Protecting data with
encryption")."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EncryptionKind(StrEnum):
    """Who holds the key that wraps the data key."""

    S3 = "AES256"
    KMS = "aws:kms"
    CUSTOMER = "SSE-C"


@dataclass(frozen=True, slots=True)
class Encryption:
    """The encryption of one version or upload.

    ``wrapped`` is the data key under a version of the ring key ``key``, or under the customer's key (then ``key`` is
    empty, ``key_version`` 0 and ``key_md5`` the base64 MD5 of that key, as the API shows it).
    """

    kind: EncryptionKind
    wrapped: bytes
    key: str = ""
    key_version: int = 0
    key_md5: str = ""
    bucket_key: bool = False

    def __post_init__(self) -> None:
        assert self.wrapped, "a data key is kept wrapped"
        assert (self.kind is EncryptionKind.CUSTOMER) == bool(self.key_md5), "exactly a customer's key has an MD5"
        assert (self.kind is EncryptionKind.CUSTOMER) != bool(self.key), "every other key has a name in the ring"


@dataclass(frozen=True, slots=True)
class RingKey:
    """A named key of the built-in key ring: ``sealed[n - 1]`` is version ``n`` under the key-encryption key.

    New data keys are wrapped by the newest version; older ones stay to open what they wrapped.
    """

    name: str
    sealed: tuple[bytes, ...]
    enabled: bool = True
    created_ms: int = 0

    def __post_init__(self) -> None:
        assert self.name, "a ring key has a name"
        assert self.sealed, "a ring key has at least one version"

    @property
    def version(self) -> int:
        """The newest version's number."""
        return len(self.sealed)
