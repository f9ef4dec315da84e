from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

import pytest

from seglake.adapters.s3_protocol.documents.tagging import parse_tagging, tagging
from seglake.adapters.s3_protocol.signing import Signer
from tests.unit.adapters.http_s3.front import Front
from tests.wire import Reply

ENABLED = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
PAIRS = (("b", "2 3"), ("a", "ü"))
HEADER = {"x-amz-tagging": "b=2+3&a=%C3%BC"}


def md5(body: bytes) -> dict[str, str]:
    return {"content-md5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()}


async def tags_of(store: Front, target: str) -> tuple[tuple[str, str], ...]:
    reply = await store.ask("GET", f"{target}{'&' if '?' in target else '?'}tagging")
    assert reply.status == 200, reply.body
    return parse_tagging(reply.body)


async def ask_as(store: Front, signer: Signer, method: str, target: str, headers: Mapping[str, str]) -> Reply:
    async with store.wire() as wire:
        return await wire.ask(store.signed(method, target, headers, signer=signer))


async def test_tags_come_with_a_put_an_upload_and_a_document(store: Front) -> None:
    await store.put("/alpha/put", b"body", HEADER)
    assert await tags_of(store, "/alpha/put") == PAIRS
    begun = await store.ask("POST", "/alpha/up?uploads", HEADER)
    upload = begun.element("UploadId")
    part = await store.put(f"/alpha/up?partNumber=1&uploadId={upload}", b"part")
    named = f"<Part><PartNumber>1</PartNumber><ETag>{part.headers['etag']}</ETag></Part>"
    whole = f"<CompleteMultipartUpload>{named}</CompleteMultipartUpload>".encode()
    assert (await store.ask("POST", f"/alpha/up?uploadId={upload}", {}, whole)).status == 200
    assert await tags_of(store, "/alpha/up") == PAIRS
    await store.put("/alpha/bare", b"body")
    assert await tags_of(store, "/alpha/bare") == ()
    assert (await store.put("/alpha/bare?tagging", tagging(PAIRS))).body == b""
    assert await tags_of(store, "/alpha/bare") == PAIRS
    assert (await store.ask("HEAD", "/alpha/bare")).headers["x-amz-tagging-count"] == "2"
    assert (await store.ask("DELETE", "/alpha/bare?tagging")).status == 204
    assert await tags_of(store, "/alpha/bare") == ()
    assert "x-amz-tagging-count" not in (await store.ask("HEAD", "/alpha/bare")).headers


async def test_each_version_has_its_own_tags(store: Front) -> None:
    await store.put("/alpha?versioning", ENABLED)
    one = (await store.put("/alpha/k", b"1", {"x-amz-tagging": "n=1"})).headers["x-amz-version-id"]
    two = (await store.put("/alpha/k", b"2", {"x-amz-tagging": "n=2"})).headers["x-amz-version-id"]
    assert await tags_of(store, f"/alpha/k?versionId={one}") == (("n", "1"),)
    answered = await store.put(f"/alpha/k?tagging&versionId={one}", tagging((("n", "one"),)))
    assert answered.headers["x-amz-version-id"] == one
    assert (await store.ask("GET", "/alpha/k?tagging")).headers["x-amz-version-id"] == two
    assert await tags_of(store, "/alpha/k") == (("n", "2"),)
    removed = await store.ask("DELETE", f"/alpha/k?tagging&versionId={one}")
    assert (removed.status, removed.headers["x-amz-version-id"]) == (204, one)
    marker = (await store.ask("DELETE", "/alpha/k")).headers["x-amz-version-id"]
    assert (await store.ask("GET", "/alpha/k?tagging")).code == "NoSuchKey"
    assert (await store.ask("GET", f"/alpha/k?tagging&versionId={marker}")).code == "MethodNotAllowed"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("a=1&a=2", "InvalidArgument"),
        ("a=%zz", "InvalidArgument"),
        ("aws:a=1", "InvalidTag"),
        ("a%21=1", "InvalidTag"),
        (f"{'k' * 129}=1", "InvalidTag"),
        (f"k={'v' * 257}", "InvalidTag"),
        ("&".join(f"k{n}=v" for n in range(11)), "BadRequest"),
    ],
)
async def test_wrong_tags_are_refused_wherever_they_come(store: Front, header: str, code: str) -> None:
    await store.put("/alpha/source", b"body")
    before = store.dump()
    headers = {"x-amz-tagging": header}
    copied = {"x-amz-copy-source": "/alpha/source", "x-amz-tagging-directive": "REPLACE", **headers}
    for method, target, sent in (
        ("PUT", "/alpha/k", headers),
        ("POST", "/alpha/k?uploads", headers),
        ("PUT", "/alpha/k", copied),
    ):
        reply = await store.ask(method, target, sent)
        assert (reply.status, reply.code) == (400, code), target
    assert store.dump() == before


