"""What a request says of encryption is understood whole or refused; what an answer says is made here.

Sources: API Reference, PutObject and GetObject (request and response headers); S3 User Guide, "Specifying server-side
encryption with customer-provided keys". A form's fields have the headers' names.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from hashlib import md5
from hmac import compare_digest
from ipaddress import ip_address

from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error, invalid_argument, not_implemented
from seglake.domain.model.encryption import KEY_BYTES, KMS_KEY, SSE_S3, Encryption, EncryptionKind, Protection
from seglake.domain.model.manifest import Pairs
from seglake.domain.model.user import ACCOUNT

SSE = "x-amz-server-side-encryption"
KMS_KEY_ID = f"{SSE}-aws-kms-key-id"
BUCKET_KEY = f"{SSE}-bucket-key-enabled"
CUSTOMER = f"{SSE}-customer-"
SOURCE_CUSTOMER = "x-amz-copy-source-server-side-encryption-customer-"

ASKED_HEADERS = (SSE, KMS_KEY_ID, BUCKET_KEY)
CUSTOMER_HEADERS = (f"{CUSTOMER}algorithm", f"{CUSTOMER}key", f"{CUSTOMER}key-md5")
SOURCE_CUSTOMER_HEADERS = (f"{SOURCE_CUSTOMER}algorithm", f"{SOURCE_CUSTOMER}key", f"{SOURCE_CUSTOMER}key-md5")

_ALL = frozenset((*ASKED_HEADERS, *CUSTOMER_HEADERS))
_KEY_NAME = re.compile(r"[A-Za-z0-9_/-]{1,128}", re.ASCII)
_DEFAULT_KEY = "aws/s3"


def asked(headers: Mapping[str, str], regions: frozenset[str]) -> Protection | None:
    """The encryption that a write asks for, None when it leaves that to the bucket.

    S3Error InvalidArgument, InvalidEncryptionAlgorithmError, KMS.NotFoundException, NotImplemented.
    """
    if _ALL.isdisjoint(headers):
        return None
    customer, method = customer_key(headers), headers.get(SSE)
    if customer:
        for name in ASKED_HEADERS:
            if name in headers:
                raise invalid_argument(name, headers[name], "it cannot be combined with a customer-provided key")
        return Protection(EncryptionKind.CUSTOMER, customer=customer)
    if method != EncryptionKind.KMS:
        if KMS_KEY_ID in headers:
            raise invalid_argument(KMS_KEY_ID, headers[KMS_KEY_ID], f"it needs {SSE}: aws:kms")
        if method == EncryptionKind.S3:
            _flag(headers)
            return SSE_S3
        if method is None:
            raise invalid_argument(BUCKET_KEY, headers[BUCKET_KEY], f"it needs {SSE}: aws:kms")
        raise refused_method(method)
    key = headers.get(KMS_KEY_ID)
    return Protection(EncryptionKind.KMS, KMS_KEY if key is None else ring_key_name(key, regions), _flag(headers))


def refused_method(method: str) -> S3Error:
    """For an algorithm of server-side encryption that does not exist, or not here."""
    if method == "aws:kms:dsse":
        return not_implemented("dual-layer encryption (aws:kms:dsse)", header=SSE)
    return invalid_argument(SSE, method, "the encryption methods are AES256 and aws:kms")


def customer_key(headers: Mapping[str, str], prefix: str = CUSTOMER) -> bytes:
    """The customer's key (32 bytes), empty without one. S3Error InvalidArgument, InvalidEncryptionAlgorithmError; no
    message ever holds the key."""
    algorithm, key, digest = (headers.get(f"{prefix}{name}") for name in ("algorithm", "key", "key-md5"))
    if algorithm is None and key is None and digest is None:
        return b""
    if algorithm is None:
        raise invalid_argument(f"{prefix}algorithm", "", "a customer-provided key needs its algorithm")
    if algorithm != "AES256":
        raise S3Error(ErrorCode.InvalidEncryptionAlgorithm)
    if key is None:
        raise invalid_argument(f"{prefix}key", "", "an appropriate secret key is missing")
    if digest is None:
        raise invalid_argument(f"{prefix}key-MD5", "", "the MD5 of the secret key is missing")
    secret = _base64(key)
    if secret is None or len(secret) != KEY_BYTES:
        raise invalid_argument(f"{prefix}key", "", "the secret key is not base64 of 32 bytes")
    claimed = _base64(digest)
    if claimed is None or not compare_digest(claimed, md5(secret, usedforsecurity=False).digest()):
        raise invalid_argument(f"{prefix}key-MD5", digest, "it is not the MD5 of the secret key")
    return secret


def refuse_method_on_read(headers: Mapping[str, str]) -> None:
    """Reading takes no choice of method (API: GetObject). S3Error InvalidArgument."""
    for name in ASKED_HEADERS:
        if name in headers:
            raise invalid_argument(name, headers[name], "it is not for reading; leave it out")


def require_private(*, secure: bool, peer: str, anywhere: bool) -> None:
    """A customer's key travels over TLS, from this machine itself, or where the operator said otherwise.

    S3Error InvalidRequest.
    """
    if secure or anywhere or _is_loopback(peer):
        return
    raise S3Error(
        ErrorCode.InvalidRequest,
        "Requests with customer-provided keys must be made over a secure connection (TLS).",
    )


def ring_key_name(text: str, regions: frozenset[str]) -> str:
    """The ring key that a KMS key id means: a name, ``alias/NAME``, or an ARN of either.

    S3Error KMS.NotFoundException for what cannot be one of this store's.
    """
    name = text
    if text.startswith("arn:"):
        fields = text.split(":", 5)
        if len(fields) != 6 or fields[2] != "kms" or fields[3] not in regions or fields[4] != ACCOUNT:
            raise S3Error(ErrorCode.KMSNotFound, f"Invalid arn {text[:200]}: it is none of this store's keys")
        kind, _, name = fields[5].partition("/")
        if kind not in ("key", "alias"):
            raise S3Error(ErrorCode.KMSNotFound, f"Invalid arn {text[:200]}: key/NAME or alias/NAME is expected")
    else:
        name = name.removeprefix("alias/")
    if name == _DEFAULT_KEY:
        return KMS_KEY
    if not _KEY_NAME.fullmatch(name) or name == SSE_S3.key:
        raise S3Error(ErrorCode.KMSNotFound, f"Key {text[:200]!r} does not exist")
    return name


def answered(encryption: Encryption, region: str) -> Pairs:
    """The header fields that say how something is encrypted."""
    if encryption.kind is EncryptionKind.CUSTOMER:
        return (f"{CUSTOMER}algorithm", "AES256"), (f"{CUSTOMER}key-MD5", encryption.key_md5)
    if encryption.kind is EncryptionKind.S3:
        return ((SSE, "AES256"),)
    fields = ((SSE, "aws:kms"), (KMS_KEY_ID, f"arn:aws:kms:{region}:{ACCOUNT}:key/{encryption.key}"))
    return (*fields, (BUCKET_KEY, "true")) if encryption.bucket_key else fields


def _flag(headers: Mapping[str, str]) -> bool | None:
    text = headers.get(BUCKET_KEY)
    if text is None:
        return None
    if text.lower() not in ("true", "false"):
        raise invalid_argument(BUCKET_KEY, text, "true or false is expected")
    return text.lower() == "true"


def _base64(text: str) -> bytes | None:
    try:
        return b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None


def _is_loopback(peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
