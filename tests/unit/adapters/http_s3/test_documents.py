from __future__ import annotations

import base64
import hashlib

import pytest

from seglake.adapters.http_s3.documents import DOCUMENT_BYTES_MAX
from tests.unit.adapters.http_s3.front import Front
from tests.wire import Mode, crc32_text

DELETE = b"<Delete><Object><Key>k</Key></Object></Delete>"
MD5 = base64.b64encode(hashlib.md5(DELETE, usedforsecurity=False).digest()).decode()


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.name)
async def test_a_document_is_read_in_every_payload_mode(store: Front, mode: Mode) -> None:
    headers = {} if mode.trailing else {"content-md5": MD5}
    async with store.wire() as wire:
        reply = await wire.ask(store.signed("POST", "/alpha?delete", headers, DELETE, mode=mode))
    assert reply.status == 200, reply.body
    assert reply.element("Key") == "k"


@pytest.mark.parametrize("headers", [{"content-md5": MD5}, {"x-amz-checksum-crc32": crc32_text(DELETE)}])
async def test_a_document_that_does_not_match_its_digest_is_not_acted_on(store: Front, headers: dict[str, str]) -> None:
    await store.put("/alpha/k", b"x")
    other = DELETE.replace(b"k", b"K")
    before = store.dump()
    async with store.wire() as wire:
        reply = await wire.ask(store.signed("POST", "/alpha?delete", headers, other, mode=Mode.UNSIGNED))
    assert reply.code == "BadDigest"
    assert store.dump() == before


async def test_a_document_without_a_digest_where_one_is_due_is_refused(store: Front) -> None:
    assert (await store.ask("POST", "/alpha?delete", {}, DELETE)).code == "InvalidRequest"


async def test_a_document_has_its_limit_whatever_length_was_announced(store: Front) -> None:
    big = b"<Delete>" + b" " * DOCUMENT_BYTES_MAX + b"</Delete>"
    assert (await store.ask("PUT", "/alpha?versioning", {}, big)).code == "MaxMessageLengthExceeded"
    request = store.signed("PUT", "/alpha?versioning", {}, big).with_header("content-length", None)
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(big), big) for _ in range(1)) + b"0\r\n\r\n"
    async with store.wire() as wire:
        await wire.send(request.with_header("transfer-encoding", "chunked").head() + pieces)
        assert (await wire.reply()).code == "MaxMessageLengthExceeded"
