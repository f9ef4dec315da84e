"""Encryption over HTTP: what each operation takes and answers, and that no key is seen anywhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import pytest

from seglake.domain.model.bucket_config import ConfigKind
from seglake.domain.model.encryption import SSE_S3
from tests.unit.adapters.http_s3.forms import encode, form_request, signed_fields
from tests.unit.adapters.http_s3.front import Front, front
from tests.wire import Mode

SSE = "x-amz-server-side-encryption"
BODY = b"plaintext of an object " * 40
CONFIGURATION = (
    b"<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
    b"</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
)
ARN = "arn:aws:kms:us-east-1:000000000000:key/seglake/kms"


def md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def customer(key: bytes, prefix: str = SSE) -> dict[str, str]:
    """The three headers of a customer's key."""
    return {
        f"{prefix}-customer-algorithm": "AES256",
        f"{prefix}-customer-key": base64.b64encode(key).decode(),
        f"{prefix}-customer-key-md5": md5(key),
    }


KEY, OTHER = customer(b"1" * 32), customer(b"2" * 32)
SOURCE = customer(b"1" * 32, "x-amz-copy-source-server-side-encryption")


def shown(headers: Mapping[str, str]) -> dict[str, str]:
    """What an answer says of encryption."""
    return {name: value for name, value in headers.items() if name.startswith(SSE)}


SAYS: list[tuple[dict[str, str], dict[str, str], dict[str, str]]] = [
    ({SSE: "AES256"}, {}, {SSE: "AES256"}),
    ({SSE: "aws:kms"}, {}, {SSE: "aws:kms", f"{SSE}-aws-kms-key-id": ARN}),
    (
        {SSE: "aws:kms", f"{SSE}-bucket-key-enabled": "true"},
        {},
        {SSE: "aws:kms", f"{SSE}-aws-kms-key-id": ARN, f"{SSE}-bucket-key-enabled": "true"},
    ),
    (
        KEY,
        KEY,
        {f"{SSE}-customer-algorithm": "AES256", f"{SSE}-customer-key-md5": KEY[f"{SSE}-customer-key-md5"]},
    ),
]


@pytest.mark.parametrize(("put", "get", "says"), SAYS)
async def test_every_answer_about_an_object_says_how_it_is_encrypted(
    store: Front, put: dict[str, str], get: dict[str, str], says: dict[str, str]
) -> None:
    assert shown((await store.put("/alpha/key", BODY, put)).headers) == says
    for method, extra in (("GET", {}), ("HEAD", {}), ("GET", {"range": "bytes=5-9"}), ("HEAD", {"range": "bytes=5-9"})):
        reply = await store.ask(method, "/alpha/key", {**get, **extra})
        assert reply.status == (206 if extra else 200)
        assert shown(reply.headers) == says
        if method == "GET":
            assert reply.body == (BODY[5:10] if extra else BODY)
    several = await store.ask("GET", "/alpha/key", {**get, "range": "bytes=0-3,10-13"})
    assert several.status == 206
    assert BODY[:4] in several.body
    assert BODY[10:14] in several.body
    first = await store.ask("GET", "/alpha/key?partNumber=1", get)
    assert (first.status, first.body) == (206, BODY)
    attributes = await store.ask("GET", "/alpha/key?attributes", {**get, "x-amz-object-attributes": "ObjectSize"})
    assert attributes.element("ObjectSize") == str(len(BODY))
    copied = await store.put("/alpha/copy", b"", {"x-amz-copy-source": "/alpha/key", **put, **(SOURCE if get else {})})
    assert shown(copied.headers) == says
    assert (await store.ask("GET", "/alpha/copy", get)).body == BODY


@pytest.mark.parametrize(("put", "get", "says"), SAYS)
async def test_every_answer_about_an_upload_says_how_it_is_encrypted(
    store: Front, put: dict[str, str], get: dict[str, str], says: dict[str, str]
) -> None:
    begun = await store.ask("POST", "/alpha/big?uploads", put)
    assert shown(begun.headers) == says
    upload = begun.element("UploadId")
    part = await store.put(f"/alpha/big?partNumber=1&uploadId={upload}", BODY, get)
    assert shown(part.headers) == says
    await store.put("/alpha/source", BODY)
    copied = await store.put(
        f"/alpha/big?partNumber=2&uploadId={upload}", b"", {"x-amz-copy-source": "/alpha/source", **get}
    )
    assert shown(copied.headers) == says
    listed = await store.ask("GET", f"/alpha/big?uploadId={upload}", get)
    assert listed.status == 200
    etags = (part.headers["etag"].strip('"'), copied.element("ETag").replace("&quot;", "").strip('"'))
    named = "".join(
        [f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in enumerate(etags, start=1)]
    )
    whole = f"<CompleteMultipartUpload>{named}</CompleteMultipartUpload>".encode()
    done = await store.ask("POST", f"/alpha/big?uploadId={upload}", get, whole)
    assert done.status == 200, done.body
    assert shown(done.headers) == ({} if get else says)
    assert (await store.ask("GET", "/alpha/big", get)).body == BODY + BODY


