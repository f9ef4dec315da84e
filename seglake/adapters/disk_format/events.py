"""One event is one CBOR map: ``e`` says which, the other keys are its fields; a put carries the whole manifest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seglake.adapters.disk_format import strict_cbor as cbor
from seglake.adapters.disk_format.chunks import chunks_in, chunks_out
from seglake.adapters.disk_format.manifests import encode_manifest, manifest_from
from seglake.adapters.disk_format.multipart import part_fields, part_from, upload_fields, upload_from
from seglake.adapters.disk_format.states import lock_in, lock_out, ring_key_fields, ring_key_from
from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.bucket_config import CONFIG_CHARACTERS_MAX, ConfigKind
from seglake.domain.model.credential import Credential
from seglake.domain.model.errors import FormatDamaged, UnknownFormat
from seglake.domain.model.events import (
    AclSet,
    BucketConfigured,
    BucketCreated,
    BucketDeleted,
    ChunksMoved,
    CredentialPut,
    CredentialRemoved,
    Event,
    LockSet,
    PartMoved,
    PartStored,
    RingKeyPut,
    TagsSet,
    UploadAborted,
    UploadStarted,
    UserPut,
    VersionDamaged,
    VersionGone,
    VersioningSet,
    VersionPut,
    VersionRemoved,
    VersionRepaired,
)
from seglake.domain.model.hlc import HLC
from seglake.domain.model.manifest import ROOT
from seglake.domain.model.multipart import PART_NUMBER_MAX
from seglake.domain.model.user import User, UserState

Fields = dict[str, Any]

_PUT = b"\xa2aecputam"  # {"e": "put", "m": ...
_PUT_COMPLETING = b"\xa3ad"  # {"d": ..., "e": "put", "m": ...
_PUT_REST = b"aecputam"
_COMPLETING_BYTES = len(_PUT_COMPLETING) + 2 + 32
"""What stands before the rest: the digest of a part list is a BLAKE3, in CBOR with two bytes before it."""


def encode_event(event: Event) -> bytes:
    """The event's CBOR; the same bytes for equal events."""
    if type(event) is VersionPut:
        # The manifest's bytes are also the row's, so they are made once and put in as they are.
        manifest = encode_manifest(event.manifest)
        if not event.parts_digest:
            return _PUT + manifest
        return b"".join((_PUT_COMPLETING, cbor.dumps(event.parts_digest), _PUT_REST, manifest))
    return cbor.dumps(_WRITERS[type(event)](event))


def manifest_of_put(data: bytes) -> tuple[bytes | None, bool]:
    """The manifest's own bytes in an encoded put, and whether that completes an upload; None for any other event."""
    if data.startswith(_PUT):
        return data[len(_PUT) :], False
    if data.startswith(_PUT_COMPLETING):
        # Some bytes of known length, then the fixed rest; anything else is left to the strict reader.
        head, _, manifest = data.partition(_PUT_REST)
        if len(head) == _COMPLETING_BYTES:
            return manifest, True
    return None, False


def decode_event(data: bytes | memoryview) -> Event:
    """The event in ``data``. FormatDamaged when it is not exactly one, UnknownFormat when it is of a newer kind."""
    fields = cbor.loads_map(data)
    kind = fields.pop("e", None)
    reader = _READERS.get(kind) if type(kind) is str else None
    if reader is None:
        if type(kind) is str:
            raise UnknownFormat(f"an event of the kind {kind[:20]!r} was written by a newer version of Seglake")
        raise FormatDamaged("an event does not say which")
    try:
        event = reader(fields)
    except KeyError as error:
        raise FormatDamaged(f"an event of the kind {kind!r} lacks the field {error}") from None
    cbor.nothing_left(fields, f"an event of the kind {kind!r}")
    return event


def _t(stamp: HLC) -> list[int]:
    return [stamp.ticks, stamp.site]


