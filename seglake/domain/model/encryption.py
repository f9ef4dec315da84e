"""How a version's chunks are encrypted; the data key is kept only wrapped (S3 User Guide, "Protecting data with
encryption").

A chunk of an encrypted version is stored as ``nonce (12) · AES-256-GCM ciphertext · tag (16)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .segment import CHUNK_BYTES

KEY_BYTES = 32
"""Every key here, a customer's included, is one of AES-256."""

SEALING_BYTES = 28
"""What encryption adds to a chunk: nonce and tag."""

PLAIN_CHUNK_BYTES = CHUNK_BYTES - SEALING_BYTES
"""The plaintext of an encrypted chunk, so that what is stored is no longer than any chunk."""

S3_KEY = "seglake/s3"
"""The ring key behind SSE-S3."""

KMS_KEY = "seglake/kms"
"""The ring key of an SSE-KMS request that names none (AWS: the alias ``aws/s3``)."""


class EncryptionKind(StrEnum):
    """Who holds the key that wraps the data key."""

    S3 = "AES256"
    KMS = "aws:kms"
    CUSTOMER = "SSE-C"


@dataclass(frozen=True, slots=True)
class Protection:
    """How bytes to come shall be encrypted: what a request asks for, or the default of a bucket or of the store.

    ``key`` names a ring key. ``customer`` is the key of an SSE-C request (32 bytes); it lives as long as the request
    and shows in no repr. ``bucket_key`` None leaves the choice to the bucket.
    """

    kind: EncryptionKind
    key: str = ""
    bucket_key: bool | None = None
    customer: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        assert (self.kind is EncryptionKind.CUSTOMER) == bool(self.customer), "exactly SSE-C brings its key"
        assert (self.kind is EncryptionKind.CUSTOMER) != bool(self.key), "every other key has a name in the ring"
        assert len(self.customer) in (0, KEY_BYTES), "a customer's key has 32 bytes"


SSE_S3 = Protection(EncryptionKind.S3, S3_KEY)


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
