from __future__ import annotations

import base64
import hashlib

import pytest

from seglake.adapters.s3_protocol.http_dates import http_date
from seglake.domain.model.lifecycle import DAY_MS
from tests.unit.adapters.http_s3.front import Front, front
from tests.wire import Reply

MINIMUM = "x-amz-transition-default-minimum-object-size"
EXPIRE = "<Rule><ID>{id}</ID><Filter>{filter}</Filter><Status>Enabled</Status>{action}</Rule>"
DAYS = "<Expiration><Days>2</Days></Expiration>"
ABORT = "<AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>"


def document(*, rule_id: str = "a rule", chosen: str = "", action: str = DAYS) -> bytes:
    rule = EXPIRE.format(id=rule_id, filter=chosen, action=action)
    return f"<LifecycleConfiguration>{rule}</LifecycleConfiguration>".encode()


async def configure(store: Front, body: bytes, target: str = "/alpha?lifecycle", **headers: str) -> Reply:
    md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    return await store.ask("PUT", target, {"content-md5": md5, **headers}, body)


def expiry_of(store: Front, rule: str = "a%20rule", days: int = 3, day_ms: int = DAY_MS) -> str:
    date = http_date((store.clock.ms // day_ms + days) * day_ms // 1000)
    return f'expiry-date="{date}", rule-id="{rule}"'


async def test_rules_are_kept_shown_replaced_and_removed(store: Front) -> None:
    missing = await store.ask("GET", "/alpha?lifecycle")
    assert (missing.status, missing.code) == (404, "NoSuchLifecycleConfiguration")
    assert (await configure(store, document())).status == 200
    shown = await store.ask("GET", "/alpha?lifecycle")
    assert (shown.element("ID"), shown.element("Days")) == ("a rule", "2")
    assert shown.headers[MINIMUM] == "all_storage_classes_128K"
    reply = await configure(store, document(rule_id="b"), **{MINIMUM: "varies_by_storage_class"})
    assert (reply.status, reply.headers[MINIMUM]) == (200, "varies_by_storage_class")
    shown = await store.ask("GET", "/alpha?lifecycle")
    assert (shown.element("ID"), shown.headers[MINIMUM]) == ("b", "varies_by_storage_class")
    for _ in range(2):
        assert (await store.ask("DELETE", "/alpha?lifecycle")).status == 204
    assert (await store.ask("GET", "/alpha?lifecycle")).status == 404


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
async def test_a_bucket_that_is_not_there(store: Front, method: str) -> None:
    if method == "PUT":
        reply = await configure(store, document(), "/nobody?lifecycle")
    else:
        reply = await store.ask(method, "/nobody?lifecycle")
    assert (reply.status, reply.code) == (404, "NoSuchBucket")


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (document(action="<Transition/>"), {}, 501, "NotImplemented"),
        (document(action=""), {}, 400, "InvalidRequest"),
        (document(action="<Expiration><Days>0</Days></Expiration>"), {}, 400, "InvalidArgument"),
        (b"<LifecycleConfiguration/>", {}, 400, "MalformedXML"),
        (document(), {MINIMUM: "1K"}, 400, "InvalidArgument"),
        (document(), {"content-md5": "AAAAAAAAAAAAAAAAAAAAAA=="}, 400, "BadDigest"),
    ],
)
async def test_what_is_refused_changes_nothing(
    store: Front, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    await configure(store, document())
    before = store.dump()
    reply = await configure(store, body, **headers)
    assert (reply.status, reply.code) == (status, code)
    assert store.dump() == before


async def test_a_digest_is_required(store: Front) -> None:
    reply = await store.ask("PUT", "/alpha?lifecycle", {}, document())
    assert (reply.status, reply.code) == (400, "InvalidRequest")


async def test_every_answer_about_an_object_foretells_its_end(store: Front) -> None:
    await configure(store, document(chosen="<Prefix>key</Prefix>"))
    written = await store.ask("PUT", "/alpha/key", {}, b"body")
    assert written.headers["x-amz-expiration"] == expiry_of(store)
    for method in ("GET", "HEAD"):
        assert (await store.ask(method, "/alpha/key")).headers["x-amz-expiration"] == expiry_of(store)
    copied = await store.ask("PUT", "/alpha/key2", {"x-amz-copy-source": "/alpha/key"})
    assert copied.headers["x-amz-expiration"] == expiry_of(store)
    for target in ("/alpha/other",):
        assert "x-amz-expiration" not in (await store.ask("PUT", target, {}, b"body")).headers
        assert "x-amz-expiration" not in (await store.ask("GET", target)).headers


async def test_a_bucket_configured_otherwise_foretells_nothing(store: Front) -> None:
    await configure(store, document())
    await store.ask("PUT", "/beta")
    await configure(store, document(action="<Expiration><Days>1</Days></Expiration>"), "/beta?lifecycle")
    await store.ask("DELETE", "/beta?lifecycle")
    assert "x-amz-expiration" not in (await store.ask("PUT", "/beta/key", {}, b"body")).headers
    assert "x-amz-expiration" not in (await store.ask("HEAD", "/beta/key")).headers


async def test_tags_count_where_they_come_from_a_header_a_source_or_an_upload(store: Front) -> None:
    await configure(store, document(chosen="<Tag><Key>a</Key><Value>1</Value></Tag>"))
    plain = await store.ask("PUT", "/alpha/plain", {}, b"body")
    tagged = await store.ask("PUT", "/alpha/tagged", {"x-amz-tagging": "a=1"}, b"body")
    copied = await store.ask("PUT", "/alpha/copied", {"x-amz-copy-source": "/alpha/tagged"})
    begun = await store.ask("POST", "/alpha/big?uploads", {"x-amz-tagging": "a=1"})
    upload = begun.element("UploadId")
    part = await store.ask("PUT", f"/alpha/big?partNumber=1&uploadId={upload}", {}, b"part")
    named = f"<Part><PartNumber>1</PartNumber><ETag>{part.headers['etag']}</ETag></Part>"
    xml = f"<CompleteMultipartUpload>{named}</CompleteMultipartUpload>"
    completed = await store.ask("POST", f"/alpha/big?uploadId={upload}", {}, xml.encode())
    assert "x-amz-expiration" not in plain.headers
    assert [reply.headers["x-amz-expiration"] for reply in (tagged, copied, completed)] == [expiry_of(store)] * 3
    assert "x-amz-abort-date" not in begun.headers


async def test_only_a_current_version_has_an_end(store: Front) -> None:
    await store.ask(
        "PUT",
        "/alpha?versioning",
        {},
        b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
    )
    await configure(store, document())
    old = (await store.ask("PUT", "/alpha/key", {}, b"old")).headers["x-amz-version-id"]
    new = (await store.ask("PUT", "/alpha/key", {}, b"new")).headers["x-amz-version-id"]
    assert "x-amz-expiration" not in (await store.ask("GET", f"/alpha/key?versionId={old}")).headers
    assert "x-amz-expiration" in (await store.ask("GET", f"/alpha/key?versionId={new}")).headers


async def test_a_rule_id_is_encoded_and_a_day_as_long_as_configured() -> None:
    async with front(lifecycle_day_ms=1000) as store:
        await store.put("/alpha")
        await configure(store, document(rule_id='ä/"b'))
        reply = await store.ask("PUT", "/alpha/key", {}, b"body")
        assert reply.headers["x-amz-expiration"] == expiry_of(store, "%C3%A4%2F%22b", day_ms=1000)


async def test_an_upload_is_told_when_it_will_be_aborted(store: Front) -> None:
    begun = await store.ask("POST", "/alpha/before?uploads")
    assert "x-amz-abort-date" not in begun.headers
    await configure(store, document(chosen="<Prefix>big</Prefix>", action=ABORT))
    begun = await store.ask("POST", "/alpha/big?uploads")
    expected = http_date((store.clock.ms // DAY_MS + 3) * DAY_MS // 1000)
    assert (begun.headers["x-amz-abort-date"], begun.headers["x-amz-abort-rule-id"]) == (expected, "a rule")
    listed = await store.ask("GET", f"/alpha/big?uploadId={begun.element('UploadId')}")
    assert (listed.headers["x-amz-abort-date"], listed.headers["x-amz-abort-rule-id"]) == (expected, "a rule")
    assert "x-amz-expiration" not in (await store.ask("PUT", "/alpha/big", {}, b"body")).headers
    assert "x-amz-abort-date" not in (await store.ask("POST", "/alpha/other?uploads")).headers
    await configure(store, document(rule_id="ü", action=ABORT))
    assert (await store.ask("POST", "/alpha/big?uploads")).headers["x-amz-abort-rule-id"] == "%C3%BC"
