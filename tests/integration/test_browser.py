"""A real browser is the judge of CORS: pages of an allowed origin reach the store, pages of others do not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.integration.browser import Tab, page_server, running_browser, tab_of
from tests.integration.conftest import client_of
from tests.integration.endpoint import Endpoint

FETCH = """async (url, init) => {
    try {
        const answer = await fetch(url, init);
        return {status: answer.status, text: await answer.text(), headers: Object.fromEntries(answer.headers)};
    } catch (error) {
        return {error: error.name};
    }
}"""
POST = """async (url, fields, content) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("file", new File([content], "photo \\u00fc.txt", {type: "text/plain"}));
    const answer = await fetch(url, {method: "POST", body: form});
    return {status: answer.status, text: await answer.text(), headers: Object.fromEntries(answer.headers)};
}"""
SUBMIT = """(url, fields, content) => {
    const form = document.createElement("form");
    form.action = url;
    form.method = "POST";
    form.enctype = "multipart/form-data";
    for (const [name, value] of Object.entries(fields)) {
        const input = document.createElement("input");
        input.name = name;
        input.value = value;
        form.append(input);
    }
    const chosen = new DataTransfer();
    chosen.items.add(new File([content], "chosen.txt"));
    const file = document.createElement("input");
    file.type = "file";
    file.name = "file";
    file.files = chosen.files;
    const button = document.createElement("input");
    button.type = "submit";
    button.name = "submit";
    form.append(file, button);
    document.body.append(form);
    button.click();
}"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One browser for all tests here."""
    home = tmp_path_factory.mktemp("chromium") / "profile"
    home.mkdir()
    with running_browser(home) as address:
        yield address


@pytest.fixture
async def tab(browser: str) -> AsyncIterator[Tab]:
    async with tab_of(browser) as opened:
        yield opened


@pytest.fixture
async def pages() -> AsyncIterator[int]:
    async with page_server() as port:
        yield port


@pytest.fixture
def signing(endpoint: Endpoint) -> Iterator[Any]:
    """A client that presigns for a browser."""
    client = client_of(endpoint, signature_version="s3v4")
    yield client
    client.close()


def allow(s3: Any, bucket: str, origin: str) -> None:
    rule = {
        "AllowedOrigins": [origin],
        "AllowedMethods": ["GET", "PUT", "POST"],
        "AllowedHeaders": ["content-type", "x-amz-meta-*"],
        "ExposeHeaders": ["ETag", "x-amz-meta-a"],
        "MaxAgeSeconds": 5,
    }
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})


async def test_pages_of_the_allowed_origin_read_and_others_do_not(
    tab: Tab, pages: int, s3: Any, signing: Any, bucket: str
) -> None:
    allow(s3, bucket, f"http://127.0.0.1:{pages}")
    big = "0123456789" * 100_000
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", Metadata={"a": "1", "b": "2"})["ETag"]
    s3.put_object(Bucket=bucket, Key="big", Body=big.encode())
    url, big_url, missing = (
        signing.generate_presigned_url("get_object", {"Bucket": bucket, "Key": key}) for key in ("k", "big", "gone")
    )
    await tab.open(f"http://127.0.0.1:{pages}/")
    got = await tab.run(FETCH, url, {})
    assert (got["status"], got["text"]) == (200, "hello")
    assert (got["headers"]["etag"], got["headers"]["x-amz-meta-a"]) == (etag, "1")
    assert "x-amz-meta-b" not in got["headers"], "not exposed"
    assert (await tab.run(FETCH, big_url, {}))["text"] == big, "a streamed answer"
    refused = await tab.run(FETCH, missing, {})
    assert refused["status"] == 404
    assert "<Code>NoSuchKey</Code>" in refused["text"], "a page may read why"
    assert await tab.run(FETCH, url, {"headers": {"x-other": "1"}}) == {"error": "TypeError"}, "not an allowed header"
    await tab.open(f"http://localhost:{pages}/")
    assert await tab.run(FETCH, url, {}) == {"error": "TypeError"}
    assert await tab.run(FETCH, big_url, {}) == {"error": "TypeError"}


async def test_a_page_puts_by_a_presigned_url(tab: Tab, pages: int, s3: Any, signing: Any, bucket: str) -> None:
    allow(s3, bucket, f"http://127.0.0.1:{pages}")
    fields = {"Bucket": bucket, "Key": "up/ü", "ContentType": "text/x-page", "Metadata": {"a": "from a page"}}
    url = signing.generate_presigned_url("put_object", fields)
    init = {
        "method": "PUT",
        "body": "by put",
        "headers": {"content-type": "text/x-page", "x-amz-meta-a": "from a page"},
    }
    await tab.open(f"http://localhost:{pages}/")
    assert await tab.run(FETCH, url, init) == {"error": "TypeError"}
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0, "the preflight kept it from being sent"
    await tab.open(f"http://127.0.0.1:{pages}/")
    put = await tab.run(FETCH, url, init)
    assert put["status"] == 200
    got = s3.get_object(Bucket=bucket, Key="up/ü")
    assert (got["Body"].read(), got["ETag"]) == (b"by put", put["headers"]["etag"])
    assert (got["ContentType"], got["Metadata"]) == ("text/x-page", {"a": "from a page"})


async def test_a_page_posts_a_form(tab: Tab, pages: int, s3: Any, signing: Any, bucket: str) -> None:
    allow(s3, bucket, f"http://127.0.0.1:{pages}")
    conditions = [["content-length-range", 1, 100], {"success_action_status": "201"}]
    post = signing.generate_presigned_post(bucket, "up/${filename}", {"success_action_status": "201"}, conditions)
    await tab.open(f"http://127.0.0.1:{pages}/")
    got = await tab.run(POST, post["url"], post["fields"], "from FormData")
    assert got["status"] == 201, got["text"]
    assert "<Key>up/photo ü.txt</Key>" in got["text"]
    assert s3.get_object(Bucket=bucket, Key="up/photo ü.txt")["Body"].read() == b"from FormData"
    refused = await tab.run(POST, post["url"], post["fields"], "x" * 101)
    assert refused["status"] == 400
    assert "<Code>EntityTooLarge</Code>" in refused["text"]


async def test_a_form_on_a_page_is_submitted_and_sent_on(
    tab: Tab, pages: int, s3: Any, signing: Any, bucket: str
) -> None:
    """Forms need no CORS: the browser goes to the store, and the store sends it back."""
    done = f"http://127.0.0.1:{pages}/done?from=form"
    fields = {"success_action_redirect": done, "Content-Type": "text/plain"}
    conditions = [{name: value} for name, value in fields.items()]
    post = signing.generate_presigned_post(bucket, "up/${filename}", fields, conditions)
    await tab.open(f"http://127.0.0.1:{pages}/")
    await tab.run(SUBMIT, post["url"], post["fields"], "from a form")
    await tab.until("location.pathname === '/done'")
    query = parse_qs(urlsplit(await tab.evaluate("location.href")).query)
    got = s3.get_object(Bucket=bucket, Key="up/chosen.txt")
    assert (got["Body"].read(), got["ContentType"]) == (b"from a form", "text/plain")
    assert query == {"from": ["form"], "bucket": [bucket], "key": ["up/chosen.txt"], "etag": [got["ETag"]]}
