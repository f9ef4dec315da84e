from __future__ import annotations

import base64
import hashlib

import pytest

from tests.unit.adapters.http_s3.front import Front, front
from tests.wire import Mode, Reply, crc32_text

BODY = b"some bytes"
MD5 = base64.b64encode(hashlib.md5(BODY).digest()).decode()


async def put(store: Front, target: str, headers: dict[str, str] | None = None, mode: Mode = Mode.SIGNED) -> Reply:
    async with store.wire() as wire:
        return await wire.ask(store.signed("PUT", target, headers, BODY, mode=mode))


async def part_of(store: Front) -> str:
    upload = (await store.ask("POST", "/alpha/k?uploads")).element("UploadId")
    return f"/alpha/k?partNumber=1&uploadId={upload}"


@pytest.mark.parametrize("mode", [Mode.SIGNED, Mode.UNSIGNED, Mode.PRESIGNED, Mode.STREAMING_SIGNED])
async def test_a_digest_is_demanded_of_objects_and_parts(mode: Mode) -> None:
    async with front(require_content_md5=True) as store:
        await store.put("/alpha")
        for target in ("/alpha/k", await part_of(store)):
            before = store.dump()
            reply = await put(store, target, {}, mode)
            assert (reply.status, reply.code) == (400, "InvalidRequest")
            assert "Content-MD5" in reply.element("Message")
            assert store.dump() == before


@pytest.mark.parametrize("headers", [{"content-md5": MD5}, {"x-amz-checksum-crc32": crc32_text(BODY)}])
async def test_either_digest_will_do(headers: dict[str, str]) -> None:
    async with front(require_content_md5=True) as store:
        await store.put("/alpha")
        for target in ("/alpha/k", await part_of(store)):
            assert (await put(store, target, headers)).status == 200


@pytest.mark.parametrize("mode", [Mode.STREAMING_SIGNED_TRAILER, Mode.STREAMING_UNSIGNED_TRAILER])
async def test_a_checksum_in_the_trailer_will_do(mode: Mode) -> None:
    async with front(require_content_md5=True) as store:
        await store.put("/alpha")
        assert (await put(store, "/alpha/k", {}, mode)).status == 200


async def test_other_operations_need_no_digest() -> None:
    async with front(require_content_md5=True) as store:
        await store.put("/alpha")
        await store.put("/alpha/k", BODY, {"content-md5": MD5})
        assert (await store.ask("PUT", "/alpha/copy", {"x-amz-copy-source": "/alpha/k"})).status == 200
        assert (await store.ask("GET", "/alpha/copy")).body == BODY


@pytest.mark.parametrize("mode", [Mode.UNSIGNED, Mode.STREAMING_UNSIGNED_TRAILER])
async def test_an_unsigned_body_under_a_signed_header_is_refused_where_the_operator_says_so(mode: Mode) -> None:
    async with front(allow_unsigned_payload=False) as store:
        await store.put("/alpha")
        for target in ("/alpha/k", await part_of(store), "/alpha?versioning"):
            before = store.dump()
            reply = await put(store, target, {}, mode)
            assert (reply.status, reply.code) == (400, "InvalidRequest")
            assert "x-amz-content-sha256" in reply.element("Message")
            assert store.dump() == before


@pytest.mark.parametrize("mode", [Mode.SIGNED, Mode.PRESIGNED, Mode.STREAMING_SIGNED, Mode.STREAMING_SIGNED_TRAILER])
async def test_what_is_signed_or_cannot_be_goes_on(mode: Mode) -> None:
    async with front(allow_unsigned_payload=False) as store:
        await store.put("/alpha")
        assert (await put(store, "/alpha/k", {}, mode)).status == 200


async def test_a_request_without_a_body_has_nothing_to_sign() -> None:
    async with front(allow_unsigned_payload=False) as store:
        await store.put("/alpha")
        async with store.wire() as wire:
            assert (await wire.ask(store.signed("GET", "/alpha", mode=Mode.UNSIGNED))).status == 200


@pytest.mark.parametrize("mode", list(Mode))
async def test_by_default_everything_is_taken(store: Front, mode: Mode) -> None:
    assert (await put(store, "/alpha/k", {}, mode)).status == 200
