"""What is stored encrypted, under which data key, and who may open it again: a wrong key never yields a byte."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from hashlib import md5, sha256

from seglake.domain.model.bucket import Bucket
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.bucket_encryption import parse_text
from seglake.domain.model.encryption import Encryption, EncryptionKind, Protection
from seglake.domain.model.errors import AccessDenied, ChunkCorrupt, DecryptionFailed, InvalidRequest
from seglake.domain.model.segment import ChunkSlice
from seglake.domain.ports.ciphers import ChunkCipher, Ciphers
from seglake.domain.ports.metadata import MetadataTables, MetadataView
from seglake.domain.ports.segments import SegmentStore
from seglake.domain.ports.system import Offload

from .bucket_settings import configs_of
from .key_ring import KeyRing

INLINE_BYTES_MAX = 256 << 10
"""Up to this size a chunk is decrypted in less time than a thread hop takes."""

NO_CUSTOMER = b""
"""The request brought no key of its own."""


class Undecided(Enum):
    """Nobody has looked yet at what encrypts; not the same as nothing."""

    UNDECIDED = 0


UNDECIDED = Undecided.UNDECIDED


@dataclass(frozen=True, slots=True)
class DataKey:
    """A data key at work: what is kept of it, and its cipher."""

    encryption: Encryption
    cipher: ChunkCipher = field(repr=False)


def etag_of(digest: bytes, encryption: Encryption | None) -> str:
    """The ETag of bytes with this MD5; under SSE-KMS and SSE-C it must not tell what the bytes are (API: Object)."""
    if encryption is None or encryption.kind is EncryptionKind.S3:
        return digest.hex()
    return sha256(encryption.wrapped + digest).digest()[:16].hex()


def check_customer(encryption: Encryption | None, customer: bytes) -> None:
    """A customer's key comes exactly with what was stored under one. InvalidRequest."""
    needed = encryption is not None and encryption.kind is EncryptionKind.CUSTOMER
    if needed and not customer:
        raise InvalidRequest(
            "The object was stored using a form of Server Side Encryption. "
            "The correct parameters must be provided to retrieve the object."
        )
    if customer and not needed:
        raise InvalidRequest("The encryption parameters are not applicable to this object.")


def shares(encryption: Encryption | None, protection: Protection | None) -> bool:
    """Whether bytes stored so may serve as they are where ``protection`` is asked for."""
    if encryption is None or protection is None:
        return encryption is None and protection is None
    if encryption.kind is EncryptionKind.CUSTOMER:
        return False
    return encryption.kind is protection.kind and encryption.key == protection.key


def taken_over(encryption: Encryption | None, protection: Protection | None) -> Encryption | None:
    """The encryption of a copy that shares its source's bytes."""
    if encryption is None or protection is None or encryption.bucket_key == bool(protection.bucket_key):
        return encryption
    return replace(encryption, bucket_key=_bucket_key(protection))


def _bucket_key(protection: Protection) -> bool:
    return protection.kind is EncryptionKind.KMS and bool(protection.bucket_key)


