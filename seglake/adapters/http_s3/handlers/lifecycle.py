"""The lifecycle rules of a bucket over HTTP, and the headers by which an answer foretells what they will do."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from seglake.adapters.http_s3.documents import read_document
from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.respond import answer, document
from seglake.adapters.s3_protocol.documents.lifecycle import (
    MINIMUM_SIZE_HEADER,
    parse_lifecycle,
    parse_minimum_size,
    render_lifecycle,
)
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.adapters.s3_protocol.http_dates import http_date
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.expiry import Decision, UploadFacts, VersionFacts, upcoming
from seglake.domain.model.lifecycle import parse_text, to_text
from seglake.domain.model.manifest import Pairs
from seglake.domain.model.multipart import Upload
from seglake.domain.services.object_reads import Opened
from seglake.domain.services.object_writes import Stored


async def put_lifecycle(x: Exchange) -> web.StreamResponse:
    """API: PutBucketLifecycleConfiguration."""
    minimum_size = parse_minimum_size(x.headers.get(MINIMUM_SIZE_HEADER))
    lifecycle = parse_lifecycle(await read_document(x, digest_required=True), minimum_size)
    await x.services.settings.put(x.bucket, ConfigKind.LIFECYCLE, to_text(lifecycle))
    return answer(x.request_id, ((MINIMUM_SIZE_HEADER, minimum_size.value),))


async def get_lifecycle(x: Exchange) -> web.StreamResponse:
    """API: GetBucketLifecycleConfiguration."""
    text = x.services.settings.get(x.bucket, ConfigKind.LIFECYCLE)
    if text is None:
        raise S3Error(ErrorCode.NoSuchLifecycleConfiguration, extra=(("BucketName", x.bucket),))
    lifecycle = parse_text(text)
    fields = ((MINIMUM_SIZE_HEADER, lifecycle.minimum_size.value),)
    return document(x.request_id, render_lifecycle(lifecycle), fields)


async def delete_lifecycle(x: Exchange) -> web.StreamResponse:
    """API: DeleteBucketLifecycle."""
    await x.services.settings.remove(x.bucket, ConfigKind.LIFECYCLE)
    return answer(x.request_id, status=204)


def _foretold(x: Exchange, facts: VersionFacts | UploadFacts) -> Decision | None:
    text = x.grounds.configs.get(ConfigKind.LIFECYCLE)
    return None if text is None else upcoming(parse_text(text).rules, facts, x.config.lifecycle_day_ms)


def _expiration(x: Exchange, *, size: int, modified_ms: int, tags: Pairs) -> Pairs:
    decision = _foretold(x, VersionFacts(x.key, size, modified_ms, tags=tags))
    if decision is None:
        return ()
    date = http_date(decision.due_ms // 1000)
    return (("x-amz-expiration", f'expiry-date="{date}", rule-id="{quote(decision.rule, safe="")}"'),)


def expiration_of_stored(x: Exchange, stored: Stored) -> Pairs:
    """x-amz-expiration of what was just written."""
    return _expiration(x, size=stored.size, modified_ms=stored.modified_ms, tags=stored.tags)


def expiration_of_opened(x: Exchange, opened: Opened) -> Pairs:
    """x-amz-expiration of what is read; only a current version expires."""
    if ConfigKind.LIFECYCLE not in x.grounds.configs:
        return ()
    manifest = opened.manifest
    if "versionId" in x.query and not x.services.reads.is_current(opened):
        return ()
    return _expiration(x, size=manifest.size, modified_ms=manifest.modified_ms, tags=opened.version.tags)


def abortion_of(x: Exchange, upload: Upload) -> Pairs:
    """x-amz-abort-date and x-amz-abort-rule-id of a multipart upload."""
    decision = _foretold(x, UploadFacts(upload.key, upload.started.ms))
    if decision is None:
        return ()
    rule = decision.rule if decision.rule.isascii() else quote(decision.rule, safe="")
    return ("x-amz-abort-date", http_date(decision.due_ms // 1000)), ("x-amz-abort-rule-id", rule)
