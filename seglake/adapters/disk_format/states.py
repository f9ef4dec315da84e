"""Locks, encryption and ring keys inside a CBOR value: what a manifest carries beside its bytes' places."""

from __future__ import annotations

from typing import Any

from seglake.adapters.disk_format import strict_cbor as cbor
from seglake.domain.model.encryption import Encryption, EncryptionKind, RingKey
from seglake.domain.model.errors import FormatDamaged
from seglake.domain.model.object_lock import Lock, Retention, RetentionMode

_MODES = {mode.value: mode for mode in RetentionMode}
_KINDS = {kind.value: kind for kind in EncryptionKind}


def lock_out(lock: Lock) -> list[Any]:
    """``[hold]`` or ``[hold, mode, until]``."""
    kept = lock.retention
    return [lock.hold] if kept is None else [lock.hold, kept.mode.value, kept.until_ms]


def lock_in(value: object) -> Lock:
    """What ``lock_out`` was given."""
    row = cbor.array(value, "a lock")
    if len(row) not in (1, 3) or type(row[0]) is not bool:
        raise FormatDamaged("a lock is not [hold] or [hold, mode, until]")
    if len(row) == 1:
        return Lock(None, row[0])
    mode = _MODES.get(cbor.text(row[1], "a retention mode"))
    if mode is None:
        raise FormatDamaged("an unknown retention mode")
    return Lock(Retention(mode, cbor.uint(row[2], "a retention's end")), row[0])


def encryption_out(encryption: Encryption) -> list[Any]:
    """``[kind, wrapped, key, version, bucket key]``; for a customer's key ``[kind, wrapped, its MD5]``."""
    if encryption.kind is EncryptionKind.CUSTOMER:
        return [encryption.kind.value, encryption.wrapped, encryption.key_md5]
    return [encryption.kind.value, encryption.wrapped, encryption.key, encryption.key_version, encryption.bucket_key]


def encryption_in(value: object) -> Encryption:
    """What ``encryption_out`` was given."""
    row = cbor.array(value, "an encryption")
    kind = _KINDS.get(row[0]) if row and type(row[0]) is str else None
    try:
        if kind is EncryptionKind.CUSTOMER and len(row) == 3:
            return Encryption(kind, cbor.octets(row[1], "a wrapped key"), key_md5=cbor.text(row[2], "a key's MD5"))
        if kind is not None and kind is not EncryptionKind.CUSTOMER and len(row) == 5 and type(row[4]) is bool:
            wrapped, key = cbor.octets(row[1], "a wrapped key"), cbor.text(row[2], "a ring key")
            version = cbor.uint(row[3], "a ring key's version")
            return Encryption(kind, wrapped, key, version, bucket_key=row[4])
    except AssertionError as error:
        raise FormatDamaged(f"an encryption contradicts itself: {error}") from None
    raise FormatDamaged("an encryption is not one of the known forms")


def ring_key_fields(key: RingKey) -> dict[str, Any]:
    """The map of a ring key."""
    fields: dict[str, Any] = {"c": key.created_ms}
    if not key.enabled:
        fields["f"] = True
    fields["n"] = key.name
    fields["s"] = list(key.sealed)
    return fields


def ring_key_from(fields: dict[str, Any]) -> RingKey:
    """The ring key in a decoded map, which is emptied."""
    try:
        key = RingKey(
            name=cbor.text(fields.pop("n"), "ring key"),
            sealed=tuple([cbor.octets(one, "a sealed key") for one in cbor.array(fields.pop("s"), "sealed keys")]),
            enabled=not ("f" in fields and cbor.true(fields.pop("f"), "disabled")),
            created_ms=cbor.uint(fields.pop("c"), "created"),
        )
    except KeyError as error:
        raise FormatDamaged(f"a ring key lacks the field {error}") from None
    except AssertionError as error:
        raise FormatDamaged(f"a ring key contradicts itself: {error}") from None
    cbor.nothing_left(fields, "a ring key")
    return key