async def _refused(store: Front, method: str, target: str, headers: dict[str, str]) -> tuple[int, str]:
    before = store.dump()
    reply = await store.ask(method, target, headers, b"" if method in ("GET", "HEAD") else BODY)
    assert store.dump() == before
    return reply.status, reply.code


async def test_a_customers_object_opens_to_its_key_alone(store: Front) -> None:
    await store.put("/alpha/key", BODY, KEY)
    await store.put("/alpha/plain", BODY)
    await store.put("/alpha/ring", BODY, {SSE: "AES256"})
    assert await _refused(store, "GET", "/alpha/key", {}) == (400, "InvalidRequest")
    assert await _refused(store, "GET", "/alpha/key", OTHER) == (403, "AccessDenied")
    assert await _refused(store, "GET", "/alpha/key?attributes", {"x-amz-object-attributes": "ETag"}) == (
        400,
        "InvalidRequest",
    )
    for target in ("/alpha/plain", "/alpha/ring"):
        assert await _refused(store, "GET", target, KEY) == (400, "InvalidRequest")
    for headers, status in (({}, 400), (OTHER, 403), (KEY, 200)):
        reply = await store.ask("HEAD", "/alpha/key", headers)
        assert (reply.status, reply.body) == (status, b"")
    for refused in ({"x-amz-copy-source": "/alpha/key"}, {"x-amz-copy-source": "/alpha/key", **KEY}):
        assert await _refused(store, "PUT", "/alpha/copy", refused) == (400, "InvalidRequest")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_read_asks_for_no_method(store: Front, method: str) -> None:
    await store.put("/alpha/key", BODY, {SSE: "AES256"})
    reply = await store.ask(method, "/alpha/key", {SSE: "AES256"})
    assert reply.status == 400


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({SSE: "aws:kms:dsse"}, "NotImplemented"),
        ({SSE: "aws:kms", f"{SSE}-context": "e30="}, "NotImplemented"),
        ({SSE: "aws:kms", f"{SSE}-aws-kms-key-id": "no-such-key"}, "KMS.NotFoundException"),
        ({SSE: "rot13"}, "InvalidArgument"),
        ({**KEY, f"{SSE}-customer-algorithm": "rot13"}, "InvalidEncryptionAlgorithmError"),
        ({**KEY, f"{SSE}-customer-key-md5": md5(b"x")}, "InvalidArgument"),
    ],
)
async def test_what_is_not_understood_stores_nothing(store: Front, headers: dict[str, str], code: str) -> None:
    assert (await _refused(store, "PUT", "/alpha/key", headers))[1] == code
    before = store.dump()
    assert (await store.ask("POST", "/alpha/key?uploads", headers)).code == code
    assert store.dump() == before


async def test_a_disabled_key_refuses_reads_and_writes(store: Front) -> None:
    await store.store.key_ring.create("mine")
    headers = {SSE: "aws:kms", f"{SSE}-aws-kms-key-id": "alias/mine"}
    await store.put("/alpha/key", BODY, headers)
    await store.store.key_ring.set_enabled("mine", False)
    assert await _refused(store, "PUT", "/alpha/key", headers) == (400, "KMS.DisabledException")
    assert await _refused(store, "GET", "/alpha/key", {}) == (400, "KMS.DisabledException")
    assert (await store.ask("GET", "/alpha/key", {"range": "bytes=0-3,10-13"})).code == "KMS.DisabledException"
    assert (await store.ask("HEAD", "/alpha/key")).status == 200


