"""The auth matrix: for each operation of the router a request that works, for each principal what it may do.

An operation without a row here fails `test_every_route_is_classified`: whoever adds a route says what it needs.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from seglake.adapters.s3_protocol.documents.acl import render_acl
from seglake.adapters.s3_protocol.documents.cors import parse_cors
from seglake.adapters.s3_protocol.documents.lifecycle import parse_lifecycle
from seglake.adapters.s3_protocol.documents.unconfigured import MISSING, UNCONFIGURED
from seglake.adapters.s3_protocol.errors import ErrorCode
from seglake.adapters.s3_protocol.operations import Body, Level, Operation
from seglake.adapters.s3_protocol.routing import ROUTES
from seglake.adapters.s3_protocol.signing import Signer
from seglake.domain.model import bucket_encryption, cors, lifecycle
from seglake.domain.model.acl import CannedAcl, canned, private
from seglake.domain.model.bucket import Versioning
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.bucket_encryption import BucketEncryption
from seglake.domain.model.credential import KeyPolicy
from seglake.domain.model.encryption import SSE_S3
from seglake.domain.model.ownership import ObjectOwnership, ownership_text
from seglake.domain.model.user import UserState, user_arn
from seglake.domain.services.buckets import CreateBucket
from tests.unit.adapters.http_s3.front import NOW, ROOT, Front, front
from tests.unit.fixtures import Store
from tests.wire import PAYLOADS, Mode, Reply, Request, signed

BODY = b"sixteen bytes and a few more"
DELETE_XML = b"<Delete><Object><Key>key</Key></Object></Delete>"
ENABLED_XML = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
CREATE_XML = (
    b"<CreateBucketConfiguration><LocationConstraint>us-east-1</LocationConstraint></CreateBucketConfiguration>"
)
ENCRYPTION_XML = (
    b"<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
    b"</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
)
LIFECYCLE_XML = (
    b"<LifecycleConfiguration><Rule><ID>old</ID><Filter/><Status>Enabled</Status>"
    b"<Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>"
)
TAGGING_XML = b"<Tagging><TagSet><Tag><Key>team</Key><Value>new</Value></Tag></TagSet></Tagging>"
LOCK_XML = b"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
LOCK_XML += b"<Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>"
RETENTION_XML = b"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2051-01-01T00:00:00Z</RetainUntilDate></Retention>"
HOLD_XML = b"<LegalHold><Status>ON</Status></LegalHold>"
PART_ETAG = hashlib.md5(BODY, usedforsecurity=False).hexdigest()
COMPLETE_XML = (
    f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{PART_ETAG}</ETag></Part>"
    "</CompleteMultipartUpload>"
).encode()
OWNING = "ada"
"""The user who owns the buckets."""
SITE = Store().directory.site
"""That of every store in memory: their randomness is seeded."""
PRIVATE_XML = render_acl(private(OWNING), SITE)
LOGGED_XML = render_acl(canned(CannedAcl.LOG_DELIVERY_WRITE, OWNING, OWNING), SITE)
OWNERSHIP_XML = (
    b"<OwnershipControls><Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule></OwnershipControls>"
)
BLOCK_XML = b"<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>"
POLICY_JSON = (
    b'{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:DeleteBucket",'
    b'"Resource":"arn:aws:s3:::alpha"}]}'
)
CORS_XML = (
    b"<CORSConfiguration><CORSRule><AllowedOrigin>https://page.example</AllowedOrigin>"
    b"<AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>"
)
UPLOAD = "{upload}"
LOCKED = {
    "x-amz-tagging": "team=old",
    "x-amz-object-lock-mode": "GOVERNANCE",
    "x-amz-object-lock-retain-until-date": "2050-01-01T00:00:00Z",
}
"""What the object of the samples is put with."""


@dataclass(frozen=True)
class Sample:
    """One request that works, and whether it needs the right to write; ``{upload}`` in the target is the upload's id.

    ``changes`` is False for a write that sets what holds anyway, ``absent`` the right answer about what no bucket has.
    """

    operation: Operation
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    writes: bool = True
    changes: bool = True
    absent: ErrorCode | None = None

    def worked(self, reply: Reply) -> bool:
        """Whether this is what an allowed request is answered with."""
        return reply.status < 300 if self.absent is None else reply.code == self.absent.text

    @property
    def takes_body(self) -> bool:
        return self.operation.body is not Body.NONE


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


_O = Operation
_HOLDS_ANYWAY = {
    _O.PutBucketAbac: b"<AbacStatus><Status>Disabled</Status></AbacStatus>",
    _O.PutBucketAccelerateConfiguration: (
        b"<AccelerateConfiguration><Status>Suspended</Status></AccelerateConfiguration>"
    ),
    _O.PutBucketLogging: b"<BucketLoggingStatus/>",
    _O.PutBucketNotificationConfiguration: b"<NotificationConfiguration/>",
    _O.PutBucketRequestPayment: (
        b"<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>"
    ),
}


def _unconfigured(operation: Operation) -> Sample:
    """A request about a configuration that no bucket has."""
    named = "id" in ROUTES[operation].parameters
    return Sample(
        operation,
        f"/alpha?{operation.subresource}{'&id=a' if named else ''}",
        {},
        _HOLDS_ANYWAY.get(operation, b""),
        writes=operation.method != "GET",
        changes=False,
        absent=MISSING.get(operation),
    )


SAMPLES = {
    sample.operation: sample
    for sample in (
        Sample(_O.ListBuckets, "/", writes=False),
        Sample(_O.CreateBucket, "/delta", {}, CREATE_XML),
        Sample(_O.DeleteBucket, "/gamma"),
        Sample(_O.HeadBucket, "/alpha", writes=False),
        Sample(_O.GetBucketLocation, "/alpha?location", writes=False),
        Sample(_O.GetBucketVersioning, "/alpha?versioning", writes=False),
        Sample(_O.PutBucketVersioning, "/gamma?versioning", {}, ENABLED_XML),
        Sample(_O.ListObjects, "/alpha?prefix=k&max-keys=5", writes=False),
        Sample(_O.ListObjectsV2, "/alpha?list-type=2&prefix=k", writes=False),
        Sample(_O.ListObjectVersions, "/alpha?versions&prefix=k", writes=False),
        Sample(_O.ListMultipartUploads, "/alpha?uploads", writes=False),
        Sample(_O.DeleteObjects, "/alpha?delete", {"content-md5": _md5(DELETE_XML)}, DELETE_XML),
        Sample(_O.GetBucketAcl, "/alpha?acl", writes=False),
        Sample(_O.PutBucketAcl, "/gamma?acl", {}, LOGGED_XML),
        Sample(_O.GetObjectAcl, "/alpha/key?acl", writes=False),
        Sample(_O.PutObjectAcl, "/alpha/key?acl", {}, PRIVATE_XML, changes=False),
        Sample(_O.GetBucketOwnershipControls, "/alpha?ownershipControls", writes=False),
        Sample(_O.PutBucketOwnershipControls, "/alpha?ownershipControls", {}, OWNERSHIP_XML),
        Sample(_O.DeleteBucketOwnershipControls, "/alpha?ownershipControls"),
        Sample(_O.GetPublicAccessBlock, "/alpha?publicAccessBlock", writes=False),
        Sample(_O.PutPublicAccessBlock, "/alpha?publicAccessBlock", {}, BLOCK_XML),
        Sample(_O.DeletePublicAccessBlock, "/alpha?publicAccessBlock"),
        Sample(_O.GetBucketPolicy, "/alpha?policy", writes=False),
        Sample(_O.PutBucketPolicy, "/alpha?policy", {}, POLICY_JSON),
        Sample(_O.DeleteBucketPolicy, "/alpha?policy"),
        Sample(_O.GetBucketPolicyStatus, "/alpha?policyStatus", writes=False),
        Sample(_O.PutBucketCors, "/alpha?cors", {"content-md5": _md5(CORS_XML)}, CORS_XML),
        Sample(_O.GetBucketCors, "/gamma?cors", writes=False),
        Sample(_O.DeleteBucketCors, "/gamma?cors"),
        Sample(_O.PutObject, "/alpha/key", {"x-amz-meta-a": "1", "content-type": "text/plain"}, BODY),
        Sample(_O.CopyObject, "/alpha/copy", {"x-amz-copy-source": "/alpha/key"}),
        Sample(_O.GetObject, "/alpha/key", {"range": "bytes=0-3"}, writes=False),
        Sample(_O.HeadObject, "/alpha/key", writes=False),
        Sample(_O.DeleteObject, "/alpha/key"),
        Sample(_O.CreateMultipartUpload, "/alpha/other?uploads", {"x-amz-meta-a": "1"}),
        Sample(_O.UploadPart, f"/alpha/big?partNumber=2&uploadId={UPLOAD}", {}, BODY),
        Sample(
            _O.UploadPartCopy,
            f"/alpha/big?partNumber=3&uploadId={UPLOAD}",
            {"x-amz-copy-source": "/alpha/key", "x-amz-copy-source-range": "bytes=0-5"},
        ),
        Sample(_O.ListParts, f"/alpha/big?uploadId={UPLOAD}", writes=False),
        Sample(_O.CompleteMultipartUpload, f"/alpha/big?uploadId={UPLOAD}", {}, COMPLETE_XML),
        Sample(_O.AbortMultipartUpload, f"/alpha/big?uploadId={UPLOAD}"),
        Sample(_O.GetObjectAttributes, "/alpha/key?attributes", {"x-amz-object-attributes": "ETag"}, writes=False),
        Sample(_O.GetBucketEncryption, "/gamma?encryption", writes=False),
        Sample(_O.PutBucketEncryption, "/alpha?encryption", {"content-md5": _md5(ENCRYPTION_XML)}, ENCRYPTION_XML),
        Sample(_O.DeleteBucketEncryption, "/gamma?encryption"),
        Sample(_O.GetObjectTagging, "/alpha/key?tagging", writes=False),
        Sample(_O.PutObjectTagging, "/alpha/key?tagging", {}, TAGGING_XML),
        Sample(_O.DeleteObjectTagging, "/alpha/key?tagging"),
        Sample(_O.GetBucketTagging, "/alpha?tagging", writes=False),
        Sample(_O.PutBucketTagging, "/alpha?tagging", {"content-md5": _md5(TAGGING_XML)}, TAGGING_XML),
        Sample(_O.DeleteBucketTagging, "/alpha?tagging"),
        Sample(_O.GetObjectLockConfiguration, "/alpha?object-lock", writes=False),
        Sample(_O.PutObjectLockConfiguration, "/alpha?object-lock", {"content-md5": _md5(LOCK_XML)}, LOCK_XML),
        Sample(_O.GetObjectRetention, "/alpha/key?retention", writes=False),
        Sample(_O.PutObjectRetention, "/alpha/key?retention", {"content-md5": _md5(RETENTION_XML)}, RETENTION_XML),
        Sample(_O.GetObjectLegalHold, "/alpha/key?legal-hold", writes=False),
        Sample(_O.PutObjectLegalHold, "/alpha/key?legal-hold", {"content-md5": _md5(HOLD_XML)}, HOLD_XML),
        Sample(
            _O.PutBucketLifecycleConfiguration,
            "/alpha?lifecycle",
            {"content-md5": _md5(LIFECYCLE_XML)},
            LIFECYCLE_XML,
        ),
        Sample(_O.GetBucketLifecycleConfiguration, "/gamma?lifecycle", writes=False),
        Sample(_O.DeleteBucketLifecycle, "/gamma?lifecycle"),
        Sample(_O.GetMetaStats, "/v1/meta/stats", writes=False),
        Sample(_O.GetMetaConflicts, "/v1/meta/conflicts", writes=False),
    )
}
SAMPLES |= {operation: _unconfigured(operation) for operation in sorted(UNCONFIGURED, key=lambda one: one.name)}
UNCREDENTIALED = frozenset((Operation.Preflight, Operation.PostObject))
"""Operations whose head carries no credentials by its nature; what a form carries is in test_forms.py."""


class Principal(Enum):
    """Who asks: name, and whether it may read or write in the buckets of the samples."""

    ROOT = "root-key", True, True
    READ_WRITE = "rw-key", True, True
    READ_ONLY = "ro-key", True, False
    LISTED = "listed-key", True, True
    ELSEWHERE = "elsewhere-key", False, False
    OWNER = "owner-key", True, True
    """A user who owns the buckets."""
    STRANGER = "stranger-key", False, False
    """A user who owns nothing and whom no policy names."""
    GUEST = "guest-key", True, False
    """A user whom the buckets' policy lets read."""
    DENIED = "denied-key", False, False
    """A user whom the buckets' policy allows everything and denies everything."""
    DOCUMENT = "document-key", True, True
    """A user whose key has a policy document that allows it."""
    READING_DOCUMENT = "reading-document-key", True, False
    WATCHER = "watcher-key", False, False
    """A user whose key may ask how the store is, and nothing else."""
    DEPARTED = "departed-key", False, False
    """An enabled key of a disabled user."""
    DISABLED = "disabled-key", False, False
    UNKNOWN = "unknown-key", False, False
    ANONYMOUS = "", False, False

    def __init__(self, access_key: str, reads: bool, writes: bool) -> None:
        self.access_key = access_key
        self.reads = reads
        self.writes = writes

    @property
    def signer(self) -> Signer:
        return ROOT if self is Principal.ROOT else Signer(self.access_key, f"secret of {self.access_key}")


