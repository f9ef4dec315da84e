"""Ways in that other stores left open: each has its name here, and stays shut.

The identifiers are those of the published advisories or issues of the other projects.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from seglake.adapters.s3_protocol.payload import EMPTY_SHA256
from seglake.adapters.s3_protocol.signing import Signer, presign, sign_header
from seglake.domain.model.credential import KeyPolicy
from tests.unit.adapters.http_s3.front import NOW, ROOT, Front
from tests.wire import PAYLOADS, TRAILER, Mode, Reply, Request, crc32_text

DESTINATION_ONLY = Signer("destination-only", "destination-secret-0123")
READER = Signer("reader", "reader-secret-0123456")
UNSIGNED_TRAILER = PAYLOADS[Mode.STREAMING_UNSIGNED_TRAILER]


async def send(store: Front, request: Request) -> Reply:
    async with store.wire() as wire:
        return await wire.ask(request)


async def refused(store: Front, request: Request, *codes: str) -> Reply:
    """Sends a request that must be refused with one of the codes and change nothing."""
    before = store.dump()
    reply = await send(store, request)
    assert reply.code in codes, reply.body
    assert reply.status >= 400
    assert store.dump() == before
    return reply


def unsigned_trailer_body(payload: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n%b:%b\r\n\r\n" % (len(payload), payload, TRAILER.encode(), crc32_text(payload).encode())


def streaming_headers(store: Front, payload: bytes) -> dict[str, str]:
    body = unsigned_trailer_body(payload)
    return {
        "host": store.host,
        "content-length": str(len(body)),
        "x-amz-content-sha256": UNSIGNED_TRAILER,
        "x-amz-decoded-content-length": str(len(payload)),
        "x-amz-trailer": TRAILER,
        "x-amz-date": "20231114T221320Z",
    }


async def test_minio_cve_2025_31489_an_unsigned_trailer_upload_needs_a_right_signature(store: Front) -> None:
    """There, the access key alone was enough for this payload mode."""
    headers = streaming_headers(store, b"evil")
    scope = f"{ROOT.access_key}/20231114/us-east-1/s3/aws4_request"
    names = "host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-trailer"
    for signature in ("0" * 64, "f" * 64):
        text = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}"
        request = Request("PUT", "/alpha/k", {**headers, "authorization": text}, unsigned_trailer_body(b"evil"))
        await refused(store, request, "SignatureDoesNotMatch")


async def test_minio_cve_2026_40344_a_presigned_query_does_not_carry_a_streaming_body(store: Front) -> None:
    """There, credentials in the query were looked at by no one when the body was a streaming one."""
    headers = streaming_headers(store, b"evil")
    own = {"host": store.host}
    url = presign(ROOT, "PUT", "/alpha/k", own, now=NOW)
    broken = url[:-1] + ("0" if url[-1] != "0" else "1")
    for target in (
        url,
        broken,
        f"/alpha/k?X-Amz-Credential={ROOT.access_key}%2F20231114%2Fus-east-1%2Fs3%2Faws4_request",
    ):
        request = Request("PUT", target, headers, unsigned_trailer_body(b"evil"))
        await refused(store, request, "InvalidRequest", "AuthorizationQueryParametersError")


async def test_seaweedfs_2180_and_7912_a_streaming_body_is_no_way_around_authentication(store: Front) -> None:
    """Anonymous, and with a header that only looks like credentials."""
    body = unsigned_trailer_body(b"evil")
    for target in ("/alpha/k", "/alpha/k?partNumber=1&uploadId=any"):
        anonymous = Request("PUT", target, streaming_headers(store, b"evil"), body)
        await refused(store, anonymous, "AccessDenied")
        for text in (
            "AWS4-HMAC-SHA256 ",
            "AWS4-HMAC-SHA256",
            "Bearer x",
            "AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature=",
        ):
            await refused(
                store, anonymous.with_header("authorization", text), "AuthorizationHeaderMalformed", "InvalidArgument"
            )


async def test_two_credentials_in_one_request_are_none(store: Front) -> None:
    """Both right, and of two different keys: neither may be chosen."""
    await store.add_key(READER, policy=KeyPolicy.READ_ONLY)
    own = {"host": store.host}
    url = presign(READER, "PUT", "/alpha/k", own, now=NOW)
    headers = sign_header(ROOT, "PUT", url, own, now=NOW, payload=EMPTY_SHA256)
    await refused(store, Request("PUT", url, {**headers, "content-length": "0"}), "InvalidArgument")


async def test_rustfs_cve_2026_39360_the_source_of_a_copy_is_authorised_too(store: Front) -> None:
    await store.put("/hidden")
    await store.put("/hidden/secret", b"secret")
    await store.add_key(DESTINATION_ONLY, buckets=("alpha",))
    upload = (await store.ask("POST", "/alpha/big?uploads")).element("UploadId")
    for source in (
        "/hidden/secret",
        "hidden/secret",
        "%2Fhidden%2Fsecret",
        "/hidden/secret?versionId=null",
        "/%68idden/secret",
    ):
        for target in ("/alpha/copy", f"/alpha/big?partNumber=1&uploadId={upload}"):
            request = store.signed("PUT", target, {"x-amz-copy-source": source}, signer=DESTINATION_ONLY)
            await refused(store, request, "AccessDenied")
    await refused(
        store,
        store.signed("PUT", "/alpha/copy", {"x-amz-copy-source": "/hidden/absent"}, signer=DESTINATION_ONLY),
        "AccessDenied",
    )


async def test_a_presigned_put_does_not_become_a_copy_by_an_unsigned_header(store: Front) -> None:
    await store.put("/alpha/secret", b"secret")
    for mode in (Mode.PRESIGNED, Mode.SIGNED):
        good = store.signed("PUT", "/alpha/upload-here", mode=mode)
        await refused(store, good.with_header("x-amz-copy-source", "/alpha/secret"), "AccessDenied")


async def test_a_presigned_url_does_not_grow_a_header_in_its_query(store: Front) -> None:
    await store.put("/alpha/secret", b"secret")
    good = store.signed("PUT", "/alpha/upload-here", mode=Mode.PRESIGNED)
    for added in ("x-amz-copy-source=%2Falpha%2Fsecret", "X-Amz-Meta-Evil=1", "x-amz-acl=private"):
        await refused(store, replace(good, target=f"{good.target}&{added}"), "SignatureDoesNotMatch")


async def test_a_presigned_part_is_good_for_its_part_only(store: Front) -> None:
    upload = (await store.ask("POST", "/alpha/k?uploads")).element("UploadId")
    good = store.signed("PUT", f"/alpha/k?partNumber=1&uploadId={upload}", {}, b"x", mode=Mode.PRESIGNED)
    await refused(
        store, replace(good, target=good.target.replace("partNumber=1", "partNumber=2")), "SignatureDoesNotMatch"
    )
    whole_object = good.target.replace(f"partNumber=1&uploadId={upload}&", "")
    await refused(store, replace(good, target=whole_object), "SignatureDoesNotMatch")


async def test_minio_cve_2026_34204_headers_of_other_stores_do_not_become_metadata(store: Front) -> None:
    names = ("x-minio-internal-a", "x-seglake-internal", "x-rustfs-a", "x-forwarded-user", "meta-a")
    await store.put("/alpha/k", b"", dict.fromkeys(names, "evil"))
    reply = await store.ask("HEAD", "/alpha/k")
    assert not set(names) & set(reply.headers)
    assert "evil" not in "".join(store.dump())


@pytest.mark.parametrize(
    "name", ["x-amz-replication-status", "x-amz-server-side-encryption-context", "x-amz-mp-parts-count"]
)
async def test_headers_that_only_a_server_says_are_refused(store: Front, name: str) -> None:
    await refused(store, store.signed("PUT", "/alpha/k", {name: "1"}), "NotImplemented")


async def test_minio_cve_2022_24842_a_read_only_key_of_the_owner_writes_nothing(store: Front) -> None:
    await store.add_key(READER, policy=KeyPolicy.READ_ONLY)
    await store.put("/alpha/k", b"x")
    for method, target, headers in (
        ("PUT", "/alpha/k", {}),
        ("PUT", "/alpha/k2", {"x-amz-copy-source": "/alpha/k"}),
        ("DELETE", "/alpha/k", {}),
        ("POST", "/alpha/k?uploads", {}),
        ("PUT", "/gamma", {}),
        ("DELETE", "/alpha", {}),
    ):
        await refused(store, store.signed(method, target, headers, signer=READER), "AccessDenied")


async def test_delete_objects_is_authorised(store: Front) -> None:
    await store.add_key(READER, policy=KeyPolicy.READ_ONLY)
    await store.put("/alpha/k", b"x")
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    headers = {"x-amz-checksum-crc32": crc32_text(body)}
    before = store.dump()
    reply = await send(store, store.signed("POST", "/alpha?delete", headers, body, signer=READER))
    assert reply.status == 200, "each key is answered for itself"
    assert reply.element("Code") == "AccessDenied"
    assert b"<Deleted>" not in reply.body
    assert store.dump() == before


@pytest.mark.parametrize(
    "target",
    [
        "/alpha/../hidden/secret",
        "/alpha/%2e%2e/hidden/secret",
        "/alpha%2F..%2Fhidden/secret",
        "/alpha/..%2fhidden%2fsecret",
        "/./hidden/secret",
        "/%2e/hidden/secret",
        "/%68idden/secret",
        "//hidden/secret",
        "/hidden%2Fsecret",
        "/alpha%00/../hidden/secret",
    ],
)
async def test_s3_proxy_cve_2026_42882_authorisation_and_handler_see_one_path(store: Front, target: str) -> None:
    await store.put("/hidden")
    await store.put("/hidden/secret", b"the secret")
    await store.add_key(DESTINATION_ONLY, buckets=("alpha",))
    for method in ("GET", "DELETE"):
        reply = await send(store, store.signed(method, target, signer=DESTINATION_ONLY))
        assert b"the secret" not in reply.body
        assert reply.code in ("AccessDenied", "NoSuchKey", "InvalidBucketName", "")
        assert reply.status in (204, 400, 403, 404)
    assert (await store.ask("GET", "/hidden/secret")).body == b"the secret"


async def test_a_virtual_host_and_a_path_name_one_bucket(store: Front) -> None:
    """Authorised by the host, served by the path: never."""
    await store.put("/hidden")
    await store.put("/hidden/secret", b"the secret")
    await store.add_key(DESTINATION_ONLY, buckets=("alpha",))
    own = {"host": "alpha.localhost"}
    headers = sign_header(DESTINATION_ONLY, "GET", "/hidden/secret", own, now=NOW, payload=EMPTY_SHA256)
    assert (await send(store, Request("GET", "/hidden/secret", headers))).code == "NoSuchKey"
    own = {"host": "hidden.localhost"}
    headers = sign_header(DESTINATION_ONLY, "GET", "/alpha/secret", own, now=NOW, payload=EMPTY_SHA256)
    await refused(store, Request("GET", "/alpha/secret", headers), "AccessDenied")


async def test_rustfs_cve_2026_21862_and_aiohttp_cve_2026_34525_forged_origins_change_nothing(store: Front) -> None:
    for name in (
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
        "forwarded",
        "x-original-url",
    ):
        forged = Request("GET", "/alpha", {"host": store.host, name: "127.0.0.1"})
        await refused(store, forged, "AccessDenied")
    good = store.signed("GET", "/alpha")
    for second in (good.headers["host"], "alpha.localhost"):
        await refused(store, replace(good, more=(("Host", second),)), "BadRequest", "InvalidRequest")


@pytest.mark.parametrize(
    ("signed_as", "sent_as"),
    [
        ("prefix=a%2Bb", "prefix=a%20b"),
        ("prefix=a%20b", "prefix=a%2Bb"),
        ("prefix=a%20b", "prefix=a+b"),
        ("prefix=a", "prefix=A"),
        ("prefix=a", "Prefix=a"),
        ("prefix=", "prefix=a"),
        ("prefix=a&delimiter=b", "prefix=a&delimiter=b&prefix=c"),
        ("prefix=a&delimiter=b", "prefix=a%26delimiter=b"),
        ("prefix=a", "prefix=a&"),
        ("prefix=a", "prefix=a#"),
    ],
)
async def test_one_signature_has_one_meaning(store: Front, signed_as: str, sent_as: str) -> None:
    """Canonicalisation: what is signed is what is acted on, or the request is refused."""
    for mode in (Mode.SIGNED, Mode.PRESIGNED):
        good = store.signed("GET", f"/alpha?{signed_as}", mode=mode)
        reply = await send(store, replace(good, target=good.target.replace(signed_as, sent_as, 1)))
        if reply.status == 200:
            assert sent_as == "prefix=a&", "an empty pair means nothing"
            assert reply.element("Prefix") == "a"
        else:
            assert reply.status in (400, 403, 501)


async def test_case_and_spaces_of_header_values_count(store: Front) -> None:
    good = store.signed("PUT", "/alpha/k", {"x-amz-meta-a": "Value one"})
    for other in ("value one", "Valueone", "Value onE"):
        await refused(store, good.with_header("x-amz-meta-a", other), "SignatureDoesNotMatch")
    assert (await send(store, good)).status == 200


async def test_an_upload_id_is_no_key_to_another_place(store: Front) -> None:
    upload = (await store.ask("POST", "/alpha/k?uploads")).element("UploadId")
    await store.put("/gamma")
    for target in (f"/gamma/k?uploadId={upload}", f"/alpha/other?uploadId={upload}"):
        for method in ("GET", "DELETE"):
            await refused(store, store.signed(method, target), "NoSuchUpload")
        await refused(store, store.signed("PUT", f"{target}&partNumber=1", {}, b"x"), "NoSuchUpload")
    await refused(store, store.signed("GET", "/alpha/k?uploadId=..%2F..%2Fmeta.db"), "NoSuchUpload")


@pytest.mark.parametrize("bomb", ["ranges", "parts", "keys", "entities", "depth"])
async def test_bombs_cost_no_more_than_their_bytes(store: Front, bomb: str) -> None:
    await store.put("/alpha/k", b"x" * 1000)
    if bomb == "ranges":
        text = "bytes=" + ",".join(["0-"] * 1000)
        assert len((await store.ask("GET", "/alpha/k", {"range": text})).body) == 1000
        return
    bodies = {
        "parts": b"<Part><PartNumber>1</PartNumber><ETag>a</ETag></Part>" * 10_001,
        "keys": b"<Object><Key>k</Key></Object>" * 1001,
        "entities": b"&a;" * 1000,
        "depth": b"<Object>" * 1000 + b"</Object>" * 1000,
    }
    if bomb == "parts":
        upload = (await store.ask("POST", "/alpha/k?uploads")).element("UploadId")
        xml = b"<CompleteMultipartUpload>" + bodies[bomb] + b"</CompleteMultipartUpload>"
        await refused(store, store.signed("POST", f"/alpha/k?uploadId={upload}", {}, xml), "MalformedXML")
        return
    head = b'<!DOCTYPE z [<!ENTITY a "aaaaaaaaaa">]>' if bomb == "entities" else b""
    xml = head + b"<Delete>" + bodies[bomb] + b"</Delete>"
    headers = {"x-amz-checksum-crc32": crc32_text(xml)}
    await refused(store, store.signed("POST", "/alpha?delete", headers, xml), "MalformedXML")
