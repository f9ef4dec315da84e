from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from seglake.adapters.http_s3.handlers import reading
from seglake.domain.model.segment import CHUNK_BYTES, ChunkSlice
from seglake.domain.services.object_reads import Opened, ReadObject
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


async def test_without_memory_for_chunks_an_answer_comes_in_small_pieces(
    store: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes, whole, in a range, and in several."""
    asked: list[int] = []
    stream = store.services.reads.stream

    def noted(opened: Opened, first: int, length: int) -> AsyncIterator[memoryview]:
        asked.append(length)
        return stream(opened, first, length)

    monkeypatch.setattr(store.services.reads, "stream", noted)
    body = random.Random(5).randbytes(9_000_000)
    await store.put("/alpha/k", body)
    targets: list[tuple[dict[str, str], int]] = [
        ({}, 200),
        ({"range": "bytes=4000000-8500000"}, 206),
        ({"range": "bytes=0-1000000,5000000-5000009"}, 206),
    ]
    with_memory = [await store.ask("GET", "/alpha/k", headers) for headers, _ in targets]
    answers = store.application._answers
    all_of_it = answers._left
    assert answers.spare(all_of_it)
    assert max(asked) > reading.FRUGAL_PIECE_BYTES
    asked.clear()
    for (headers, status), before in zip(targets, with_memory, strict=True):
        reply = await store.ask("GET", "/alpha/k", headers)
        assert reply.status == before.status == status
        # The boundary between several ranges is made of the request's id.
        plain = [one.body.replace(one.headers["x-amz-request-id"].encode(), b"") for one in (reply, before)]
        assert plain[0] == plain[1]
    assert max(asked) == reading.FRUGAL_PIECE_BYTES
    assert with_memory[0].body == body
    answers.give_back(all_of_it)


async def test_the_memory_of_an_answer_comes_back_however_it_ends(store: Front) -> None:
    await store.put("/alpha/k", b"x" * 9_000_000)
    answers = store.application._answers
    all_of_it = answers._left
    for _ in range(3):
        async with store.wire() as wire:
            await wire.send(store.signed("GET", "/alpha/k").bytes())
            assert await wire.interim() == 200
            assert answers._left in (all_of_it - reading.STREAM_BYTES, all_of_it)
    assert (await store.ask("GET", "/alpha/k")).status == 200
    for _ in range(100):
        if answers._left == all_of_it:
            return
        await asyncio.sleep(0.02)
    pytest.fail("memory is missing")