def _bucket_created(event: BucketCreated) -> Fields:
    bucket = event.bucket
    fields: Fields = {"e": "bucket", "n": bucket.name}
    if bucket.owner != ROOT:
        fields["o"] = bucket.owner
    fields["r"] = bucket.region
    fields["t"] = _t(bucket.created)
    fields["v"] = bucket.versioning.value
    return fields


def _read_bucket_created(fields: Fields) -> BucketCreated:
    return BucketCreated(
        Bucket(
            name=cbor.text(fields.pop("n"), "bucket"),
            created=cbor.stamp(fields.pop("t"), "stamp"),
            versioning=_versioning(fields.pop("v")),
            owner=cbor.text(fields.pop("o", ROOT), "owner"),
            region=cbor.text(fields.pop("r"), "region"),
        )
    )


def _versioning(value: object) -> Versioning:
    try:
        return Versioning(cbor.text(value, "versioning"))
    except ValueError:
        raise FormatDamaged("an unknown versioning state") from None


def _bucket_deleted(event: BucketDeleted) -> Fields:
    return {"b": event.bucket_id, "e": "bucket-gone", "t": _t(event.stamp)}


def _read_bucket_deleted(fields: Fields) -> BucketDeleted:
    return BucketDeleted(cbor.stamp(fields.pop("t"), "stamp"), cbor.uint(fields.pop("b"), "bucket id"))


def _versioning_set(event: VersioningSet) -> Fields:
    return {"b": event.bucket_id, "e": "versioning", "t": _t(event.stamp), "v": event.versioning.value}


def _read_versioning_set(fields: Fields) -> VersioningSet:
    stamp, bucket_id = cbor.stamp(fields.pop("t"), "stamp"), cbor.uint(fields.pop("b"), "bucket id")
    return VersioningSet(stamp, bucket_id, _versioning(fields.pop("v")))


def _read_version_put(fields: Fields) -> VersionPut:
    manifest = fields.pop("m")
    if type(manifest) is not dict:
        raise FormatDamaged("a manifest is not a map")
    digest = cbor.octets(fields.pop("d"), "parts digest") if "d" in fields else b""
    return VersionPut(manifest_from(manifest), digest)


def _one_version(kind: str, event: VersionRemoved | VersionDamaged | VersionRepaired) -> Fields:
    return {"b": event.bucket_id, "e": kind, "k": event.key, "t": _t(event.stamp), "v": _t(event.version)}


def _read_one_version(fields: Fields) -> tuple[HLC, int, str, HLC]:
    return (
        cbor.stamp(fields.pop("t"), "stamp"),
        cbor.uint(fields.pop("b"), "bucket id"),
        cbor.text(fields.pop("k"), "key"),
        cbor.stamp(fields.pop("v"), "version"),
    )


def _version_gone(event: VersionGone) -> Fields:
    return {"b": event.bucket_id, "e": "gone", "k": event.key, "t": _t(event.stamp)}


def _read_version_gone(fields: Fields) -> VersionGone:
    stamp, bucket_id = cbor.stamp(fields.pop("t"), "stamp"), cbor.uint(fields.pop("b"), "bucket id")
    return VersionGone(stamp, bucket_id, cbor.text(fields.pop("k"), "key"))


def _chunks_moved(event: ChunksMoved) -> Fields:
    chunks, segments = chunks_out(event.chunks)
    fields = {"b": event.bucket_id, "c": chunks, "e": "moved", "k": event.key, "s": segments}
    return {**fields, "t": _t(event.stamp), "v": _t(event.version)}


def _read_chunks_moved(fields: Fields) -> ChunksMoved:
    chunks = chunks_in(fields.pop("c"), fields.pop("s"))
    return ChunksMoved(*_read_one_version(fields), chunks)


def _part_moved(event: PartMoved) -> Fields:
    chunks, segments = chunks_out(event.chunks)
    fields = {"c": chunks, "e": "part-moved", "i": event.number, "s": segments, "t": _t(event.stamp)}
    return {**fields, "v": _t(event.part), "w": event.upload}


