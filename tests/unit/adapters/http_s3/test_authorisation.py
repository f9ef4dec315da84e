"""Policies as requests meet them: what a request says is what a decision looks at, and a refusal changes nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from seglake.adapters.s3_protocol.signing import Signer
from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.ownership import NOTHING_BLOCKED
from seglake.domain.model.user import user_arn
from tests.unit.adapters.http_s3.front import Front, front
from tests.wire import Mode, Reply, Request, connect

BOB = Signer("bob-key", "secret of bob-key")
READ = ("s3:GetObject", "s3:ListBucket")
ALPHA, KEYS = "arn:aws:s3:::alpha", "arn:aws:s3:::alpha/*"


@pytest.fixture
async def store() -> AsyncIterator[Front]:
    """The bucket ``alpha`` of root, listed as public; ``bob`` may enter it as far as a test lets him."""
    async with front(public_buckets=frozenset(("alpha",))) as running:
        await running.add_user("bob")
        await running.add_key(BOB, user="bob")
        await running.put("/alpha")
        await running.put("/alpha/a/key", b"content")
        yield running


async def allow(store: Front, *actions: str, principal: Any = None, **more: Any) -> None:
    """The bucket's policy allows this and nothing else."""
    named = {"AWS": user_arn("bob")} if principal is None else principal
    await rule(store, {"Effect": "Allow", "Principal": named, "Action": actions, "Resource": [ALPHA, KEYS], **more})


async def rule(store: Front, *statements: dict[str, Any]) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    await store.store.settings.put("alpha", ConfigKind.POLICY, text)


async def bob(
    store: Front, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"", **how: Any
) -> Reply:
    """One request of bob's; a refused one changes nothing."""
    return await send(store, store.signed(method, target, headers, body, signer=BOB, **how))


async def anyone(store: Front, method: str, target: str, body: bytes = b"") -> Reply:
    """One request without credentials."""
    headers = {"host": store.host, "content-length": str(len(body))}
    return await send(store, Request(method, target, headers, body))


async def send(store: Front, request: Request) -> Reply:
    before = store.dump()
    async with connect(store.port) as wire:
        reply = await wire.ask(request)
    if reply.status >= 400:
        assert store.dump() == before
    return reply


def denied(reply: Reply) -> bool:
    return reply.status == 403 and reply.code == "AccessDenied"


async def test_a_policy_opens_what_it_names_and_nothing_beside(store: Front) -> None:
    assert denied(await bob(store, "GET", "/alpha/a/key"))
    await allow(store, *READ)
    assert (await bob(store, "GET", "/alpha/a/key")).body == b"content"
    assert (await bob(store, "GET", "/alpha")).status == 200
    assert denied(await bob(store, "PUT", "/alpha/a/key", body=b"x"))
    assert denied(await bob(store, "DELETE", "/alpha/a/key"))
    assert denied(await bob(store, "GET", "/alpha?policy"))


async def test_a_prefix_holds_for_the_key_that_is_read(store: Front) -> None:
    await store.put("/alpha/b/key", b"other")
    await rule(
        store,
        {
            "Effect": "Allow",
            "Principal": {"AWS": user_arn("bob")},
            "Action": "s3:GetObject",
            "Resource": f"{ALPHA}/a/*",
        },
    )
    assert (await bob(store, "GET", "/alpha/a/key")).status == 200
    assert (await bob(store, "GET", "/alpha/a%2Fkey")).status == 200, "two spellings of one key"
    for target in ("/alpha/b/key", "/alpha/b%2Fkey", "/alpha/a/../b/key", "/alpha/a/%2e%2e/b/key", "/alpha//a/key"):
        assert (await bob(store, "GET", target)).status == 403, target


async def test_who_may_not_list_does_not_learn_which_keys_there_are(store: Front) -> None:
    await allow(store, "s3:GetObject")
    assert denied(await bob(store, "GET", "/alpha/nothing"))
    assert (await bob(store, "HEAD", "/alpha/nothing")).status == 403
    await allow(store, *READ)
    assert (await bob(store, "GET", "/alpha/nothing")).code == "NoSuchKey"
    assert (await bob(store, "HEAD", "/alpha/nothing")).status == 404


