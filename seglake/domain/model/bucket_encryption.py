"""A bucket's default encryption is one text: what new objects get that ask for nothing (API: PutBucketEncryption)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .encryption import EncryptionKind, Protection

_BLOCKED = "SSE-C"


@dataclass(frozen=True, slots=True)
class BucketEncryption:
    """``default`` None leaves it to the store; ``shown_key`` is the KMS key as the caller named it, to be given back;
    ``blocks_customer_keys`` refuses SSE-C writes (BlockedEncryptionTypes)."""

    default: Protection | None
    shown_key: str = ""
    blocks_customer_keys: bool = False

    def __post_init__(self) -> None:
        assert self.default is None or not self.default.customer, "a customer's key is no default"
        assert self.default is not None or not self.shown_key, "a key belongs to a default"


def to_text(config: BucketEncryption) -> str:
    """Canonical JSON."""
    fields: dict[str, Any] = {}
    if config.default is not None:
        fields["algorithm"] = config.default.kind.value
        fields["bucket_key"] = bool(config.default.bucket_key)
        fields["key"] = config.default.key
        if config.shown_key:
            fields["shown"] = config.shown_key
    if config.blocks_customer_keys:
        fields["blocked"] = [_BLOCKED]
    return json.dumps(fields, sort_keys=True, separators=(",", ":"))


@lru_cache(maxsize=256)
def parse_text(text: str) -> BucketEncryption:
    """What ``to_text`` was given."""
    fields = json.loads(text)
    default = None
    if "algorithm" in fields:
        default = Protection(EncryptionKind(fields["algorithm"]), fields["key"], fields["bucket_key"])
    return BucketEncryption(default, fields.get("shown", ""), _BLOCKED in fields.get("blocked", ()))