async def test_a_buckets_default_is_put_got_applied_and_removed(store: Front) -> None:
    missing = await store.ask("GET", "/alpha?encryption")
    assert (missing.status, missing.code) == (404, "ServerSideEncryptionConfigurationNotFoundError")
    reply = await store.ask("PUT", "/alpha?encryption", {}, CONFIGURATION)
    assert (reply.status, reply.code) == (400, "InvalidRequest"), "AWS wants a digest of the document"
    await store.put("/alpha?encryption", CONFIGURATION, {"content-md5": md5(CONFIGURATION)})
    assert b"<SSEAlgorithm>AES256</SSEAlgorithm>" in (await store.ask("GET", "/alpha?encryption")).body
    assert shown((await store.put("/alpha/key", BODY)).headers) == {SSE: "AES256"}
    assert shown((await store.ask("POST", "/alpha/big?uploads")).headers) == {SSE: "AES256"}
    assert (await store.ask("DELETE", "/alpha?encryption")).status == 204
    assert (await store.ask("GET", "/alpha?encryption")).status == 404
    assert shown((await store.put("/alpha/other", BODY)).headers) == {}
    assert shown((await store.ask("GET", "/alpha/key")).headers) == {SSE: "AES256"}
    assert store.store.settings.get("alpha", ConfigKind.ENCRYPTION) is None


async def test_a_bucket_can_refuse_customers_keys(store: Front) -> None:
    blocks = b"<BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes></Rule>"
    document = CONFIGURATION.replace(b"</Rule>", blocks)
    await store.put("/alpha?encryption", document, {"content-md5": md5(document)})
    assert await _refused(store, "PUT", "/alpha/key", KEY) == (403, "AccessDenied")


async def test_the_stores_default_shows_as_aws_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with front() as running:
        monkeypatch.setattr(running.store.encrypting, "default", SSE_S3)
        await running.put("/alpha")
        body = (await running.ask("GET", "/alpha?encryption")).body
        assert b"<SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault>" in body
        assert b"<BucketKeyEnabled>false</BucketKeyEnabled>" in body
        assert shown((await running.put("/alpha/key", BODY)).headers) == {SSE: "AES256"}


def _everything(store: Front, *answers: Any) -> str:
    return "\n".join([repr(store.log.lines), *store.dump(), *map(repr, answers)])


async def test_a_customers_key_is_seen_nowhere() -> None:
    """Not in an answer, a log line or the store: neither the right one nor one that was refused."""
    key = bytes(range(32))
    headers = customer(key)
    async with front(access_log=True) as running:
        await running.put("/alpha")
        replies = [await running.put("/alpha/key", BODY, headers)]
        replies.append(await running.ask("GET", "/alpha/key", headers))
        replies.append(await running.ask("HEAD", "/alpha/key", headers))
        replies.append(await running.ask("POST", "/alpha/key?uploads", headers))
        broken = {**headers, f"{SSE}-customer-key-md5": md5(b"x")}
        replies.append(await running.ask("PUT", "/alpha/key", broken, BODY))
        for wrong in (f"{SSE}-customer-algorithm", f"{SSE}-customer-key-md5"):
            part = {name: value for name, value in headers.items() if name != wrong}
            replies.append(await running.ask("PUT", "/alpha/key", part, BODY))
        replies.append(await running.ask("DELETE", "/alpha/key", headers))
        async with running.wire() as wire:
            request = running.signed("PUT", "/alpha/key", headers, BODY)
            replies.append(await wire.ask(request.with_header("x-amz-date", "20230101T000000Z")))
        async with running.wire() as wire:
            signature = {**running.signed("PUT", "/alpha/key", headers, BODY).headers}
            signature["authorization"] = signature["authorization"][:-4] + "0000"
            request = running.signed("PUT", "/alpha/key", headers, BODY)
            replies.append(await wire.ask(request.with_header("authorization", signature["authorization"])))
        seen = _everything(running, *[(reply.headers, reply.body) for reply in replies])
    for form in (base64.b64encode(key).decode(), key.hex(), repr(key)[2:-1]):
        assert form not in seen


async def test_a_presigned_put_carries_its_key_in_headers(store: Front) -> None:
    async with store.wire() as wire:
        reply = await wire.ask(store.signed("PUT", "/alpha/key", KEY, BODY, mode=Mode.PRESIGNED))
    assert reply.status == 200, reply.body
    assert (await store.ask("GET", "/alpha/key", KEY)).body == BODY


@pytest.mark.parametrize(("put", "get", "says"), SAYS)
async def test_a_form_says_it_in_its_fields(
    store: Front, put: dict[str, str], get: dict[str, str], says: dict[str, str]
) -> None:
    body = encode(signed_fields({"key": "form", **put}), BODY)
    async with store.wire() as wire:
        reply = await wire.ask(form_request(store.host, body))
    assert reply.status == 204, reply.body
    assert shown(reply.headers) == says
    assert (await store.ask("GET", "/alpha/form", get)).body == BODY
