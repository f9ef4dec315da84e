from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Mapping

import pytest

from seglake.adapters.s3_protocol.documents import object_lock
from seglake.adapters.s3_protocol.signing import Signer
from seglake.domain.model.object_lock import DAY_MS, BucketLock, DefaultRetention, Retention, RetentionMode
from tests.unit.adapters.http_s3.front import NOW, Front, front
from tests.wire import Reply

MODE, UNTIL, HOLD = "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date", "x-amz-object-lock-legal-hold"
BYPASS = {"x-amz-bypass-governance-retention": "true"}
LATER = "2030-01-01T00:00:00.000Z"
LATER_MS = 1893456000000
SUSPENDED = b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"
GOVERNANCE, COMPLIANCE = RetentionMode.GOVERNANCE, RetentionMode.COMPLIANCE


def md5(body: bytes) -> dict[str, str]:
    return {"content-md5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()}


def lock(mode: str = "GOVERNANCE", body: bytes = b"body") -> dict[str, str]:
    return {MODE: mode, UNTIL: LATER, **md5(body)}


@pytest.fixture
async def locking() -> AsyncIterator[Front]:
    async with front() as running:
        await running.put("/alpha", headers={"x-amz-bucket-object-lock-enabled": "true"})
        await running.put("/plain")
        yield running


async def send(store: Front, target: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
    return await store.ask("PUT", target, {**md5(body), **(headers or {})}, body)


async def put(store: Front, headers: Mapping[str, str]) -> str:
    return (await store.put("/alpha/k", b"body", headers)).headers["x-amz-version-id"]


def delete_xml(version: str) -> bytes:
    return f"<Delete><Object><Key>k</Key><VersionId>{version}</VersionId></Object></Delete>".encode()


async def refused(reply: Reply) -> None:
    assert (reply.status, reply.code) == (403, "AccessDenied")
    assert "object lock" in reply.element("Message")


async def test_a_bucket_begins_with_object_lock_and_versions(locking: Front) -> None:
    reply = await locking.ask("GET", "/alpha?object-lock")
    assert object_lock.parse_configuration(reply.body) == BucketLock()
    assert (await locking.ask("GET", "/alpha?versioning")).element("Status") == "Enabled"
    assert (await locking.ask("PUT", "/alpha?versioning", {}, SUSPENDED)).code == "InvalidBucketState"
    assert (await locking.ask("GET", "/plain?object-lock")).code == "ObjectLockConfigurationNotFoundError"
    again = {"x-amz-bucket-object-lock-enabled": "true"}
    assert (await locking.ask("PUT", "/alpha", again)).status == 200
    assert (await locking.ask("PUT", "/plain", again)).code == "BucketAlreadyOwnedByYou"
    other = {**again, "x-seglake-versioning": "suspended"}
    assert (await locking.ask("PUT", "/delta", other)).code == "InvalidArgument"


async def test_a_configuration_is_set_only_with_versions(locking: Front) -> None:
    value = BucketLock(DefaultRetention(COMPLIANCE, days=3))
    body = object_lock.configuration(value)
    assert (await send(locking, "/plain?object-lock", body)).code == "InvalidBucketState"
    assert (await locking.ask("PUT", "/alpha?object-lock", {}, body)).code == "InvalidRequest", "without Content-MD5"
    assert (await send(locking, "/alpha?object-lock", body)).status == 200
    assert object_lock.parse_configuration((await locking.ask("GET", "/alpha?object-lock")).body) == value
    await locking.put("/alpha/k", b"body")
    head = await locking.ask("HEAD", "/alpha/k")
    assert (head.headers[MODE], HOLD in head.headers) == ("COMPLIANCE", False)
    kept = object_lock.parse_retention((await locking.ask("GET", "/alpha/k?retention")).body)
    assert kept == Retention(COMPLIANCE, NOW * 1000 + 3 * DAY_MS)


async def test_a_put_with_a_lock_is_vouched_for_and_shown(locking: Front) -> None:
    bare = {MODE: "GOVERNANCE", UNTIL: LATER}
    assert (await locking.ask("PUT", "/alpha/k", bare, b"body")).code == "InvalidRequest"
    assert (await locking.ask("PUT", "/alpha/k", {HOLD: "ON"}, b"body")).code == "InvalidRequest"
    assert (await locking.ask("PUT", "/plain/k", lock(), b"body")).code == "InvalidRequest"
    past = {**lock(), UNTIL: "2020-01-01T00:00:00Z"}
    assert (await locking.ask("PUT", "/alpha/k", past, b"body")).code == "InvalidArgument"
    assert (await locking.ask("HEAD", "/alpha/k")).status == 404
    await put(locking, {**lock(), HOLD: "ON"})
    for method in ("GET", "HEAD"):
        headers = (await locking.ask(method, "/alpha/k")).headers
        assert (headers[MODE], headers[UNTIL], headers[HOLD]) == ("GOVERNANCE", LATER, "ON")


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
async def test_a_locked_version_survives_every_delete(locking: Front, mode: str) -> None:
    version = await put(locking, lock(mode))
    await refused(await locking.ask("DELETE", f"/alpha/k?versionId={version}"))
    xml = delete_xml(version)
    many = await locking.ask("POST", "/alpha?delete", md5(xml), xml)
    assert (many.status, many.code) == (200, "AccessDenied")
    lifted = await locking.ask("DELETE", f"/alpha/k?versionId={version}", BYPASS)
    if mode == "COMPLIANCE":
        await refused(lifted)
        locking.clock.ms = LATER_MS - 1
        late = locking.signed("DELETE", f"/alpha/k?versionId={version}", now=LATER_MS // 1000)
        async with locking.wire() as wire:
            await refused(await wire.ask(late))
            locking.clock.ms += 1
            assert (await wire.ask(late)).status == 204
    else:
        assert lifted.status == 204


async def test_bulk_delete_takes_the_bypass_too(locking: Front) -> None:
    version = await put(locking, lock())
    xml = delete_xml(version)
    for value in ("false", "True"):
        reply = await locking.ask(
            "POST", "/alpha?delete", {**md5(xml), "x-amz-bypass-governance-retention": value}, xml
        )
        assert (b"<Deleted>" in reply.body) == (value == "True")


def key_policy(*actions: str) -> str:
    names = ",".join(f'"{action}"' for action in actions)
    return f'{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":[{names}],"Resource":"*"}}]}}'


DELETER = Signer("deleter", "secret-of-the-deleter")
KEEPER = Signer("keeper", "secret-of-the-keeper")
DELETES = ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObjectRetention", "s3:GetObject", "s3:PutObject")


async def test_the_bypass_needs_a_right_of_its_own(locking: Front) -> None:
    await locking.add_user("bob")
    await locking.add_key(DELETER, user="bob", policy=key_policy(*DELETES))
    await locking.add_key(KEEPER, user="bob", policy=key_policy(*DELETES, "s3:BypassGovernanceRetention"))
    version = await put(locking, lock())
    xml, removal = delete_xml(version), b"<Retention/>"
    requests = (
        ("PUT", f"/alpha/k?retention&versionId={version}", removal),
        ("POST", "/alpha?delete", xml),
        ("DELETE", f"/alpha/k?versionId={version}", b""),
    )

    async def ask(signer: Signer, method: str, target: str, body: bytes) -> Reply:
        headers = {**BYPASS, **md5(body)} if body else BYPASS
        async with locking.wire() as wire:
            return await wire.ask(locking.signed(method, target, headers, body, signer=signer))

    for request in requests:
        reply = await ask(DELETER, *request)
        assert reply.code == "AccessDenied", request
        assert (await locking.ask("HEAD", f"/alpha/k?versionId={version}")).headers[MODE] == "GOVERNANCE"
    for request in requests:
        assert (await ask(KEEPER, *request)).status in (200, 204)
    assert (await locking.ask("HEAD", f"/alpha/k?versionId={version}")).status == 404


async def test_locks_are_shown_and_set_only_by_who_may(locking: Front) -> None:
    await locking.add_user("bob")
    await locking.add_key(
        DELETER, user="bob", policy=key_policy("s3:GetObject", "s3:PutObject", "s3:GetObjectLegalHold")
    )
    await put(locking, {**lock(), HOLD: "ON"})
    async with locking.wire() as wire:
        shown = (await wire.ask(locking.signed("HEAD", "/alpha/k", signer=DELETER))).headers
        assert (MODE in shown, UNTIL in shown, shown[HOLD]) == (False, False, "ON")
        for headers in ({HOLD: "OFF", **md5(b"body")}, lock()):
            reply = await wire.ask(locking.signed("PUT", "/alpha/k", headers, b"body", signer=DELETER))
            assert reply.code == "AccessDenied"
    async with locking.wire() as wire:
        assert (await wire.ask(locking.signed("PUT", "/alpha/k", {}, b"body", signer=DELETER))).status == 200


async def test_retentions_are_prolonged_and_removed(locking: Front) -> None:
    version = await put(locking, md5(b"body"))
    assert (await locking.ask("GET", "/alpha/k?retention")).code == "NoSuchObjectLockConfiguration"
    longer = object_lock.retention(Retention(GOVERNANCE, LATER_MS + 1000))
    shorter = object_lock.retention(Retention(GOVERNANCE, LATER_MS - 1000))
    target = f"/alpha/k?retention&versionId={version}"
    assert (await send(locking, target, longer)).status == 200
    await refused(await send(locking, target, shorter))
    assert (await send(locking, target, shorter, BYPASS)).status == 200
    assert (await locking.ask("GET", target)).element("RetainUntilDate") == "2029-12-31T23:59:59.000Z"
    await refused(await send(locking, target, b"<Retention/>"))
    assert (await send(locking, target, b"<Retention/>", BYPASS)).status == 200
    assert (await locking.ask("GET", target)).code == "NoSuchObjectLockConfiguration"
    past = object_lock.retention(Retention(GOVERNANCE, 1000))
    assert (await send(locking, target, past)).code == "InvalidArgument"
    assert (await locking.ask("PUT", target, {}, longer)).code == "InvalidRequest", "without Content-MD5"
    assert (await send(locking, "/plain/k?retention", longer)).code == "InvalidRequest"
    assert (await locking.ask("GET", "/plain/k?retention")).code == "InvalidRequest"


async def test_holds_come_and_go(locking: Front) -> None:
    version = await put(locking, md5(b"body"))
    target = f"/alpha/k?legal-hold&versionId={version}"
    assert (await locking.ask("GET", target)).element("Status") == "OFF"
    assert (await send(locking, target, object_lock.legal_hold(True))).status == 200
    assert (await locking.ask("GET", target)).element("Status") == "ON"
    await refused(await locking.ask("DELETE", f"/alpha/k?versionId={version}", BYPASS))
    assert (await send(locking, target, object_lock.legal_hold(False))).status == 200
    assert HOLD not in (await locking.ask("HEAD", "/alpha/k")).headers
    assert (await locking.ask("DELETE", f"/alpha/k?versionId={version}")).status == 204
    assert (await send(locking, "/alpha/none?legal-hold", object_lock.legal_hold(True))).code == "NoSuchKey"
    assert (await send(locking, "/plain/k?legal-hold", object_lock.legal_hold(True))).code == "InvalidRequest"


async def test_copies_and_uploads_take_a_lock_of_their_own(locking: Front) -> None:
    await put(locking, lock("COMPLIANCE"))
    source = {"x-amz-copy-source": "/alpha/k"}
    await locking.put("/alpha/bare", headers=source)
    assert MODE not in (await locking.ask("HEAD", "/alpha/bare")).headers
    await locking.put("/alpha/copy", headers={**source, MODE: "GOVERNANCE", UNTIL: LATER, HOLD: "ON"})
    shown = (await locking.ask("HEAD", "/alpha/copy")).headers
    assert (shown[MODE], shown[UNTIL], shown[HOLD]) == ("GOVERNANCE", LATER, "ON")
    begun = await locking.ask("POST", "/alpha/up?uploads", {MODE: "COMPLIANCE", UNTIL: LATER})
    upload = begun.element("UploadId")
    part = await locking.put(f"/alpha/up?partNumber=1&uploadId={upload}", b"part")
    named = f"<Part><PartNumber>1</PartNumber><ETag>{part.headers['etag']}</ETag></Part>"
    whole = f"<CompleteMultipartUpload>{named}</CompleteMultipartUpload>".encode()
    assert (await locking.ask("POST", f"/alpha/up?uploadId={upload}", {}, whole)).status == 200
    assert (await locking.ask("HEAD", "/alpha/up")).headers[MODE] == "COMPLIANCE"
    assert (await locking.ask("POST", "/plain/up?uploads", {MODE: "COMPLIANCE", UNTIL: LATER})).code == "InvalidRequest"