async def test_wrong_documents_are_refused(store: Front) -> None:
    await store.put("/alpha/k", b"body", HEADER)
    many = tuple([(f"k{n}", "") for n in range(51)])
    for target, pairs, code in (
        ("/alpha/k?tagging", (("a", "1"), ("a", "1")), "InvalidTag"),
        ("/alpha/k?tagging", many[:11], "BadRequest"),
        ("/alpha?tagging", many, "BadRequest"),
        ("/alpha?tagging", (("aws:a", "1"),), "InvalidTag"),
    ):
        body = tagging(pairs)
        reply = await store.ask("PUT", target, md5(body), body)
        assert (reply.status, reply.code) == (400, code)
    assert (await store.ask("PUT", "/alpha/k?tagging", {}, b"<Tagging/>")).code == "MalformedXML"
    assert await tags_of(store, "/alpha/k") == PAIRS
    assert (await store.ask("PUT", "/alpha/none?tagging", {}, tagging(PAIRS))).code == "NoSuchKey"


async def test_a_copy_keeps_or_replaces_tags(store: Front) -> None:
    await store.put("/alpha/source", b"body", HEADER)
    source = {"x-amz-copy-source": "/alpha/source"}
    replace = {**source, "x-amz-tagging-directive": "REPLACE"}
    for headers, expected in (
        (source, PAIRS),
        ({**source, "x-amz-metadata-directive": "REPLACE"}, PAIRS),
        ({**replace, "x-amz-tagging": "n=1"}, (("n", "1"),)),
        (replace, ()),
    ):
        await store.put("/alpha/copy", headers=headers)
        assert await tags_of(store, "/alpha/copy") == expected
    refused = await store.ask("PUT", "/alpha/copy", {**source, "x-amz-tagging": "n=1"})
    assert refused.code == "InvalidArgument", "without the directive these tags would be ignored"


async def test_a_bucket_has_tags(store: Front) -> None:
    assert (await store.ask("GET", "/alpha?tagging")).code == "NoSuchTagSet"
    body = tagging(PAIRS)
    assert (await store.ask("PUT", "/alpha?tagging", {}, body)).code == "InvalidRequest", "without Content-MD5"
    assert (await store.ask("PUT", "/alpha?tagging", md5(body), body)).status == 204
    assert await tags_of(store, "/alpha") == PAIRS
    assert (await store.ask("DELETE", "/alpha?tagging")).status == 204
    assert (await store.ask("GET", "/alpha?tagging")).code == "NoSuchTagSet"
    assert (await store.ask("GET", "/nowhere?tagging")).code == "NoSuchBucket"


def key_policy(*actions: str) -> str:
    names = ",".join(f'"{action}"' for action in actions)
    return f'{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":[{names}],"Resource":"*"}}]}}'


async def test_tags_need_rights_of_their_own(store: Front) -> None:
    await store.put("/alpha/source", b"body", HEADER)
    await store.put("/alpha/bare", b"body")
    plain, tagger = Signer("plain", "secret-of-the-plain-key"), Signer("tagger", "secret-of-the-tagger-key")
    await store.add_key(plain, user="bob", policy=key_policy("s3:PutObject", "s3:GetObject"))
    await store.add_key(
        tagger,
        user="bob",
        policy=key_policy("s3:PutObject", "s3:GetObject", "s3:PutObjectTagging", "s3:GetObjectTagging"),
    )
    await store.add_user("bob")
    kept = {"x-amz-copy-source": "/alpha/source"}
    requests = (
        ("PUT", "/alpha/k", HEADER),
        ("POST", "/alpha/k?uploads", HEADER),
        ("PUT", "/alpha/k", kept),
        ("PUT", "/alpha/k", {**kept, **HEADER, "x-amz-tagging-directive": "REPLACE"}),
    )
    for method, target, headers in requests:
        reply = await ask_as(store, plain, method, target, headers)
        assert (reply.status, reply.code) == (403, "AccessDenied"), headers
        assert (await ask_as(store, tagger, method, target, headers)).status == 200
    bare = {"x-amz-copy-source": "/alpha/bare"}
    assert (await ask_as(store, plain, "PUT", "/alpha/k", bare)).status == 200, "there are no tags to copy"
    shown = await ask_as(store, tagger, "HEAD", "/alpha/source", {})
    assert shown.headers["x-amz-tagging-count"] == "2"
    assert "x-amz-tagging-count" not in (await ask_as(store, plain, "HEAD", "/alpha/source", {})).headers