def _read_part_moved(fields: Fields) -> PartMoved:
    chunks = chunks_in(fields.pop("c"), fields.pop("s"))
    stamp, part = cbor.stamp(fields.pop("t"), "stamp"), cbor.stamp(fields.pop("v"), "part")
    number = cbor.uint(fields.pop("i"), "number")
    if not 1 <= number <= PART_NUMBER_MAX:
        raise FormatDamaged("part numbers go from 1 to 10,000")
    return PartMoved(stamp, cbor.text(fields.pop("w"), "upload"), number, part, chunks)


def _tags_set(event: TagsSet) -> Fields:
    return {
        "b": event.bucket_id,
        "e": "tags",
        "g": cbor.flat(event.tags),
        "k": event.key,
        "t": _t(event.stamp),
        "v": _t(event.version),
    }


def _read_tags_set(fields: Fields) -> TagsSet:
    tags = cbor.pairs(fields.pop("g"), "tags")
    return TagsSet(*_read_one_version(fields), tags)


def _lock_set(event: LockSet) -> Fields:
    fields = {"b": event.bucket_id, "e": "lock", "i": lock_out(event.lock), "k": event.key}
    return {**fields, "t": _t(event.stamp), "v": _t(event.version)}


def _read_lock_set(fields: Fields) -> LockSet:
    lock = lock_in(fields.pop("i"))
    return LockSet(*_read_one_version(fields), lock)


def _acl_set(event: AclSet) -> Fields:
    fields = {"b": event.bucket_id, "e": "acl", "f": event.acl, "k": event.key}
    return {**fields, "t": _t(event.stamp), "v": _t(event.version)}


def _read_acl_set(fields: Fields) -> AclSet:
    acl = cbor.text(fields.pop("f"), "acl")
    return AclSet(*_read_one_version(fields), acl)


def _bucket_configured(event: BucketConfigured) -> Fields:
    return {"b": event.bucket_id, "e": "config", "k": event.kind.value, "t": _t(event.stamp), "x": event.text}


def _read_bucket_configured(fields: Fields) -> BucketConfigured:
    try:
        kind = ConfigKind(cbor.text(fields.pop("k"), "kind"))
    except ValueError:
        raise FormatDamaged("an unknown kind of configuration") from None
    stamp, bucket_id = cbor.stamp(fields.pop("t"), "stamp"), cbor.uint(fields.pop("b"), "bucket id")
    return BucketConfigured(stamp, bucket_id, kind, cbor.text(fields.pop("x"), "text", CONFIG_CHARACTERS_MAX))


def _user_put(event: UserPut) -> Fields:
    user = event.user
    return {"c": user.created_ms, "e": "user", "n": user.name, "t": _t(event.stamp), "v": user.state.value}


def _read_user_put(fields: Fields) -> UserPut:
    try:
        state = UserState(cbor.text(fields.pop("v"), "state"))
    except ValueError:
        raise FormatDamaged("an unknown state of a user") from None
    name, created = cbor.text(fields.pop("n"), "user"), cbor.uint(fields.pop("c"), "created")
    return UserPut(cbor.stamp(fields.pop("t"), "stamp"), User(name, state, created))


def _ring_key_put(event: RingKeyPut) -> Fields:
    return {"e": "ring-key", "k": ring_key_fields(event.key), "t": _t(event.stamp)}


def _read_ring_key_put(fields: Fields) -> RingKeyPut:
    return RingKeyPut(cbor.stamp(fields.pop("t"), "stamp"), ring_key_from(_read_nested(fields, "k")))


def _read_nested(fields: Fields, name: str) -> Fields:
    value = fields.pop(name)
    if type(value) is not dict:
        raise FormatDamaged(f"the field {name!r} is not a map")
    return value


def _upload_aborted(event: UploadAborted) -> Fields:
    return {"e": "abort", "t": _t(event.stamp), "w": event.upload}


