"""The auth matrix: for each operation of the router a request that works, for each principal what it may do.

An operation without a row here fails `test_every_route_is_classified`: whoever adds a route says what it needs.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from seglake.adapters.s3_protocol.errors import ErrorCode
from seglake.adapters.s3_protocol.operations import Body, Level, Operation
from seglake.adapters.s3_protocol.signing import Signer
from seglake.domain.model.credential import KeyPolicy
from tests.unit.adapters.http_s3.front import NOW, ROOT, Front, front
from tests.wire import PAYLOADS, Mode, Reply, Request, signed

BODY = b"sixteen bytes and a few more"
DELETE_XML = b"<Delete><Object><Key>key</Key></Object></Delete>"
ENABLED_XML = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
CREATE_XML = (
    b"<CreateBucketConfiguration><LocationConstraint>us-east-1</LocationConstraint></CreateBucketConfiguration>"
)
PART_ETAG = hashlib.md5(BODY, usedforsecurity=False).hexdigest()
COMPLETE_XML = (
    f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{PART_ETAG}</ETag></Part>"
    "</CompleteMultipartUpload>"
).encode()
UPLOAD = "{upload}"


@dataclass(frozen=True)
class Sample:
    """One request that works, and whether it changes the store. ``{upload}`` in the target is the open upload's id."""

    operation: Operation
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    writes: bool = True

    @property
    def takes_body(self) -> bool:
        return self.operation.body is not Body.NONE


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


_O = Operation
SAMPLES = {
    sample.operation: sample
    for sample in (
        Sample(_O.ListBuckets, "/", writes=False),
        Sample(_O.CreateBucket, "/delta", {}, CREATE_XML),
        Sample(_O.DeleteBucket, "/gamma"),
        Sample(_O.HeadBucket, "/alpha", writes=False),
        Sample(_O.GetBucketLocation, "/alpha?location", writes=False),
        Sample(_O.GetBucketVersioning, "/alpha?versioning", writes=False),
        Sample(_O.PutBucketVersioning, "/alpha?versioning", {}, ENABLED_XML),
        Sample(_O.ListObjects, "/alpha?prefix=k&max-keys=5", writes=False),
        Sample(_O.ListObjectsV2, "/alpha?list-type=2&prefix=k", writes=False),
        Sample(_O.ListObjectVersions, "/alpha?versions&prefix=k", writes=False),
        Sample(_O.ListMultipartUploads, "/alpha?uploads", writes=False),
        Sample(_O.DeleteObjects, "/alpha?delete", {"content-md5": _md5(DELETE_XML)}, DELETE_XML),
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
    )
}
UNCREDENTIALED = frozenset((Operation.Preflight,))
"""Operations that carry no credentials by their nature."""


class Principal(Enum):
    """Who asks: name, and whether it may read or write in the buckets of the samples."""

    ROOT = "root-key", True, True
    READ_WRITE = "rw-key", True, True
    READ_ONLY = "ro-key", True, False
    LISTED = "listed-key", True, True
    ELSEWHERE = "elsewhere-key", False, False
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


STORED: dict[Principal, dict[str, Any]] = {
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
    if principal in (Principal.DISABLED, Principal.UNKNOWN):
        return ErrorCode.InvalidAccessKeyId
    if mode.streaming and not sample.takes_body:
        return ErrorCode.InvalidRequest
    if sample.operation.level is Level.SERVICE:
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
        for bucket in ("alpha", "beta", "gamma"):
            await running.put(f"/{bucket}")
        await running.put("/alpha/key", BODY)
        await running.put("/beta/key", BODY)
        begun = await running.ask("POST", "/alpha/big?uploads")
        upload = begun.element("UploadId")
        await running.put(f"/alpha/big?partNumber=1&uploadId={upload}", BODY)
        yield World(running, upload)


def matches(reply: Reply, code: ErrorCode, method: str) -> bool:
    """Whether a reply is this refusal; HEAD has no body to say which."""
    if reply.status != code.status:
        return False
    return reply.body == b"" if method == "HEAD" else reply.code == code.text
