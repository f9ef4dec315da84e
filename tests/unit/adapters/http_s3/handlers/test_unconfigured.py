"""Configurations that no bucket has: the bucket comes first, then the answer of a bucket that never got one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from seglake.adapters.s3_protocol.documents.unconfigured import CHECKS, DEFAULTS, MISSING, REMOVABLE, UNCONFIGURED
from seglake.adapters.s3_protocol.operations import Operation
from tests.unit.adapters.http_s3.front import Front, front
from tests.unit.adapters.http_s3.matrix import SAMPLES
from tests.wire import Reply


@pytest.fixture
async def store() -> AsyncIterator[Front]:
    async with front() as running:
        await running.put("/alpha")
        yield running


async def ask(store: Front, operation: Operation, bucket: str = "alpha", body: bytes | None = None) -> Reply:
    sample = SAMPLES[operation]
    target = sample.target.replace("alpha", bucket)
    return await store.ask(operation.method, target, body=sample.body if body is None else body)


@pytest.mark.parametrize(
    "operation", [one for one in Operation if one in UNCONFIGURED], ids=lambda operation: operation.name
)
async def test_a_bucket_that_is_not_there_is_said_first(store: Front, operation: Operation) -> None:
    reply = await ask(store, operation, "nobodys", b"<nonsense" if operation in CHECKS else b"")
    assert (reply.status, reply.code) == (404, "NoSuchBucket")


@pytest.mark.parametrize("operation", DEFAULTS, ids=lambda operation: operation.name)
async def test_a_default_is_answered_as_a_document(store: Front, operation: Operation) -> None:
    reply = await ask(store, operation)
    assert (reply.status, reply.body) == (200, DEFAULTS[operation])
    assert reply.headers["content-type"] == "application/xml"


@pytest.mark.parametrize("operation", MISSING, ids=lambda operation: operation.name)
async def test_what_is_missing_is_an_error_that_names_the_bucket(store: Front, operation: Operation) -> None:
    reply = await ask(store, operation)
    assert (reply.status, reply.code) == (404, MISSING[operation].text)
    assert reply.element("BucketName") == "alpha"


@pytest.mark.parametrize(
    "operation", [one for one in Operation if one in REMOVABLE], ids=lambda operation: operation.name
)
async def test_removing_what_is_missing_succeeds(store: Front, operation: Operation) -> None:
    reply = await ask(store, operation)
    assert (reply.status, reply.body) == (204, b"")


@pytest.mark.parametrize("operation", CHECKS, ids=lambda operation: operation.name)
async def test_setting_what_holds_anyway_succeeds_and_changes_nothing(store: Front, operation: Operation) -> None:
    before = store.dump()
    reply = await ask(store, operation)
    assert (reply.status, reply.body) == (200, b"")
    assert store.dump() == before


@pytest.mark.parametrize("kind", ["analytics", "intelligent-tiering", "inventory", "metrics"])
async def test_a_configuration_must_be_named_and_a_token_must_be_one_of_ours(store: Front, kind: str) -> None:
    for method, query in (("DELETE", ""), ("DELETE", "&id="), ("GET", "&id="), ("GET", "&continuation-token=x")):
        reply = await store.ask(method, f"/alpha?{kind}{query}")
        assert (reply.status, reply.code) == (400, "InvalidArgument"), (method, query)
        assert reply.element("ArgumentName") == ("continuation-token" if "token" in query else "id")


@pytest.mark.parametrize(
    "place",
    [
        *("analytics&id=a", "inventory&id=a", "metrics&id=a", "intelligent-tiering&id=a", "website", "replication"),
        *("metadataInventoryTable", "metadataJournalTable"),
    ],
)
async def test_a_configuration_that_would_be_kept_is_refused(store: Front, place: str) -> None:
    reply = await store.ask("PUT", f"/alpha?{place}", body=b"<Configuration/>")
    assert (reply.status, reply.code) == (501, "NotImplemented")


async def test_destinations_that_nobody_names_need_no_validation(store: Front) -> None:
    body = b"<NotificationConfiguration/>"
    for value, status in (("true", 200), ("false", 200), ("perhaps", 501)):
        headers = {"x-amz-skip-destination-validation": value}
        assert (await store.ask("PUT", "/alpha?notification", headers, body)).status == status