def _read_upload_aborted(fields: Fields) -> UploadAborted:
    return UploadAborted(cbor.stamp(fields.pop("t"), "stamp"), cbor.text(fields.pop("w"), "upload"))


def _credential_put(event: CredentialPut) -> Fields:
    credential = event.credential
    fields: Fields = {"a": credential.access_key}
    if credential.buckets:
        fields["b"] = list(credential.buckets)
    fields["c"] = credential.created_ms
    fields["e"] = "key"
    if not credential.enabled:
        fields["f"] = True
    fields["o"] = credential.user
    fields["p"] = str(credential.policy)
    fields["s"] = credential.sealed
    fields["t"] = _t(event.stamp)
    return fields


def _read_credential_put(fields: Fields) -> CredentialPut:
    buckets = cbor.array(fields.pop("b", []), "buckets")
    credential = Credential(
        access_key=cbor.text(fields.pop("a"), "access key"),
        sealed=cbor.octets(fields.pop("s"), "sealed secret"),
        user=cbor.text(fields.pop("o"), "user"),
        policy=cbor.text(fields.pop("p"), "key policy"),
        buckets=tuple([cbor.text(bucket, "bucket") for bucket in buckets]),
        enabled=not ("f" in fields and cbor.true(fields.pop("f"), "disabled")),
        created_ms=cbor.uint(fields.pop("c"), "created"),
    )
    return CredentialPut(cbor.stamp(fields.pop("t"), "stamp"), credential)


def _credential_removed(event: CredentialRemoved) -> Fields:
    return {"a": event.access_key, "e": "key-gone", "t": _t(event.stamp)}


def _read_credential_removed(fields: Fields) -> CredentialRemoved:
    return CredentialRemoved(cbor.stamp(fields.pop("t"), "stamp"), cbor.text(fields.pop("a"), "access key"))


_WRITERS: dict[type, Callable[[Any], Fields]] = {
    BucketCreated: _bucket_created,
    BucketDeleted: _bucket_deleted,
    VersioningSet: _versioning_set,
    VersionRemoved: lambda event: _one_version("remove", event),
    VersionDamaged: lambda event: _one_version("damage", event),
    VersionRepaired: lambda event: _one_version("repair", event),
    VersionGone: _version_gone,
    ChunksMoved: _chunks_moved,
    PartMoved: _part_moved,
    TagsSet: _tags_set,
    UploadStarted: lambda event: {"e": "upload", "u": upload_fields(event.upload)},
    PartStored: lambda event: {"e": "part", "p": part_fields(event.part)},
    UploadAborted: _upload_aborted,
    CredentialPut: _credential_put,
    CredentialRemoved: _credential_removed,
    LockSet: _lock_set,
    AclSet: _acl_set,
    BucketConfigured: _bucket_configured,
    UserPut: _user_put,
    RingKeyPut: _ring_key_put,
}
_READERS: dict[str, Callable[[Fields], Event]] = {
    "put": _read_version_put,
    "bucket": _read_bucket_created,
    "bucket-gone": _read_bucket_deleted,
    "versioning": _read_versioning_set,
    "remove": lambda fields: VersionRemoved(*_read_one_version(fields)),
    "damage": lambda fields: VersionDamaged(*_read_one_version(fields)),
    "repair": lambda fields: VersionRepaired(*_read_one_version(fields)),
    "gone": _read_version_gone,
    "moved": _read_chunks_moved,
    "part-moved": _read_part_moved,
    "tags": _read_tags_set,
    "upload": lambda fields: UploadStarted(upload_from(_read_nested(fields, "u"))),
    "part": lambda fields: PartStored(part_from(_read_nested(fields, "p"))),
    "abort": _read_upload_aborted,
    "key": _read_credential_put,
    "key-gone": _read_credential_removed,
    "lock": _read_lock_set,
    "acl": _read_acl_set,
    "config": _read_bucket_configured,
    "user": _read_user_put,
    "ring-key": _read_ring_key_put,
}
