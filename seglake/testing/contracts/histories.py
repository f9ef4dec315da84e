"""Random histories: batches of scripts that change every table, some of them refused, some with a bug."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from seglake.domain.model.bucket import Bucket, Versioning
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.credential import Credential, KeyPolicy
from seglake.domain.model.digest import Checksum, ChecksumAlgorithm
from seglake.domain.model.encryption import Encryption, EncryptionKind, RingKey
from seglake.domain.model.errors import NoSuchBucket, SeglakeError
from seglake.domain.model.events import (
    AclSet,
    BucketConfigured,
    BucketCreated,
    BucketDeleted,
    CredentialPut,
    CredentialRemoved,
    LockSet,
    PartStored,
    RingKeyPut,
    TagsSet,
    UploadAborted,
    UploadStarted,
    UserPut,
    VersionDamaged,
    VersioningSet,
    VersionPut,
    VersionRemoved,
    VersionRepaired,
)
from seglake.domain.model.manifest import Manifest, VersionKind
from seglake.domain.model.multipart import Part, Upload
from seglake.domain.model.object_lock import NO_LOCK, Lock, Retention, RetentionMode
from seglake.domain.model.segment import Segment, SegmentState
from seglake.domain.model.user import User, UserState

if TYPE_CHECKING:
    from seglake.domain.ports.metadata import MetadataTx

KEYS = ("a", "a/b", "a/c", "b\0", "\ud7ff", "\ue000", "\U00010000", "k" * 1024, "'\"--")
BUCKETS = ("first", "second")
UPLOADS = ("upload-1", "upload-2", "upload-3")
ACCESS_KEYS = ("AKIA1", "AKIA2")
NAMES = ("mia", "noor")
LOCKS = (
    NO_LOCK,
    Lock(hold=True),
    Lock(Retention(RetentionMode.GOVERNANCE, 5)),
    Lock(Retention(RetentionMode.COMPLIANCE, 1 << 45), True),
)
ENCRYPTIONS = (
    None,
    Encryption(EncryptionKind.S3, b"wrapped", "ring", 1),
    Encryption(EncryptionKind.KMS, b"wrapped", "mine", 2, bucket_key=True),
    Encryption(EncryptionKind.CUSTOMER, b"wrapped", key_md5="md5"),
)


class Refused(SeglakeError):
    """A refusal that a script raises after it has changed something."""


@dataclass(frozen=True, slots=True)
class Act:
    """One script: ``verb`` names what it does, ``pick`` chooses among what there is."""

    verb: str
    bucket: str
    key: str
    pick: int

    def __call__(self, tx: MetadataTx) -> str:
        """Does it; the result says what was done."""
        return _VERBS[self.verb](tx, self)


def _bucket(tx: MetadataTx, act: Act) -> Bucket:
    bucket = tx.buckets.get(act.bucket)
    if bucket is None:
        raise NoSuchBucket(act.bucket)
    return bucket


def _create(tx: MetadataTx, act: Act) -> str:
    if tx.buckets.get(act.bucket) is not None:
        raise Refused("the bucket is there")
    bucket = Bucket(act.bucket, tx.tick(), owner=f"owner-{act.pick}")
    tx.record(BucketCreated(bucket))
    return str(bucket.id)


def _drop(tx: MetadataTx, act: Act) -> str:
    bucket = _bucket(tx, act)
    if tx.versions.any_in(bucket.id) or next(tx.uploads.scan_running(bucket.id, ""), None):
        raise Refused("not empty")
    tx.record(BucketDeleted(tx.tick(), bucket.id))
    return "dropped"


def _versioning(tx: MetadataTx, act: Act) -> str:
    versioning = tuple(Versioning)[act.pick % 3]
    tx.record(VersioningSet(tx.tick(), _bucket(tx, act).id, versioning))
    return versioning


def _manifest(tx: MetadataTx, act: Act, upload: str = "") -> Manifest:
    bucket = _bucket(tx, act)
    payload = act.key.encode()[: act.pick % 50]
    chunks = (tx.store(payload, bytes([act.pick % 256]) * 32),) if payload else ()
    return Manifest(
        bucket_id=bucket.id,
        bucket=bucket.name,
        key=act.key,
        stamp=tx.tick(),
        kind=VersionKind.OBJECT,
        null=bucket.versioning is not Versioning.ENABLED,
        size=len(payload),
        etag=f"{act.pick:032x}",
        modified_ms=tx.now_ms(),
        headers=(("content-type", "text/plain"), ("x-amz-storage-class", "GLACIER"))[: act.pick % 3],
        metadata=(("owner", "é\u2028"),)[: act.pick % 2],
        tags=(("tag", str(act.pick)),)[: act.pick % 2],
        checksum=Checksum(ChecksumAlgorithm.CRC32, bytes(4)) if act.pick % 2 else None,
        chunks=chunks,
        upload=upload,
        lock=LOCKS[act.pick // 3 % 4],
        acl=("", "grants é")[act.pick // 5 % 2],
        encryption=ENCRYPTIONS[act.pick // 7 % 4],
    )


def _put(tx: MetadataTx, act: Act) -> str:
    manifest = _manifest(tx, act)
    tx.record(VersionPut(manifest))
    return manifest.version


def _marker(tx: MetadataTx, act: Act) -> str:
    bucket = _bucket(tx, act)
    null = bucket.versioning is not Versioning.ENABLED
    tx.record(VersionPut(Manifest(bucket.id, bucket.name, act.key, tx.tick(), VersionKind.MARKER, null)))
    return "marker"


def _put_then_refuse(tx: MetadataTx, act: Act) -> str:
    _put(tx, act)
    raise Refused("after the change")


def _protect(tx: MetadataTx, act: Act) -> str:
    bucket = _bucket(tx, act)
    entry = tx.versions.current_entry(bucket.id, act.key)
    if entry is None:
        raise Refused("nothing to protect")
    if act.pick % 2:
        tx.record(LockSet(tx.tick(), bucket.id, act.key, entry.stamp, LOCKS[act.pick // 2 % 4]))
    else:
        tx.record(AclSet(tx.tick(), bucket.id, act.key, entry.stamp, ("", "grants", "\0")[act.pick % 3]))
    return f"protected {entry.version}"


def _configure(tx: MetadataTx, act: Act) -> str:
    bucket = _bucket(tx, act)
    kind = tuple(ConfigKind)[act.pick % len(ConfigKind)]
    tx.record(BucketConfigured(tx.tick(), bucket.id, kind, "text \0é"[: act.pick // 9 % 8]))
    if act.pick % 7 == 0:
        raise Refused("after the change")
    after = tx.buckets.get(act.bucket)
    assert after is not None, "it was there a moment ago"
    return repr(sorted(tx.configs.of(after).items()))


def _user(tx: MetadataTx, act: Act) -> str:
    tx.record(UserPut(tx.tick(), User(NAMES[act.pick % 2], tuple(UserState)[act.pick % 3], act.pick)))
    return "user"


def _ring_key(tx: MetadataTx, act: Act) -> str:
    sealed = tuple([bytes([number]) * 9 for number in range(act.pick % 3 + 1)])
    tx.record(RingKeyPut(tx.tick(), RingKey(NAMES[act.pick % 2], sealed, act.pick % 5 > 0, act.pick)))
    return "ring key"


def _put_then_break(tx: MetadataTx, act: Act) -> str:
    _put(tx, act)
    raise ZeroDivisionError("a bug after the change")


def _remove(tx: MetadataTx, act: Act) -> str:
    bucket = _bucket(tx, act)
    entries = [entry for entry in tx.versions.scan_versions(bucket.id, act.key) if entry.key == act.key]
    if not entries:
        raise Refused("nothing to remove")
    entry = entries[act.pick % len(entries)]
    verb = (act.pick // 7) % 4
    if verb == 0:
        tx.record(VersionRemoved(tx.tick(), bucket.id, act.key, entry.stamp))
    elif verb == 1:
        tx.record(VersionDamaged(tx.tick(), bucket.id, act.key, entry.stamp))
    elif verb == 2:
        tx.record(VersionRepaired(tx.tick(), bucket.id, act.key, entry.stamp))
    else:
        tx.record(
            TagsSet(tx.tick(), bucket.id, act.key, entry.stamp, (("é", "\0"), ("n", str(act.pick)))[: act.pick % 3])
        )
    return f"{verb} {entry.version}"


def _beside(act: Act) -> dict[str, Any]:
    """What an upload may be begun with."""
    lock, acl = LOCKS[act.pick // 3 % 4], ("", "grants")[act.pick // 5 % 2]
    return {"lock": lock, "acl": acl, "encryption": ENCRYPTIONS[act.pick // 7 % 4]}


def _upload(tx: MetadataTx, act: Act) -> str:
    name, bucket = UPLOADS[act.pick % 3], _bucket(tx, act)
    running = tx.uploads.get(name)
    if running is None:
        tx.record(UploadStarted(Upload(name, bucket.id, act.key, tx.tick(), metadata=(("m", "v"),), **_beside(act))))
        return "started"
    if running.completed or act.pick % 5 == 0:
        tx.record(UploadAborted(tx.tick(), name))
        return "aborted"
    if act.pick % 5 == 1 and running.bucket_id == bucket.id and running.key == act.key:
        tx.record(VersionPut(_manifest(tx, act, name), parts_digest=bytes([act.pick % 256]) * 32))
        return "completed"
    payload = b"x" * (act.pick % 9)
    chunks = (tx.store(payload, bytes(32)),) if payload else ()
    part = Part(name, act.pick % 12 + 1, tx.tick(), len(payload), f"{act.pick:032x}", tx.now_ms(), None, chunks)
    tx.record(PartStored(part))
    return f"part {part.number}"


def _credential(tx: MetadataTx, act: Act) -> str:
    name = ACCESS_KEYS[act.pick % 2]
    if act.pick % 5 == 0:
        tx.record(CredentialRemoved(tx.tick(), name))
        return "removed"
    policy, buckets = (*KeyPolicy, '{"Statement":[]}')[act.pick // 2 % 3], BUCKETS[: act.pick % 3]
    credential = Credential(name, bytes([act.pick % 256]) * 9, policy=policy, buckets=buckets, enabled=act.pick % 3 > 0)
    tx.record(CredentialPut(tx.tick(), credential))
    return "put"


def _segment(tx: MetadataTx, act: Act) -> str:
    segment = bytes([act.pick % 3]) * 16
    if act.pick % 7 == 0:
        tx.segments.delete(segment)
    else:
        sealed = act.pick % 2 == 1
        state = SegmentState.SEALED if sealed else SegmentState.OPEN
        tx.segments.put(Segment(segment, state, act.pick, tx.now_ms(), b"f" * 32 if sealed else b""))
    return "segment"


_VERBS: dict[str, Callable[[MetadataTx, Act], str]] = {
    "create": _create,
    "drop": _drop,
    "versioning": _versioning,
    "put": _put,
    "marker": _marker,
    "put then refuse": _put_then_refuse,
    "put then break": _put_then_break,
    "remove": _remove,
    "protect": _protect,
    "configure": _configure,
    "user": _user,
    "ring key": _ring_key,
    "upload": _upload,
    "credential": _credential,
    "segment": _segment,
}
_WEIGHTED = (
    *_VERBS,
    "create",
    "create",
    "protect",
    "configure",
    "put",
    "put",
    "put",
    "put",
    "upload",
    "upload",
    "remove",
)

acts = st.builds(
    Act,
    st.sampled_from(_WEIGHTED),
    st.sampled_from(BUCKETS),
    st.sampled_from(KEYS),
    st.integers(min_value=0, max_value=1000),
)
histories = st.lists(st.lists(acts, min_size=1, max_size=12), min_size=1, max_size=12)
"""Batches of scripts."""
