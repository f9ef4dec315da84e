from __future__ import annotations

import asyncio

import pytest

from seglake.domain.model.segment import CHUNK_BYTES, ChunkSlice
from seglake.domain.services.object_reads import ReadObject
from tests.unit.adapters.http_s3.front import Front
from tests.wire import ConnectionEnded

BODY = bytes(range(256)) * (3 * CHUNK_BYTES // 256)


def chunks_of(store: Front, key: str) -> tuple[ChunkSlice, ...]:
    return store.services.reads.open(ReadObject("alpha", key)).manifest.chunks


async def test_damage_in_the_first_chunk_is_a_clean_refusal(store: Front) -> None:
    for key, body in (("small", b"body"), ("large", BODY)):
        await store.put(f"/alpha/{key}", body)
        store.store.segments.damage(chunks_of(store, key)[0])
        async with store.wire() as wire:
            reply = await wire.ask(store.signed("GET", f"/alpha/{key}"))
            assert (reply.status, reply.code) == (500, "InternalError")
            assert "damaged" in reply.element("Message")
            assert (await wire.ask(store.signed("HEAD", f"/alpha/{key}"))).status == 200
    assert "store_refused" in store.log.events("error")


async def test_later_damage_cuts_the_answer_and_never_ends_it_as_if_whole(store: Front) -> None:
    await store.put("/alpha/large", BODY)
    store.store.segments.damage(chunks_of(store, "large")[2])
    async with store.wire() as wire:
        with pytest.raises(ConnectionEnded, match="within the body"):
            await asyncio.wait_for(wire.ask(store.signed("GET", "/alpha/large")), 5)
    assert "answer_cut" in store.log.events("error")
    whole = await store.ask("GET", "/alpha/large", {"range": f"bytes=0-{2 * CHUNK_BYTES - 1}"})
    assert whole.body == BODY[: 2 * CHUNK_BYTES], "what is intact is served"


async def test_damage_beyond_the_first_of_several_ranges_cuts_the_answer(store: Front) -> None:
    await store.put("/alpha/large", BODY)
    store.store.segments.damage(chunks_of(store, "large")[2])
    async with store.wire() as wire:
        with pytest.raises(ConnectionEnded):
            await asyncio.wait_for(wire.ask(store.signed("GET", "/alpha/large", {"range": "bytes=0-1,-2"})), 5)


async def test_damage_where_several_ranges_begin_is_a_clean_refusal(store: Front) -> None:
    await store.put("/alpha/large", BODY)
    store.store.segments.damage(chunks_of(store, "large")[0])
    assert (await store.ask("GET", "/alpha/large", {"range": "bytes=0-1,-2"})).code == "InternalError"


@pytest.mark.parametrize("text", ["%0d%0aSet-Cookie:%20a=b", "a%00b", "a%0ab", "%7f"])
@pytest.mark.parametrize("name", ["response-content-type", "response-content-disposition", "response-expires"])
async def test_an_override_cannot_add_header_lines(store: Front, name: str, text: str) -> None:
    await store.put("/alpha/k", b"body")
    reply = await store.ask("GET", f"/alpha/k?{name}={text}")
    assert (reply.status, reply.code) == (400, "InvalidArgument")
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_a_version_id_cannot_add_header_lines(store: Front, method: str) -> None:
    await store.put("/alpha/k", b"body")
    before = store.dump()
    for text in ("%0d%0aSet-Cookie:%20a=b", "", "nonsense", "../x"):
        reply = await store.ask(method, f"/alpha/k?versionId={text}")
        assert reply.status == 400
        assert method == "HEAD" or reply.code == "InvalidArgument"
        assert "set-cookie" not in reply.headers
    assert store.dump() == before
    assert store.log.events("error") == []


async def test_metadata_beyond_ascii_comes_back_as_an_encoded_word(store: Front) -> None:
    await store.put("/alpha/k", b"", {"x-amz-meta-a": "grün", "content-disposition": 'inline; filename="ü"'})
    reply = await store.ask("GET", "/alpha/k")
    assert reply.headers["x-amz-meta-a"] == "=?UTF-8?B?Z3LDvG4=?="
    assert reply.headers["content-disposition"].startswith("=?UTF-8?B?")


async def test_metadata_that_is_no_utf8_is_refused(store: Front) -> None:
    before = store.dump()
    reply = await store.ask("PUT", "/alpha/k", {"x-amz-meta-a": "gr\udcfcn"})
    assert reply.status in (400, 403), "refused as an argument, or as signed over other bytes"
    assert store.dump() == before
