"""Object lock over HTTP: the bucket's configuration, and what protects one version."""

from __future__ import annotations

from aiohttp import web

from seglake.adapters.http_s3.authorisation import authorise_document
from seglake.adapters.http_s3.documents import read_document
from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.respond import answer, document
from seglake.adapters.s3_protocol.documents import object_lock
from seglake.adapters.s3_protocol.documents.object_lock import BYPASS_HEADER
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.request_context import retention_facts
from seglake.domain.model.object_lock import Lock
from seglake.domain.services.locking import SetLock
from seglake.domain.services.object_reads import Opened

BYPASS_ACTION = "s3:BypassGovernanceRetention"


def bypass_asked(x: Exchange) -> bool:
    """Whether the request asks to lift GOVERNANCE; that it may is another question."""
    return x.headers.get(BYPASS_HEADER, "").lower() == "true"


def bypass(x: Exchange) -> bool:
    """Whether GOVERNANCE is lifted for the target. AccessDenied when it is asked for and not allowed."""
    if not bypass_asked(x):
        return False
    x.authorize(BYPASS_ACTION, x.bucket, x.key, x.version)
    return True


def check_vouched(x: Exchange, lock: Lock | None) -> None:
    """A PUT that asks for a lock must let its bytes be verified (API: PutObject). S3Error InvalidRequest."""
    if lock is None:
        return
    expected = x.body.expectations()
    if expected.md5 is None and expected.checksum is None and expected.algorithm is None:
        raise S3Error(
            ErrorCode.InvalidRequest,
            "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock "
            "parameters",
        )


def shown_lock(x: Exchange, opened: Opened) -> list[tuple[str, str]]:
    """The headers that show a version's lock to who may see it."""
    lock, place = opened.version.lock, (x.bucket, x.key, x.query.get("versionId"))
    fields: list[tuple[str, str]] = []
    if lock.retention is not None and x.may("s3:GetObjectRetention", *place):
        fields.extend(object_lock.retention_fields(lock.retention))
    if lock.hold and x.may("s3:GetObjectLegalHold", *place):
        fields.append((object_lock.HOLD_HEADER, "ON"))
    return fields


async def get_lock_configuration(x: Exchange) -> web.StreamResponse:
    """API: GetObjectLockConfiguration."""
    return document(x.request_id, object_lock.configuration(x.services.locking.configuration(x.bucket)))


async def put_lock_configuration(x: Exchange) -> web.StreamResponse:
    """API: PutObjectLockConfiguration."""
    config = object_lock.parse_configuration(await read_document(x, digest_required=True))
    await x.services.locking.configure(x.bucket, config)
    return answer(x.request_id)


async def get_retention(x: Exchange) -> web.StreamResponse:
    """API: GetObjectRetention."""
    return document(x.request_id, object_lock.retention(x.services.locking.retention(x.bucket, x.key, x.version)))


async def put_retention(x: Exchange) -> web.StreamResponse:
    """API: PutObjectRetention; an empty Retention removes it."""
    version, lifted = x.version, bypass(x)
    wanted = object_lock.parse_retention(await read_document(x, digest_required=True))
    now_ms = int(x.context(("aws:epochtime",))["aws:epochtime"][0]) * 1000
    authorise_document(x, retention_facts(wanted, now_ms))
    await x.services.locking.set(SetLock(x.bucket, x.key, version, retention=wanted, bypass=lifted))
    return answer(x.request_id)


async def get_legal_hold(x: Exchange) -> web.StreamResponse:
    """API: GetObjectLegalHold."""
    return document(x.request_id, object_lock.legal_hold(x.services.locking.hold(x.bucket, x.key, x.version)))


async def put_legal_hold(x: Exchange) -> web.StreamResponse:
    """API: PutObjectLegalHold."""
    version = x.version
    hold = object_lock.parse_legal_hold(await read_document(x, digest_required=True))
    authorise_document(x, {"s3:object-lock-legal-hold": ("ON" if hold else "OFF",)})
    await x.services.locking.set(SetLock(x.bucket, x.key, version, hold=hold))
    return answer(x.request_id)