BUCKETS = ("alpha", "beta", "gamma")
USERS = {OWNING: UserState.ACTIVE, "bob": UserState.ACTIVE, "eve": UserState.ACTIVE, "gus": UserState.ACTIVE}
USERS["old"] = UserState.DISABLED


def _allow(*actions: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}})


def bucket_policy(bucket: str) -> str:
    """What every bucket of the samples is opened and shut with."""

    def statement(effect: str, user: str, *actions: str) -> dict[str, Any]:
        return {
            "Effect": effect,
            "Principal": {"AWS": user_arn(user)},
            "Action": list(actions),
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        }

    statements = [
        statement("Allow", "gus", "s3:Get*", "s3:List*"),
        statement("Allow", "eve", "s3:*"),
        statement("Deny", "eve", "s3:*"),
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


MAKERS = (Principal.STRANGER, Principal.GUEST, Principal.DENIED)
"""Every user may have buckets."""

WATCHING = (Principal.ROOT, Principal.READ_WRITE, Principal.WATCHER)
"""Keys of root without any limit, and what a policy names in so many words (A11)."""

STORED: dict[Principal, dict[str, Any]] = {
    Principal.OWNER: {"user": OWNING},
    Principal.STRANGER: {"user": "bob"},
    Principal.GUEST: {"user": "gus"},
    Principal.DENIED: {"user": "eve"},
    Principal.DOCUMENT: {"user": "bob", "policy": _allow("s3:*")},
    Principal.READING_DOCUMENT: {"user": "bob", "policy": _allow("s3:Get*", "s3:List*")},
    Principal.WATCHER: {"user": "bob", "policy": _allow("seglake:GetMeta*")},
    Principal.DEPARTED: {"user": "old"},
    Principal.READ_WRITE: {},
    Principal.READ_ONLY: {"policy": KeyPolicy.READ_ONLY},
    Principal.LISTED: {"buckets": ("alpha", "gamma", "delta")},
    Principal.ELSEWHERE: {"buckets": ("beta",)},
    Principal.DISABLED: {"enabled": False},
}


def verdict(sample: Sample, principal: Principal, mode: Mode) -> ErrorCode | None:
    """The refusal that is due, None when the request must be done."""
    if principal is Principal.ANONYMOUS:
        unsigned_stream = mode is Mode.STREAMING_UNSIGNED_TRAILER and not sample.takes_body
        return ErrorCode.InvalidRequest if unsigned_stream else ErrorCode.AccessDenied
    if principal in (Principal.DISABLED, Principal.UNKNOWN, Principal.DEPARTED):
        return ErrorCode.InvalidAccessKeyId
    if mode.streaming and not sample.takes_body:
        return ErrorCode.InvalidRequest
    if sample.operation.level is Level.META:
        return None if principal in WATCHING else ErrorCode.AccessDenied
    if sample.operation.level is Level.SERVICE:
        return ErrorCode.AccessDenied if principal is Principal.WATCHER else None
    if sample.operation is Operation.CreateBucket and principal in MAKERS:
        return None
    allowed = principal.writes if sample.writes else principal.reads
    return None if allowed else ErrorCode.AccessDenied


@dataclass
class World:
    """A store that holds what the samples need."""

    front: Front
    upload: str

    def build(
        self,
        sample: Sample,
        *,
        principal: Principal = Principal.ROOT,
        mode: Mode = Mode.SIGNED,
        now: int = NOW,
    ) -> Request:
        """The sample's request as this principal makes it."""
        target = sample.target.replace(UPLOAD, self.upload)
        if principal is Principal.ANONYMOUS:
            return self._anonymous(sample, target, mode)
        return signed(
            principal.signer,
            sample.operation.method,
            target,
            sample.headers,
            sample.body,
            host=self.front.host,
            now=now,
            mode=mode,
            has_body=sample.takes_body,
        )

    def _anonymous(self, sample: Sample, target: str, mode: Mode) -> Request:
        headers = {"host": self.front.host, **sample.headers}
        body = sample.body
        if mode.streaming:
            whole = self.build(sample, mode=mode)
            headers["x-amz-content-sha256"] = PAYLOADS[mode]
            for name in ("x-amz-decoded-content-length", "x-amz-trailer"):
                if name in whole.headers:
                    headers[name] = whole.headers[name]
            body = whole.body
        headers["content-length"] = str(len(body))
        return Request(sample.operation.method, target, headers, body)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """A fresh one."""
    async with front() as running:
        for principal, fields in STORED.items():
            await running.add_key(principal.signer, **fields)
        for user, state in USERS.items():
            await running.add_user(user, state)
        for bucket in BUCKETS:
            locks = bucket == "alpha"
            versioning = Versioning.ENABLED if locks else Versioning.UNVERSIONED
            await running.store.buckets.create(CreateBucket(bucket, OWNING, versioning=versioning, locks=locks))
            await running.store.settings.put(bucket, ConfigKind.POLICY, bucket_policy(bucket))
        rules = lifecycle.to_text(parse_lifecycle(LIFECYCLE_XML))
        await running.store.settings.put("gamma", ConfigKind.LIFECYCLE, rules)
        await running.store.settings.put("gamma", ConfigKind.OWNERSHIP, ownership_text(ObjectOwnership.OBJECT_WRITER))
        await running.store.settings.put("gamma", ConfigKind.CORS, cors.to_text(parse_cors(CORS_XML)))
        encrypted = bucket_encryption.to_text(BucketEncryption(SSE_S3))
        await running.store.settings.put("gamma", ConfigKind.ENCRYPTION, encrypted)
        await running.store.tagging.tag_bucket("alpha", (("team", "old"),))
        await running.put("/alpha/key", BODY, {**LOCKED, "content-md5": _md5(BODY)})
        await running.put("/beta/key", BODY)
        begun = await running.ask("POST", "/alpha/big?uploads")
        upload = begun.element("UploadId")
        await running.put(f"/alpha/big?partNumber=1&uploadId={upload}", BODY)
        yield World(running, upload)


def matches(reply: Reply, code: ErrorCode, method: str) -> bool:
    """Whether a reply is this refusal; HEAD has no body to say which, and a bulk delete says it for each key."""
    if reply.status == 200 and b"<DeleteResult" in reply.body:
        return code is ErrorCode.AccessDenied and b"<Deleted>" not in reply.body and reply.element("Code") == code.text
    if reply.status != code.status:
        return False
    return reply.body == b"" if method == "HEAD" else reply.code == code.text
