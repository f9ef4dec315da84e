"""Bucket policies and the public access block, seen from the wire."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seglake.adapters.s3_protocol.signing import Signer
from seglake.domain.model.user import user_arn
from tests.unit.adapters.http_s3.front import Front

ADA = Signer("ada-key", "ada-secret-0123456789")


def policy(
    effect: str = "Allow", principal: Any = "*", action: str = "s3:GetObject", resource: str = "alpha/*"
) -> bytes:
    statement = {
        "Effect": effect,
        "Principal": principal,
        "Action": action,
        "Resource": f"arn:aws:s3:::{resource}",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()


TO_BOB = policy(principal={"AWS": user_arn("bob")})


async def test_a_policy_is_given_back_byte_by_byte(store: Front) -> None:
    body = b" " + TO_BOB + b"\n"
    assert (await store.ask("PUT", "/alpha?policy", {}, body)).status == 204
    reply = await store.ask("GET", "/alpha?policy")
    assert (reply.status, reply.body) == (200, body)
    assert reply.headers["content-type"] == "application/json"
    assert (await store.ask("DELETE", "/alpha?policy")).status == 204
    assert (await store.ask("DELETE", "/alpha?policy")).status == 204


@pytest.mark.parametrize("target", ["/alpha?policy", "/alpha?policyStatus"])
async def test_no_policy_is_said_so(store: Front, target: str) -> None:
    reply = await store.ask("GET", target)
    assert (reply.status, reply.code) == (404, "NoSuchBucketPolicy")
    assert reply.element("BucketName") == "alpha"


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"\xff", b"[]", policy(action="s3:Nonsense"), policy(resource="beta/*"), b'{"a":1,"a":2}']
)
async def test_a_policy_that_is_not_understood_is_not_stored(store: Front, body: bytes) -> None:
    before = store.dump()
    reply = await store.ask("PUT", "/alpha?policy", {}, body)
    assert (reply.status, reply.code) == (400, "MalformedPolicy")
    assert store.dump() == before


async def test_a_public_policy_is_refused_while_that_is_blocked(store: Front) -> None:
    before = store.dump()
    reply = await store.ask("PUT", "/alpha?policy", {}, policy())
    assert (reply.status, reply.code) == (403, "AccessDenied")
    assert store.dump() == before
    assert (await store.ask("DELETE", "/alpha?publicAccessBlock")).status == 204
    assert (await store.ask("PUT", "/alpha?policy", {}, policy())).status == 204
    assert (await store.ask("GET", "/alpha?policyStatus")).element("IsPublic") == "true"


async def test_the_status_of_a_policy_that_is_not_public(store: Front) -> None:
    await store.ask("PUT", "/alpha?policy", {}, TO_BOB)
    assert (await store.ask("GET", "/alpha?policyStatus")).element("IsPublic") == "false"


async def test_nobody_shuts_themselves_out_without_a_word(store: Front) -> None:
    await store.add_user("ada")
    await store.add_key(ADA, user="ada")

    async def put(headers: dict[str, str]) -> tuple[int, str]:
        shutting = policy("Deny", {"AWS": user_arn("ada")}, "s3:PutBucketPolicy", "hers")
        async with store.wire() as wire:
            reply = await wire.ask(store.signed("PUT", "/hers?policy", headers, shutting, signer=ADA))
        return reply.status, reply.code

    async with store.wire() as wire:
        assert (await wire.ask(store.signed("PUT", "/hers", signer=ADA))).status == 200
    before = store.dump()
    for headers in ({}, {"x-amz-confirm-remove-self-bucket-access": "false"}):
        assert await put(headers) == (403, "AccessDenied")
    assert store.dump() == before
    confirmed = {"x-amz-confirm-remove-self-bucket-access": "true"}
    assert await put(confirmed) == (204, "")
    assert await put(confirmed) == (403, "AccessDenied")
    assert (await store.ask("DELETE", "/hers?policy")).status == 204, "root is never shut out"


async def test_the_block_of_a_fresh_bucket_is_closed_and_can_be_changed(store: Front) -> None:
    target = "/alpha?publicAccessBlock"
    assert (await store.ask("GET", target)).body.count(b">true<") == 4
    body = b"<PublicAccessBlockConfiguration><IgnorePublicAcls>true</IgnorePublicAcls></PublicAccessBlockConfiguration>"
    assert (await store.ask("PUT", target, {}, body)).status == 200
    shown = await store.ask("GET", target)
    assert (shown.element("IgnorePublicAcls"), shown.element("BlockPublicAcls")) == ("true", "false")
    assert (await store.ask("DELETE", target)).status == 204
    reply = await store.ask("GET", target)
    assert (reply.status, reply.code) == (404, "NoSuchPublicAccessBlockConfiguration")


@pytest.mark.parametrize("sub", ["policy", "policyStatus", "publicAccessBlock", "ownershipControls", "acl"])
async def test_a_bucket_that_is_not_there_is_said_so(store: Front, sub: str) -> None:
    assert (await store.ask("GET", f"/nothere?{sub}")).code == "NoSuchBucket"


async def test_the_expected_owner_is_the_account(store: Front) -> None:
    assert (await store.ask("GET", "/alpha?acl", {"x-amz-expected-bucket-owner": "000000000000"})).status == 200
    reply = await store.ask("GET", "/alpha?acl", {"x-amz-expected-bucket-owner": "111111111111"})
    assert (reply.status, reply.code) == (403, "AccessDenied")