class Encrypting:
    """Decides what applies, makes data keys, opens them. ``default`` is what the store gives buckets without their own
    default."""

    def __init__(self, ring: KeyRing, ciphers: Ciphers, offload: Offload, *, default: Protection | None = None) -> None:
        assert default is None or default.kind is EncryptionKind.S3, "the store's own default is SSE-S3 or nothing"
        self._ring = ring
        self._ciphers = ciphers
        self._offload = offload
        self.default = default

    def effective(
        self, view: MetadataView | MetadataTables, bucket: Bucket, asked: Protection | None
    ) -> Protection | None:
        """What encrypts a new object: the request's choice, else the bucket's, else the store's. AccessDenied when the
        bucket takes no customers' keys."""
        if not bucket.configured:
            return asked or self.default
        text = configs_of(view, bucket).get(ConfigKind.ENCRYPTION)
        if text is None:
            return asked or self.default
        config = parse_text(text)
        if asked is None:
            return config.default or self.default
        if asked.kind is EncryptionKind.CUSTOMER and config.blocks_customer_keys:
            raise AccessDenied("the bucket does not take encryption with customer-provided keys (SSE-C)")
        if asked.kind is EncryptionKind.KMS and asked.bucket_key is None and config.default is not None:
            return replace(asked, bucket_key=config.default.bucket_key)
        return asked

    async def new_key(self, protection: Protection) -> DataKey:
        """A fresh data key, wrapped as ``protection`` says. RingKeyUnknown, RingKeyDisabled."""
        data_key = self._ciphers.new_key()
        kind, wrap = protection.kind, self._ciphers.wrap
        if kind is EncryptionKind.CUSTOMER:
            wrapped = wrap(data_key, protection.customer)
            encryption = Encryption(kind, wrapped, key_md5=_key_md5(protection.customer))
        else:
            version, under = await self._ring.for_wrapping(protection.key)
            wrapped = wrap(data_key, under)
            encryption = Encryption(kind, wrapped, protection.key, version, bucket_key=_bucket_key(protection))
        return DataKey(encryption, self._ciphers.chunks(data_key))

    def open(self, encryption: Encryption, customer: bytes = NO_CUSTOMER) -> ChunkCipher:
        """The cipher of stored bytes.

        InvalidRequest, AccessDenied, RingKeyUnknown, RingKeyDisabled, DecryptionFailed.
        """
        check_customer(encryption, customer)
        if encryption.kind is not EncryptionKind.CUSTOMER:
            under = self._ring.for_unwrapping(encryption.key, encryption.key_version)
            return self._ciphers.chunks(self._ciphers.unwrap(encryption.wrapped, under))
        try:
            return self._ciphers.chunks(self._ciphers.unwrap(encryption.wrapped, customer))
        except DecryptionFailed:
            raise AccessDenied("the object was encrypted with another key than the one provided") from None

    def resume(self, encryption: Encryption | None, customer: bytes = NO_CUSTOMER) -> DataKey | None:
        """The data key of a multipart upload for one more part. InvalidRequest unless the part brings exactly the key
        that the upload began with (API: UploadPart)."""
        customers = encryption is not None and encryption.kind is EncryptionKind.CUSTOMER
        if customer and not customers:
            raise InvalidRequest("the upload was begun without customer-provided keys, so its parts may not bring one")
        if encryption is None:
            return None
        if customers and not customer:
            raise InvalidRequest("the upload was begun with a customer-provided key; each part must bring it again")
        try:
            return DataKey(encryption, self.open(encryption, customer))
        except AccessDenied:
            raise InvalidRequest("the key provided is not the one that the upload was begun with") from None

    async def stream(
        self, segments: SegmentStore, slices: Sequence[ChunkSlice], cipher: ChunkCipher
    ) -> AsyncIterator[memoryview]:
        """The plaintext of ``slices``, each chunk verified, decrypted whole and authenticated before any byte of it.

        ChunkCorrupt, SegmentGone.
        """
        number = 0
        async for stored in segments.stream([one._replace(skip=0, take=one.length) for one in slices]):
            wanted = slices[number]
            number += 1
            assert len(stored) == wanted.length, "a stream gives one view for each slice"
            try:
                if len(stored) <= INLINE_BYTES_MAX:
                    plain = cipher.decrypt(stored)
                else:
                    plain = await self._offload.start(partial(cipher.decrypt, stored))
            except DecryptionFailed as failure:
                reason = f"it does not decrypt: {failure.hint}"
                raise ChunkCorrupt(wanted.segment.hex(), wanted.offset, reason) from None
            yield memoryview(plain)[wanted.skip : wanted.skip + wanted.take]


def _key_md5(customer: bytes) -> str:
    """As the API shows it: base64 of the key's MD5."""
    return b64encode(md5(customer, usedforsecurity=False).digest()).decode()
