"""Bucket policies and the public access block over HTTP: a policy is understood whole before it is stored, and given
back as it came."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from seglake.adapters.http_s3.documents import read_document
from seglake.adapters.http_s3.exchange import Exchange
from seglake.adapters.http_s3.respond import answer, document
from seglake.adapters.s3_protocol.documents.policy_status import render_policy_status
from seglake.adapters.s3_protocol.documents.public_access import parse_public_access, render_public_access
from seglake.adapters.s3_protocol.errors import ErrorCode, S3Error
from seglake.domain.model.access import Asked
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.errors import AccessDenied, MalformedPolicy
from seglake.domain.model.policy import parse_policy

CONFIRM_HEADER = "x-amz-confirm-remove-self-bucket-access"
_SET_POLICY = "s3:PutBucketPolicy"


async def get_policy(x: Exchange) -> web.StreamResponse:
    """API: GetBucketPolicy."""
    text = x.services.bucket_access.policy(x.bucket)
    if text is None:
        raise _none(x)
    return answer(x.request_id, (("Content-Type", "application/json"),), body=text.encode())


async def put_policy(x: Exchange) -> web.StreamResponse:
    """API: PutBucketPolicy. Without the confirming header nobody takes the right to set policies from themselves."""
    data = await read_document(x)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise MalformedPolicy("policy", "it is not UTF-8") from None
    parse_policy(text, principals=True)
    if x.headers.get(CONFIRM_HEADER, "false").lower() != "true":
        _check_own_access(x, text)
    await x.services.bucket_access.put_policy(x.bucket, text)
    return answer(x.request_id, status=204)


def _check_own_access(x: Exchange, text: str) -> None:
    grounds = replace(x.grounds, configs={**x.grounds.configs, ConfigKind.POLICY: text})
    decision = x.services.access.decide(x.identity, Asked(_SET_POLICY, x.bucket), x.context, grounds)
    if not decision.allowed:
        raise AccessDenied(
            f"with this policy you could not set the bucket's policy again ({decision.reason}); "
            f"send {CONFIRM_HEADER}: true if that is what you want"
        )


async def delete_policy(x: Exchange) -> web.StreamResponse:
    """API: DeleteBucketPolicy."""
    await x.services.bucket_access.remove_policy(x.bucket)
    return answer(x.request_id, status=204)


async def get_policy_status(x: Exchange) -> web.StreamResponse:
    """API: GetBucketPolicyStatus."""
    public = x.services.bucket_access.is_public(x.bucket)
    if public is None:
        raise _none(x)
    return document(x.request_id, render_policy_status(public=public))


def _none(x: Exchange) -> S3Error:
    return S3Error(ErrorCode.NoSuchBucketPolicy, extra=(("BucketName", x.bucket),))


async def get_public_access(x: Exchange) -> web.StreamResponse:
    """API: GetPublicAccessBlock."""
    block = x.services.bucket_access.public_access(x.bucket)
    if block is None:
        raise S3Error(ErrorCode.NoSuchPublicAccessBlockConfiguration, extra=(("BucketName", x.bucket),))
    return document(x.request_id, render_public_access(block))


async def put_public_access(x: Exchange) -> web.StreamResponse:
    """API: PutPublicAccessBlock."""
    await x.services.bucket_access.put_public_access(x.bucket, parse_public_access(await read_document(x)))
    return answer(x.request_id)


async def delete_public_access(x: Exchange) -> web.StreamResponse:
    """API: DeletePublicAccessBlock."""
    await x.services.bucket_access.put_public_access(x.bucket, None)
    return answer(x.request_id, status=204)