async def test_a_listing_is_held_to_its_prefix(store: Front) -> None:
    await allow(store, "s3:ListBucket", Condition={"StringLike": {"s3:prefix": "a/*"}})
    assert (await bob(store, "GET", "/alpha?prefix=a/")).status == 200
    assert denied(await bob(store, "GET", "/alpha?prefix=b/"))
    assert denied(await bob(store, "GET", "/alpha"))


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
        ({"StringEquals": {"aws:UserAgent": "good/1"}}, True),
        ({"StringEquals": {"aws:UserAgent": "bad/1"}}, False),
        ({"StringEquals": {"aws:username": "bob"}}, True),
        ({"StringEquals": {"s3:authType": "REST-HEADER"}}, True),
        ({"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}, False),
        ({"StringEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}, True),
        ({"NumericLessThan": {"s3:signatureAge": "1"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2023-11-14T00:00:00Z"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2023-11-15T00:00:00Z"}}, False),
        ({"Null": {"s3:VersionId": "true"}}, True),
        ({"ArnEquals": {"aws:PrincipalArn": user_arn("bob")}}, True),
    ],
)
async def test_conditions_see_the_request(store: Front, condition: dict[str, Any], *, fits: bool) -> None:
    await allow(store, "s3:GetObject", Condition=condition)
    reply = await bob(store, "GET", "/alpha/a/key", {"user-agent": "good/1"})
    assert (reply.status == 200) is fits


async def test_a_presigned_request_is_told_from_a_signed_one(store: Front) -> None:
    await allow(store, "s3:GetObject", Condition={"StringEquals": {"s3:authType": "REST-QUERY-STRING"}})
    assert (await bob(store, "GET", "/alpha/a/key", mode=Mode.PRESIGNED)).status == 200
    assert denied(await bob(store, "GET", "/alpha/a/key"))


async def test_what_is_set_beside_the_object_needs_its_own_right(store: Front) -> None:
    await allow(store, "s3:PutObject")
    assert (await bob(store, "PUT", "/alpha/a/new", body=b"x")).status == 200
    assert denied(await bob(store, "PUT", "/alpha/a/new", {"x-amz-tagging": "a=b"}, b"x"))
    await allow(store, "s3:PutObject", "s3:PutObjectTagging")
    assert (await bob(store, "PUT", "/alpha/a/new", {"x-amz-tagging": "a=b"}, b"x")).status == 200
    assert denied(await bob(store, "PUT", "/alpha/a/new", {"x-amz-acl": "private"}, b"x"))


async def test_tags_in_the_request_and_of_the_object_are_conditions(store: Front) -> None:
    await allow(
        store,
        "s3:PutObject",
        "s3:PutObjectTagging",
        Condition={"StringEquals": {"s3:RequestObjectTag/Team": "blue"}},
    )
    assert (await bob(store, "PUT", "/alpha/t", {"x-amz-tagging": "Team=blue"}, b"x")).status == 200
    assert denied(await bob(store, "PUT", "/alpha/t", {"x-amz-tagging": "Team=red"}, b"x"))
    assert denied(await bob(store, "PUT", "/alpha/t", body=b"x"))
    await allow(store, "s3:GetObject", Condition={"StringEquals": {"s3:ExistingObjectTag/Team": "blue"}})
    assert (await bob(store, "GET", "/alpha/t")).status == 200
    assert denied(await bob(store, "GET", "/alpha/a/key"))


async def test_tags_in_a_document_are_conditions_too(store: Front) -> None:
    await allow(store, "s3:PutObjectTagging", Condition={"StringEquals": {"s3:RequestObjectTag/Team": "blue"}})

    def tagging(team: str) -> bytes:
        tag = f"<Tag><Key>Team</Key><Value>{team}</Value></Tag>"
        return f"<Tagging><TagSet>{tag}</TagSet></Tagging>".encode()

    assert (await bob(store, "PUT", "/alpha/a/key?tagging", body=tagging("blue"))).status == 200
    assert denied(await bob(store, "PUT", "/alpha/a/key?tagging", body=tagging("red")))


async def test_the_region_in_a_document_is_a_condition(store: Front) -> None:
    statement = {"Effect": "Allow", "Action": "s3:CreateBucket", "Resource": "*"}
    condition = {"StringEquals": {"s3:LocationConstraint": "us-east-1"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": {**statement, "Condition": condition}})
    maker = Signer("maker-key", "secret of maker-key")
    await store.add_key(maker, user="bob", policy=document)

    async def create(name: str, region: str) -> Reply:
        inner = f"<LocationConstraint>{region}</LocationConstraint>"
        body = f"<CreateBucketConfiguration>{inner}</CreateBucketConfiguration>".encode()
        return await send(store, store.signed("PUT", name, body=body, signer=maker))

    assert (await create("/fine", "us-east-1")).status == 200
    assert denied(await create("/other", "EU"))


async def test_a_copy_needs_its_source_key_and_its_own(store: Front) -> None:
    await store.put("/alpha/secret/key", b"secret")
    read = {
        "Effect": "Allow",
        "Principal": {"AWS": user_arn("bob")},
        "Action": "s3:GetObject",
        "Resource": f"{ALPHA}/a/*",
    }
    write = {**read, "Action": "s3:PutObject", "Resource": f"{ALPHA}/w/*"}
    await rule(store, read, write)
    assert (await bob(store, "PUT", "/alpha/w/1", {"x-amz-copy-source": "/alpha/a/key"})).status == 200
    assert denied(await bob(store, "PUT", "/alpha/w/1", {"x-amz-copy-source": "/alpha/secret/key"}))
    assert denied(await bob(store, "PUT", "/alpha/a/1", {"x-amz-copy-source": "/alpha/a/key"}))


async def test_each_key_of_a_bulk_delete_is_decided_for_itself(store: Front) -> None:
    await store.put("/alpha/b/key", b"x")
    await rule(
        store,
        {
            "Effect": "Allow",
            "Principal": {"AWS": user_arn("bob")},
            "Action": "s3:DeleteObject",
            "Resource": f"{ALPHA}/b/*",
        },
    )
    body = b"<Delete><Object><Key>a/key</Key></Object><Object><Key>b/key</Key></Object></Delete>"
    reply = await bob(store, "POST", "/alpha?delete", {"content-md5": md5(body)}, body)
    assert b"<Deleted><Key>b/key</Key></Deleted>" in reply.body
    assert b"<Key>a/key</Key><Code>AccessDenied</Code>" in reply.body
    assert store.store.keys("alpha") == ["a/key"]


def md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


async def test_anonymous_requests_need_the_operator_and_the_policy(store: Front) -> None:
    await store.put("/beta")
    await store.put("/beta/key", b"x")
    assert denied(await anyone(store, "GET", "/alpha/a/key"))
    await allow(store, "s3:GetObject", principal="*")
    assert (await anyone(store, "GET", "/alpha/a/key")).body == b"content"
    for method, target, body in (
        ("PUT", "/alpha/a/key", b"x"),
        ("DELETE", "/alpha/a/key", b""),
        ("GET", "/alpha", b""),
        ("GET", "/alpha?policy", b""),
        ("GET", "/", b""),
        ("GET", "/beta/key", b""),
        ("GET", "/nothere/key", b""),
        ("PUT", "/gamma", b""),
    ):
        assert denied(await anyone(store, method, target, body)), (method, target)
    public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::beta/*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": public})
    await store.store.settings.put("beta", ConfigKind.POLICY, text)
    await store.store.settings.put("beta", ConfigKind.PUBLIC_ACCESS, NOTHING_BLOCKED.to_text())
    assert denied(await anyone(store, "GET", "/beta/key")), "the operator did not list it"


async def test_anonymous_requests_do_not_choose_headers_of_the_answer(store: Front) -> None:
    await allow(store, "s3:GetObject", principal="*")
    reply = await anyone(store, "GET", "/alpha/a/key?response-content-type=text/html")
    assert (reply.status, reply.code) == (400, "InvalidRequest")


async def test_a_deny_holds_for_root_but_not_for_the_way_out(store: Front) -> None:
    await rule(store, {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [ALPHA, KEYS]})
    assert denied(await store.ask("GET", "/alpha/a/key"))
    assert denied(await store.ask("PUT", "/alpha/a/key", body=b"x"))
    assert denied(await store.ask("DELETE", "/alpha"))
    assert (await store.ask("DELETE", "/alpha?policy")).status == 204
    assert (await store.ask("GET", "/alpha/a/key")).status == 200


async def test_users_see_their_own_buckets(store: Front) -> None:
    assert (await bob(store, "PUT", "/bobs")).status == 200
    listed = await bob(store, "GET", "/")
    assert b"<Name>bobs</Name>" in listed.body
    assert b"<Name>alpha</Name>" not in listed.body
    everything = await store.ask("GET", "/")
    assert b"<Name>bobs</Name>" in everything.body
    assert b"<Name>alpha</Name>" in everything.body
    limited = Signer("limited-key", "secret of limited-key")
    await store.add_key(limited, buckets=("alpha",))
    narrow = await send(store, store.signed("GET", "/", signer=limited))
    assert b"<Name>bobs</Name>" not in narrow.body
    assert b"<Name>alpha</Name>" in narrow.body
    assert (await bob(store, "PUT", "/alpha")).code == "BucketAlreadyExists"


async def test_the_lock_in_a_document_is_a_condition(store: Front) -> None:
    await store.put("/locked", headers={"x-amz-bucket-object-lock-enabled": "true"})
    await store.put("/locked/key", b"x")

    async def let(action: str, condition: dict[str, Any]) -> None:
        statement = {"Effect": "Allow", "Principal": {"AWS": user_arn("bob")}, "Action": action}
        statement |= {"Resource": "arn:aws:s3:::locked/*", "Condition": condition}
        text = json.dumps({"Version": "2012-10-17", "Statement": statement})
        await store.store.settings.put("locked", ConfigKind.POLICY, text)

    async def put(what: str, body: bytes) -> Reply:
        return await bob(store, "PUT", f"/locked/key?{what}", {"content-md5": md5(body)}, body)

    def retention(days: int) -> bytes:
        until = f"2023-11-{14 + days:02}T22:13:20Z"
        return f"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>".encode()

    await let("s3:PutObjectRetention", {"NumericLessThanEquals": {"s3:object-lock-remaining-retention-days": "5"}})
    assert denied(await put("retention", retention(6)))
    assert (await put("retention", retention(5))).status == 200
    await let("s3:PutObjectLegalHold", {"StringEquals": {"s3:object-lock-legal-hold": "ON"}})
    assert denied(await put("legal-hold", b"<LegalHold><Status>OFF</Status></LegalHold>"))
    assert (await put("legal-hold", b"<LegalHold><Status>ON</Status></LegalHold>")).status == 200
